// What a thread does when it has nothing else to do: put used instances back,
// initialise seeds anew whose random numbers would repeat, drop what has not
// been used for a while. In go the thread's seeds; nothing goes out.

import type { ThreadScope } from "../ports/mod.ts";
import { faultOf } from "../threads/mod.ts";
import type { LoadedSeed } from "./loaded_seed.ts";

export type Household = {
  /** By the number of their load. */
  readonly seeds: ReadonlyMap<number, LoadedSeed>;
  /** For the log of a seed, by the number of its load. */
  warn(load: number, text: string): void;
  isBusy(): boolean;
};

/** How long the thread must be idle before it initialises a seed anew. */
const refreshAfterMs = 20;
/** Idle for so long, it keeps one instance of each seed. */
const trimAfterMs = 10_000;

export class Housekeeping {
  readonly #scope: Pick<ThreadScope, "nowMs" | "after">;
  readonly #household: Household;
  /** The timer that counts: an earlier one takes the place of a later. */
  #timer: { readonly dueMs: number } | undefined;
  #lastUsedMs = 0;

  constructor(
    scope: Pick<ThreadScope, "nowMs" | "after">,
    household: Household,
  ) {
    this.#scope = scope;
    this.#household = household;
  }

  /** Puts used instances back; between two batches of calls. */
  clean(): void {
    for (const seed of this.#household.seeds.values()) seed.instances.clean();
  }

  /** A call has ended: there will be something to do. */
  plan(nowMs: number): void {
    this.#lastUsedMs = nowMs;
    this.#later(refreshAfterMs, nowMs);
  }

  #later(delayMs: number, nowMs = this.#scope.nowMs()): void {
    const dueMs = nowMs + delayMs;
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    const timer = { dueMs };
    this.#timer = timer;
    this.#scope.after(delayMs, () => {
      if (this.#timer !== timer) return;
      this.#timer = undefined;
      void this.#work();
    });
  }

  /** Drops all instances that wait for calls. */
  makeRoom(): void {
    for (const { instances } of this.#household.seeds.values()) {
      instances.trim(0);
    }
  }

  async #work(): Promise<void> {
    const { seeds, isBusy } = this.#household;
    const nowMs = this.#scope.nowMs();
    const idleMs = nowMs - this.#lastUsedMs;
    this.#trim(nowMs);
    if (isBusy() || idleMs < refreshAfterMs) return this.#later(refreshAfterMs);
    this.clean();
    for (const [number, seed] of seeds) {
      if (!seed.instances.isStale) continue;
      await this.#refresh(number, seed);
      return this.#later(refreshAfterMs);
    }
    if (idleMs < trimAfterMs) this.#later(trimAfterMs - idleMs);
  }

  /** A seed that was not called for a while keeps one instance. */
  #trim(nowMs: number): void {
    for (const { instances, lastUsedMs } of this.#household.seeds.values()) {
      const isDue = nowMs - lastUsedMs >= trimAfterMs;
      if (isDue && instances.idleCount > 1) instances.trim(1);
    }
  }

  /** A failure is logged, and calls go on with the snapshot they have. */
  async #refresh(number: number, seed: LoadedSeed): Promise<void> {
    try {
      await seed.refresh(-number);
    } catch (cause) {
      const { message } = faultOf(cause);
      const text = `It could not be initialised again: ${message}`;
      this.#household.warn(number, text);
    }
  }
}
