// Owners who sign what they like: rows of batches made by hand, honest ones and
// forks of them, and two nodes that tell each other what they hold until neither
// learns anything more. In: keys of a lab. Out: signed batches, and the places
// at which the nodes end.

import assert from "node:assert/strict";
import type { Bytes, PeerId } from "../../src/kernel/mod.ts";
import { limits } from "../../src/kernel/mod.ts";
import {
  type Batch,
  type Change,
  encodeSignedBatch,
  type Operation,
  type OwnerState,
  signBatch,
} from "../../src/state/mod.ts";
import { parseChange, rightsSections } from "../../src/state/schema.ts";
import { signer } from "./identity_world.ts";
import { authorityChanges, memberChanges, StateNode } from "./replicas_lab.ts";
import type { RightsLab } from "./rights_lab.ts";

export function sorted(changes: readonly Change[]): readonly Operation[] {
  return changes.map(parseChange).sort((left, right) =>
    left.section + " " + left.key < right.section + " " + right.key ? -1 : 1
  );
}

/** What a base of this node has to hold. */
export function shownOperations(
  node: StateNode,
  by: StateNode,
  { tier }: { readonly tier?: "leaf" | "publisher" } = {},
): readonly Operation[] {
  const { lab, authority } = node;
  return sorted([
    ...memberChanges(lab, node, { by, ...(tier ? { tier } : {}) }),
    ...(authority === undefined ? [] : authorityChanges(authority)),
  ]);
}

/** An entry of a section that nobody reads. */
export function note(key: string, value: string | undefined): Operation {
  const text = value === undefined ? undefined : JSON.stringify(value);
  return { section: "zzz", key, text };
}

/** Signs batch after batch of one generation; a copy of it forks. */
export class Scribe {
  readonly node: StateNode;
  readonly generation: number;
  readonly batches: Bytes[] = [];
  #seq = 0;
  #rev = 0;
  #prev: Bytes = new Uint8Array(32);

  constructor(node: StateNode, generation: number) {
    this.node = node;
    this.generation = generation;
  }

  /** Another hand that goes on from here. */
  fork(): Scribe {
    const other = new Scribe(this.node, this.generation);
    other.#seq = this.#seq;
    other.#rev = this.#rev;
    other.#prev = this.#prev;
    return other;
  }

  /** The numbers until `seq` were never used; only a base may come next. */
  skipTo(seq: number): this {
    this.#seq = seq;
    return this;
  }

  base(operations: readonly Operation[]): Bytes {
    return this.#sign(operations, { base: true });
  }

  add(...operations: readonly Operation[]): Bytes {
    return this.#sign(operations, { base: false });
  }

  #sign(
    operations: readonly Operation[],
    { base }: { readonly base: boolean },
  ): Bytes {
    const { key, lab, peer } = this.node;
    const seq = this.#seq + 1;
    const isRights = operations
      .some(({ section }) => rightsSections.has(section));
    const rev = base || isRights ? seq : this.#rev;
    const batch: Batch = {
      ...{ owner: peer, generation: this.generation, seq, rev, base },
      session: new Uint8Array(16).fill(this.generation),
      prev: this.#prev,
      operations,
      hlc: { wallMs: 1, counter: 0 },
    };
    const { cluster } = lab.root;
    const signed = signBatch(batch, { signer, key, cluster });
    this.#seq = seq;
    this.#rev = rev;
    this.#prev = signed.hash;
    const bytes = encodeSignedBatch(signed);
    this.batches.push(bytes);
    return bytes;
  }
}

/** A node that is neither an admin nor known to anybody. */
export function newNode(lab: RightsLab): StateNode {
  return new StateNode(lab, lab.newKey());
}

/** Places by owner, as text that is easy to compare. */
export function placesOf(state: OwnerState): ReadonlyMap<PeerId, string> {
  return new Map(
    [...state.places()]
      .map(({ owner, generation, seq, digest }): [PeerId, string] => [
        owner,
        `${generation}.${seq} ${digest.toHex()}`,
      ])
      .sort(([left], [right]) => left < right ? -1 : 1),
  );
}

/** Gives one node all that another has where they differ. True: it was news. */
async function tell(from: OwnerState, to: OwnerState): Promise<boolean> {
  let isNews = false;
  for (const { owner, digest } of [...from.places()]) {
    if (to.placeOf(owner)?.digest.toHex() === digest.toHex()) continue;
    for (const proof of from.forksOf(owner)) {
      if (await to.acceptFork(proof) === "new") isNews = true;
    }
    const none = { generation: 0, seq: 0 };
    for (const bytes of from.batchesSince(owner, none)) {
      if (await to.accept(bytes) === "new") isNews = true;
    }
  }
  return isNews;
}

/** Both nodes tell each other what they hold, until nothing is news. */
export async function settle(
  left: OwnerState,
  right: OwnerState,
  { onRound }: { readonly onRound: () => void },
): Promise<void> {
  for (let round = 0;; round++) {
    assert.ok(round < 24, "two nodes agree after a few rounds");
    onRound();
    const isNews = [await tell(left, right), await tell(right, left)];
    if (!isNews.includes(true)) break;
  }
  assert.deepEqual(placesOf(left), placesOf(right));
  assert.deepEqual(left.buckets(), right.buckets());
  assert.equal(left.buckets().length, limits.stateBuckets);
}
