// The memory of hops that were run, so that nobody has one run twice. Ids of
// calls and hops come in; out goes whether they are new here. It remembers a
// hop as long as its chain could be believed, and forgets in favour of new ones
// only those whose deadline has passed: a full memory refuses.

import { type Bytes, limits, type PeerId, toHex } from "../kernel/mod.ts";

/** One hop that asks to run; times are of one monotonic clock. */
export type HopArrival = {
  readonly callId: Bytes;
  readonly hopId: Bytes;
  /** Whose share of the memory it takes. */
  readonly sender: PeerId;
  readonly nowMs: number;
  /** When its call is over. */
  readonly deadlineMs: number;
  /** From when on its chain is refused anyway. */
  readonly endMs: number;
};

type Memory = Pick<HopArrival, "sender" | "deadlineMs" | "endMs">;

/** A full memory is searched for what may go at most so often. */
const sweepPeriodMs = 100;
/** And then gets so much room that the next search is far. */
const shareKept = 7 / 8;

/** Of one node, for all its peers. */
export class CallReplays {
  readonly #hops = new Map<string, Memory>();
  readonly #bySender = new Map<PeerId, number>();
  #sweptMs = -Infinity;

  /** Hops that are remembered now. */
  get size(): number {
    return this.#hops.size;
  }

  /** Remembers a new hop; "full" means that it must not run now. */
  note(hop: HopArrival): "new" | "known" | "full" {
    const key = toHex(hop.callId) + toHex(hop.hopId);
    if (this.#hops.has(key)) return "known";
    if (!this.#hasRoom(hop.sender)) {
      this.#sweep(hop.nowMs);
      if (!this.#hasRoom(hop.sender)) return "full";
    }
    const { sender, deadlineMs, endMs } = hop;
    this.#hops.set(key, { sender, deadlineMs, endMs });
    this.#bySender.set(sender, this.#countOf(sender) + 1);
    return "new";
  }

  #hasRoom(sender: PeerId, share = 1): boolean {
    return this.#hops.size < limits.callReplaysMax * share &&
      this.#countOf(sender) < limits.callReplaysPerPeerMax * share;
  }

  #countOf(sender: PeerId): number {
    return this.#bySender.get(sender) ?? 0;
  }

  #sweep(nowMs: number): void {
    if (nowMs < this.#sweptMs + sweepPeriodMs) return;
    this.#sweptMs = nowMs;
    this.#drop(({ endMs }) => endMs <= nowMs);
    // Still full: what nobody would run any more goes before what is new.
    this.#drop(({ sender, deadlineMs }) =>
      deadlineMs <= nowMs && !this.#hasRoom(sender, shareKept)
    );
  }

  /** The oldest first. */
  #drop(mayGo: (memory: Memory) => boolean): void {
    for (const [key, memory] of this.#hops) {
      if (!mayGo(memory)) continue;
      this.#hops.delete(key);
      const left = this.#countOf(memory.sender) - 1;
      if (left > 0) this.#bySender.set(memory.sender, left);
      else this.#bySender.delete(memory.sender);
    }
  }
}
