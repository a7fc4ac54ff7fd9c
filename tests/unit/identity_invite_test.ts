// Invites: what their terms may be, what their tokens carry, and until when they
// are of use.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  inviteFault,
  type InviteTerms,
  type InviteWish,
  parseInviteToken,
  parseSignedInvite,
  signInvite,
} from "../../src/identity/mod.ts";
import { InputError, limits, PlnError, toHex } from "../../src/kernel/mod.ts";
import {
  admin,
  bootstraps,
  contextOf,
  invite,
  joiner,
  mint,
  stranger,
  wish,
} from "./identity_invites.ts";
import { adminCredential, dayMs, startMs } from "./identity_world.ts";

function parse(token: string) {
  return parseInviteToken(mint.needs, token);
}

Deno.test("a token gives back the invite, its context and its key", () => {
  const { token, invite: made } = invite({
    tier: "admin",
    subject: joiner,
    accessMs: dayMs,
  });
  const read = parse(token);
  assert.deepEqual(read.invite, made);
  assert.deepEqual(read.context, contextOf(mint, read.context));
  assert.deepEqual(read.context.bootstraps, bootstraps);
  assert.equal(read.root.cluster, mint.root.cluster);
  assert.deepEqual(read.secret.publicKey, made.terms.key);
  const { id, key: _, contextHash: __, ...terms } = made.terms;
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.deepEqual(terms, {
    cluster: mint.root.cluster,
    issuer: admin,
    tier: "admin",
    properties: wish.properties,
    subject: joiner,
    accessMs: dayMs,
    issuedMs: startMs,
    expiresMs: startMs + 300_000,
    uses: 1,
  });
});

Deno.test("each invite has an id and a key of its own", () => {
  const terms = [1, 2, 3].map(() => invite().invite.terms);
  assert.equal(new Set(terms.map(({ id }) => id)).size, 3);
  assert.equal(new Set(terms.map(({ key }) => toHex(key))).size, 3);
});

const properties = fc.uniqueArray(
  fc.tuple(
    fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/),
    fc.stringMatching(/^[ -~]{0,60}$/),
  ),
  { maxLength: 20, selector: ([key]) => key },
).filter((pairs) => pairs.every(([key]) => !reserved.has(key)))
  .map((pairs) => new Map(pairs));
const reserved = new Set(["pln", "localhost", "seed", "service", "internal"]);

Deno.test("tokens survive, whatever the terms and the addresses", () => {
  const address = fc.record({
    ip: fc.oneof(fc.ipV4(), fc.ipV6()),
    port: fc.nat({ max: 65_535 }),
  });
  const wishes = fc.record({
    tier: fc.constantFrom("leaf" as const, "publisher" as const),
    properties,
    ttlMs: fc.integer({ min: 1, max: limits.inviteTtlMsMax }),
    uses: fc.integer({ min: 1, max: limits.inviteUsesMax }),
    accessMs: fc.option(fc.integer({ min: 1, max: 1e12 }), {
      nil: undefined,
    }),
  });
  const addresses = fc.array(address, { maxLength: 10 });
  fc.assert(
    fc.property(wishes, addresses, (wanted, known) => {
      const made = invite(wanted, {
        bootstraps: [{ peer: admin, addresses: known }],
      });
      const read = parse(made.token);
      assert.deepEqual(read.invite, made.invite);
      assert.deepEqual(read.invite.terms.properties, wanted.properties);
      const [first] = read.context.bootstraps;
      const kept = Math.min(known.length, limits.inviteAddressesMax);
      assert.equal(first?.addresses.length, kept);
    }),
    { numRuns: 100, seed: 4711 },
  );
});

Deno.test("a token names at most 8 members with 8 addresses each", () => {
  const addresses = Array(20).fill({ ip: "192.0.2.1", port: 1 });
  const many = Array(20).fill({ peer: admin, addresses });
  const read = parse(invite({}, { bootstraps: many }).token);
  assert.equal(read.context.bootstraps.length, 8);
  assert.equal(read.context.bootstraps[7]?.addresses.length, 8);
});

Deno.test("an address that is no IP literal goes into no invite", () => {
  for (const ip of ["localhost", "", "1.2.3", "::1%lo", "01.2.3.4"]) {
    const addresses = [{ ip, port: 1 }];
    assert.throws(
      () => invite({}, { bootstraps: [{ peer: admin, addresses }] }),
      InputError,
    );
  }
});

Deno.test("a token over its limit is not made", () => {
  const keys = [...Array(64).keys()].map((at) => `k${at}`.padEnd(3, "x"));
  const large = new Map(keys.map((key) => [key, "x".repeat(61)]));
  const issuer = adminCredential(mint, { properties: large });
  const fullIp = Array(8).fill("abcd").join(":");
  const addresses = Array(8).fill({ ip: fullIp, port: 65_535 });
  const full = {
    issuer,
    bootstraps: Array(8).fill({ peer: admin, addresses }),
  };
  assert.throws(() => invite({ properties: large }, full), {
    code: "PLN_LIMIT",
    hint: /properties/,
  });
  const { token } = invite({ properties: large });
  assert.ok(token.length <= limits.inviteTokenCharactersMax);
});

Deno.test("terms that no invite may have are refused with a hint", () => {
  const wrong: readonly Partial<InviteWish>[] = [
    { ttlMs: 0 },
    { ttlMs: -1 },
    { ttlMs: 0.5 },
    { ttlMs: NaN },
    { ttlMs: limits.inviteTtlMsMax + 1 },
    { uses: 0 },
    { uses: -1 },
    { uses: 1.5 },
    { uses: limits.inviteUsesMax + 1 },
    { uses: 2, subject: joiner },
    { tier: "admin" },
    { accessMs: 0 },
    { accessMs: -1 },
    { accessMs: limits.inviteAccessMsMax + 1 },
    { properties: new Map([["pln.peer", "x"]]) },
    { properties: new Map([["a", "\n"]]) },
  ];
  for (const changes of wrong) {
    const shown = Deno.inspect(changes);
    assert.throws(() => invite(changes), PlnError, shown);
  }
  for (const changes of wrong.slice(4, 6)) {
    assert.throws(() => invite(changes), { hint: /./ });
  }
});

Deno.test("parseSignedInvite() refuses another cluster, issuer or bytes", () => {
  const { bytes, signature, terms } = invite().invite;
  const { cluster } = mint.root;
  const parsed = parseSignedInvite(mint.needs, { bytes, signature, cluster });
  assert.deepEqual(parsed.terms, terms);
  const other = stranger.root.cluster;
  const read = (changes: Record<string, unknown>) => () =>
    parseSignedInvite(mint.needs, { bytes, signature, cluster, ...changes });
  assert.throws(read({ cluster: other }), /of another cluster/);
  const wrong = signature.slice();
  wrong[9] = (wrong[9] ?? 0) ^ 4;
  assert.throws(read({ signature: wrong }), /not signed by its issuer/);
  assert.throws(read({ signature: new Uint8Array(0) }), /not signed/);
  const later = invite().invite;
  assert.throws(read({ bytes: later.bytes }), /not signed/);
  assert.throws(read({ bytes: new Uint8Array(6_000) }), /over its limit/);
});

Deno.test("signInvite() refuses what an admin could not have chosen", () => {
  const { terms } = invite().invite;
  const issuer = mint.adminKey;
  const sign = (changes: Partial<InviteTerms>) => () =>
    signInvite(mint.needs, { ...terms, ...changes }, { issuer });
  sign({})();
  assert.throws(sign({ issuer: joiner }), /not signed by its issuer/);
  assert.throws(sign({ expiresMs: terms.issuedMs }), /ends before it begins/);
  assert.throws(sign({ issuedMs: 2 ** 53 }), InputError);
  assert.throws(sign({ id: "ab" }), InputError);
});

Deno.test("inviteFault() holds the issuer to its own clock exactly", () => {
  const { invite: made } = invite();
  const { issuedMs, expiresMs } = made.terms;
  const fault = (wallMs: number) =>
    inviteFault(made, wallMs, { redeemer: admin });
  assert.equal(fault(issuedMs), undefined);
  assert.equal(fault(expiresMs - 1), undefined);
  assert.match(fault(expiresMs) ?? "", /expired at 2026-03-01T12:05:00.000Z/);
  assert.match(fault(NaN) ?? "", /clock says NaN/);
});

Deno.test("S15: inviteFault() tolerates 2 minutes between two clocks, at others and at the beginning", () => {
  const { invite: made } = invite();
  const { issuedMs, expiresMs } = made.terms;
  const minutesMs = 120_000;
  assert.equal(limits.inviteClockToleranceMs, minutesMs);
  for (const redeemer of [joiner, undefined]) {
    const fault = (wallMs: number) => inviteFault(made, wallMs, { redeemer });
    assert.equal(fault(expiresMs + minutesMs - 1), undefined);
    assert.equal(
      fault(expiresMs + minutesMs),
      "The invite expired at 2026-03-01T12:05:00.000Z; " +
        "this clock says 2026-03-01T12:07:00.000Z",
    );
  }
  for (const redeemer of [admin, joiner, undefined]) {
    const fault = (wallMs: number) => inviteFault(made, wallMs, { redeemer });
    assert.equal(fault(issuedMs - minutesMs), undefined);
    assert.equal(
      fault(issuedMs - minutesMs - 1),
      "The invite is valid only from 2026-03-01T12:00:00.000Z; " +
        "this clock says 2026-03-01T11:57:59.999Z",
    );
  }
});
