// One seed's way onto the workers: which of them it prefers, how many of its
// calls each has, and which calls wait because all places are taken. A full
// lane holds nobody up but its own calls.

import { limits } from "../kernel/mod.ts";
import { CallQueue } from "./queue.ts";

/**
 * Calls in flight per seed and worker when those are counted that run calls
 * wait for: as many as all first calls can bring along in one chain each.
 */
const nestedPlacesMax = limits.callsPerSeedAndThreadMax * limits.callHopsMax;

export class Lane {
  /** The slot of the worker that gets its calls while all are idle. */
  readonly preferred: number;
  /** First calls that wait for a place. */
  readonly queue = new CallQueue();
  /** Nested ones that do: they lead, for somebody waits for them. */
  readonly nestedQueue = new CallQueue();
  /** One of its calls has outlasted a tick of the watch. */
  isSlow = false;
  readonly #counts: number[];
  #total = 0;

  constructor(
    readonly key: string,
    { workers }: { readonly workers: number },
  ) {
    this.preferred = preferredSlot(key, workers);
    this.#counts = new Array<number>(workers).fill(0);
  }

  get isIdle(): boolean {
    return this.#total === 0 && !this.hasWaiting;
  }

  get hasWaiting(): boolean {
    return this.queue.first !== undefined ||
      this.nestedQueue.first !== undefined;
  }

  hasPlace(slot: number, isNested: boolean): boolean {
    const most = isNested ? nestedPlacesMax : limits.callsPerSeedAndThreadMax;
    return (this.#counts[slot] ?? 0) < most;
  }

  take(slot: number): void {
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
    this.#total++;
  }

  give(slot: number): void {
    this.#counts[slot] = (this.#counts[slot] ?? 1) - 1;
    this.#total--;
  }
}

/**
 * Rendezvous hashing (Thaler and Ravishankar, 1998): the slot with the highest
 * hash of it and the key, so that each slot is preferred by as many.
 */
function preferredSlot(key: string, workers: number): number {
  let best = 0;
  let bestHash = -1;
  for (let slot = 0; slot < workers; slot++) {
    const hash = hashOf(`${slot} ${key}`);
    if (hash <= bestHash) continue;
    best = slot;
    bestHash = hash;
  }
  return best;
}

/** FNV-1a over UTF-16 units, finished as MurmurHash3 does; 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
