// Stops the daemon of the directory and waits until it has really gone: its
// lock is free, so that the next one can start. A daemon that does not go is an
// error that names its process; nothing is killed from here.

import { ConflictError } from "../kernel/mod.ts";
import type { Disk } from "../ports/mod.ts";
import { lockPath } from "./directory.ts";
import type { Invocation } from "./invocation.ts";

const goneMsMax = 15_000;
const pollMs = 25;

/**
 * @returns The id of the process that ended.
 * @throws {UnreachableError} No daemon answers.
 * @throws {ConflictError} It is still there after 15 s.
 */
export async function stopDaemon(invocation: Invocation): Promise<number> {
  const { node } = await invocation.ask((client) => client.status());
  await invocation.ask((client) => client.shutdown());
  const disk = await invocation.openDisk();
  const clock = await invocation.platform.openClock();
  const lateMs = clock.nowMs() + goneMsMax;
  const { signal } = new AbortController();
  while (clock.nowMs() < lateMs) {
    if (await isFree(disk)) return node.processId;
    await clock.sleep(pollMs, signal);
  }
  throw new ConflictError(
    `Process ${node.processId} is still there after ${goneMsMax / 1_000} s`,
    { hint: `See "pln logs", then end it: kill -9 ${node.processId}` },
  );
}

/** Looks at the lock only: nothing else of the directory may be touched. */
async function isFree(disk: Disk): Promise<boolean> {
  if (await disk.stat(lockPath) === undefined) return true;
  const lock = await disk.lock(lockPath);
  await lock?.[Symbol.asyncDispose]();
  return lock !== undefined;
}
