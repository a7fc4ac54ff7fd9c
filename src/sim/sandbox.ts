// Threads in one process and in virtual time. In comes the very program that
// production threads run; messages are cloned and arrive in order, each by a
// timer of the clock. Tests may crash a thread, or wedge it as a looping guest
// would. Nothing may reach either side by reference, or after terminate().

import { assert } from "../kernel/mod.ts";
import type {
  Clock,
  Random,
  Sandbox,
  SandboxThread,
  ThreadMessage,
  ThreadScope,
} from "../ports/mod.ts";

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
  /** 2 unless told. */
  readonly cores?: number | undefined;
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
  readonly #options: SimSandboxOptions;
  readonly #threads = new Set<SimThread>();

  constructor(options: SimSandboxOptions) {
    this.cores = options.cores ?? 2;
    this.#options = options;
  }

  spawn(name: string): SandboxThread {
    const thread = new SimThread(name, this.#options, {
      onEnd: (ended) => this.#threads.delete(ended),
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

type Handle = (message: ThreadMessage) => void;

class SimThread implements SandboxThread {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onEnd: (thread: SimThread) => void;
  /** Cloned messages for the thread, until it listens or for ever. */
  #inbox: ThreadMessage[] = [];
  #handle: Handle | undefined;
  #fail: ((cause: Error) => void) | undefined;
  #failure: Error | undefined;
  #guestHandle: Handle | undefined;
  #ended = false;
  #wedged = false;

  constructor(
    name: string,
    options: SimSandboxOptions,
    hooks: { readonly onEnd: (thread: SimThread) => void },
  ) {
    this.#name = name;
    this.#clock = options.clock;
    this.#random = options.random.fork(`thread ${name}`);
    this.#onEnd = hooks.onEnd;
    this.#inGuest(0, () => options.program(this.#scope(), name));
  }

  post(message: ThreadMessage, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#ended) return;
    const clone = cloneMessage(message, transfer);
    this.#clock.after(0, () => {
      if (this.#ended) return;
      this.#inbox.push(clone);
      this.#drainInbox();
    });
  }

  soon(run: () => void): void {
    this.#clock.after(0, run);
  }

  onMessage(handle: Handle): void {
    assert(this.#handle === undefined, "onMessage() is set once");
    this.#handle = handle;
  }

  onFailure(handle: (cause: Error) => void): void {
    assert(this.#fail === undefined, "onFailure() is set once");
    this.#fail = handle;
    const failure = this.#failure;
    if (failure !== undefined) this.#clock.after(0, () => handle(failure));
  }

  terminate(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#inbox = [];
    this.#onEnd(this);
  }

  crash(): void {
    this.#clock.after(0, () => this.#die(new Error("simulated crash")));
  }

  wedge(): void {
    this.#wedged = true;
  }

  #scope(): ThreadScope {
    return {
      post: (message, transfer = []) => this.#postOut(message, transfer),
      onMessage: (handle) => {
        assert(this.#guestHandle === undefined, "onMessage() is set once");
        this.#guestHandle = handle;
        this.#inGuest(0, () => this.#drainInbox());
      },
      nowMs: () => this.#clock.nowMs(),
      wallMs: () => this.#clock.wallMs(),
      fillRandom: (bytes) => this.#fillRandom(bytes),
      after: (delayMs, run) => this.#inGuest(delayMs, run),
    };
  }

  #postOut(message: ThreadMessage, transfer: readonly ArrayBuffer[]): void {
    if (this.#ended || this.#wedged) return;
    const clone = cloneMessage(message, transfer);
    this.#clock.after(0, () => {
      if (this.#ended) return;
      assert(this.#handle !== undefined, "onMessage() is set before messages");
      this.#handle(clone);
    });
  }

  #drainInbox(): void {
    const handle = this.#guestHandle;
    if (handle === undefined) return;
    while (!this.#ended && !this.#wedged && this.#inbox.length > 0) {
      const message = this.#inbox.shift();
      this.#guard(() => handle(message));
    }
  }

  #fillRandom(bytes: Uint8Array<ArrayBuffer>): void {
    for (let at = 0; at < bytes.length; at += 65_536) {
      const length = Math.min(65_536, bytes.length - at);
      bytes.set(this.#random.bytes(length), at);
    }
  }

  #inGuest(delayMs: number, run: () => unknown): void {
    this.#clock.after(delayMs, () => {
      if (!this.#ended && !this.#wedged) this.#guard(run);
    });
  }

  /** Runs a piece of the thread: what it throws, now or later, kills it. */
  #guard(run: () => unknown): void {
    try {
      const result = run();
      if (result instanceof Promise) {
        result.catch((cause) => this.#die(cause));
      }
    } catch (cause) {
      this.#die(cause);
    }
  }

  #die(cause: unknown): void {
    if (this.#ended) return;
    this.terminate();
    const text = cause instanceof Error ? cause.message : String(cause);
    const failure = new Error(`Thread "${this.#name}" died: ${text}`, {
      cause,
    });
    this.#failure = failure;
    this.#clock.after(0, () => this.#fail?.(failure));
  }
}

function cloneMessage(
  message: ThreadMessage,
  transfer: readonly ArrayBuffer[],
): ThreadMessage {
  return structuredClone(message, { transfer: [...transfer] });
}
