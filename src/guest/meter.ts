// Who runs on a thread and for how long. Guests call `tick` when they see that
// the epoch word is set; here it is decided whether they go on, wait for their
// turn, or are over. Turns are round-robin, one slice each, with the thread's
// messages and timers between two of them, so that small calls pass long ones.

import type { ThreadScope } from "../ports/mod.ts";
import type { CallState } from "./call_state.ts";
import { SeedError } from "../threads/mod.ts";

/** What the kernel's "tick" import answers. */
export const verdict = { goOn: 0, wait: 1, over: 2 } as const;

/**
 * A guest runs at least this long before others get their turn. It ends at a
 * tick, which come every 5 ms: less than that, or most would last for two.
 */
const sliceMs = 2;
/** And so long when nobody is known to wait: timers and messages are. */
const aloneSliceMs = 20;

type MeterScope = Pick<ThreadScope, "nowMs" | "soon" | "after" | "epoch">;

/** What the thread has to do beside the guests that entered. */
export type OtherWork = {
  /** Messages wait to be received. */
  isMailWaiting(): boolean;
  /** Messages were received and not yet handled. */
  isMailUnread(): boolean;
};

export class Meter {
  readonly #scope: MeterScope;
  readonly #other: OtherWork;
  readonly #ready: (() => void)[] = [];
  #isTurnDue = false;
  #awake = 0;
  #entered = 0;
  #turnStartMs = 0;
  #isInTurn = false;
  /** The time when it was last looked at: now, but for what runs. */
  lastMs: number;

  constructor(scope: MeterScope, other: OtherWork) {
    this.#scope = scope;
    this.#other = other;
    this.lastMs = scope.nowMs();
  }

  /** The thread has not looked for messages and timers for a slice. */
  get isTurnOver(): boolean {
    const nowMs = this.look();
    if (!this.#isInTurn) {
      this.#isInTurn = true;
      this.#turnStartMs = nowMs;
      this.#scope.soon(() => this.#isInTurn = false);
    }
    return nowMs - this.#turnStartMs >= sliceMs;
  }

  /** Looks at the time. */
  look(): number {
    return this.lastMs = this.#scope.nowMs();
  }

  /** Guests that run, or will when those before them end or sleep. */
  get awake(): number {
    return this.#awake;
  }

  /** The call's guest begins to run. */
  enter(call: CallState): void {
    this.#entered++;
    this.wake(call);
  }

  /** The call's guest has ended. */
  leave(call: CallState): void {
    this.#entered--;
    this.sleep(call);
  }

  /** The call's guest runs on. */
  wake(call: CallState): void {
    call.sliceStartMs = this.look();
    if (this.#awake++ === 0) this.#scope.epoch.enter();
  }

  /** The call's guest falls asleep. */
  sleep(call: CallState): void {
    const ranMs = this.look() - call.sliceStartMs;
    call.cpuMs += ranMs;
    call.limit.account.cpuMs += ranMs;
    if (--this.#awake === 0) this.#scope.epoch.leave();
  }

  /** A running guest asks what to do; one of `verdict`. */
  tick(call: CallState): number {
    this.#scope.epoch.acknowledge();
    const runMs = this.look() - call.sliceStartMs;
    this.#endIfOver(call, runMs);
    if (call.fault !== undefined) return verdict.over;
    const isAlone = this.#entered === 1 && !this.#other.isMailWaiting() &&
      !this.#other.isMailUnread();
    const patienceMs = isAlone ? aloneSliceMs : sliceMs;
    return runMs < patienceMs ? verdict.goOn : verdict.wait;
  }

  /** Resolves when it is the turn of the call's guest again. */
  async suspend(call: CallState): Promise<void> {
    this.sleep(call);
    call.limit.pace.isLong = true;
    await this.turn();
    this.wake(call);
  }

  /** Resolves when all have had their turn that wait for it now. */
  turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ready.push(resolve);
    this.#plan();
    return promise;
  }

  /**
   * By a timer if messages wait: Deno 2.9.6 looks for a worker's messages only
   * after 29 immediates. Timers take 2 ms each, so not otherwise.
   */
  #plan(): void {
    if (this.#isTurnDue || this.#ready.length === 0) return;
    this.#isTurnDue = true;
    const run = () => {
      this.#isTurnDue = false;
      this.#ready.shift()?.();
      this.#plan();
    };
    if (this.#other.isMailWaiting()) this.#scope.after(0, run);
    else this.#scope.soon(run);
  }

  #endIfOver(call: CallState, runMs: number): void {
    const { cpuMs, deadlineMs } = call.limit;
    if (call.cpuMs + runMs > cpuMs) {
      call.end(overCpu(cpuMs));
    } else if (call.sliceStartMs + runMs > deadlineMs) {
      call.end(new SeedError("timeout", "The call ran into its deadline"));
    }
  }
}

function overCpu(cpuMs: number): SeedError {
  return new SeedError(
    "timeout",
    `The seed used more than ${cpuMs} ms of processor time`,
    { hint: 'Mend its loop, or allow it more with "--cpu"' },
  );
}
