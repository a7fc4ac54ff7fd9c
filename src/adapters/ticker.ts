// The thread that tells guests that time passes. In come the pages of all
// threads that may run guests; while one does, the page's epoch word is set
// every few milliseconds. It sleeps without any timer while no guest runs, and
// must stay small: it imports nothing, and holds no right.

/** A runaway is noticed this late; 200 wake-ups/s cost 0.1 % of a core. */
export const tickMs = 5;
/** Ticks without a guest before it sleeps: waking it costs a system call. */
const idleTicksMax = 20;

/** The role of the ticker among the threads of an entry file. */
export const tickerRole = "ticker";

/** Words of a thread's page, each on cache lines of its own. */
export const pageWords = {
  /** 0, or a member of `epochs`. */
  epoch: 0,
  /** 1 while a guest runs. */
  running: 32,
} as const;

/** What guests find in the epoch word beside 0. */
export const epochs = {
  /** Time passed; `acknowledge` takes it back. */
  tick: 1,
  /** The thread was terminated: for ever. */
  end: 2,
} as const;

/** Words by which the other threads reach the ticker. */
export const bellWords = { state: 0, mail: 1 } as const;
export const bellBytes = 8;
const awake = 0;
const asleep = 1;

/** All there is to tell a ticker. */
export type Watch = {
  readonly bell: Int32Array<SharedArrayBuffer>;
  readonly pages: readonly Int32Array<SharedArrayBuffer>[];
  /** The bell's mail word after this was posted. */
  readonly mail: number;
};

/** Wakes the ticker; costs nothing while it is awake. */
export function ring(bell: Int32Array<SharedArrayBuffer>): void {
  if (Atomics.load(bell, bellWords.state) !== asleep) return;
  Atomics.store(bell, bellWords.state, awake);
  Atomics.notify(bell, bellWords.state);
}

/** Lets a napping ticker look for its next message. */
export function announceMail(bell: Int32Array<SharedArrayBuffer>): void {
  Atomics.add(bell, bellWords.mail, 1);
  Atomics.store(bell, bellWords.state, awake);
  Atomics.notify(bell, bellWords.state);
}

/** The part of a ticker's global scope that is used. */
export type TickerScope = {
  /** "From now on no message gets lost." */
  listen(handle: (message: unknown) => void): void;
  nowMs(): number;
};

/** Starts the ticker's program; called once per thread. */
export function serveTicker(scope: TickerScope): void {
  const ticker = new Ticker(scope);
  scope.listen((message) => ticker.watch(message as Watch));
}

class Ticker {
  readonly #scope: TickerScope;
  #nextMs: number;
  #idleTicks = 0;

  constructor(scope: TickerScope) {
    this.#scope = scope;
    this.#nextMs = scope.nowMs() + tickMs;
  }

  /** Returns as soon as another message is on its way. */
  watch(watch: Watch): void {
    const { bell, mail } = watch;
    // A ticker before this one may have died otherwise.
    Atomics.store(bell, bellWords.state, awake);
    while (Atomics.load(bell, bellWords.mail) === mail) {
      const leftMs = this.#nextMs - this.#scope.nowMs();
      if (leftMs > 0) Atomics.wait(bell, bellWords.state, awake, leftMs);
      else this.#tick(watch);
    }
  }

  #tick(watch: Watch): void {
    this.#idleTicks = tickAll(watch) ? 0 : this.#idleTicks + 1;
    if (this.#idleTicks > idleTicksMax) {
      sleep(watch);
      this.#idleTicks = 0;
      this.#nextMs = this.#scope.nowMs();
    }
    this.#nextMs += tickMs;
    // A schedule that was missed is not made up for.
    const nowMs = this.#scope.nowMs();
    if (this.#nextMs <= nowMs) this.#nextMs = nowMs + tickMs;
  }
}

/** Whether any guest runs. */
function tickAll({ pages }: Watch): boolean {
  let isAnyRunning = false;
  for (const page of pages) {
    if (Atomics.load(page, pageWords.running) === 0) continue;
    isAnyRunning = true;
    // Never over the end of a thread.
    Atomics.compareExchange(page, pageWords.epoch, 0, epochs.tick);
  }
  return isAnyRunning;
}

/**
 * First the state, then a look at the threads, as these first say that they
 * run and then look at the state (Dekker's flags): one sees the other.
 */
function sleep({ bell, pages, mail }: Watch): void {
  Atomics.store(bell, bellWords.state, asleep);
  const isWanted = Atomics.load(bell, bellWords.mail) !== mail ||
    pages.some((page) => Atomics.load(page, pageWords.running) !== 0);
  if (!isWanted) Atomics.wait(bell, bellWords.state, asleep);
  Atomics.store(bell, bellWords.state, awake);
}
