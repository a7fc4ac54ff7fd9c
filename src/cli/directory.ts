// The node's directory and who holds it: one process at a time, by its lock.
// Commands that change the directory hold the lock while they do; none may
// touch what a running daemon writes.

import { ConflictError } from "../kernel/mod.ts";
import type { Disk } from "../ports/mod.ts";
import type { Invocation } from "./invocation.ts";

/** The daemon holds it as long as it runs. */
export const lockPath = "lock";

/**
 * Holds the directory until disposed.
 *
 * @param asker Tells a command's hold from a daemon's, where it may ask.
 * @throws {ConflictError} A daemon, or another command, holds it.
 */
export async function holdDirectory(
  disk: Disk,
  asker?: Pick<Invocation, "findDaemon">,
): Promise<AsyncDisposable> {
  const lock = await disk.lock(lockPath);
  if (lock !== undefined) return lock;
  if (asker !== undefined && await asker.findDaemon() === undefined) {
    throw new ConflictError(`Another pln command uses ${disk.label}`, {
      hint: "Try again when it has ended",
    });
  }
  throw new ConflictError(`A daemon uses ${disk.label}`, {
    hint: 'Stop it with "pln down"',
  });
}

/** For a command that would start a second daemon. */
export function alreadyRuns(
  { directory }: Invocation,
  { processId }: { readonly processId: number },
): ConflictError {
  return new ConflictError(
    `A daemon runs in ${directory} already (process ${processId})`,
    { hint: 'Stop it with "pln down", or run "pln restart"' },
  );
}
