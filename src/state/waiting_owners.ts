// Replicas of owners whom no right names yet: valid, but nobody knows whether
// they belong here. The one that was heard of last stays longest; they have a
// limit in number and in bytes, and none of it is stored. Anybody who gets hold
// of a certificate can fill it, so nothing else may depend on what is here.

import { limits, type PeerId } from "../kernel/mod.ts";
import type { Replica } from "./replica.ts";

function sizeOf({ generations }: Replica): number {
  return generations.batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** Whoever puts a replica in has it disposed by this. */
export class WaitingOwners {
  /** The one heard of longest ago first. */
  readonly #replicas = new Map<PeerId, Replica>();
  readonly #onDropped: (replica: Replica) => void;

  constructor(onDropped: (replica: Replica) => void) {
    this.#onDropped = onDropped;
  }

  get size(): number {
    return this.#replicas.size;
  }

  get(owner: PeerId): Replica | undefined {
    return this.#replicas.get(owner);
  }

  /** In no order that means anything. */
  all(): readonly Replica[] {
    return [...this.#replicas.values()];
  }

  /** Puts in one that is new, or was heard of again. */
  put(replica: Replica): void {
    this.#replicas.delete(replica.owner);
    this.#replicas.set(replica.owner, replica);
    let sizeBytes = this.all().reduce((sum, one) => sum + sizeOf(one), 0);
    for (const [owner, oldest] of this.#replicas) {
      const isOver = this.#replicas.size > limits.replicasWaitingMax ||
        sizeBytes > limits.replicaWaitingBytesMax;
      if (!isOver) break;
      sizeBytes -= sizeOf(oldest);
      this.#replicas.delete(owner);
      this.#onDropped(oldest);
    }
  }

  /** It is stored now, or gone; it is the caller's. */
  take(owner: PeerId): Replica | undefined {
    const replica = this.#replicas.get(owner);
    this.#replicas.delete(owner);
    return replica;
  }
}
