// The one ticker of a sandbox, seen by whoever starts threads: it lives as long
// as any of them and knows their pages. In come threads and their ends; out go
// a worker and what it must watch. One that dies is started anew, a few times:
// threads that nothing ticks could not be stopped, so they fail.

import type { SandboxThread } from "../ports/mod.ts";
import {
  announceMail,
  bellBytes,
  bellWords,
  epochs,
  pageWords,
  type Watch,
} from "./ticker.ts";

/** Tickers that may die before their threads are given up. */
const deathsMax = 3;

/** A thread in which guests may run. */
export type TickedThread = {
  fail(cause: Error): void;
};

export type TickerHooks = {
  /** The first message, when the ticker listens. */
  readonly onListening: () => Watch;
};

type Page = Int32Array<SharedArrayBuffer>;

export class SandboxTicker {
  readonly #start: (hooks: TickerHooks) => SandboxThread;
  /** Those that listen and have not ended. */
  readonly #threads = new Map<TickedThread, Page>();
  #bell = newBell();
  #worker: SandboxThread | undefined;
  #isListening = false;
  #deaths = 0;

  constructor(start: (hooks: TickerHooks) => SandboxThread) {
    this.#start = start;
  }

  /** What a thread rings; another one once all threads have ended. */
  get bell(): Int32Array<SharedArrayBuffer> {
    return this.#bell;
  }

  /**
   * The thread listens, and may run guests from now on. The first one starts
   * the ticker: any earlier it would take a core from the thread's own start.
   */
  add(thread: TickedThread, page: SharedArrayBuffer): void {
    this.#threads.set(thread, new Int32Array(page));
    if (this.#worker === undefined) this.#open();
    else this.#tell();
  }

  /** A guest that still runs there ends at its next look at the word. */
  remove(thread: TickedThread): void {
    const page = this.#threads.get(thread);
    if (page === undefined) return;
    this.#threads.delete(thread);
    Atomics.store(page, pageWords.epoch, epochs.end);
    if (this.#threads.size === 0) this.#close();
    else this.#tell();
  }

  #open(): void {
    const worker = this.#start({
      onListening: () => {
        this.#isListening = true;
        return this.#watched();
      },
    });
    this.#worker = worker;
    worker.onFailure((cause) => this.#restart(cause));
  }

  #restart(cause: Error): void {
    this.#isListening = false;
    this.#worker = undefined;
    this.#deaths++;
    if (this.#deaths <= deathsMax) return this.#open();
    const failure = new Error(
      `The ticker died ${this.#deaths} times: no guest could be stopped`,
      { cause },
    );
    for (const thread of [...this.#threads.keys()]) thread.fail(failure);
  }

  #close(): void {
    this.#worker?.terminate();
    // Terminating does not end a wait (Deno 2.9.6).
    announceMail(this.#bell);
    // The one that ends may still write to its bell: the next has its own.
    this.#bell = newBell();
    this.#worker = undefined;
    this.#isListening = false;
    this.#deaths = 0;
  }

  #tell(): void {
    if (!this.#isListening) return;
    announceMail(this.#bell);
    this.#worker?.post(this.#watched());
  }

  #watched(): Watch {
    return {
      bell: this.#bell,
      pages: [...this.#threads.values()],
      mail: Atomics.load(this.#bell, bellWords.mail),
    };
  }
}

function newBell(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(bellBytes));
}
