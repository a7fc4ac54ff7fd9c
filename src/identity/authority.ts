// The identity of a first node: fresh keys and certificates go to the
// directory, a NodeIdentity comes out. The credential is written last, so that
// a kill at any point leaves a whole identity or none. The root key is used
// here once and then only from its file by hand. It must never overwrite a root
// key or a usable identity.

import { peerIdOf, utf8 } from "../kernel/mod.ts";
import type { PrivateKey } from "../ports/mod.ts";
import type { Certificate } from "./certificate.ts";
import { certificatePem, type Credential } from "./credential.ts";
import {
  checkProperties,
  type MemberClaims,
  type Properties,
} from "./extension.ts";
import { identityFiles } from "./files.ts";
import { issueAuthority, issueMember, issueRoot } from "./issue.ts";
import {
  checkPassphrase,
  type PassphraseOptions,
  writeKeyFile,
} from "./keys.ts";
import { openIdentity, writeCredential } from "./membership.ts";
import type { IdentityNeeds, NodeIdentity } from "./node_identity.ts";
import {
  heldNodeKeys,
  newKey,
  newNodeKeys,
  type NodeKeys,
  prepareDirectory,
} from "./node_keys.ts";
import { verifyRoot } from "./verify.ts";

/**
 * Makes a cluster: its root, this node as its first admin, and their files.
 * Of what an earlier, killed attempt left the node's keys are used, and a root
 * key is kept under another name. The caller holds the directory's lock.
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
  checkProperties(options.properties);
  if (options.passphrase !== undefined) checkPassphrase(options.passphrase);
  await prepareDirectory(disk);
  const made = makeCluster(needs, {
    ...options,
    keys: await heldNodeKeys(needs) ?? newNodeKeys(needs),
  });
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
  return await openIdentity(needs); // success is what reads back
}

type MadeCluster = NodeKeys & {
  readonly rootKey: PrivateKey;
  readonly root: Certificate;
  readonly credential: Credential;
};

function makeCluster(
  needs: IdentityNeeds,
  options: { readonly properties: Properties; readonly keys: NodeKeys },
): MadeCluster {
  const { key, authorityKey } = options.keys;
  const rootKey = newKey(needs);
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
