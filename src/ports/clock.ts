// Time as a port: a monotonic clock for every deadline, a wall clock only for
// people and certificates, and timers. Production uses the machine's clocks,
// the simulator a virtual one. Nothing may order events by the wall clock.

/** Of one machine: `nowMs` of two machines do not compare. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start; never goes back. */
  nowMs(): number;
  /** Whole milliseconds since 1970-01-01 UTC; may jump either way. */
  wallMs(): number;
  /**
   * Calls `run` once, `delayMs` from now. Disposing cancels; harmless after it
   * ran. Timers of equal deadline run in the order they were set.
   */
  after(delayMs: number, run: () => void): Disposable;
  /**
   * Resolves `delayMs` from now.
   *
   * @throws The signal's reason when it aborts first.
   */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}
