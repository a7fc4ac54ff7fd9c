// One simulated thread: both ends of it. In come messages and the thread's
// program; out go messages at the thread's own time, which runs ahead of the
// world's by what its guests have spent. It must never hand anything over by
// reference, nor after its end.

import { assert } from "../kernel/mod.ts";
import type {
  Clock,
  Random,
  SandboxThread,
  ThreadMessage,
  ThreadScope,
} from "../ports/mod.ts";
import type { SimSandboxOptions } from "./sandbox.ts";
import { SimProcessor } from "./sandbox_processor.ts";

/**
 * What a guest's look at the epoch costs: a loop of 1000 rounds takes 10 ms,
 * and one that spends 300 ms is over after 30,000 looks.
 */
const acknowledgeMicroseconds = 10;

export type SimThreadOptions = SimSandboxOptions & {
  readonly onEnd: () => void;
};

type Handle = (message: ThreadMessage) => void;

export class SimThread implements SandboxThread {
  readonly #name: string;
  readonly #options: SimThreadOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #processor: SimProcessor;
  /** Cloned messages for the thread, until it listens. */
  #inbox: ThreadMessage[] = [];
  /** Cloned messages of the thread, each with a timer that takes one. */
  readonly #outbox: ThreadMessage[] = [];
  #handle: Handle | undefined;
  #fail: ((cause: Error) => void) | undefined;
  #failure: Error | undefined;
  #guestHandle: Handle | undefined;
  #ended = false;
  #wedged = false;

  constructor(name: string, options: SimThreadOptions) {
    this.#name = name;
    this.#options = options;
    this.#clock = options.clock;
    this.#random = options.random.fork(`thread ${name}`);
    this.#processor = new SimProcessor(options.clock);
    this.#inGuest(0, () => options.program(this.#scope(), name));
  }

  post(message: ThreadMessage, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#ended) return;
    const clone = cloneMessage(message, transfer);
    this.#clock.after(0, () => this.#deliver(clone));
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
    this.#processor.stop();
    this.#options.onEnd();
  }

  crash(): void {
    this.#clock.after(0, () => this.#die(new Error("simulated crash")));
  }

  wedge(): void {
    this.#wedged = true;
    this.#processor.stop();
  }

  #scope(): ThreadScope {
    const processor = this.#processor;
    return {
      post: (message, transfer = []) => this.#postOut(message, transfer),
      onMessage: (handle) => {
        assert(this.#guestHandle === undefined, "onMessage() is set once");
        this.#guestHandle = handle;
        for (const message of this.#inbox.splice(0)) this.#deliver(message);
      },
      nowMs: () => processor.nowMs(),
      wallMs: () => this.#clock.wallMs() + processor.aheadMs,
      fillRandom: (bytes) => this.#fillRandom(bytes),
      sha256: (bytes) => Promise.resolve(this.#options.signer.sha256(bytes)),
      after: (delayMs, run) => this.#inGuest(delayMs, run),
      soon: (run) => this.#inGuest(0, run),
      epoch: {
        get memory() {
          return tickedMemory();
        },
        enter() {},
        leave() {},
        acknowledge: () => processor.spend(acknowledgeMicroseconds),
      },
    };
  }

  #deliver(message: ThreadMessage): void {
    const handle = this.#guestHandle;
    if (handle === undefined) this.#inbox.push(message);
    else this.#processor.add(() => this.#guard(() => handle(message)));
  }

  #postOut(message: ThreadMessage, transfer: readonly ArrayBuffer[]): void {
    if (this.#ended || this.#wedged) return;
    this.#outbox.push(cloneMessage(message, transfer));
    const { aheadMs } = this.#processor;
    this.#clock.after(aheadMs, () => {
      const posted = this.#outbox.shift();
      // A thread that was wedged meanwhile has not come so far.
      if (this.#ended || (this.#wedged && aheadMs > 0)) return;
      assert(this.#handle !== undefined, "onMessage() is set before messages");
      this.#handle(posted);
    });
  }

  #fillRandom(bytes: Uint8Array<ArrayBuffer>): void {
    for (let at = 0; at < bytes.length; at += 65_536) {
      const length = Math.min(65_536, bytes.length - at);
      bytes.set(this.#random.bytes(length), at);
    }
  }

  #inGuest(delayMs: number, run: () => unknown): void {
    this.#processor.after(delayMs, () => this.#guard(run));
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

let ticked: WebAssembly.Memory | undefined;

/** Time passes at every look of every thread, so one page serves all. */
function tickedMemory(): WebAssembly.Memory {
  if (ticked === undefined) {
    ticked = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    new Int32Array(ticked.buffer)[0] = 1;
  }
  return ticked;
}
