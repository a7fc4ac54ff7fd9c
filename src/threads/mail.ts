// One word, shared by the pool and a thread, that counts the batches posted to
// the thread: a running guest's host sees by it that something waits, without
// giving the thread up to look.

/** One at each end, sharing the buffer. */
export class Mail {
  readonly #word: Int32Array<SharedArrayBuffer>;
  #handled = 0;

  /** For the thread: with the pool's buffer. */
  constructor(readonly buffer = new SharedArrayBuffer(4)) {
    this.#word = new Int32Array(buffer);
  }

  /** The pool is about to post a batch. */
  posting(): void {
    Atomics.add(this.#word, 0, 1);
  }

  /** The thread takes a batch out. */
  handled(): void {
    this.#handled = (this.#handled + 1) | 0;
  }

  /** For the thread: whether a batch waits, or is about to. */
  get isWaiting(): boolean {
    return Atomics.load(this.#word, 0) !== this.#handled;
  }
}
