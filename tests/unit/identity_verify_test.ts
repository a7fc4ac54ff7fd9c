// The verifier: what it accepts, what it reports, and every way to be refused.
// Certificates are forged with the right keys unless a test says otherwise, so
// that exactly one thing is wrong with each.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  clockToleranceMs,
  commonName,
  type Credential,
  type CredentialCheck,
  CredentialError,
  issueAuthority,
  issueMember,
  issueRoot,
  keyUsages,
  lifetimes,
  type MemberFacts,
  parseCertificate,
  type TimeCheck,
  verifyCredential,
  verifyRoot,
} from "../../src/identity/mod.ts";
import {
  clusterIdOf,
  peerDnsName,
  peerIdOf,
  PlnError,
} from "../../src/kernel/mod.ts";
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
const permanent: TimeCheck = { type: "permanent" };
const hexPeer = peerIdOf(mint.memberKey.publicKey);

function verify(
  credential: Credential,
  check: TimeCheck = permanent,
): MemberFacts {
  return verifyCredential(mint.needs, { root: mint.root, credential, check });
}

function at(wallMs: number): TimeCheck {
  return { type: "now", wallMs };
}

function refuses(
  check: CredentialCheck,
  credential: Credential,
  options: { readonly time?: TimeCheck; readonly says?: RegExp } = {},
): void {
  assert.throws(() => verify(credential, options.time), (error) => {
    assert.ok(error instanceof CredentialError, String(error));
    assert.equal(error.check, check, error.message);
    assert.equal(error.code, "PLN_CREDENTIAL");
    assert.equal(error.outcome, "permission");
    assert.match(error.message, options.says ?? /certificate|member/);
    assert.ok(!error.message.includes("\n"));
    return true;
  });
}

/** The mint's credential with another member certificate. */
function withMember(
  ...forged: Parameters<typeof forgeMember> extends [unknown, ...infer Rest]
    ? Rest
    : never
): Credential {
  return {
    ...mint.credential,
    member: forgeMember(mint, ...forged),
  };
}

/** The mint's credential below another authority certificate. */
function withAuthority(
  ...forged: Parameters<typeof forgeAuthority> extends [unknown, ...infer Rest]
    ? Rest
    : never
): Credential {
  return {
    ...mint.credential,
    authority: forgeAuthority(mint, ...forged),
  };
}

Deno.test("verifyCredential() reports the facts of a leaf", () => {
  assert.deepEqual(verify(mint.credential, at(startMs)), {
    peer: hexPeer,
    cluster: mint.root.cluster,
    tier: "leaf",
    properties: new Map([["zone", "north"]]),
    issuedBy: peerIdOf(mint.adminKey.publicKey),
    issue: 1,
    memberSinceMs: startMs,
    notBeforeMs: startMs - dayMs,
    notAfterMs: startMs + 7 * dayMs,
    accessDeadlineMs: undefined,
  });
});

Deno.test("verifyCredential() accepts what the forger leaves unchanged", () => {
  assert.equal(verify(withMember()).tier, "leaf");
  assert.equal(verify(withAuthority()).tier, "leaf");
});

Deno.test("verifyRoot() names the cluster after the root's public key", () => {
  const hash = mint.needs.signer.sha256(mint.rootKey.publicKey);
  assert.equal(mint.root.cluster, clusterIdOf(hash));
});

Deno.test("R09: an expired member certificate is refused, with tolerance", () => {
  const endMs = startMs + lifetimes.memberMs;
  verify(mint.credential, at(endMs + clockToleranceMs));
  refuses("time", mint.credential, {
    time: at(endMs + clockToleranceMs + 1),
    says: /^The member certificate expired at 2026-03-08T12:00:00\.000Z$/,
  });
  verify(mint.credential, permanent);
});

Deno.test("R09: a not yet valid certificate is refused, with tolerance", () => {
  const beginMs = startMs - lifetimes.backdateMs;
  verify(mint.credential, at(beginMs - clockToleranceMs));
  refuses("time", mint.credential, {
    time: at(beginMs - clockToleranceMs - 1),
    says: /valid only from 2026-02-28T12:00:00\.000Z$/,
  });
});

Deno.test("R09: an expired authority or root refuses its members", () => {
  const late = startMs + 400 * dayMs;
  const live = { notBeforeMs: late - dayMs, notAfterMs: late + dayMs };
  refuses("time", withMember(live), {
    time: at(late),
    says: /^The authority certificate expired/,
  });
  const later = startMs + lifetimes.rootMs + dayMs;
  const liveLater = { notBeforeMs: startMs, notAfterMs: later + dayMs };
  const credential = {
    member: forgeMember(mint, liveLater),
    authority: forgeAuthority(mint, liveLater),
  };
  refuses("time", credential, {
    time: at(later),
    says: /^The root certificate expired/,
  });
});

Deno.test("verifyCredential() refuses a time that is no number", () => {
  refuses("time", mint.credential, { time: at(NaN) });
});

Deno.test("verifyCredential() ends access exactly at the deadline", () => {
  const claims = { ...mint.claims, accessDeadlineMs: startMs + 1_000 };
  const credential = withMember({ claims });
  const facts = verify(credential, at(startMs + 999));
  assert.equal(facts.accessDeadlineMs, startMs + 1_000);
  refuses("deadline", credential, {
    time: at(startMs + 1_000),
    says: /access ended at 2026-03-01T12:00:01\.000Z$/,
  });
  verify(credential, permanent);
});

Deno.test("R09: a credential of another cluster is refused by name", () => {
  refuses("cluster", stranger.credential, {
    says: new RegExp(`of cluster ${stranger.root.cluster.slice(0, 8)}`),
  });
});

Deno.test("R09: a claim of another cluster under our keys is refused", () => {
  const { cluster } = stranger.root;
  refuses("cluster", withMember({ claims: { ...mint.claims, cluster } }));
  const admin = peerIdOf(mint.adminKey.publicKey);
  refuses(
    "cluster",
    withAuthority({ claims: { type: "authority", cluster, admin } }),
  );
});

Deno.test("R09: clusters whose ids begin alike are told apart", () => {
  const { cluster: own } = mint.root;
  const last = own.endsWith("0") ? "1" : "0";
  for (const digits of [8, 16, 56]) {
    const start = own.slice(0, digits);
    const cluster = (start + last.repeat(64 - digits)) as typeof own;
    refuses("cluster", withMember({ claims: { ...mint.claims, cluster } }), {
      says: new RegExp(`${start}${last}{8}, not ${own.slice(0, digits + 8)}$`),
    });
  }
});

Deno.test("R09: a member certificate for certifying is refused", () => {
  refuses("usage", withMember({ mayCertify: true, pathLength: 0 }));
  refuses("usage", withMember({ keyUsage: keyUsages.keyCertSign }));
  refuses("usage", withMember({ keyUsage: 0x80 | 0x04 }));
});

Deno.test("R09: an authority certificate not for certifying is refused", () => {
  refuses("usage", withAuthority({ mayCertify: false }));
  refuses("usage", withAuthority({ keyUsage: keyUsages.digitalSignature }));
  refuses("usage", withAuthority({ keyUsage: 0x80 | 0x04 }));
});

Deno.test("R09: an authority on its admin's identity key is refused", () => {
  const { publicKey } = mint.adminKey;
  const credential = {
    authority: forgeAuthority(mint, { publicKey }),
    member: forgeMember(mint, {}, { key: mint.adminKey }),
  };
  refuses("usage", credential, { says: /identity key/ });
});

Deno.test("R09: a member on a key that certifies is refused", () => {
  for (const { publicKey } of [mint.authorityKey, mint.rootKey]) {
    const dnsName = peerDnsName(peerIdOf(publicKey));
    const member = forgeMember(mint, { publicKey, dnsName });
    refuses("usage", { ...mint.credential, member }, { says: /certifies/ });
  }
});

Deno.test("R09: a certificate that ends before it begins is refused", () => {
  const inverted = { notAfterMs: startMs - 2 * dayMs };
  assert.throws(() => forgeMember(mint, inverted), /ends before it begins/);
});

Deno.test("R09: an authority with room below it is refused", () => {
  refuses("path-length", withAuthority({ pathLength: 1 }));
  refuses("path-length", withAuthority({ pathLength: undefined }), {
    says: /path length unlimited, not 0$/,
  });
});

Deno.test("R09: an authority under an authority is refused", () => {
  const key = mint.needs.signer.privateKey(new Uint8Array(32).fill(7));
  const subject = commonName("below");
  const authority = forgeAuthority(mint, {
    issuer: mint.authority.subject,
    subject,
    publicKey: key.publicKey,
  }, { key: mint.authorityKey });
  const member = forgeMember(mint, { issuer: subject }, { key });
  refuses("signature", { member, authority });
});

Deno.test("R09: a member that certifies another member is refused", () => {
  const key = mint.memberKey;
  const { member } = mint.credential;
  const other = mint.needs.signer.privateKey(new Uint8Array(32).fill(9));
  const child = forgeMember(mint, {
    issuer: member.subject,
    publicKey: other.publicKey,
    dnsName: peerDnsName(peerIdOf(other.publicKey)),
  }, { key });
  refuses("role", { member: child, authority: member });
});

Deno.test("R09: a self-signed member is refused", () => {
  const options = { key: mint.memberKey };
  refuses("signature", withMember({}, options));
  refuses("signature", withMember({ issuer: commonName("member") }, options));
});

Deno.test("R09: an authority that the root did not sign is refused", () => {
  refuses("signature", withAuthority({}, { key: stranger.rootKey }));
  refuses("signature", withAuthority({}, { key: mint.authorityKey }));
});

Deno.test("R09: a root-signed member is refused", () => {
  const issuer = mint.root.certificate.subject;
  const member = forgeMember(mint, { issuer }, { key: mint.rootKey });
  const authority = mint.root.certificate;
  refuses("role", { member, authority });
  refuses("signature", { member, authority: mint.authority });
});

Deno.test("R09: a certificate of the right key, wrong issuer is refused", () => {
  refuses("signature", withMember({ issuer: commonName("another") }));
});

Deno.test("R09: an over-broad child certificate is refused", () => {
  const claims = { ...mint.claims, tier: "admin" as const };
  refuses("scope", withMember({ claims }), { says: /tier admin/ });
});

Deno.test("R09: a member with another node's name is refused", () => {
  const dnsName = peerDnsName(peerIdOf(mint.adminKey.publicKey));
  refuses("name", withMember({ dnsName }));
  refuses("name", withMember({ dnsName: "pln.internal" }));
  refuses("name", withMember({ dnsName: undefined }));
});

Deno.test("R09: an authority that names a host is refused", () => {
  refuses("name", withAuthority({ dnsName: "a.pln.internal" }));
});

Deno.test("R09: certificates in each other's place are refused", () => {
  const { member, authority } = mint.credential;
  refuses("role", { member: authority, authority: member });
  refuses("role", { member: authority, authority });
  refuses("role", { member, authority: member });
  const root = mint.root.certificate;
  refuses("role", { member: root, authority });
});

Deno.test("verifyCredential() finds an admin by its own authority", () => {
  const credential = adminCredential(mint);
  assert.equal(verify(credential, at(startMs)).tier, "admin");
  const { ownAuthority: _, ...without } = credential;
  assert.equal(verify(without, at(startMs)).tier, "publisher");
});

Deno.test("verifyCredential() finds an admin that another one certified", () => {
  const random = mint.needs.random;
  const key = mint.needs.signer.privateKey(random.bytes(32));
  const own = mint.needs.signer.privateKey(random.bytes(32));
  const ownAuthority = issueAuthority(mint.needs, {
    root: mint.root,
    rootKey: mint.rootKey,
    publicKey: own.publicKey,
    admin: peerIdOf(key.publicKey),
  });
  const { authority, authorityKey, claims } = mint;
  const { publicKey } = key;
  const issued = { authority, authorityKey, publicKey, claims };
  const member = issueMember(mint.needs, issued);
  const facts = verify({ member, authority, ownAuthority }, at(startMs));
  assert.equal(facts.tier, "admin");
  assert.equal(facts.issuedBy, peerIdOf(mint.adminKey.publicKey));
});

Deno.test("R09: a member with somebody else's authority is refused", () => {
  const { member, authority } = mint.credential;
  refuses("scope", { member, authority, ownAuthority: mint.authority });
  const ownAuthority = forgeAuthority(mint);
  refuses("scope", { member, authority, ownAuthority });
});

Deno.test("R09: an own authority that the root did not sign is refused", () => {
  const ownAuthority = forgeAuthority(mint, {}, { key: mint.authorityKey });
  refuses("signature", { ...adminCredential(mint), ownAuthority });
});

Deno.test("an expired own authority makes an admin a publisher for now", () => {
  const ownAuthority = forgeAuthority(mint, {
    notBeforeMs: startMs - 9 * dayMs,
    notAfterMs: startMs - 8 * dayMs,
  });
  const credential = { ...adminCredential(mint), ownAuthority };
  assert.equal(verify(credential, at(startMs)).tier, "publisher");
  assert.equal(verify(credential, permanent).tier, "admin");
});

Deno.test("verifyRoot() refuses what is no self-signed root", () => {
  const { needs, rootKey } = mint;
  const checkOf = (certificate: Parameters<typeof verifyRoot>[1]) => {
    try {
      verifyRoot(needs, certificate);
    } catch (error) {
      assert.ok(error instanceof CredentialError, String(error));
      return error.check;
    }
    return undefined;
  };
  assert.equal(checkOf(issueRoot(needs, rootKey)), undefined);
  assert.equal(checkOf(mint.authority), "signature");
  assert.equal(checkOf(mint.credential.member), "signature");
  const subject = mint.root.certificate.subject;
  const { publicKey } = rootKey;
  const forge = (pathLength: number, keyUsage: number) =>
    forgeAuthority(mint, { subject, publicKey, pathLength, keyUsage });
  assert.equal(checkOf(forge(0, keyUsages.keyCertSign)), "path-length");
  assert.equal(checkOf(forge(1, keyUsages.digitalSignature)), "usage");
});

Deno.test("a byte changed anywhere in a credential refuses it", () => {
  const parts = ["member", "authority"] as const;
  const change = fc.record({
    part: fc.constantFrom(...parts),
    at: fc.nat(),
    flip: fc.integer({ min: 1, max: 255 }),
  });
  const tried = { parse: 0, verify: 0 };
  fc.assert(
    fc.property(change, ({ part, at, flip }) => {
      const bytes = mint.credential[part].der.slice();
      const index = at % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ flip;
      assert.equal(acceptedAs(bytes, { part, tried }), undefined);
    }),
    { numRuns: 2_000, seed: 4711 },
  );
  assert.ok(tried.parse > 100 && tried.verify > 100, JSON.stringify(tried));
});

Deno.test("a bit flipped at every position of a member refuses it", () => {
  const { der } = mint.credential.member;
  const tried = { parse: 0, verify: 0 };
  for (let index = 0; index < der.length; index++) {
    const bytes = der.slice();
    bytes[index] = (bytes[index] ?? 0) ^ 1;
    assert.equal(
      acceptedAs(bytes, { part: "member", tried }),
      undefined,
      `at ${index}`,
    );
  }
  assert.equal(tried.parse + tried.verify, der.length);
});

/** The facts, should changed bytes be believed; undefined when refused. */
function acceptedAs(
  bytes: Uint8Array,
  options: {
    readonly part: "member" | "authority";
    readonly tried: { parse: number; verify: number };
  },
): MemberFacts | undefined {
  const { part, tried } = options;
  let stage: "parse" | "verify" = "parse";
  try {
    const certificate = parseCertificate(bytes);
    stage = "verify";
    return verify({ ...mint.credential, [part]: certificate });
  } catch (error) {
    assert.ok(error instanceof PlnError, String(error));
    tried[stage]++;
    return undefined;
  }
}
