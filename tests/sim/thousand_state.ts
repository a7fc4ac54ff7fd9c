// The state of a node of a very large cluster: of each owner the newest signed
// batch, and where it stands. A million LoroDocs, or a million of anything that
// keeps entries, do not fit in memory. In: batches. Out: places, buckets (the
// production's) and word of what is new. Signatures are real, and checked.

import type { GossipState, Outcome, Place } from "../../src/gossip/mod.ts";
import {
  type Bytes,
  concatBytes,
  type PeerId,
  peerIdOf,
} from "../../src/kernel/mod.ts";
import type { PrivateKey, Signer } from "../../src/ports/mod.ts";
import { Buckets } from "../../src/state/buckets.ts";
import type { OwnerHead } from "../../src/state/mod.ts";

const signatureBytes = 64;
const ownerBytes = 32;
const generation = 1;

type Handler = Parameters<GossipState["onBatch"]>[0];
type Held = { readonly head: OwnerHead; readonly bytes: Bytes };

/** What all nodes of one world read of one batch. */
const readings = new WeakMap<Bytes, Held>();

export class NewestState implements GossipState {
  readonly #signer: Signer;
  readonly #key: PrivateKey;
  readonly #self: PeerId;
  readonly #held = new Map<PeerId, Held>();
  readonly #buckets: Buckets;
  readonly #handlers = new Set<Handler>();

  constructor(signer: Signer, key: PrivateKey) {
    this.#signer = signer;
    this.#key = key;
    this.#self = peerIdOf(key.publicKey);
    this.#buckets = new Buckets(signer, (owner) => this.placeOf(owner));
  }

  /** The next batch of this node, of that size. */
  publish(sizeBytes: number): Promise<void> {
    const seq = (this.placeOf(this.#self)?.seq ?? 0) + 1;
    const body = new Uint8Array(sizeBytes - signatureBytes);
    body.set(this.#key.publicKey);
    new DataView(body.buffer).setFloat64(ownerBytes, seq);
    const signature = this.#signer.sign(this.#key, body);
    this.#put(this.#read(concatBytes(signature, body)));
    return Promise.resolve();
  }

  heads(): readonly never[] {
    return [];
  }

  places(): Iterable<OwnerHead> {
    return this.#held.values().map(({ head }) => head);
  }

  placeOf(owner: PeerId): OwnerHead | undefined {
    return this.#held.get(owner)?.head;
  }

  ownerOf(prefix: string): PeerId | undefined {
    return this.#buckets.ownerOf(prefix);
  }

  buckets(): readonly Bytes[] {
    return this.#buckets.digests();
  }

  placesOfBucket(index: number): readonly OwnerHead[] {
    return this.#buckets.headsOf(index);
  }

  batchesSince(owner: PeerId, { seq }: Place): readonly Bytes[] {
    const held = this.#held.get(owner);
    return held === undefined || held.head.seq <= seq ? [] : [held.bytes];
  }

  forksOf(): readonly never[] {
    return [];
  }

  placeIn(batch: Bytes): OwnerHead {
    return this.#read(batch).head;
  }

  accept(batch: Bytes): Promise<Outcome> {
    const held = this.#read(batch);
    const { owner, seq } = held.head;
    if (seq <= (this.placeOf(owner)?.seq ?? 0)) return Promise.resolve("known");
    const publicKey = batch.subarray(
      signatureBytes,
      signatureBytes + ownerBytes,
    );
    const isSigned = this.#signer.verify(
      publicKey,
      batch.subarray(signatureBytes),
      batch.subarray(0, signatureBytes),
    );
    if (!isSigned) return Promise.resolve("refused");
    this.#put(held);
    return Promise.resolve("new");
  }

  acceptFork(): Promise<Outcome> {
    return Promise.resolve("refused");
  }

  onBatch(handle: Handler): Disposable {
    this.#handlers.add(handle);
    return { [Symbol.dispose]: () => void this.#handlers.delete(handle) };
  }

  onFork(): Disposable {
    return { [Symbol.dispose]: () => {} };
  }

  #read(bytes: Bytes): Held {
    const known = readings.get(bytes);
    if (known !== undefined) return known;
    const body = bytes.subarray(signatureBytes);
    const owner = peerIdOf(body.subarray(0, ownerBytes));
    const view = new DataView(body.buffer, body.byteOffset);
    const seq = view.getFloat64(ownerBytes);
    const digest = this.#signer.sha256(bytes).slice(0, 8);
    const held = { head: { owner, generation, seq, digest }, bytes };
    readings.set(bytes, held);
    return held;
  }

  #put(held: Held): void {
    const { owner } = held.head;
    this.#held.set(owner, held);
    this.#buckets.mark(owner, { isHeld: true });
    for (const handle of this.#handlers) {
      handle(held.bytes, owner, { isUrgent: false });
    }
  }
}
