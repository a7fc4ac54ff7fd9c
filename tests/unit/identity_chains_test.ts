// Chains that fail in one place only, beside those of identity_verify_test: one
// for each check that a root, an authority or an own authority can fail alone.

import assert from "node:assert/strict";
import {
  type Certificate,
  type Credential,
  type CredentialCheck,
  CredentialError,
  keyUsages,
  parseCredential,
  verifyCredential,
  verifyRoot,
} from "../../src/identity/mod.ts";
import { encodeCbor, peerDnsName, peerIdOf } from "../../src/kernel/mod.ts";
import type { Signer } from "../../src/ports/mod.ts";
import {
  adminCredential,
  dayMs,
  forgeAuthority,
  forgeMember,
  openMint,
  startMs,
} from "./identity_world.ts";

const mint = openMint();
const stranger = openMint("stranger");
const { root, needs } = mint;
const now = { type: "now", wallMs: startMs } as const;
const permanent = { type: "permanent" } as const;

function checkOf(run: () => unknown): CredentialCheck | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof CredentialError, String(error));
    return error.check;
  }
}

/** Which check refuses the mint's admin with another own authority. */
function ownCheck(ownAuthority: Certificate): CredentialCheck | undefined {
  const credential = { ...adminCredential(mint), ownAuthority };
  return checkOf(() =>
    verifyCredential(needs, { root, credential, check: permanent })
  );
}

function nowCheck(credential: Credential): CredentialCheck | undefined {
  return checkOf(() =>
    verifyCredential(needs, { root, credential, check: now })
  );
}

Deno.test("R09: the chains that these tests bend are whole before", () => {
  assert.equal(nowCheck(mint.credential), undefined);
  assert.equal(nowCheck(adminCredential(mint)), undefined);
  assert.equal(ownCheck(forgeAuthority(mint)), undefined);
});

Deno.test("R09: a root that names a host, or may not certify, is refused", () => {
  const subject = root.certificate.subject;
  const { publicKey } = mint.rootKey;
  const forge = (changes: Parameters<typeof forgeAuthority>[1]) =>
    forgeAuthority(mint, { subject, publicKey, pathLength: 1, ...changes });
  const check = (...[changes]: Parameters<typeof forge>) =>
    checkOf(() => verifyRoot(needs, forge(changes)));
  assert.equal(check({}), undefined);
  assert.equal(check({ dnsName: "a.pln.internal" }), "name");
  assert.equal(check({ mayCertify: false }), "usage");
  assert.equal(check({ pathLength: undefined }), "path-length");
});

Deno.test("R09: an authority of the right key, wrong issuer is refused", () => {
  const issuer = stranger.root.certificate.subject;
  const authority = forgeAuthority(mint, { issuer });
  assert.equal(nowCheck({ ...mint.credential, authority }), "signature");
});

Deno.test("R09: an authority that is not valid yet refuses its members", () => {
  const authority = forgeAuthority(mint, { notBeforeMs: startMs + dayMs });
  assert.equal(nowCheck({ ...mint.credential, authority }), "time");
});

Deno.test("R09: a member that is not valid yet is refused alone", () => {
  const member = forgeMember(mint, { notBeforeMs: startMs + dayMs });
  assert.equal(nowCheck({ ...mint.credential, member }), "time");
});

Deno.test("R09: an own authority passes every check of an authority", () => {
  const claims = stranger.authority.claims;
  assert.ok(claims !== undefined);
  assert.equal(ownCheck(stranger.authority), "cluster");
  assert.equal(ownCheck(forgeAuthority(mint, { claims })), "cluster");
  assert.equal(ownCheck(mint.credential.member), "role");
  assert.equal(ownCheck(root.certificate), "role");
  assert.equal(ownCheck(forgeAuthority(mint, { mayCertify: false })), "usage");
  assert.equal(
    ownCheck(forgeAuthority(mint, { pathLength: 3 })),
    "path-length",
  );
  assert.equal(ownCheck(forgeAuthority(mint, { dnsName: "a.b" })), "name");
  const { digitalSignature: keyUsage } = keyUsages;
  assert.equal(ownCheck(forgeAuthority(mint, { keyUsage })), "usage");
  const key = stranger.rootKey;
  assert.equal(ownCheck(forgeAuthority(mint, {}, { key })), "signature");
  const { publicKey } = mint.adminKey;
  assert.equal(ownCheck(forgeAuthority(mint, { publicKey })), "usage");
});

Deno.test("R09: a member on the key of its own authority is refused", () => {
  const key = stranger.memberKey;
  const { publicKey } = key;
  const ownAuthority = forgeAuthority(mint, { publicKey });
  const member = forgeMember(mint, {
    publicKey,
    dnsName: peerDnsName(peerIdOf(publicKey)),
  });
  const credential = { member, authority: mint.authority, ownAuthority };
  assert.equal(nowCheck(credential), "usage");
});

Deno.test("R09: a member of the same name by another cluster is refused", () => {
  const { publicKey } = mint.memberKey;
  const member = forgeMember(stranger, {
    publicKey,
    dnsName: peerDnsName(peerIdOf(publicKey)),
  });
  const { authority } = stranger;
  assert.equal(nowCheck({ member, authority }), "cluster");
  const claims = mint.claims;
  const claimed = forgeMember(stranger, {
    publicKey,
    dnsName: peerDnsName(peerIdOf(publicKey)),
    claims,
  });
  assert.equal(nowCheck({ member: claimed, authority }), "cluster");
  const { authority: ours } = mint;
  assert.equal(nowCheck({ member: claimed, authority: ours }), "signature");
});

Deno.test("R03: an issue number of 2^53 is refused where it is read", () => {
  for (const issue of [2 ** 48, 2 ** 53, -1]) {
    const claims = { ...mint.claims, issue };
    assert.throws(() => forgeMember(mint, { claims }), { code: "PLN_INPUT" });
  }
  assert.equal(
    nowCheck({
      ...mint.credential,
      member: forgeMember(mint, {
        claims: { ...mint.claims, issue: 2 ** 48 - 1 },
      }),
    }),
    undefined,
  );
});

Deno.test("R09: a credential of one or of four certificates is refused", () => {
  const { member, authority } = mint.credential;
  const ders = [member.der, authority.der, authority.der, authority.der];
  for (const count of [0, 1, 4]) {
    const bytes = encodeCbor(ders.slice(0, count));
    assert.throws(() => parseCredential(bytes), { code: "PLN_INPUT" });
  }
  parseCredential(encodeCbor(ders.slice(0, 2)));
});

Deno.test("a chain that is judged again is not verified again, another one is", () => {
  const { credential } = openMint("judged");
  const { root } = openMint("judged");
  let verified = 0;
  const signer: Signer = {
    ...needs.signer,
    verify: (...of) => {
      verified++;
      return needs.signer.verify(...of);
    },
  };
  const judge = (shown: Credential) =>
    verifyCredential({ signer }, { root, credential: shown, check: now });
  judge(credential);
  assert.equal(verified, 2);
  judge(credential);
  assert.equal(verified, 2);
  // The same certificate, of which another authority says that it issued it.
  const { subject } = credential.authority;
  const twin = forgeAuthority(openMint("judged"), {
    subject,
    publicKey: stranger.authorityKey.publicKey,
  });
  const mixed = { ...credential, authority: twin };
  assert.equal(checkOf(() => judge(mixed)), "signature");
  assert.equal(verified, 4);
});
