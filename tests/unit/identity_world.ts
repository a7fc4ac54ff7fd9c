// What the identity tests stand on: a real directory, a clock they set, seeded
// randomness, a whole cluster's keys and certificates, and a forger that signs
// whatever it is told. Nothing here repeats a check of the code under test.

import { createHash } from "node:crypto";
import { openDisk } from "../../src/adapters/disk.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import {
  type Certificate,
  type CertificateTemplate,
  type ClusterRoot,
  commonName,
  type Credential,
  type IdentityNeeds,
  issueAuthority,
  issueMember,
  issueRoot,
  keyUsages,
  type MemberClaims,
  signCertificate,
  verifyRoot,
} from "../../src/identity/mod.ts";
import { concatBytes, peerDnsName, peerIdOf } from "../../src/kernel/mod.ts";
import type { Clock, Disk, PrivateKey, Random } from "../../src/ports/mod.ts";

export const startMs = Date.UTC(2026, 2, 1, 12);
export const dayMs = 86_400_000;

export const signer = openSigner();

/** A clock that stands still until told. */
export class SetClock implements Clock {
  constructor(public timeMs = startMs) {}

  nowMs(): number {
    return this.timeMs;
  }

  wallMs(): number {
    return this.timeMs;
  }

  after(): Disposable {
    throw new Error("identity sets no timers");
  }

  sleep(): Promise<void> {
    throw new Error("identity does not sleep");
  }
}

/** The same bytes for the same seed. */
export function seededRandom(seed: string): Random {
  let draws = 0;
  return {
    bytes(length) {
      let made = new Uint8Array(0);
      while (made.length < length) {
        const hash = createHash("sha256").update(`${seed}/${draws++}`).digest();
        made = concatBytes(made, hash);
      }
      return made.slice(0, length);
    },
    integer: (below) => draws++ % below,
    fork: (name) => seededRandom(`${seed}/${name}`),
  };
}

export type World = IdentityNeeds & AsyncDisposable & {
  readonly clock: SetClock;
  readonly directory: string;
};

/** An empty directory on the real disk, removed afterwards. */
export async function openWorld(seed = "world"): Promise<World> {
  const directory = await Deno.makeTempDir({ prefix: "pln-identity-" });
  return {
    clock: new SetClock(),
    directory,
    disk: openDisk(directory),
    random: seededRandom(seed),
    signer,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

/** The directory, but the `failAt`-th change (from 1) does not happen. */
export function failingDisk(disk: Disk, failAt: number): Disk {
  let changes = 0;
  const changing = new Set<string | symbol>([
    "writeAtomic",
    "rename",
    "remove",
  ]);
  return new Proxy(disk, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (!changing.has(name)) return value.bind(target);
      return (...args: unknown[]) => {
        if (++changes === failAt) return Promise.reject(new Error("killed"));
        return value.apply(target, args);
      };
    },
  });
}

export type Mint = {
  readonly needs: IdentityNeeds;
  readonly rootKey: PrivateKey;
  readonly root: ClusterRoot;
  readonly adminKey: PrivateKey;
  readonly authorityKey: PrivateKey;
  readonly authority: Certificate;
  readonly memberKey: PrivateKey;
  readonly claims: MemberClaims;
  readonly credential: Credential;
};

/** A root, an authority of an admin, and a leaf it certified. */
export function openMint(seed = "mint", wallMs = startMs): Mint {
  const random = seededRandom(seed);
  const needs: IdentityNeeds = {
    clock: new SetClock(wallMs),
    disk: openDisk("/nonexistent"),
    random,
    signer,
  };
  const newKey = () => signer.privateKey(random.bytes(32));
  const [rootKey, adminKey, authorityKey, memberKey] = [
    newKey(),
    newKey(),
    newKey(),
    newKey(),
  ] as const;
  const root = verifyRoot(needs, issueRoot(needs, rootKey));
  const authority = issueAuthority(needs, {
    root,
    rootKey,
    publicKey: authorityKey.publicKey,
    admin: peerIdOf(adminKey.publicKey),
  });
  const claims: MemberClaims = {
    type: "member",
    cluster: root.cluster,
    tier: "leaf",
    properties: new Map([["zone", "north"]]),
    accessDeadlineMs: undefined,
    memberSinceMs: wallMs,
    issue: 1,
  };
  const member = issueMember(needs, {
    authority,
    authorityKey,
    publicKey: memberKey.publicKey,
    claims,
  });
  return {
    needs,
    rootKey,
    root,
    adminKey,
    authorityKey,
    authority,
    memberKey,
    claims,
    credential: { member, authority },
  };
}

/** The mint's admin, whose member certificate its own authority signed. */
export function adminCredential(
  mint: Mint,
  changes: Partial<MemberClaims> = {},
): Credential {
  const { authority, authorityKey, adminKey } = mint;
  const member = issueMember(mint.needs, {
    authority,
    authorityKey,
    publicKey: adminKey.publicKey,
    claims: { ...mint.claims, tier: "publisher", ...changes },
  });
  return { member, authority, ownAuthority: authority };
}

/** The mint's member certificate with some of it changed, well signed. */
export function forgeMember(
  mint: Mint,
  changes: Partial<CertificateTemplate> = {},
  options: { readonly key?: PrivateKey } = {},
): Certificate {
  const { publicKey } = mint.memberKey;
  return signCertificate(mint.needs, {
    issuer: mint.authority.subject,
    subject: commonName("member"),
    notBeforeMs: startMs - dayMs,
    notAfterMs: startMs + 7 * dayMs,
    publicKey,
    mayCertify: false,
    keyUsage: keyUsages.digitalSignature,
    dnsName: peerDnsName(peerIdOf(publicKey)),
    claims: mint.claims,
    ...changes,
  }, { key: options.key ?? mint.authorityKey });
}

/** The mint's authority certificate with some of it changed, well signed. */
export function forgeAuthority(
  mint: Mint,
  changes: Partial<CertificateTemplate> = {},
  options: { readonly key?: PrivateKey } = {},
): Certificate {
  return signCertificate(mint.needs, {
    issuer: mint.root.certificate.subject,
    subject: mint.authority.subject,
    notBeforeMs: startMs - dayMs,
    notAfterMs: startMs + 365 * dayMs,
    publicKey: mint.authorityKey.publicKey,
    mayCertify: true,
    pathLength: 0,
    keyUsage: keyUsages.keyCertSign,
    ...(mint.authority.claims === undefined
      ? {}
      : { claims: mint.authority.claims }),
    ...changes,
  }, { key: options.key ?? mint.rootKey });
}
