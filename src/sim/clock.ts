// The clock of one simulated machine. Its monotonic time starts anywhere and
// runs with the world, or slower or faster than it; its wall clock may be wrong
// and may jump. A machine may
// be frozen (SIGSTOP, a starved event loop) and thawed, and may be killed:
// then none of its timers ever runs. Never reads a real clock.

import { assert, sleepBy } from "../kernel/mod.ts";
import type { Clock } from "../ports/mod.ts";
import type { World } from "./world.ts";

// 2026-01-01T00:00:00Z: any fixed date does.
const worldStartWallMs = 1_767_225_600_000;
const originMsBelow = 1_000_000_000;

/**
 * The clock of one machine.
 *
 * @param options.name Of the machine; its own stream of randomness.
 */
export function openSimClock(
  world: World,
  options: { readonly name?: string } = {},
): SimClock {
  return new SimClock(world, options.name ?? "clock");
}

type MachineTimer = {
  /** Undefined once it was cancelled. */
  run: (() => void) | undefined;
  inWorld: Disposable | undefined;
};

/** A clock that tests can set wrong, freeze and kill. */
export class SimClock implements Clock {
  readonly #world: World;
  /** What its clock showed when the world's time was `#sinceMs`. */
  #originMs: number;
  #sinceMs = 0;
  #rate = 1;
  /** The rest is as `#originMs`, without the machine's own start. */
  #wallOriginMs = 0;
  readonly #held: MachineTimer[] = [];
  readonly #timers = new Set<MachineTimer>();
  #wallOffsetMs = 0;
  #state: "running" | "frozen" | "killed" = "running";

  /** For `openSimClock`; the name picks where monotonic time starts. */
  constructor(world: World, name: string) {
    this.#world = world;
    // Machines do not agree on monotonic time: code that compares the clocks
    // of two of them must fail here too.
    this.#originMs = world.random.fork(`clock ${name}`).integer(originMsBelow);
  }

  nowMs(): number {
    return this.#originMs + this.#passedMs;
  }

  wallMs(): number {
    const sinceStartMs = this.#wallOriginMs + this.#passedMs;
    return worldStartWallMs + Math.floor(sinceStartMs + this.#wallOffsetMs);
  }

  after(delayMs: number, run: () => void): Disposable {
    const timer: MachineTimer = { run, inWorld: undefined };
    if (this.#state !== "killed") {
      this.#timers.add(timer);
      timer.inWorld = this.#world.after(delayMs / this.#rate, () => {
        this.#timers.delete(timer);
        this.#run(timer);
      });
    }
    return { [Symbol.dispose]: () => this.#drop(timer) };
  }

  /** Timers that are set, or wait for the thaw. */
  get timerCount(): number {
    return this.#timers.size + this.#held.length;
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepBy((delay, run) => this.after(delay, run), { delayMs, signal });
  }

  /** How far the wall clock is off, from now on: negative is behind. */
  setWallOffset(offsetMs: number): void {
    assert(Number.isFinite(offsetMs), "a wall clock is off by milliseconds");
    this.#wallOffsetMs = offsetMs;
  }

  /**
   * Both its clocks run so many times as fast from now on; timers that are set
   * already come due as they would have.
   */
  setRate(rate: number): void {
    assert(rate >= 0.1 && rate <= 10, "a clock runs 0.1 to 10 times as fast");
    const passedMs = this.#passedMs;
    this.#originMs += passedMs;
    this.#wallOriginMs += passedMs;
    this.#sinceMs = this.#world.nowMs;
    this.#rate = rate;
  }

  /** Timers wait from now on; time goes on. */
  freeze(): void {
    if (this.#state === "running") this.#state = "frozen";
  }

  /** Timers that came due meanwhile run now, in their order. */
  thaw(): void {
    if (this.#state !== "frozen") return;
    this.#state = "running";
    for (const timer of this.#held.splice(0)) {
      this.#world.after(0, () => this.#run(timer));
    }
  }

  /** No timer of this machine ever runs again, nor does a sleep end. */
  kill(): void {
    this.#state = "killed";
    this.#held.length = 0;
    for (const timer of [...this.#timers]) this.#drop(timer);
  }

  get #passedMs(): number {
    return (this.#world.nowMs - this.#sinceMs) * this.#rate;
  }

  #drop(timer: MachineTimer): void {
    timer.run = undefined;
    if (this.#timers.delete(timer)) timer.inWorld?.[Symbol.dispose]();
  }

  #run(timer: MachineTimer): void {
    if (this.#state === "running") timer.run?.();
    else if (this.#state === "frozen") this.#held.push(timer);
  }
}
