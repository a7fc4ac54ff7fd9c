// One seed on one thread: its module, how it was set up, and its instances. A
// call gets an instance, runs and gives it back; when the node's budget has no
// room for one more, it waits for others to end.

import type { Bytes } from "../kernel/mod.ts";
import type { ModulePlan } from "../wasm/mod.ts";
import { CallState, type Pace } from "./call_state.ts";
import { SeedError, type SeedSetup } from "../threads/mod.ts";
import type { Guest, GuestHost } from "./guest.ts";
import { Instances } from "./instances.ts";
import { loadedModule } from "./loaded_module.ts";

/** A module must start within this time. */
const startMsMax = 10_000;
/** Processor time that the first start may take, whatever calls may. */
const startCpuMsMin = 1_000;
/** A call of less processor time shows that its function is short. */
const shortMs = 2;
/** Before its deadline it says why it waited: later, nobody would hear. */
const roomMarginMs = 150;
/** How often a call looks whether there is room for its instance now. */
const roomEveryMs = 20;

export type LoadedSeedParts = {
  readonly module: WebAssembly.Module;
  readonly plan: ModulePlan;
  readonly setup: SeedSetup;
  readonly host: GuestHost;
};

export class LoadedSeed {
  readonly setup: SeedSetup;
  readonly instances: Instances;
  /** On the thread's clock. */
  lastUsedMs = 0;
  /** By function: one that loops says nothing about its neighbours. */
  readonly #paces: ReadonlyMap<string, Pace>;
  readonly #host: GuestHost;
  #refreshing: CallState | undefined;

  constructor({ module, plan, setup, host }: LoadedSeedParts) {
    this.setup = setup;
    this.#host = host;
    const loaded = loadedModule(module, plan);
    this.#paces = new Map(
      [...loaded.callable].map((fn) => [fn, { isLong: false }]),
    );
    this.instances = new Instances({ loaded, setup, host });
  }

  /** A call of this seed that begins now. */
  newCall(
    id: number,
    caller: string,
    { fn, leftMs }: { readonly fn: string; readonly leftMs: number },
  ): CallState {
    const deadlineMs = this.#host.meter.lastMs + leftMs;
    const { cpuMs } = this.setup;
    const pace = this.#paces.get(fn) ?? { isLong: false };
    const account = this.instances;
    return new CallState(id, caller, { deadlineMs, cpuMs, pace, account });
  }

  /** The call in whose name an instance is initialised outside of any. */
  trialCall(id: number): CallState {
    return new CallState(id, "", {
      deadlineMs: this.#host.meter.look() + startMsMax,
      cpuMs: this.#startCpuMs,
      pace: { isLong: false },
      account: this.instances,
    });
  }

  /** @throws {SeedError} Why it does not start. */
  async open(call: CallState): Promise<void> {
    const { scope } = this.#host;
    scope.after(startMsMax, () => call.end(this.#tooSlow()));
    try {
      while (!await this.instances.open(call)) await this.#waitForRoom(call);
    } catch (cause) {
      if (!(cause instanceof SeedError) || cause.reason !== "timeout") {
        throw cause;
      }
      throw this.#tooSlow();
    }
  }

  #tooSlow(): SeedError {
    return new SeedError(
      "timeout",
      `Seed "${this.setup.name}" does not start within ` +
        `${startMsMax / 1000} seconds, or ` +
        `${this.#startCpuMs / 1000} on the processor`,
      { hint: "Look for a loop in its start function or initializer" },
    );
  }

  get #startCpuMs(): number {
    return Math.min(startMsMax, Math.max(this.setup.cpuMs, startCpuMsMin));
  }

  /** @throws {SeedError} Why the call failed. */
  async run(call: CallState, fn: string, input: Bytes): Promise<Bytes> {
    const { instances } = this;
    const { pace } = call.limit;
    this.lastUsedMs = this.#host.meter.lastMs;
    // Behind those that wait for their turn: small calls of others go first.
    if (pace.isLong) await this.#host.meter.turn();
    if (call.fault !== undefined) throw call.fault;
    let guest: Guest | undefined;
    for (;;) {
      const taken = instances.take(call);
      guest = taken instanceof Promise ? await taken : taken;
      if (guest !== undefined) break;
      await this.#waitForRoom(call);
    }
    try {
      const output = await guest.run(call, fn, input);
      instances.giveBack(guest);
      return output;
    } catch (cause) {
      if (hasReturned(cause)) instances.giveBack(guest);
      else instances.drop(guest);
      throw cause;
    } finally {
      if (call.cpuMs < shortMs) pace.isLong = false;
    }
  }

  /**
   * Initialises once more, within the limits of a call of the seed.
   *
   * @param id As in `trialCall`.
   * @throws {SeedError} Why that failed; it is not tried again.
   */
  async refresh(id: number): Promise<void> {
    const { meter, scope } = this.#host;
    const { cpuMs } = this.setup;
    const call = this.#refreshing = new CallState(id, "", {
      deadlineMs: meter.look() + startMsMax,
      cpuMs,
      pace: { isLong: true },
      account: this.instances,
    });
    scope.after(startMsMax, () => call.end(this.#tooSlow()));
    try {
      await this.instances.refresh(call);
    } finally {
      this.#refreshing = undefined;
    }
  }

  /** Calls that run go on; nothing is left when they have ended. */
  close(): void {
    this.#refreshing?.end(new SeedError("lost", "The seed is not wanted"));
    this.instances.close();
  }

  async #waitForRoom(call: CallState): Promise<void> {
    const { scope, meter } = this.#host;
    this.#host.makeRoom();
    if (meter.look() > call.limit.deadlineMs - roomMarginMs) {
      throw new SeedError(
        "memory",
        "The node's memory for seeds is full of running calls",
        { hint: "Try again, or give its seeds less with --memory" },
      );
    }
    await call.wait(() => {
      const { promise, resolve } = Promise.withResolvers<void>();
      scope.after(roomEveryMs, resolve);
      return promise;
    });
  }
}

/** Its functions ended in their own time: its state is whole. */
function hasReturned(cause: unknown): boolean {
  return cause instanceof SeedError &&
    (cause.reason === "seed" || cause.reason === "output" ||
      cause.reason === "no-function");
}
