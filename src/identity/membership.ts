// A node's membership on disk: the files that make it a member, and each later
// change of its credential. Keys and certificates go in, a NodeIdentity comes
// out that reads back the same. The credential is written last, so that a kill
// leaves a whole identity or none. It must never write what the verifier
// refuses, nor overwrite an identity.

import {
  equalBytes,
  InputError,
  type PeerId,
  peerIdOf,
  utf8,
} from "../kernel/mod.ts";
import type { Disk, Ports, PrivateKey } from "../ports/mod.ts";
import type { Certificate } from "./certificate.ts";
import {
  certificatePem,
  type Credential,
  credentialPem,
} from "./credential.ts";
import { identityFiles } from "./files.ts";
import { writeKeyFile } from "./keys.ts";
import {
  type IdentityNeeds,
  type LoadedIdentity,
  loadIdentity,
  type NodeIdentity,
} from "./node_identity.ts";
import {
  ensureAuthorityKey,
  type NodeKeys,
  prepareDirectory,
} from "./node_keys.ts";
import {
  type ClusterRoot,
  type MemberFacts,
  verifyAuthority,
  verifyCredential,
} from "./verify.ts";

const permanent = { type: "permanent" } as const;

/**
 * Reads the identity for a node that will run, and makes good what an earlier
 * version did not write. The caller holds the directory's lock.
 *
 * @throws As `loadIdentity` and `ensureAuthorityKey`.
 */
export async function openIdentity(
  needs: IdentityNeeds,
): Promise<NodeIdentity> {
  return await ensureAuthorityKey(needs, await loadIdentity(needs));
}

/**
 * Makes this directory's node a member: root, keys, then the credential. The
 * caller holds the directory's lock.
 *
 * @throws {ConflictError} The directory holds an identity already.
 * @throws {CredentialError} The credential is not to be believed.
 * @throws {InputError} The credential is another node's.
 * @throws {DiskError} The file system refused; safe to retry.
 */
export async function writeMembership(
  needs: IdentityNeeds,
  options: NodeKeys & {
    readonly root: ClusterRoot;
    readonly credential: Credential;
  },
): Promise<NodeIdentity> {
  const { disk } = needs;
  const { root, key, authorityKey } = options;
  const { member, authority } = options.credential;
  const credential = { member, authority }; // a joiner has no authority yet
  checkOwner(needs, { root, credential, key });
  await prepareDirectory(disk);
  await disk.writeAtomic(
    identityFiles.rootCertificate,
    utf8(certificatePem(root.certificate)),
  );
  await writeKeyFile(needs, identityFiles.authorityKey, { key: authorityKey });
  await writeKeyFile(needs, identityFiles.nodeKey, { key });
  await writeCredential(disk, credential);
  return await openIdentity(needs); // success is what reads back
}

function checkOwner(
  needs: Pick<Ports, "signer">,
  options: {
    readonly root: ClusterRoot;
    readonly credential: Credential;
    readonly key: PrivateKey;
  },
): MemberFacts {
  const { key } = options;
  const facts = verifyCredential(needs, { ...options, check: permanent });
  if (facts.peer === peerIdOf(key.publicKey)) return facts;
  throw new InputError("The credential is another node's", {
    hint: "Ask for a new invite and join again",
  });
}

export async function writeCredential(
  disk: Disk,
  credential: Credential,
): Promise<void> {
  const text = credentialPem(credential);
  await disk.writeAtomic(identityFiles.credential, utf8(text));
}

/**
 * Writes the next credential of a node and takes it over.
 *
 * @throws {CredentialError} It is not to be believed.
 * @throws {InputError} It is another node's.
 * @throws {DiskError} The file system refused; safe to retry.
 */
export async function takeCredential<Identity extends LoadedIdentity>(
  needs: Pick<Ports, "disk" | "signer">,
  identity: Identity,
  { credential }: { readonly credential: Credential },
): Promise<Identity> {
  const { root, key } = identity;
  const facts = checkOwner(needs, { root, key, credential });
  await writeCredential(needs.disk, credential);
  const text = credentialPem(credential);
  return { ...identity, facts, credential, credentialPem: text };
}

/**
 * Takes a renewed credential, durably. The own authority stays what it was: it
 * comes by `installAuthority` alone.
 *
 * @throws {CredentialError} It is not to be believed.
 * @throws {InputError} It is another node's.
 * @throws {DiskError} The file system refused; safe to retry.
 */
export async function replaceCredential<Identity extends LoadedIdentity>(
  needs: Pick<Ports, "disk" | "signer">,
  identity: Identity,
  credential: Credential,
): Promise<Identity> {
  const { member, authority } = credential;
  const held = identity.authority?.certificate;
  const own = held === undefined ? {} : { ownAuthority: held };
  return await takeCredential(needs, identity, {
    credential: { member, authority, ...own },
  });
}

/**
 * Makes this node an admin by the certificate that the root issued for its
 * authority key, or prolongs that. One that ends no later than what the node
 * holds already changes nothing.
 *
 * @throws {CredentialError} The root did not sign it.
 * @throws {InputError} It is another node's, or for another key.
 * @throws {DiskError} The file system refused; safe to retry.
 */
export async function installAuthority(
  needs: Pick<Ports, "disk" | "signer">,
  identity: NodeIdentity,
  certificate: Certificate,
): Promise<NodeIdentity> {
  const { root, peer, authorityKey, authority: held } = identity;
  const check = permanent;
  const { admin } = verifyAuthority(needs, { root, certificate, check });
  checkAuthority({ admin, peer }, { certificate, key: authorityKey });
  if (held && held.certificate.notAfterMs >= certificate.notAfterMs) {
    return identity;
  }
  await needs.disk.writeAtomic(
    identityFiles.authorityCertificate,
    utf8(certificatePem(certificate)),
  );
  const authority = { key: authorityKey, certificate };
  return await takeCredential(needs, { ...identity, authority }, {
    credential: { ...identity.credential, ownAuthority: certificate },
  });
}

function checkAuthority(
  peers: { readonly admin: PeerId; readonly peer: PeerId },
  options: { readonly certificate: Certificate; readonly key: PrivateKey },
): void {
  if (peers.admin !== peers.peer) {
    throw new InputError("The authority certificate is another admin's");
  }
  if (equalBytes(options.certificate.publicKey, options.key.publicKey)) return;
  throw new InputError(
    "The authority certificate is for another key than this node's",
    { hint: "Make a new request for the root on this node" },
  );
}
