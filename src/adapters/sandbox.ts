// Threads without permissions, as Workers of one entry file. In come names and
// messages; out go messages and, once, the error a thread died of. This is the
// only file of the project that makes Workers: leaving the permissions out
// would give a Worker all rights of its parent.

import { assert } from "../kernel/mod.ts";
import type { Sandbox, SandboxThread, ThreadMessage } from "../ports/mod.ts";
import { SandboxTicker } from "./sandbox_ticker.ts";
import { listeningMark } from "./thread_scope.ts";
import { tickerRole } from "./ticker.ts";

export type SandboxOptions = {
  /** The entry file of every thread; its role is threadRole(). */
  readonly mainUrl: string;
  /** The machine's cores unless told. */
  readonly cores?: number | undefined;
  /**
   * A file or directory that may be opened, to see whether there are file
   * descriptors left; undefined: it is not looked at.
   */
  readonly probePath?: string | undefined;
};

let openThreads = 0;

/**
 * Threads not yet terminated nor dead: test sanitizers do not see them. A
 * sandbox's ticker does not count: it ends with the last of its threads.
 */
export function openThreadCount(): number {
  return openThreads;
}

export function openSandbox(options: SandboxOptions): Sandbox {
  const { mainUrl, cores, probePath } = options;
  const ticker = new SandboxTicker((hooks) =>
    new WorkerThread(mainUrl, { name: tickerRole, ...hooks, onEnd: () => {} })
  );
  return {
    cores: Math.max(1, Math.trunc(cores ?? navigator.hardwareConcurrency)),
    memoryBytes: machineMemoryBytes(),
    canSpawn: () => probePath === undefined || hasDescriptors(probePath),
    spawn(name) {
      const thread: WorkerThread = new WorkerThread(mainUrl, {
        name,
        onListening(page) {
          assert(page instanceof SharedArrayBuffer, "a thread has a page");
          ticker.add(thread, page);
          return ticker.bell;
        },
        onEnd() {
          openThreads--;
          ticker.remove(thread);
        },
      });
      openThreads++;
      return thread;
    },
  };
}

/** A thread takes 6, the ticker as many; others open some meanwhile. */
const freeDescriptorsMin = 16;

/** Tries it: Deno's own threads panic when there are none left. */
function hasDescriptors(path: string): boolean {
  const files: Deno.FsFile[] = [];
  try {
    while (files.length < freeDescriptorsMin) files.push(Deno.openSync(path));
    return true;
  } catch (cause) {
    if (!(cause instanceof Error) || !/os error 2[34]\b/.test(cause.message)) {
      throw cause;
    }
    return false;
  } finally {
    for (const file of files) file.close();
  }
}

/** Undefined without the right to ask. */
function machineMemoryBytes(): number | undefined {
  const right = { name: "sys", kind: "systemMemoryInfo" } as const;
  const { state } = Deno.permissions.querySync(right);
  return state === "granted" ? Deno.systemMemoryInfo().total : undefined;
}

type ThreadOptions = {
  readonly name: string;
  /** Gets what the thread announced; gives the message it hears first. */
  readonly onListening: (announced: unknown) => ThreadMessage;
  readonly onEnd: () => void;
};

type Posted = {
  readonly message: ThreadMessage;
  readonly transfer: ArrayBuffer[];
};

class WorkerThread implements SandboxThread {
  readonly #worker: Worker;
  readonly #options: ThreadOptions;
  /** Kept until the thread listens: Deno 2.9.6 drops what comes earlier. */
  #early: Posted[] | undefined = [];
  #handle: ((message: ThreadMessage) => void) | undefined;
  #fail: ((cause: Error) => void) | undefined;
  #failure: Error | undefined;
  #ended = false;

  constructor(mainUrl: string, options: ThreadOptions) {
    const { name } = options;
    this.#options = options;
    this.#worker = new Worker(mainUrl, {
      type: "module",
      name,
      deno: { permissions: "none" },
    });
    this.#worker.onmessage = (event) => this.#receive(event.data);
    this.#worker.onmessageerror = () =>
      this.fail(new Error(`Thread "${name}" sent an unreadable message`));
    this.#worker.onerror = (event) => {
      // Without this the error ends the whole process.
      event.preventDefault();
      const cause: unknown = event.error;
      this.fail(
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
    this.#worker.terminate();
    this.#options.onEnd();
  }

  /** As if it had died by itself. */
  fail(failure: Error): void {
    if (this.#ended) return;
    this.terminate();
    this.#failure = failure;
    this.#fail?.(failure);
  }

  #receive(message: ThreadMessage): void {
    if (this.#ended) return;
    if (this.#early !== undefined && isListening(message)) {
      return this.#listens(this.#early, message[1]);
    }
    assert(this.#handle !== undefined, "onMessage() is set before messages");
    this.#handle(message);
  }

  #listens(early: readonly Posted[], announced: unknown): void {
    this.#early = undefined;
    this.#worker.postMessage(this.#options.onListening(announced));
    for (const { message, transfer } of early) {
      this.#worker.postMessage(message, transfer);
    }
  }
}

function isListening(
  message: ThreadMessage,
): message is readonly [string, unknown] {
  return Array.isArray(message) && message[0] === listeningMark;
}
