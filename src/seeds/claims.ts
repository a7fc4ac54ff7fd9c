// Words shared between the pool and one thread. Word 0 says which guest runs
// right now; the others let either side claim a posted call, so that the pool
// can take back calls that wait behind a guest that does not return.
//
// A slot holds the id of a posted call until one side replaces it by 0. Ids are
// never 0, and two ids may share a slot: the later one must be another then.

const slots = 4096;
const runningWord = 0;

export class Claims {
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(readonly buffer: SharedArrayBuffer = newBuffer()) {
    this.#words = new Int32Array(buffer);
  }

  /** The pool posts a call; false when an unclaimed one has its slot. */
  offer(call: number): boolean {
    return Atomics.compareExchange(this.#words, slotOf(call), 0, call) === 0;
  }

  /** True for exactly one side: the thread to run it, or the pool. */
  claim(call: number): boolean {
    const slot = slotOf(call);
    return Atomics.compareExchange(this.#words, slot, call, 0) === call;
  }

  /** The thread enters a guest: a call's id, minus a load's number, or 0. */
  enter(id: number): void {
    Atomics.store(this.#words, runningWord, id);
  }

  /** What was entered last; 0 when no guest runs. */
  get running(): number {
    return Atomics.load(this.#words, runningWord);
  }
}

function newBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (1 + slots));
}

function slotOf(call: number): number {
  return 1 + call % slots;
}
