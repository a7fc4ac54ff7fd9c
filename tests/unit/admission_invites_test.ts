// Invites as their admins see them: made, listed, revoked and forgotten, and
// what no invite may be.

import assert from "node:assert/strict";
import {
  AmbiguousError,
  DeniedError,
  InputError,
  LimitError,
  limits,
  NotFoundError,
  type PeerId,
  peerIdOf,
} from "../../src/kernel/mod.ts";
import { joinCluster } from "../../src/admission/mod.ts";
import {
  type InviteToken,
  type NodeKeys,
  parseInviteToken,
  signInvite,
} from "../../src/identity/mod.ts";
import {
  failure,
  inviteOf,
  Lab,
  type LabNode,
  never,
  pause,
  signer,
} from "./admission_lab.ts";

const hourMs = 3_600_000;

function bootstrapsOf({ peer, address }: LabNode) {
  return [{ peer, addresses: [address] }];
}

function anybody(lab: Lab): PeerId {
  return peerIdOf(lab.newKey().publicKey);
}

Deno.test("Admins.invite() publishes the invite and gives a token that says the same", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  await lab.run((async () => {
    const made = await admin.admins.invite({
      bootstraps: bootstrapsOf(admin),
      tier: "publisher",
      ttlMs: hourMs,
      uses: 3,
    });
    const { invite, root } = parseInviteToken({ signer }, made.token);
    assert.equal(root.cluster, lab.root.cluster);
    assert.equal(invite.terms.id, made.id);
    const [listed] = other.admins.invites();
    const { token: _, ...status } = made;
    assert.deepEqual(listed, status);
    assert.deepEqual(listed, {
      id: made.id,
      state: "open",
      tier: "publisher",
      subject: undefined,
      by: admin.peer,
      atMs: invite.terms.issuedMs,
      expiresMs: invite.terms.issuedMs + hourMs,
      uses: 3,
      used: 0,
    });
  })());
});

Deno.test("Admins.invite() gives the least when nothing is asked for", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const { invite } = await inviteOf(admin);
    const { terms } = invite;
    assert.equal(terms.tier, "leaf");
    assert.equal(terms.uses, 1);
    assert.equal(terms.properties.size, 0);
    assert.equal(terms.accessMs, undefined);
    assert.equal(terms.expiresMs - terms.issuedMs, limits.inviteTtlMsDefault);
  })());
});

Deno.test("Admins.invite() refuses what no invite may be", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const denied = anybody(lab);
  const bootstraps = bootstrapsOf(admin);
  await lab.run((async () => {
    await admin.admins.deny(denied);
    const cases = [
      [{ bootstraps, tier: "admin" }, InputError],
      [{ bootstraps: [] }, InputError],
      [{ bootstraps, subject: denied }, DeniedError],
      [{ bootstraps, subject: anybody(lab), uses: 2 }, InputError],
      [{ bootstraps, uses: limits.inviteUsesMax + 1 }, LimitError],
      [{ bootstraps, ttlMs: limits.inviteTtlMsMax + 1 }, InputError],
      [{ bootstraps, ttlMs: 0 }, InputError],
      [{ bootstraps, properties: new Map([["pln.x", "1"]]) }, InputError],
    ] as const;
    const before = admin.state.published.length;
    for (const [options, type] of cases) {
      const error = await failure(admin.admins.invite(options));
      assert.ok(error instanceof type, `${JSON.stringify(options)}: ${error}`);
    }
    assert.equal(admin.state.published.length, before, "nothing is published");
  })());
});

Deno.test("Admins.invite() has at most as many open invites as its limit", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const { publish } = admin.state;
    const entries = Array.from(
      { length: limits.invitesOpenMax },
      (_, index) => ({
        section: "invites" as const,
        key: index.toString(16).padStart(32, "0"),
        value: {
          state: "open",
          tier: "leaf",
          expiresMs: admin.clock.wallMs() + hourMs,
          uses: 1,
          atMs: 1,
        },
      }),
    );
    await publish.call(admin.state, entries);
    const error = await failure(inviteOf(admin));
    assert.ok(error instanceof LimitError);
    await admin.admins.revokeInvite("0".repeat(32));
    await inviteOf(admin);
  })());
});

Deno.test("Admins.invite() drops entries that no redeemer could use any more", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const old = await inviteOf(admin);
    const revoked = await inviteOf(admin);
    await admin.admins.revokeInvite(revoked.invite.terms.id);
    await pause(lab.world, hourMs);
    await inviteOf(admin);
    const ids = () => admin.admins.invites().map(({ id }) => id);
    assert.ok(ids().includes(revoked.invite.terms.id), "clocks may differ");
    await pause(lab.world, 2 * hourMs);
    const last = await inviteOf(admin);
    assert.ok(!ids().includes(old.invite.terms.id));
    assert.ok(!ids().includes(revoked.invite.terms.id));
    assert.ok(ids().includes(last.invite.terms.id));
  })());
});

Deno.test("Admins.revokeInvite() revokes by prefix, also another admin's", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  await lab.run((async () => {
    const { invite } = await inviteOf(admin);
    const { id } = invite.terms;
    const revoked = await other.admins.revokeInvite(id.slice(0, 8));
    assert.equal(revoked.state, "revoked");
    assert.equal(revoked.by, admin.peer);
    assert.ok(admin.state.rights().isRevoked(id));
    const [listed] = admin.admins.invites();
    assert.deepEqual(listed, revoked);
    const count = other.state.published.length;
    await other.admins.revokeInvite(id);
    assert.equal(other.state.published.length, count, "once is enough");
  })());
});

Deno.test("Admins.revokeInvite() revokes what is over here and may be redeemed elsewhere", async () => {
  const lab = new Lab();
  const issuer = lab.admin("issuer");
  const other = lab.admin("other");
  await lab.run((async () => {
    const { invite } = await inviteOf(issuer, { through: [other] });
    const { id, expiresMs } = invite.terms;
    lab.passTime(expiresMs + 1 - lab.making.clock.wallMs());
    const [listed] = issuer.admins.invites();
    assert.equal(listed?.state, "expired");
    const revoked = await issuer.admins.revokeInvite(id);
    assert.equal(revoked.state, "revoked");
    assert.ok(other.state.rights().isRevoked(id));
    lab.passTime(3 * hourMs);
    const old = await inviteOf(issuer);
    lab.passTime(6 * hourMs);
    const { state } = await issuer.admins.revokeInvite(old.invite.terms.id);
    assert.equal(state, "expired", "no redeemer would take it");
  })());
});

Deno.test("Admins.revokeInvite() refuses what names none, several or nothing", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const entry = (key: string) => ({
      section: "invites" as const,
      key,
      value: {
        state: "open",
        tier: "leaf",
        expiresMs: admin.clock.wallMs() + hourMs,
        uses: 1,
        atMs: 1,
      },
    });
    const twins = ["abcd1", "abcd2"].map((id) => entry(id.padEnd(32, "0")));
    await admin.state.publish(twins);
    const { admins } = admin;
    const none = await failure(admins.revokeInvite("ffff"));
    assert.ok(none instanceof NotFoundError);
    const both = await failure(admins.revokeInvite("abcd"));
    assert.ok(both instanceof AmbiguousError);
    assert.match(both.message, /abcd10000000, abcd20000000$/);
    for (const text of ["abc", "ABCD", "", "a".repeat(33)]) {
      const error = await failure(admins.revokeInvite(text));
      assert.ok(error instanceof InputError, text);
    }
  })());
});

/** An invite of `by` that has the id of another admin's. */
async function copyOf(
  { invite: { terms: { id } } }: InviteToken,
  by: LabNode,
): Promise<InviteToken> {
  const token = await inviteOf(by);
  const { terms } = token.invite;
  const { key: issuer } = by.identity;
  const invite = signInvite({ signer }, { ...terms, id }, { issuer });
  return { ...token, invite };
}

Deno.test("an invite of another admin with the same id uses nothing up, and opens nothing", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const evil = lab.admin("evil");
  const dialer = lab.dialer();
  const join = (token: InviteToken, keys: NodeKeys) =>
    joinCluster(lab.making, token, { keys, dialer, signal: never });
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const { id } = token.invite.terms;
    const friend = lab.newKeys();
    await join(await copyOf(token, evil), friend);
    const status = () =>
      admin.admins.invites().find((invite) => invite.id === id);
    assert.deepEqual([status()?.state, status()?.used], ["open", 0]);
    await join(token, lab.newKeys());
    assert.deepEqual([status()?.state, status()?.used], ["used", 1]);
    const error = await failure(join(token, friend));
    assert.match(error.message, /was used already$/);
  })());
});
