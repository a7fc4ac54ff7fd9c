// Foreign bytes into every parser of signed artefacts: invites, their tokens,
// requests for the root and its statements. Whatever comes is refused with a
// PlnError or means what its signer signed. Seeds are fixed.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkCandidate,
  encodeRootRequest,
  parseInviteToken,
  parseRootRequest,
  parseSignedInvite,
  type RootRequest,
  signAuthorityKey,
  signRootStatement,
  verifyJoinProof,
  verifyRootStatement,
} from "../../src/identity/mod.ts";
import {
  encodeCbor,
  fromBase64url,
  PlnError,
  toBase64url,
} from "../../src/kernel/mod.ts";
import { admin, invite, joiner, mint } from "../unit/identity_invites.ts";
import { startMs } from "../unit/identity_world.ts";
import { fuzzRuns } from "./runs.ts";

const { needs, root, rootKey } = mint;
const runs = { numRuns: fuzzRuns(1_000), seed: 4711 };
const made = invite({ uses: 3 });
const { token } = made;
const request: RootRequest = {
  cluster: root.cluster,
  subject: joiner,
  number: 1,
  atMs: startMs,
  kind: "grant",
  tier: "admin",
  properties: new Map([["zone", "north"]]),
  authority: mint.authorityKey.publicKey,
  authorityProof: signAuthorityKey(needs, {
    cluster: root.cluster,
    key: mint.memberKey,
    authorityKey: mint.authorityKey,
  }).authorityProof,
};
const requestLine = encodeRootRequest(request);
const statement = signRootStatement(needs, { request, rootKey, root });

/** What `parse` read; undefined when refused as it should be. */
function read<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof PlnError) return undefined;
    throw error;
  }
}

/** `bytes` with some octets replaced, some cut out and some put in. */
function mutated(bytes: Uint8Array): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const edit = fc.record({
    at: fc.nat({ max: bytes.length - 1 }),
    cut: fc.nat({ max: 4 }),
    fresh: fc.uint8Array({ maxLength: 4 }),
  });
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
    const octets = [...bytes];
    for (const { at, cut, fresh } of edits) octets.splice(at, cut, ...fresh);
    return Uint8Array.from(octets);
  });
}

/** Any line after `prefix`: of a mutant, of CBOR, of nonsense. */
function lines(prefix: string, text: string): fc.Arbitrary<string> {
  const bytes = fromBase64url(text.slice(prefix.length));
  assert.ok(bytes !== undefined);
  const cbor = fc.array(
    fc.oneof(fc.nat(), fc.string(), fc.uint8Array()),
    { maxLength: 6 },
  ).map((members) => encodeCbor(members));
  const any = fc.oneof(mutated(bytes), cbor, fc.uint8Array())
    .map((changed) => prefix + toBase64url(changed));
  return fc.oneof({ weight: 5, arbitrary: any }, fc.string());
}

Deno.test("fuzz: a changed invite token is never another invite", () => {
  fc.assert(
    fc.property(lines("", token), (line) => {
      const result = read(() => parseInviteToken(needs, line));
      if (line === token) assert.deepEqual(result?.invite, made.invite);
      else assert.equal(result, undefined);
    }),
    runs,
  );
});

Deno.test("fuzz: parseSignedInvite() of mutated and of any bytes", () => {
  const { bytes, signature } = made.invite;
  const { cluster } = root;
  const input = fc.oneof(mutated(bytes), fc.uint8Array());
  fc.assert(
    fc.property(input, mutated(signature), (changed, signed) => {
      for (const part of [signature, signed]) {
        const result = read(() =>
          parseSignedInvite(needs, { bytes: changed, signature: part, cluster })
        );
        if (result !== undefined) assert.deepEqual(result.bytes, bytes);
      }
    }),
    runs,
  );
});

Deno.test("fuzz: a request for the root has one spelling", () => {
  const prefix = "pln-root-request:";
  fc.assert(
    fc.property(lines(prefix, requestLine), (line) => {
      const result = read(() => parseRootRequest(line));
      if (result !== undefined) assert.equal(encodeRootRequest(result), line);
    }),
    runs,
  );
});

Deno.test("fuzz: a changed request certifies no other key, and in no other's name", () => {
  const prefix = "pln-root-request:";
  const { subject, authority, authorityProof } = request as {
    kind: "grant";
  } & RootRequest;
  fc.assert(
    fc.property(lines(prefix, requestLine), (line) => {
      const result = read(() => {
        const changed = parseRootRequest(line);
        checkCandidate(needs, changed);
        return changed;
      });
      if (result?.kind !== "grant" || result.authority === undefined) return;
      assert.deepEqual(
        [result.subject, result.authority, result.authorityProof],
        [subject, authority, authorityProof],
      );
    }),
    runs,
  );
});

Deno.test("fuzz: a changed root statement is never believed", () => {
  const prefix = "pln-root-statement:";
  fc.assert(
    fc.property(lines(prefix, statement.text), (text) => {
      const result = read(() => verifyRootStatement(needs, { root, text }));
      if (text === statement.text) assert.deepEqual(result, statement);
      else assert.equal(result, undefined);
    }),
    runs,
  );
});

Deno.test("fuzz: verifyJoinProof() of any bytes is false", () => {
  const bytes = fc.uint8Array({ maxLength: 80 });
  fc.assert(
    fc.property(bytes, bytes, (nonce, joined) => {
      const proof = { joiner: joined, invite: joined };
      const holds = verifyJoinProof(needs, {
        cluster: root.cluster,
        occasion: { type: "invite", invite: made.invite },
        joiner,
        redeemer: admin,
        nonce,
        authorityKey: new Uint8Array(32),
      }, { proof });
      assert.equal(holds, false);
    }),
    runs,
  );
});

Deno.test("R06: fuzz: deep and endless lengths are refused unread", () => {
  const nested = new Uint8Array(6_000).fill(0x81);
  const endless = Uint8Array.of(0x85, 0x01, 0x5b, ...Array(8).fill(0xff));
  for (const bytes of [nested, endless, new Uint8Array(2 ** 20)]) {
    const line = toBase64url(bytes);
    const text = `pln-root-statement:${line}`;
    assert.equal(read(() => parseInviteToken(needs, line)), undefined);
    assert.equal(
      read(() => verifyRootStatement(needs, { root, text })),
      undefined,
    );
    const asked = `pln-root-request:${line}`;
    assert.equal(read(() => parseRootRequest(asked)), undefined);
  }
});
