// Calls that wait for a place, in their order: a linked list, which calls leave
// from the middle at no cost when their time is up. In and out go calls; its
// owner limits its length.

import type { PendingCall } from "./pending_call.ts";

export class CallQueue {
  #first: PendingCall | undefined;
  #last: PendingCall | undefined;

  get first(): PendingCall | undefined {
    return this.#first;
  }

  add(call: PendingCall): void {
    call.queue = this;
    call.before = this.#last;
    if (this.#last === undefined) this.#first = call;
    else this.#last.behind = call;
    this.#last = call;
  }

  /** It waited before: its turn comes before all that are there. */
  putBack(call: PendingCall): void {
    call.queue = this;
    call.behind = this.#first;
    if (this.#first === undefined) this.#last = call;
    else this.#first.before = call;
    this.#first = call;
  }

  /** Only a call that is in this queue. */
  remove(call: PendingCall): void {
    const { before, behind } = call;
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    call.before = call.behind = call.queue = undefined;
  }

  /** Calls may leave meanwhile. */
  *[Symbol.iterator](): Generator<PendingCall> {
    for (let call = this.#first; call !== undefined;) {
      const { behind } = call;
      yield call;
      call = behind;
    }
  }
}
