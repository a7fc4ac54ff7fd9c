// The keys of a node, apart from what certifies them: made and stored before it
// joins, so that it can tell its peer id and repeat a join that was cut short.
// A directory goes in, keys come out. It must never overwrite a key that an
// identity or a cluster may live on.

import { ConflictError, NotFoundError } from "../kernel/mod.ts";
import type { Disk, Ports, PrivateKey } from "../ports/mod.ts";
import { finishSettingAside } from "./aside.ts";
import { identityFiles } from "./files.ts";
import { type PassphraseOptions, readKeyFile, writeKeyFile } from "./keys.ts";
import {
  isInitialised,
  type LoadedIdentity,
  type NodeIdentity,
} from "./node_identity.ts";

/** What a node is known by, and what it would certify others with. */
export type NodeKeys = {
  /** The identity key: its public half is the peer id. */
  readonly key: PrivateKey;
  /** Of no use until the root certifies it. */
  readonly authorityKey: PrivateKey;
};

export function newKey(needs: Pick<Ports, "random" | "signer">): PrivateKey {
  return needs.signer.privateKey(needs.random.bytes(32));
}

/** Fresh keys; nothing is written. */
export function newNodeKeys(
  needs: Pick<Ports, "random" | "signer">,
): NodeKeys {
  return { key: newKey(needs), authorityKey: newKey(needs) };
}

/** The keys that the directory holds; undefined unless it holds both. */
export async function heldNodeKeys(
  needs: Pick<Ports, "disk" | "signer">,
): Promise<NodeKeys | undefined> {
  const { nodeKey, authorityKey } = identityFiles;
  for (const path of [nodeKey, authorityKey]) {
    if (await needs.disk.stat(path) === undefined) return undefined;
  }
  return {
    key: await readKeyFile(needs, nodeKey),
    authorityKey: await readKeyFile(needs, authorityKey),
  };
}

/**
 * The directory's keys, made and stored when they are missing: whoever joins
 * tells its peer id before, and a join that was cut short can be repeated. A
 * root key that is kept here stays where it is. The caller holds the
 * directory's lock.
 *
 * @throws {ConflictError} The directory holds an identity already.
 * @throws {DeniedError | CorruptError} A key file that cannot be used.
 * @throws {DiskError} The file system refused; safe to retry.
 */
export async function prepareNodeKeys(
  needs: Pick<Ports, "disk" | "random" | "signer">,
): Promise<NodeKeys> {
  await refuseIdentity(needs.disk);
  await finishSettingAside(needs.disk);
  const held = await heldNodeKeys(needs);
  if (held !== undefined) return held;
  const made = newNodeKeys(needs);
  const { nodeKey, authorityKey } = identityFiles;
  await writeKeyFile(needs, authorityKey, { key: made.authorityKey });
  await writeKeyFile(needs, nodeKey, { key: made.key });
  return made;
}

/** Makes room for an identity. @throws {ConflictError} There is one. */
export async function prepareDirectory(disk: Disk): Promise<void> {
  await refuseIdentity(disk);
  await finishSettingAside(disk);
  await keepRootKey(disk);
}

async function refuseIdentity(disk: Disk): Promise<void> {
  if (!await isInitialised(disk)) return;
  throw new ConflictError(`There is a node in "${disk.label}" already`, {
    hint: 'Run "pln up" to start it, or choose another --dir',
  });
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

/**
 * The identity with an authority key, which is made and stored when the
 * directory has none: an admin can then be made of this node at any time.
 *
 * @throws {DiskError} The file system refused; safe to retry.
 */
export async function ensureAuthorityKey(
  needs: Pick<Ports, "disk" | "random" | "signer">,
  identity: LoadedIdentity,
): Promise<NodeIdentity> {
  const { authorityKey = newKey(needs) } = identity;
  if (identity.authorityKey === undefined) {
    await writeKeyFile(needs, identityFiles.authorityKey, {
      key: authorityKey,
    });
  }
  return { ...identity, authorityKey };
}

/**
 * The cluster's root key, for commands that people type; never for a daemon.
 *
 * @throws {NotFoundError} The directory has none: it may be kept elsewhere.
 * @throws {DeniedError} Others can read it, or the passphrase is wrong.
 * @throws {CorruptError} It is not a key.
 * @throws {DiskError} The file system refused.
 */
export async function readRootKey(
  needs: Pick<Ports, "disk" | "signer">,
  options: PassphraseOptions = {},
): Promise<PrivateKey> {
  const { disk } = needs;
  if (await disk.stat(identityFiles.rootKey) !== undefined) {
    return await readKeyFile(needs, identityFiles.rootKey, options);
  }
  throw new NotFoundError(`There is no root key in "${disk.label}"`, {
    hint: "Sign a request on the machine that keeps it, or restore " +
      `"${identityFiles.rootKey}"`,
  });
}
