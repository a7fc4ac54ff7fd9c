// One call as its thread sees it: who asked, how long it may run, how it was
// ended, and what it waits for. One object per call, made a hundred thousand
// times a second: plain fields, nothing allocated before it is needed.

import type { SeedError } from "../threads/mod.ts";

/** Rejects what a guest waits for. */
type Reject = (fault: SeedError) => void;

export type CallLimit = {
  /** On the thread's clock. */
  readonly deadlineMs: number;
  /** Time on the processor. */
  readonly cpuMs: number;
  readonly pace: Pace;
  /** Of all calls of the seed on this thread: grows as they run. */
  readonly account: { cpuMs: number };
};

/** Of all calls of one function of a seed on one thread. */
export type Pace = {
  /** One that runs, or the one that ended last, took more than one turn. */
  isLong: boolean;
};

export class CallState {
  /** Time on the processor, without what runs right now. */
  cpuMs = 0;
  /** When the guest last began to run, on the thread's clock. */
  sliceStartMs = 0;
  /** Why it is over, although its guest may not know yet. */
  fault: SeedError | undefined;
  loggedBytes = 0;
  #waits: Set<Reject> | undefined;

  constructor(
    /** The call's id, or minus the load's number while a module is tried. */
    readonly id: number,
    /** JSON for pollen_caller_info; "" when there is none. */
    readonly caller: string,
    readonly limit: CallLimit,
  ) {}

  /** Ends it: its guest dies at its next check, what it waits for at once. */
  end(fault: SeedError): void {
    if (this.fault !== undefined) return;
    this.fault = fault;
    for (const reject of this.#waits ?? []) reject(fault);
  }

  /** Waits for what `start` begins, or until the call is over. */
  async wait<T>(start: () => Promise<T>): Promise<T> {
    if (this.fault !== undefined) throw this.fault;
    const over = Promise.withResolvers<never>();
    const waits = this.#waits ??= new Set();
    waits.add(over.reject);
    try {
      return await Promise.race([start(), over.promise]);
    } finally {
      waits.delete(over.reject);
    }
  }
}
