// Stops the daemon of the directory and waits until it has really gone: its
// lock is free, so that the next one can start. A daemon that does not go is an
// error that names its process; nothing is killed from here.

import type { StatusReport } from "../control/mod.ts";
import {
  ConflictError,
  ReportedError,
  UnreachableError,
} from "../kernel/mod.ts";
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
  const { node } = await askRunning(invocation);
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

/** Without a daemon the wish has come true: no hint to start one. */
async function askRunning(invocation: Invocation): Promise<StatusReport> {
  try {
    return await invocation.ask((client) => client.status());
  } catch (cause) {
    const isAbsent = cause instanceof UnreachableError &&
      !(cause instanceof ReportedError);
    if (!isAbsent) throw cause;
    const { socketPath } = invocation;
    throw new UnreachableError(
      `Nothing to stop: no daemon answers at ${socketPath}`,
      { cause },
    );
  }
}

/** Looks at the lock only: nothing else of the directory may be touched. */
async function isFree(disk: Disk): Promise<boolean> {
  if (await disk.stat(lockPath) === undefined) return true;
  const lock = await disk.lock(lockPath);
  await lock?.[Symbol.asyncDispose]();
  return lock !== undefined;
}
