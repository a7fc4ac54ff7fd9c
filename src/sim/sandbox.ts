// Threads in one process and in virtual time. In comes the very program that
// production threads run; messages are cloned and arrive in order, each by a
// timer of the clock. Tests may crash a thread, or wedge it: from then on it
// does nothing. Nothing reaches either side by reference, or after its end.

import { assert } from "../kernel/mod.ts";
import type {
  Clock,
  Random,
  Sandbox,
  SandboxThread,
  Signer,
  ThreadScope,
} from "../ports/mod.ts";
import { SimThread } from "./sandbox_thread.ts";

/** What a thread runs; `name` is what spawn() was given. */
export type ThreadProgram = (
  scope: ThreadScope,
  name: string,
) => void | Promise<void>;

/** `random` and `clock` are the process's own. */
export type SimSandboxOptions = {
  readonly clock: Clock;
  readonly random: Random;
  readonly program: ThreadProgram;
  /** The real one: hashes are not simulated. */
  readonly signer: Pick<Signer, "sha256">;
  /** 2 unless told. */
  readonly cores?: number | undefined;
  /** Unknown unless told. */
  readonly memoryBytes?: number | undefined;
};

/** Threads that tests can crash and wedge. */
export interface SimSandbox extends Sandbox {
  /** The program starts by a timer of the clock, never at once. */
  spawn(name: string): SandboxThread;
  /** Threads that neither died nor were terminated, oldest first. */
  threads(): readonly SandboxThread[];
  /** Lets a thread die of an error of its own. */
  crash(thread: SandboxThread): void;
  /** From now on the thread handles nothing; messages to it are kept. */
  wedge(thread: SandboxThread): void;
}

/** Holds nothing to dispose: threads are objects here. */
export function openSimSandbox(options: SimSandboxOptions): SimSandbox {
  return new SimulatedSandbox(options);
}

class SimulatedSandbox implements SimSandbox {
  readonly cores: number;
  readonly memoryBytes: number | undefined;
  readonly #options: SimSandboxOptions;
  readonly #threads = new Set<SimThread>();

  constructor(options: SimSandboxOptions) {
    this.cores = options.cores ?? 2;
    this.memoryBytes = options.memoryBytes;
    this.#options = options;
  }

  canSpawn(): boolean {
    return true;
  }

  spawn(name: string): SandboxThread {
    const thread: SimThread = new SimThread(name, {
      ...this.#options,
      onEnd: () => this.#threads.delete(thread),
    });
    this.#threads.add(thread);
    return thread;
  }

  threads(): readonly SandboxThread[] {
    return [...this.#threads];
  }

  crash(thread: SandboxThread): void {
    assert(thread instanceof SimThread, "a simulated sandbox made the thread");
    thread.crash();
  }

  wedge(thread: SandboxThread): void {
    assert(thread instanceof SimThread, "a simulated sandbox made the thread");
    thread.wedge();
  }
}
