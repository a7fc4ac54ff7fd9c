// Proofs of joiners: whatever of a claim differs from what was signed, and
// whoever signs in another's place, the proof does not hold.

import assert from "node:assert/strict";
import {
  type JoinClaim,
  type JoinProof,
  parseInviteToken,
  signJoinProof,
  verifyJoinProof,
} from "../../src/identity/mod.ts";
import { peerIdOf } from "../../src/kernel/mod.ts";
import { admin, invite, joiner, mint, stranger } from "./identity_invites.ts";

const { needs, memberKey: key, root } = mint;
const { invite: signed, secret } = parseInviteToken(needs, invite().token);
const filled = (octet: number) => new Uint8Array(32).fill(octet);

const claim: JoinClaim = {
  cluster: root.cluster,
  occasion: { type: "invite", invite: signed },
  joiner,
  redeemer: admin,
  nonce: filled(1),
  authorityKey: filled(2),
};
const renewal: JoinClaim = {
  ...claim,
  occasion: { type: "renewal", credentialHash: filled(3) },
};

function holds(wanted: JoinClaim, proof: JoinProof): boolean {
  return verifyJoinProof(needs, wanted, { proof });
}

const proof = signJoinProof(needs, claim, { key, secret });

Deno.test("a join proof has two signatures, a renewal's has one", () => {
  assert.equal(proof.joiner.length, 64);
  assert.equal(proof.invite?.length, 64);
  assert.equal(holds(claim, proof), true);
  const renewed = signJoinProof(needs, renewal, { key });
  assert.deepEqual(Object.keys(renewed), ["joiner"]);
  assert.equal(holds(renewal, renewed), true);
});

Deno.test("a join proof is for one claim only", () => {
  const other = parseInviteToken(needs, invite().token).invite;
  const others: readonly Partial<JoinClaim>[] = [
    { cluster: stranger.root.cluster },
    { occasion: { type: "invite", invite: other } },
    { occasion: renewal.occasion },
    { joiner: admin },
    { redeemer: joiner },
    { nonce: filled(9) },
    { nonce: filled(1).slice(1) },
    { authorityKey: filled(9) },
    { authorityKey: new Uint8Array(33) },
  ];
  for (const changes of others) {
    const shown = Object.keys(changes).join();
    assert.equal(holds({ ...claim, ...changes }, proof), false, shown);
  }
  const renewed = signJoinProof(needs, renewal, { key });
  for (const credentialHash of [filled(4), filled(0)]) {
    const occasion = { type: "renewal", credentialHash } as const;
    assert.equal(holds({ ...renewal, occasion }, renewed), false);
  }
  assert.equal(holds(claim, renewed), false);
  const superfluous = { ...renewed, invite: renewed.joiner };
  assert.equal(holds(renewal, superfluous), false);
});

Deno.test("neither a forwarder nor an invite's holder joins for another", () => {
  const thief = stranger.memberKey;
  const asThief = { ...claim, joiner: peerIdOf(thief.publicKey) };
  const own = signJoinProof(needs, asThief, { key: thief, secret });
  assert.equal(holds(asThief, own), true);
  // Its own identity signature does not serve for the joiner, nor the reverse.
  assert.equal(holds(claim, { ...proof, joiner: own.joiner }), false);
  assert.equal(holds(claim, own), false);
  assert.equal(holds(asThief, { ...own, invite: proof.invite }), false);
  const { invite: _, ...half } = proof;
  assert.equal(holds(claim, half), false);
  const self = proof.joiner;
  assert.equal(holds(claim, { joiner: self, invite: self }), false);
});

Deno.test("a changed signature does not hold", () => {
  for (const name of ["joiner", "invite"] as const) {
    const changed = new Uint8Array(proof[name] ?? []);
    changed[40] = (changed[40] ?? 0) ^ 1;
    assert.equal(holds(claim, { ...proof, [name]: changed }), false);
    const short = changed.slice(0, 63);
    assert.equal(holds(claim, { ...proof, [name]: short }), false);
  }
});

Deno.test("an invite for one node proves nothing for another", () => {
  const token = parseInviteToken(needs, invite({ subject: admin }).token);
  const occasion = { type: "invite", invite: token.invite } as const;
  const wanted = { ...claim, occasion };
  const made = signJoinProof(needs, wanted, { key, secret: token.secret });
  assert.equal(holds(wanted, made), false);
  const mine = parseInviteToken(needs, invite({ subject: joiner }).token);
  const own: JoinClaim = {
    ...claim,
    occasion: { type: "invite", invite: mine.invite },
  };
  const right = signJoinProof(needs, own, { key, secret: mine.secret });
  assert.equal(holds(own, right), true);
});

Deno.test("signJoinProof() signs with the keys of the claim only", () => {
  assert.throws(() => signJoinProof(needs, claim, { key }), /own key/);
  const wrong = { key: stranger.memberKey, secret };
  assert.throws(() => signJoinProof(needs, claim, wrong), /own key/);
  const other = { key, secret: stranger.memberKey };
  assert.throws(() => signJoinProof(needs, claim, other), /own key/);
});
