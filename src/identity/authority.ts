// The identity of a first node, and its renewal: fresh keys and certificates go
// to the directory, a NodeIdentity comes out. The credential is written last,
// so that a kill at any point leaves a whole identity or none. The root key is
// used here once and then only from its file by hand. It must never overwrite a
// root key or a usable identity.

import { assert, ConflictError, peerIdOf, utf8 } from "../kernel/mod.ts";
import type { Disk, PrivateKey } from "../ports/mod.ts";
import type { Certificate } from "./certificate.ts";
import {
  certificatePem,
  type Credential,
  credentialPem,
} from "./credential.ts";
import { CredentialError } from "./credential_error.ts";
import {
  checkProperties,
  type MemberClaims,
  type Properties,
} from "./extension.ts";
import { identityFiles } from "./files.ts";
import { issueAuthority, issueMember, issueRoot, lifetimes } from "./issue.ts";
import {
  checkPassphrase,
  type PassphraseOptions,
  writeKeyFile,
} from "./keys.ts";
import {
  type IdentityNeeds,
  identityOf,
  isInitialised,
  loadIdentity,
  type NodeIdentity,
} from "./node_identity.ts";
import { verifyCredential, verifyRoot } from "./verify.ts";

/**
 * Makes a cluster: its root, this node as its first admin, and their files.
 * What an earlier, killed attempt left is replaced; a root key among it is
 * kept under another name. The caller holds the directory's lock.
 *
 * @param options.properties Of this node's member certificate.
 * @param options.passphrase Seals the root key.
 * @throws {ConflictError} The directory holds an identity already.
 * @throws {InputError | LimitError} Properties or passphrase are unusable.
 * @throws {DiskError} The file system refused; safe to retry.
 */
export async function createCluster(
  needs: IdentityNeeds,
  options: PassphraseOptions & { readonly properties: Properties },
): Promise<NodeIdentity> {
  const { disk } = needs;
  if (await isInitialised(disk)) {
    throw new ConflictError(`There is a node in "${disk.label}" already`, {
      hint: 'Run "pln up" to start it, or choose another --dir',
    });
  }
  checkProperties(options.properties);
  if (options.passphrase !== undefined) checkPassphrase(options.passphrase);
  const made = makeCluster(needs, options);
  await keepRootKey(disk);
  await writeKeyFile(needs, identityFiles.rootKey, {
    ...options,
    key: made.rootKey,
  });
  await disk.writeAtomic(
    identityFiles.rootCertificate,
    utf8(certificatePem(made.root)),
  );
  const { authority } = made.credential;
  await writeKeyFile(needs, identityFiles.authorityKey, {
    key: made.authorityKey,
  });
  await disk.writeAtomic(
    identityFiles.authorityCertificate,
    utf8(certificatePem(authority)),
  );
  await writeKeyFile(needs, identityFiles.nodeKey, { key: made.key });
  await writeCredential(disk, made.credential);
  return await loadIdentity(needs); // success is what reads back
}

type MadeCluster = {
  readonly rootKey: PrivateKey;
  readonly root: Certificate;
  readonly authorityKey: PrivateKey;
  readonly key: PrivateKey;
  readonly credential: Credential;
};

function makeCluster(
  needs: IdentityNeeds,
  options: { readonly properties: Properties },
): MadeCluster {
  const [rootKey, authorityKey, key] = [
    newKey(needs),
    newKey(needs),
    newKey(needs),
  ] as const;
  const root = verifyRoot(needs, issueRoot(needs, rootKey));
  const authority = issueAuthority(needs, {
    root,
    rootKey,
    publicKey: authorityKey.publicKey,
    admin: peerIdOf(key.publicKey),
  });
  const claims: MemberClaims = {
    type: "member",
    cluster: root.cluster,
    tier: "publisher",
    properties: options.properties,
    accessDeadlineMs: undefined,
    memberSinceMs: needs.clock.wallMs(),
    issue: 1,
  };
  const member = issueMember(needs, {
    authority,
    authorityKey,
    publicKey: key.publicKey,
    claims,
  });
  const credential = { member, authority, ownAuthority: authority };
  return { rootKey, root: root.certificate, authorityKey, key, credential };
}

function newKey(needs: Pick<IdentityNeeds, "random" | "signer">): PrivateKey {
  return needs.signer.privateKey(needs.random.bytes(32));
}

async function writeCredential(
  disk: Disk,
  credential: Credential,
): Promise<void> {
  const text = credentialPem(credential);
  await disk.writeAtomic(identityFiles.credential, utf8(text));
}

/**
 * A root key without a credential is most likely half an init, but it may be
 * all that is left of a cluster that lives on elsewhere.
 */
async function keepRootKey(disk: Disk): Promise<void> {
  const path = identityFiles.rootKey;
  if (await disk.stat(path) === undefined) return;
  for (let number = 1;; number++) {
    const kept = path.replace(/\.pem$/, `.old-${number}.pem`);
    if (await disk.stat(kept) !== undefined) continue;
    return await disk.rename(path, kept);
  }
}

function checkAccess(claims: MemberClaims, nowMs: number): void {
  const { accessDeadlineMs } = claims;
  if (accessDeadlineMs === undefined || nowMs < accessDeadlineMs) return;
  const end = new Date(accessDeadlineMs).toISOString();
  throw new CredentialError("deadline", `This node's access ended at ${end}`, {
    hint: "If this machine's clock is right (date), ask an admin",
  });
}

/** When a member certificate is due for renewal: 2/3 of its life. */
export function renewalDueMs(member: Certificate): number {
  const issuedMs = member.notBeforeMs + lifetimes.backdateMs;
  const lifeMs = Math.max(0, member.notAfterMs - issuedMs);
  return issuedMs + Math.floor((lifeMs * 2) / 3);
}

/**
 * Issues this node's next member certificate when it holds an authority and
 * the present one is due, also after it has expired; else, and when a new one
 * would not live longer, returns `identity` itself.
 *
 * @throws {DeniedError} The certificate and the authority have both expired.
 * @throws {CredentialError} The node's access deadline has passed.
 * @throws {DiskError} The file system refused; safe to retry.
 */
export async function renewOwnMember(
  needs: IdentityNeeds,
  identity: NodeIdentity,
): Promise<NodeIdentity> {
  const { authority, credential, root } = identity;
  const nowMs = needs.clock.wallMs();
  const { member } = credential;
  if (authority === undefined || nowMs < renewalDueMs(member)) return identity;
  const untilMs = authority.certificate.notAfterMs;
  if (untilMs <= member.notAfterMs && nowMs < member.notAfterMs) {
    return identity;
  }
  const { claims } = member;
  assert(claims?.type === "member", "a verified member certificate");
  checkAccess(claims, nowMs);
  const next: Credential = {
    member: issueMember(needs, {
      authority: authority.certificate,
      authorityKey: authority.key,
      publicKey: identity.key.publicKey,
      claims: { ...claims, issue: claims.issue + 1 },
    }),
    authority: authority.certificate,
    ownAuthority: authority.certificate,
  };
  const check = { type: "permanent" } as const;
  const facts = verifyCredential(needs, { root, credential: next, check });
  await writeCredential(needs.disk, next);
  return identityOf({ ...identity, credential: next, facts });
}
