// The threads of a pool by what they are for: workers, each at a slot of its
// own, and one standby, which prepares modules and takes the place of a worker
// that is lost. Each is started when it is first needed, and never before.

import { SaturatedError } from "../threads/mod.ts";
import type { ThreadHandle } from "./thread_handle.ts";

export class Workers {
  readonly #slots: (ThreadHandle | undefined)[];
  readonly #canSpawn: () => boolean;
  readonly #spawn: () => ThreadHandle;
  #standby: ThreadHandle | undefined;

  /** @param cores Of the machine: one is left to the main thread. */
  constructor(
    cores: number,
    { canSpawn, spawn }: {
      readonly canSpawn: () => boolean;
      readonly spawn: () => ThreadHandle;
    },
  ) {
    this.#canSpawn = canSpawn;
    const count = Math.max(1, cores - 1);
    this.#slots = new Array<ThreadHandle | undefined>(count).fill(undefined);
    this.#spawn = spawn;
  }

  /** Slots, whether or not they have a thread. */
  get count(): number {
    return this.#slots.length;
  }

  /** All that run, the standby included. */
  get threads(): readonly ThreadHandle[] {
    return [...this.#slots, this.#standby].filter((one) => one !== undefined);
  }

  /**
   * The worker of a slot, started if it is not there; another one if it cannot
   * be started now.
   *
   * @throws {SaturatedError} There is none, and none can be started.
   */
  at(slot: number): ThreadHandle {
    const running = this.#slots[slot];
    if (running !== undefined) return running;
    if (!this.#canSpawn()) {
      const other = this.#slots.find((thread) => thread !== undefined);
      if (other !== undefined) return other;
      throw noDescriptors();
    }
    const thread = this.#spawn();
    thread.slot = slot;
    this.#slots[slot] = thread;
    return thread;
  }

  /**
   * Who prepares a module: the standby, so that no call waits for it. Until it
   * is up, a worker that can run none yet does it: the first call of all then
   * waits for the start of one thread, not of two.
   */
  get preparer(): ThreadHandle {
    if (this.#standby?.isUp) return this.#standby;
    const free = this.#slots.find((thread) => thread && !isInUse(thread));
    return free ?? this.#startStandby();
  }

  /** Starts the standby as soon as a worker is in use. */
  complete(): void {
    if (this.#standby !== undefined) return;
    const isAnyInUse = this.#slots.some((thread) => thread && isInUse(thread));
    if (isAnyInUse && this.#canSpawn()) this.#startStandby();
  }

  /** Calls that the slot's worker has, those included that wait there. */
  callsAt(slot: number): number {
    return this.#slots[slot]?.calls.size ?? 0;
  }

  /**
   * Takes a lost thread out; the standby follows a worker, and is replaced. One
   * that has not proved itself yet may be about to fail the same way.
   */
  replace(lost: ThreadHandle): void {
    const { slot } = lost;
    this.remove(lost);
    const thread = this.#standby;
    if (slot === undefined || !thread?.isUp) return;
    thread.slot = slot;
    this.#slots[slot] = thread;
    this.#standby = undefined;
    if (this.#canSpawn()) this.#startStandby();
  }

  #startStandby(): ThreadHandle {
    if (this.#standby !== undefined) return this.#standby;
    if (!this.#canSpawn()) throw noDescriptors();
    const thread = this.#standby = this.#spawn();
    void thread.ping(); // it says so when it is up
    return thread;
  }

  /** Takes a thread out that nobody needs. */
  remove(thread: ThreadHandle): void {
    if (this.#standby === thread) this.#standby = undefined;
    const { slot } = thread;
    if (slot !== undefined && this.#slots[slot] === thread) {
      this.#slots[slot] = undefined;
    }
  }
}

/** Calls may run there. */
function isInUse(thread: ThreadHandle): boolean {
  for (const load of thread.loads.values()) if (load.isReady) return true;
  return false;
}

function noDescriptors(): SaturatedError {
  return new SaturatedError(
    "This node has no file descriptors left to start a thread with",
    { hint: "Close connections, or raise its limit of open files" },
  );
}
