// Makes the cluster of a directory that has none: for `pln init`, and for the
// first `pln up`. It holds the directory meanwhile; an identity that is there
// is never touched.

import { ConflictError, CorruptError, utf8 } from "../kernel/mod.ts";
import type { Disk } from "../ports/mod.ts";
import { finishSettingAside, identityFiles } from "../identity/mod.ts";
import { createCluster, isInitialised } from "../node/mod.ts";
import { holdDirectory } from "./directory.ts";
import type { Invocation } from "./invocation.ts";

/** Where the root key lies in the directory. */
const rootKeyPath = "keys/root.pem";

export type MadeCluster = {
  readonly peer: string;
  readonly cluster: string;
  readonly directory: string;
  /** Where the root key lies. */
  readonly rootKey: string;
};

/**
 * @throws {ConflictError} The directory has an identity, or is in use.
 * @throws {InputError | LimitError} A property or the passphrase is unusable.
 */
export async function makeCluster(
  invocation: Invocation,
  options: {
    readonly properties: Readonly<Record<string, string>>;
    readonly passphrase?: string | undefined;
    /** Nobody asked for a cluster: not where one may be about to join. */
    readonly isUnasked?: boolean;
  },
): Promise<MadeCluster> {
  const { platform } = invocation;
  const disk = await invocation.openDisk();
  // A node that is there is refused below, whether its daemon runs or not.
  await using _held = await isInitialised(disk)
    ? undefined
    : await holdDirectory(disk);
  await refuseUsed(disk);
  if (options.isUnasked) await refusePrepared(disk);
  const [clock, random, signer] = await Promise.all([
    platform.openClock(),
    platform.openRandom(),
    platform.openSigner(),
  ]);
  const needs = { disk, clock, random, signer };
  const { passphrase } = options;
  const { peer, cluster } = await createCluster(needs, {
    properties: new Map(Object.entries(options.properties)),
    ...(passphrase === undefined ? {} : { passphrase: utf8(passphrase) }),
  });
  const directory = invocation.directory;
  const rootKey = `${directory}/${rootKeyPath}`;
  return { peer, cluster, directory, rootKey };
}

/**
 * A journal without an identity is a damaged node, not a new one; that of a
 * cluster which was left halfway moves away first. The caller holds the
 * directory.
 *
 * @throws {CorruptError} It is one.
 */
export async function refuseUsed(disk: Disk): Promise<void> {
  if (await isInitialised(disk)) return;
  await finishSettingAside(disk);
  if ((await disk.list("journal")).length === 0) return;
  throw new CorruptError(
    `File "${disk.label}/certs/member.pem" is missing, but a node ran here`,
    { hint: "Restore it from a backup, or choose another --dir" },
  );
}

/** Keys without a cluster are of "pln id", or of a join that failed. */
async function refusePrepared(disk: Disk): Promise<void> {
  const { nodeKey, authorityCertificate } = identityFiles;
  if (await disk.stat(nodeKey) === undefined) return;
  // A cluster that was made halfway: nothing else leaves this here.
  if (await disk.stat(authorityCertificate) !== undefined) return;
  throw new ConflictError(`The node in ${disk.label} is in no cluster yet`, {
    hint: 'Run "pln join <token>", or "pln init" for a cluster of its own',
  });
}

/**
 * A cluster for a node that has none yet; undefined when it has one.
 *
 * @throws As `makeCluster`, {ConflictError} It has keys to join with.
 */
export async function makeClusterIfNone(
  invocation: Invocation,
): Promise<MadeCluster | undefined> {
  if (await isInitialised(await invocation.openDisk())) return undefined;
  return await makeCluster(invocation, { properties: {}, isUnasked: true });
}

/** What to keep safe, for people. */
export const backupAdvice =
  "Back up keys/ and certs/. Whoever has them is this node, and whoever has\n" +
  "the root key is the cluster: better keep a copy offline.\n";
