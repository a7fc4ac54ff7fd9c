// Leaving a cluster for another one: all that binds the directory to the old one
// moves to a folder of its own. A directory goes in; afterwards it holds no
// identity, and every key is kept. The certificates move first, all at once: a
// kill leaves the old node or none, and the next attempt to make an identity
// finishes the move. It must never move what belongs to a later identity.

import { type ClusterId, utf8 } from "../kernel/mod.ts";
import type { Disk } from "../ports/mod.ts";
import { identityFiles } from "./files.ts";

const folder = "old";
/** Renamed when all has moved: removing a file is not durable. */
const marks = { unfinished: "moving", finished: "moved" } as const;
const certificates = "certs";
/**
 * In the order in which they move; settings and logs stay. Modules go with the
 * journal that names them: without it a state that was lost is suspected.
 */
const rest = [
  ...["keys", "journal", "replicas", "history", "store", "peers.json"] as const,
];

/**
 * Moves the membership to "old/<first 8 of the cluster>-<n>". The caller holds
 * the directory's lock.
 *
 * @returns Where it is now, within the directory.
 * @throws {DiskError} The file system refused; safe to retry.
 */
export async function setMembershipAside(
  disk: Disk,
  cluster: ClusterId,
): Promise<string> {
  await finishSettingAside(disk);
  const target = await freeFolder(disk, `${folder}/${cluster.slice(0, 8)}`);
  const mark = utf8(`All of cluster ${cluster}, which this node left.\n`);
  await disk.writeAtomic(`${target}/${marks.unfinished}`, mark);
  await move(disk, certificates, { target });
  await moveRest(disk, target);
  return target;
}

/**
 * Completes moves that were cut short after the certificates; harmless when
 * there are none, or when the directory holds an identity.
 *
 * @throws {DiskError} The file system refused; safe to retry.
 */
export async function finishSettingAside(disk: Disk): Promise<void> {
  if (await disk.stat(identityFiles.credential) !== undefined) return;
  for (const { name } of await disk.list(folder)) {
    const target = `${folder}/${name}`;
    const paths = [
      `${target}/${marks.unfinished}`,
      `${target}/${certificates}`,
    ];
    const stats = await Promise.all(paths.map((path) => disk.stat(path)));
    if (!stats.includes(undefined)) await moveRest(disk, target);
  }
}

async function moveRest(disk: Disk, target: string): Promise<void> {
  for (const name of rest) await move(disk, name, { target });
  const [from, to] = [marks.unfinished, marks.finished];
  await disk.rename(`${target}/${from}`, `${target}/${to}`);
}

async function move(
  disk: Disk,
  name: string,
  { target }: { readonly target: string },
): Promise<void> {
  if (await disk.stat(name) === undefined) return;
  await disk.rename(name, await freeName(disk, `${target}/${name}`));
}

/** `base` with the first number that is not taken. */
async function freeFolder(disk: Disk, base: string): Promise<string> {
  for (let number = 1;; number++) {
    const path = `${base}-${number}`;
    if (await disk.stat(path) === undefined) return path;
  }
}

/** `path` itself unless something is there: nothing is ever replaced. */
async function freeName(disk: Disk, path: string): Promise<string> {
  if (await disk.stat(path) === undefined) return path;
  return await freeFolder(disk, path);
}
