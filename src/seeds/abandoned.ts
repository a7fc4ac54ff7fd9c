// Threads given up because a guest on them does not return. They cannot be
// stopped (Deno 2.9.6) and burn until it does, so a module that holds too many
// is refused. One whose guest returns after all says so by any message: then it
// is ended for good, and no longer counts.

import { limits } from "../kernel/mod.ts";
import type { Log } from "../ports/mod.ts";
import type { HostedSeed, ThreadHandle } from "./thread_handle.ts";

type Holder = Pick<HostedSeed, "digest" | "name">;

export class AbandonedThreads implements Disposable {
  readonly #log: Log;
  readonly #holders = new Map<ThreadHandle, Holder>();

  constructor(log: Log) {
    this.#log = log;
  }

  get count(): number {
    return this.#holders.size;
  }

  /** Names of the seeds whose guests hold them, sorted. */
  get seeds(): readonly string[] {
    const names = [...this.#holders.values()].map(({ name }) => name);
    return [...new Set(names)].sort();
  }

  /** Why calls of this module are refused; undefined when they are not. */
  refusalOf(digest: string): string | undefined {
    const holders = [...this.#holders.values()];
    const held = holders.filter((holder) => holder.digest === digest).length;
    if (held >= limits.abandonedThreadsPerSeedMax) {
      return `${held} of its calls never ended and hold a thread each`;
    }
    if (holders.length < limits.abandonedThreadsMax) return undefined;
    return `calls of ${this.seeds.join(", ")} never ended and hold all ` +
      `${holders.length} threads`;
  }

  add(thread: ThreadHandle, { digest, name }: Holder): void {
    this.#holders.set(thread, { digest, name });
    this.#log.error("seed.thread_abandoned", { seed: name, digest });
  }

  /** The thread gave a sign of life; true when it was given up before. */
  takeBack(thread: ThreadHandle): boolean {
    const holder = this.#holders.get(thread);
    if (holder === undefined) return false;
    this.#holders.delete(thread);
    thread.terminate();
    this.#log.info("seed.thread_returned", { seed: holder.name });
    return true;
  }

  [Symbol.dispose](): void {
    for (const thread of this.#holders.keys()) thread.terminate();
    this.#holders.clear();
  }
}
