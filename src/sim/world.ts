// A world in one process: virtual time, one order of events, randomness from
// one seed number and a trace. Simulated ports hang on it. Time moves only in
// `run`, `settle` and `complete`, and only from timer to timer; between two
// timers all promise work runs to its end. Never reads a real clock.

import { assert, PlnError, TimerQueue } from "../kernel/mod.ts";
import type { Random } from "../ports/mod.ts";
import { openSimRandom } from "./random.ts";
import { Trace } from "./trace.ts";

/**
 * Resolves after every microtask that was ready has run.
 *
 * No JavaScript can ask whether microtasks are left, and counting awaited
 * turns misses chains longer than the count. A turn of the host's event loop
 * starts only when none is left, so the world takes one after each timer. It
 * is handed in (`openTurn` of the adapters): a simulator has no timers.
 */
export type Turn = () => Promise<void>;

/** The simulated world did not behave as its scenario demands. */
export class SimulationError extends PlnError {
  /** Not worth a retry: the same seed fails the same way. */
  readonly code = "PLN_SIMULATION";
  /** A bug, of the system or of the scenario. */
  readonly kind = "local";
}

// Long enough for every timer of a healthy node, short enough to end a test.
const settleMsDefault = 3_600_000;
const completeMsDefault = 3_600_000;

/** A world at time 0; all of its randomness comes from `seed`. */
export function openWorld(
  seed: number,
  options: { readonly turn: Turn },
): World {
  return new World(seed, options);
}

/** Virtual time, randomness and trace of one simulation. */
export class World {
  /** Whole, 0 to 2^53 - 1; brings the run back. */
  readonly seed: number;
  /** Fork it by name, so that parts do not disturb each other. */
  readonly random: Random;
  /** Equal for two runs of one seed. */
  readonly trace: Trace;
  readonly #timers = new TimerQueue();
  readonly #turn: Turn;
  #nowMs = 0;
  #outside = 0;
  #isRunning = false;

  /** For `openWorld`. */
  constructor(seed: number, options: { readonly turn: Turn }) {
    this.seed = seed;
    this.random = openSimRandom(seed);
    this.trace = new Trace(() => this.#nowMs);
    this.#turn = options.turn;
  }

  /** Virtual milliseconds since the world was opened. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Timers that are set. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** Calls `run` once in virtual time. Disposing cancels. */
  after(delayMs: number, run: () => void): Disposable {
    assert(
      Number.isFinite(delayMs) && delayMs >= 0,
      "a timer's delay is 0 or more milliseconds",
    );
    return this.#timers.add(this.#nowMs + delayMs, run);
  }

  /**
   * Stops virtual time until `work` has settled, for work that ends outside of
   * promise work. Two at once may end in any order: keep them to set-up, or
   * one at a time.
   */
  async outside<T>(work: Promise<T>): Promise<T> {
    this.#outside++;
    try {
      return await work;
    } finally {
      this.#outside--;
    }
  }

  /** Runs what is due up to `untilMs`, and ends at that virtual time. */
  async run(untilMs: number): Promise<void> {
    assert(untilMs >= this.#nowMs, "virtual time does not go back");
    await this.#drive(() =>
      (this.#timers.nextDeadlineMs ?? Infinity) > untilMs
    );
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /**
   * Runs until no timer is left.
   *
   * @throws {SimulationError} Timers are still set after `withinMs`.
   */
  async settle(options: { readonly withinMs?: number } = {}): Promise<void> {
    const withinMs = options.withinMs ?? settleMsDefault;
    const limitMs = this.#nowMs + withinMs;
    await this.#drive(() =>
      (this.#timers.nextDeadlineMs ?? Infinity) > limitMs
    );
    if (this.#timers.size === 0) return;
    throw this.#failure(
      `${this.#timers.size} timers are still set after ${withinMs} ms`,
    );
  }

  /**
   * Runs until `work` has settled, and settles as it does.
   *
   * @throws {SimulationError} Nothing is left that could settle it, or
   * `withinMs` of virtual time have passed.
   */
  async complete<T>(
    work: Promise<T>,
    options: { readonly withinMs?: number } = {},
  ): Promise<T> {
    const withinMs = options.withinMs ?? completeMsDefault;
    const limitMs = this.#nowMs + withinMs;
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    work.then(settled, settled);
    await this.#drive(() =>
      isSettled || (this.#timers.nextDeadlineMs ?? Infinity) > limitMs
    );
    if (isSettled) return await work;
    throw this.#failure(
      this.#timers.size === 0
        ? "Nothing is left that could settle what was awaited"
        : `What was awaited has not settled within ${withinMs} ms`,
    );
  }

  async #drive(isDone: () => boolean): Promise<void> {
    assert(!this.#isRunning, "one run of the world at a time");
    this.#isRunning = true;
    try {
      await this.#drain();
      while (!isDone()) {
        const dueMs = this.#timers.nextDeadlineMs;
        if (dueMs === undefined) break;
        this.#nowMs = dueMs;
        this.#timers.takeDue(dueMs)?.();
        await this.#drain();
      }
    } finally {
      this.#isRunning = false;
    }
  }

  async #drain(): Promise<void> {
    do {
      await this.#turn();
    } while (this.#outside > 0);
  }

  #failure(message: string): SimulationError {
    return new SimulationError(`${message} (seed ${this.seed})`, {
      hint: `Run the scenario again with seed ${this.seed}`,
    });
  }
}
