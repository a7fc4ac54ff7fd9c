// Artefacts as they were released: the same keys, times and words give the same
// bytes for ever, and older bytes are read for ever. A change of a fixture is a
// change of the protocol: it needs a new kind, context or version.

import assert from "node:assert/strict";
import {
  encodeRootRequest,
  makeInvite,
  parseInviteToken,
  parseRootRequest,
  type RootRequest,
  signAuthorityKey,
  signJoinProof,
  signRootStatement,
  verifyRootStatement,
} from "../../src/identity/mod.ts";
import { peerIdOf, toHex } from "../../src/kernel/mod.ts";
import { contextOf } from "./identity_invites.ts";
import { dayMs, openMint, startMs } from "./identity_world.ts";

const fixture = new URL("../fixtures/wire/identity.json", import.meta.url);

type Golden = Readonly<Record<string, string>>;

/** Everything that is made here follows from this one seed. */
function makeAll(): Golden {
  const mint = openMint("golden");
  const { needs, root, rootKey, adminKey: issuer } = mint;
  const { cluster } = root;
  const joiner = peerIdOf(mint.memberKey.publicKey);
  const redeemer = peerIdOf(issuer.publicKey);
  const address = { ip: "2001:db8::1", port: 7444 };
  const { token, invite } = makeInvite(needs, {
    issuer,
    cluster,
    context: contextOf(mint, {
      bootstraps: [{ peer: redeemer, addresses: [address] }],
    }),
    wish: {
      tier: "admin",
      properties: new Map([["zone", "north"]]),
      subject: joiner,
      accessMs: dayMs,
      ttlMs: 300_000,
      uses: 1,
    },
  });
  const { secret } = parseInviteToken(needs, token);
  const claim = {
    cluster,
    joiner,
    redeemer,
    nonce: new Uint8Array(32).fill(1),
    authorityKey: new Uint8Array(32).fill(2),
  };
  const proof = signJoinProof(needs, {
    ...claim,
    occasion: { type: "invite", invite },
  }, { key: mint.memberKey, secret });
  const renewal = signJoinProof(needs, {
    ...claim,
    occasion: { type: "renewal", credentialHash: new Uint8Array(32).fill(3) },
  }, { key: mint.memberKey });
  const candidate = signAuthorityKey(needs, {
    ...{ cluster, key: mint.memberKey, authorityKey: mint.authorityKey },
  });
  const head = { cluster, subject: joiner, number: 7, atMs: startMs };
  const requests: Readonly<Record<string, RootRequest>> = {
    promotion: {
      ...head,
      kind: "grant",
      tier: "admin",
      properties: new Map([["zone", "north"]]),
      accessDeadlineMs: startMs + dayMs,
      authority: candidate.authorityKey,
      authorityProof: candidate.authorityProof,
    },
    denial: { ...head, kind: "deny", mode: "cascade", reason: "lost" },
    pardon: { ...head, kind: "allow" },
  };
  const lines = Object.entries(requests).flatMap(([name, request]) => [
    [`${name}Request`, encodeRootRequest(request)],
    [
      `${name}Statement`,
      signRootStatement(needs, { request, rootKey, root }).text,
    ],
  ]);
  return {
    inviteTerms: toHex(invite.bytes),
    inviteSignature: toHex(invite.signature),
    inviteToken: token,
    joinerSignature: toHex(proof.joiner),
    joinInviteSignature: toHex(proof.invite ?? new Uint8Array()),
    renewalSignature: toHex(renewal.joiner),
    authorityProof: toHex(candidate.authorityProof),
    ...Object.fromEntries(lines),
  };
}

async function golden(): Promise<Golden> {
  return JSON.parse(await Deno.readTextFile(fixture));
}

Deno.test("artefacts have the bytes of their first release", async () => {
  assert.deepEqual(makeAll(), await golden());
});

Deno.test("artefacts of the first release are read", async () => {
  const { needs, root } = openMint("golden");
  const { inviteToken = "", ...lines } = await golden();
  assert.equal(parseInviteToken(needs, inviteToken).root.cluster, root.cluster);
  let read = 0;
  for (const [name, text] of Object.entries(lines)) {
    if (name.endsWith("Request")) read += parseRootRequest(text).number;
    if (!name.endsWith("Statement")) continue;
    read += verifyRootStatement(needs, { root, text }).number;
  }
  assert.equal(read, 42);
});
