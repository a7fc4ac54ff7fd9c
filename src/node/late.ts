// Waiting for something that a peer does, for a bounded time. A piece of work
// and the signal of whoever asked go in; the work's signal aborts when that one
// does, or when the time is over. It decides nothing else.

import type { Ports } from "../ports/mod.ts";

/**
 * Runs `work`; its signal aborts with the asker's reason, or with `late()`.
 *
 * @param options.late What to throw when the time is over.
 */
export async function runInTime<T>(
  clock: Ports["clock"],
  work: (signal: AbortSignal) => Promise<T>,
  { ms, signal, late }: {
    readonly ms: number;
    readonly signal: AbortSignal;
    readonly late: () => Error;
  },
): Promise<T> {
  const end = new AbortController();
  using _timer = clock.after(ms, () => end.abort(late()));
  return await work(AbortSignal.any([signal, end.signal]));
}
