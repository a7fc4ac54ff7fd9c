// What TLS gets to see: leaves that the identity key issued, and anchors that
// trust one peer and are of no use for anything else. How real QUIC judges them
// is in the contracts of the network port.

import assert from "node:assert/strict";
import {
  anchorPem,
  commonName,
  issueTlsLeaf,
  keyUsages,
  parseCertificatePem,
  signedInput,
  verifyRoot,
} from "../../src/identity/mod.ts";
import {
  fromBase64,
  peerDnsName,
  peerIdOf,
  toHex,
  utf8,
} from "../../src/kernel/mod.ts";
import { openMint, SetClock, signer, startMs } from "./identity_world.ts";

const { needs, memberKey: key, root } = openMint();
const peer = peerIdOf(key.publicKey);
const hourMs = 3_600_000;

Deno.test("issueTlsLeaf() certifies a new key with the identity key", () => {
  const leaf = issueTlsLeaf(needs, { peer, key });
  const certificate = parseCertificatePem(leaf.certificatesPem);
  assert.deepEqual(certificate.dnsNames, [peerDnsName(peer)]);
  assert.deepEqual(certificate.issuer, commonName(peer));
  assert.equal(certificate.mayCertify, false);
  assert.equal(certificate.keyUsage, keyUsages.digitalSignature);
  assert.equal(certificate.claims, undefined);
  const { signedPart, signature } = certificate;
  assert.ok(signer.verify(key.publicKey, signedPart, signature));
  const [, der = ""] = /-----\n([\s\S]*)\n-----/.exec(leaf.privateKeyPem) ?? [];
  const leafKey = signer.importPkcs8(fromBase64(der) ?? utf8(""));
  assert.deepEqual(leafKey?.publicKey, certificate.publicKey);
  assert.notDeepEqual(leafKey?.publicKey, key.publicKey);
});

Deno.test("issueTlsLeaf() takes another key each time", () => {
  const made = [1, 2, 3].map(() => issueTlsLeaf(needs, { peer, key }));
  const keys = new Set(made.map(({ privateKeyPem }) => privateKeyPem));
  assert.equal(keys.size, 3);
});

Deno.test("a TLS leaf lives a day, and is replaced halfway", () => {
  const leaf = issueTlsLeaf(needs, { peer, key });
  const certificate = parseCertificatePem(leaf.certificatesPem);
  assert.equal(certificate.notBeforeMs, startMs - 25 * hourMs);
  assert.equal(certificate.notAfterMs, startMs + 24 * hourMs);
  assert.equal(leaf.notAfterMs, startMs + 24 * hourMs);
  assert.equal(leaf.renewalDueMs, startMs + 12 * hourMs);
});

Deno.test("S15: issueTlsLeaf() names a clock that X.509 can not hold", () => {
  const clock = new SetClock(8.7e15);
  assert.throws(() => issueTlsLeaf({ ...needs, clock }, { peer, key }), {
    code: "PLN_LIMIT",
    hint: /clock/,
  });
});

Deno.test("anchorPem() holds the peer's key under the leaf's issuer", () => {
  const anchor = parseCertificatePem(anchorPem(needs, peer));
  const leaf = issueTlsLeaf(needs, { peer, key });
  const { issuer } = parseCertificatePem(leaf.certificatesPem);
  assert.deepEqual(anchor.subject, issuer);
  assert.deepEqual(anchor.publicKey, key.publicKey);
  assert.equal(anchor.mayCertify, true);
});

Deno.test("anchorPem() has another serial each time", () => {
  const serials = [1, 2, 3].map(() =>
    parseCertificatePem(anchorPem(needs, peer)).serial
  );
  assert.equal(new Set(serials).size, 3);
});

Deno.test("an anchor is no root: nobody signed it", () => {
  const anchor = parseCertificatePem(anchorPem(needs, peer));
  assert.throws(() => verifyRoot(needs, anchor), { check: "signature" });
});

Deno.test("signedInput() is context, zero byte, cluster, body", () => {
  const input = signedInput("pln/join/1", root.cluster, utf8("body"));
  const context = toHex(utf8("pln/join/1"));
  assert.equal(
    toHex(input),
    `${context}00${root.cluster}${toHex(utf8("body"))}`,
  );
});
