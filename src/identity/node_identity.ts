// A node's identity as its directory holds it: keys and certificates are read,
// and every fault that would show later shows here, in one line that names the
// file and the next step. Files go in, a checked NodeIdentity comes out. It
// must never open the root key: a running node has no use for it.

import {
  type ClusterId,
  equalBytes,
  InputError,
  LimitError,
  limits,
  NotFoundError,
  type PeerId,
} from "../kernel/mod.ts";
import type { Disk, Ports, PrivateKey } from "../ports/mod.ts";
import type { Certificate } from "./certificate.ts";
import {
  type Credential,
  credentialPem,
  parseCertificatePem,
  parseCredentialPem,
} from "./credential.ts";
import { CredentialError } from "./credential_error.ts";
import {
  corruptFile,
  identityFiles,
  readIdentityFile,
  shownPath,
} from "./files.ts";
import { readKeyFile } from "./keys.ts";
import {
  type ClusterRoot,
  type MemberFacts,
  verifyAuthority,
  verifyCredential,
  verifyRoot,
} from "./verify.ts";

/** What a node's identity takes of the world. */
export type IdentityNeeds = Pick<
  Ports,
  "clock" | "disk" | "random" | "signer"
>;

/** An admin's power to certify members. */
export type HeldAuthority = {
  readonly key: PrivateKey;
  readonly certificate: Certificate;
};

/** Who this node is, and what it can prove it with. */
export type NodeIdentity = {
  readonly peer: PeerId;
  readonly cluster: ClusterId;
  readonly key: PrivateKey;
  readonly credential: Credential;
  readonly credentialPem: string;
  /** Permanent facts: say nothing about what is valid now. */
  readonly facts: MemberFacts;
  readonly root: ClusterRoot;
  /** What it certifies others with, when the root has made it an admin. */
  readonly authority: HeldAuthority | undefined;
  /** The key of `authority`, or the one that a future one is for. */
  readonly authorityKey: PrivateKey;
};

/** As the directory holds it: older ones may lack an authority key. */
export type LoadedIdentity = Omit<NodeIdentity, "authorityKey"> & {
  readonly authorityKey: PrivateKey | undefined;
};

/** Whether the directory holds a whole identity. @throws {DiskError} */
export async function isInitialised(disk: Disk): Promise<boolean> {
  return await disk.stat(identityFiles.credential) !== undefined;
}

/**
 * Reads and checks the identity. Time is not checked, so that a node whose
 * certificate expired while it was off can start and renew.
 *
 * @throws {NotFoundError} The directory holds no identity.
 * @throws {DeniedError} A key file is open to other users.
 * @throws {CorruptError} A file is missing, malformed, or does not fit the
 * others; names the file.
 * @throws {DiskError} The file system refused.
 */
export async function loadIdentity(
  needs: Pick<Ports, "disk" | "signer">,
): Promise<LoadedIdentity> {
  const { disk } = needs;
  const { root, credential, facts } = await readMembership(needs);
  const key = await readKeyFile(needs, identityFiles.nodeKey);
  checkKey(disk, identityFiles.nodeKey, {
    key,
    certificate: credential.member,
  });
  const authority = credential.ownAuthority === undefined
    ? undefined
    : await loadAuthority(needs, { root, peer: facts.peer });
  const authorityKey = authority?.key ?? await loadAuthorityKey(needs);
  return {
    peer: facts.peer,
    cluster: facts.cluster,
    key,
    credential,
    credentialPem: credentialPem(credential),
    facts,
    root,
    authority,
    authorityKey,
  };
}

/** Undefined when there is none. */
async function loadAuthorityKey(
  needs: Pick<Ports, "disk" | "signer">,
): Promise<PrivateKey | undefined> {
  const path = identityFiles.authorityKey;
  if (await needs.disk.stat(path) === undefined) return undefined;
  return await readKeyFile(needs, path);
}

/** What the certificates alone prove about a node. */
export type Membership = Pick<
  NodeIdentity,
  "peer" | "cluster" | "credential" | "facts" | "root"
>;

/**
 * Reads and checks the certificates and opens no key: whoever only asks who
 * the node is needs no right to them. Time is not checked.
 *
 * @throws {NotFoundError} The directory holds no identity.
 * @throws {CorruptError} A certificate is missing, malformed, or does not fit
 * the others; names the file.
 * @throws {DiskError} The file system refused.
 */
export async function readMembership(
  needs: Pick<Ports, "disk" | "signer">,
): Promise<Membership> {
  const { disk } = needs;
  if (!await isInitialised(disk)) {
    throw new NotFoundError(`There is no node in "${disk.label}"`, {
      hint: 'Run "pln init" for a new cluster, or "pln join" with an invite',
    });
  }
  const root = await readCertificates(disk, identityFiles.rootCertificate, {
    parse: (text) => verifyRoot(needs, parseCertificatePem(text)),
  });
  return await readCertificates(disk, identityFiles.credential, {
    parse: (text) => {
      const credential = parseCredentialPem(text);
      const check = { type: "permanent" } as const;
      const facts = verifyCredential(needs, { root, credential, check });
      const { peer, cluster } = facts;
      return { peer, cluster, credential, facts, root };
    },
  });
}

async function loadAuthority(
  needs: Pick<Ports, "disk" | "signer">,
  options: { readonly root: ClusterRoot; readonly peer: PeerId },
): Promise<HeldAuthority> {
  const { disk } = needs;
  const { root, peer } = options;
  const path = identityFiles.authorityCertificate;
  const certificate = await readCertificates(disk, path, {
    parse: (text) => {
      const certificate = parseCertificatePem(text);
      const check = { type: "permanent" } as const;
      const { admin } = verifyAuthority(needs, { root, certificate, check });
      if (admin === peer) return certificate;
      throw new InputError("The authority certificate is another admin's");
    },
  });
  const key = await readKeyFile(needs, identityFiles.authorityKey);
  checkKey(disk, identityFiles.authorityKey, { key, certificate });
  return { key, certificate };
}

async function readCertificates<T>(
  disk: Disk,
  path: string,
  options: { readonly parse: (text: string) => T },
): Promise<T> {
  const text = await readIdentityFile(disk, path, {
    bytesMax: limits.certificateFileBytesMax,
  });
  try {
    return options.parse(text);
  } catch (cause) {
    const isFault = cause instanceof InputError ||
      cause instanceof LimitError || cause instanceof CredentialError;
    if (!isFault) throw cause;
    throw corruptFile(disk, path, {
      why: `can not be used: ${cause.message}`,
      cause,
    });
  }
}

function checkKey(
  disk: Disk,
  path: string,
  pair: { readonly key: PrivateKey; readonly certificate: Certificate },
): void {
  if (equalBytes(pair.key.publicKey, pair.certificate.publicKey)) return;
  const certificate = path === identityFiles.nodeKey
    ? identityFiles.credential
    : identityFiles.authorityCertificate;
  throw corruptFile(disk, path, {
    why: `does not belong to "${shownPath(disk, certificate)}"`,
  });
}
