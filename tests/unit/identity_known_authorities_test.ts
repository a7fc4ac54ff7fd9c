// Authorities that were verified are not read again, and no others are kept.

import assert from "node:assert/strict";
import {
  encodeCredential,
  issueAuthority,
  issueMember,
  parseCertificate,
  parseCredential,
  verifyCredential,
} from "../../src/identity/mod.ts";
import { noteAuthority } from "../../src/identity/known_authorities.ts";
import { limits, peerIdOf } from "../../src/kernel/mod.ts";
import type { Signer } from "../../src/ports/mod.ts";
import { openMint, startMs } from "./identity_world.ts";

const check = { type: "now", wallMs: startMs } as const;

/** The wire form of a new member under the authority of a mint. */
function memberBytes(mint: ReturnType<typeof openMint>): Uint8Array {
  const { needs, authority, authorityKey, claims } = mint;
  const { publicKey } = needs.signer.privateKey(needs.random.bytes(32));
  const parts = { authority, authorityKey, publicKey, claims };
  return encodeCredential({ member: issueMember(needs, parts), authority });
}

/** The mint's needs, and how many signatures were verified with them. */
function counted(mint: ReturnType<typeof openMint>) {
  let verified = 0;
  const signer: Signer = {
    ...mint.needs.signer,
    verify: (...args) => {
      verified++;
      return mint.needs.signer.verify(...args);
    },
  };
  return { needs: { signer }, verified: () => verified };
}

Deno.test("verifyCredential() verifies an authority once for all members under it", () => {
  const mint = openMint("known authorities");
  const { needs, verified } = counted(mint);
  const authorities = [1, 2, 3].map(() => {
    const credential = parseCredential(memberBytes(mint));
    verifyCredential(needs, { root: mint.root, credential, check });
    return credential.authority;
  });
  assert.equal(verified(), 3 + 1, "each member, and the authority");
  assert.equal(authorities[1], authorities[2], "read once as well");
});

Deno.test("verifyCredential() still judges the time and the root of a known authority", () => {
  const mint = openMint("judged anew");
  const bytes = memberBytes(mint);
  const verify = (root = mint.root, wallMs = startMs) =>
    verifyCredential(mint.needs, {
      root,
      credential: parseCredential(bytes),
      check: { type: "now", wallMs },
    });
  verify();
  const other = openMint("another cluster");
  assert.throws(() => verify(other.root), { check: "cluster" });
  const impostor = { ...mint.root, certificate: other.root.certificate };
  assert.throws(() => verify(impostor), { check: "signature" });
  const lateMs = mint.authority.notAfterMs + 86_400_000;
  assert.throws(() => verify(mint.root, lateMs), { check: "time" });
  assert.equal(verify().cluster, mint.root.cluster);
});

Deno.test("parseCredential() takes no known authority for one that differs in a bit", () => {
  const mint = openMint("a bit");
  const bytes = memberBytes(mint);
  const known = parseCredential(bytes);
  verifyCredential(mint.needs, { root: mint.root, credential: known, check });
  const { der } = mint.authority;
  const at = bytes.findIndex((_, offset) =>
    der.every((byte, index) => bytes[offset + index] === byte)
  );
  // In the public key: the signature, by which it is found, stays.
  const inKey = der.findIndex((_, offset) =>
    mint.authority.publicKey.every((byte, index) =>
      der[offset + index] === byte
    )
  );
  const flipped = bytes.slice();
  flipped[at + inKey] = (flipped[at + inKey] ?? 0) ^ 1;
  const credential = parseCredential(flipped);
  assert.notEqual(credential.authority, known.authority);
  assert.throws(
    () => verifyCredential(mint.needs, { root: mint.root, credential, check }),
    { check: "signature" },
  );
});

Deno.test("parseCredential() keeps no authority that no root has signed", () => {
  const mint = openMint("unsigned");
  const credential = parseCredential(memberBytes(mint));
  const impostor = {
    ...mint.root,
    certificate: openMint("another root").root.certificate,
  };
  assert.throws(() =>
    verifyCredential(mint.needs, { root: impostor, credential, check })
  );
  const again = parseCredential(encodeCredential(credential));
  assert.notEqual(again.authority, credential.authority);
});

Deno.test("known authorities are bounded: the oldest is read anew", () => {
  const mint = openMint("bounded");
  const bytes = memberBytes(mint);
  const credential = parseCredential(bytes);
  verifyCredential(mint.needs, { root: mint.root, credential, check });
  const { needs, root, rootKey } = mint;
  for (let count = 0; count < limits.authoritiesKnownMax; count++) {
    const { publicKey } = needs.signer.privateKey(needs.random.bytes(32));
    const admin = peerIdOf(needs.random.bytes(32));
    const options = { root, rootKey, publicKey, admin };
    noteAuthority(parseCertificate(issueAuthority(needs, options).der));
  }
  assert.notEqual(parseCredential(bytes).authority, credential.authority);
});
