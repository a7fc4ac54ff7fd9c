// Threads without permissions, as Workers of one entry file. In come names and
// messages; out go messages and, once, the error a thread died of. This is the
// only file of the project that makes Workers: leaving the permissions out
// would give a Worker all rights of its parent.

import { setImmediate } from "node:timers";
import { assert } from "../kernel/mod.ts";
import type { Sandbox, SandboxThread, ThreadMessage } from "../ports/mod.ts";
import { listeningMark } from "./thread_scope.ts";

export type SandboxOptions = {
  /** The entry file of every thread; its role is threadRole(). */
  readonly mainUrl: string;
  /** The machine's cores unless told. */
  readonly cores?: number | undefined;
};

let openThreads = 0;

/** Threads not yet terminated nor dead: test sanitizers do not see them. */
export function openThreadCount(): number {
  return openThreads;
}

export function openSandbox(options: SandboxOptions): Sandbox {
  const cores = options.cores ?? navigator.hardwareConcurrency;
  return {
    cores: Math.max(1, Math.trunc(cores)),
    spawn: (name) => new WorkerThread(options.mainUrl, name),
  };
}

type Posted = {
  readonly message: ThreadMessage;
  readonly transfer: ArrayBuffer[];
};

class WorkerThread implements SandboxThread {
  readonly #worker: Worker;
  /** Kept until the thread listens: Deno 2.9.6 drops what comes earlier. */
  #early: Posted[] | undefined = [];
  #handle: ((message: ThreadMessage) => void) | undefined;
  #fail: ((cause: Error) => void) | undefined;
  #failure: Error | undefined;
  #ended = false;

  constructor(mainUrl: string, name: string) {
    this.#worker = new Worker(mainUrl, {
      type: "module",
      name,
      deno: { permissions: "none" },
    });
    openThreads++;
    this.#worker.onmessage = (event) => this.#receive(event.data);
    this.#worker.onmessageerror = () =>
      this.#die(new Error(`Thread "${name}" sent an unreadable message`));
    this.#worker.onerror = (event) => {
      // Without this the error ends the whole process.
      event.preventDefault();
      const cause: unknown = event.error;
      this.#die(
        new Error(`Thread "${name}" died: ${event.message}`, { cause }),
      );
    };
  }

  post(message: ThreadMessage, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#ended) return;
    const moved = [...transfer];
    if (this.#early === undefined) {
      this.#worker.postMessage(message, moved);
      return;
    }
    // Cloned now, as postMessage would: the caller may change it afterwards.
    this.#early.push(
      structuredClone({ message, transfer: moved }, { transfer: moved }),
    );
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  onMessage(handle: (message: ThreadMessage) => void): void {
    assert(this.#handle === undefined, "onMessage() is set once");
    this.#handle = handle;
  }

  onFailure(handle: (cause: Error) => void): void {
    assert(this.#fail === undefined, "onFailure() is set once");
    this.#fail = handle;
    const failure = this.#failure;
    if (failure !== undefined) queueMicrotask(() => handle(failure));
  }

  terminate(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#early = undefined;
    openThreads--;
    this.#worker.terminate();
  }

  #receive(message: ThreadMessage): void {
    if (this.#ended) return;
    if (this.#early !== undefined && message === listeningMark) {
      const early = this.#early;
      this.#early = undefined;
      for (const { message, transfer } of early) {
        this.#worker.postMessage(message, transfer);
      }
      return;
    }
    assert(this.#handle !== undefined, "onMessage() is set before messages");
    this.#handle(message);
  }

  #die(failure: Error): void {
    if (this.#ended) return;
    this.terminate();
    this.#failure = failure;
    this.#fail?.(failure);
  }
}
