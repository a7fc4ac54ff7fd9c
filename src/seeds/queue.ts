// Calls that wait for a thread. New ones come last, those taken back from a
// thread come before all that never had one, and nested ones lead: a thread
// that waits for them may be what the others wait for. Its owner limits it.

import type { PendingCall } from "./thread_handle.ts";

export class CallQueue {
  #calls: PendingCall[] = [];

  get length(): number {
    return this.#calls.length;
  }

  get first(): PendingCall | undefined {
    return this.#calls[0];
  }

  add(call: PendingCall): void {
    if (call.job.isNested) this.putBack([call]);
    else this.#calls.push(call);
  }

  putBack(calls: readonly PendingCall[]): void {
    const isNested = ({ job }: PendingCall) => job.isNested;
    const firstOther = this.#calls.findIndex((call) => !isNested(call));
    const place = firstOther < 0 ? this.#calls.length : firstOther;
    const others = calls.filter((call) => !isNested(call));
    this.#calls.splice(place, 0, ...others);
    this.#calls.unshift(...calls.filter(isNested));
  }

  remove(call: PendingCall): void {
    const place = this.#calls.indexOf(call);
    if (place >= 0) this.#calls.splice(place, 1);
  }

  /** A copy: calls may leave the queue meanwhile. */
  toArray(): PendingCall[] {
    return this.#calls.slice();
  }
}
