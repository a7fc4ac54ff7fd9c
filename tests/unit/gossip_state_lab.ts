// States without documents, for gossip alone: rows of batches that nobody signs
// and that say nothing, with the same places, buckets and forks as the real
// ones. In: batches that a test makes, or that gossip brings. Out: places, and
// what came how often.

import { createHash } from "node:crypto";
import {
  type Bytes,
  concatBytes,
  idBytes,
  limits,
  parsePeerId,
  type PeerId,
  peerIdOf,
  toHex,
} from "../../src/kernel/mod.ts";
import type { Contradiction, GossipState } from "../../src/gossip/mod.ts";
import type { OwnerHead, OwnerPlace, Place } from "../../src/gossip/places.ts";

export function ownerOf(number: number): PeerId {
  const hash = createHash("sha256").update(`owner ${number}`).digest();
  return parsePeerId(hash.toString("hex"));
}

/** `variant` makes another batch of the same place. */
export function labBatch(
  { owner, generation, seq }: OwnerPlace,
  options: { readonly variant?: number; readonly sizeBytes?: number } = {},
): Bytes {
  const { variant = 0, sizeBytes = 300 } = options;
  const head = new Uint8Array(17);
  const view = new DataView(head.buffer);
  view.setFloat64(0, generation);
  view.setFloat64(8, seq);
  head[16] = variant;
  const rest = new Uint8Array(Math.max(0, sizeBytes - 32 - head.length));
  return concatBytes(idBytes(owner), head, rest);
}

function readBatch(bytes: Bytes): OwnerPlace | undefined {
  if (bytes.length < 49) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    owner: peerIdOf(bytes.subarray(0, 32)),
    generation: view.getFloat64(32),
    seq: view.getFloat64(40),
  };
}

type Document = {
  generation: number;
  rows: Bytes[];
  fork?: Contradiction;
  /** Undefined after a change. */
  head?: OwnerHead | undefined;
};
type Handler = Parameters<GossipState["onBatch"]>[0];

const voidSeq = limits.stateIntegerMax;

export class LabState implements GossipState {
  readonly admins = new Set<PeerId>();
  /** How often a batch came, by its bytes. */
  readonly came = new Map<string, number>();
  readonly refused: Bytes[] = [];
  /** Owners whose batches are put off. */
  readonly later = new Set<PeerId>();
  /** Owners nobody has named. */
  readonly unnamed = new Set<PeerId>();
  readonly #documents = new Map<PeerId, Document>();
  readonly #prefixes = new Map<string, PeerId>();
  readonly #members = Array.from({ length: 64 }, () => new Set<PeerId>());
  readonly #buckets: (Bytes | undefined)[] = Array.from({ length: 64 });
  readonly #handlers = new Set<Handler>();
  readonly #forkHandlers = new Set<(owner: PeerId) => void>();

  constructor(readonly self: PeerId) {}

  /** As the owner's publish does. */
  publish(sizeBytes = 300): Bytes {
    const { generation = 1, seq = 0 } = this.placeOf(this.self) ?? {};
    const place = { owner: this.self, generation, seq: seq + 1 };
    const bytes = labBatch(place, { sizeBytes });
    this.put(bytes);
    return bytes;
  }

  /** Stores a batch as it is, and tells of it. */
  put(bytes: Bytes): void {
    const place = readBatch(bytes);
    if (place === undefined) return;
    const { owner, generation } = place;
    const known = this.#documents.get(owner);
    if (known?.generation === generation) known.rows.push(bytes);
    else this.#documents.set(owner, { generation, rows: [bytes] });
    this.#changed(owner);
    const isUrgent = this.admins.has(owner);
    for (const handle of this.#handlers) handle(bytes, owner, { isUrgent });
  }

  /** Without telling. */
  drop(owner: PeerId): void {
    this.#documents.delete(owner);
    this.#changed(owner);
  }

  #changed(owner: PeerId): void {
    const bucket = parseInt(owner.slice(0, 2), 16) >> 2;
    const document = this.#documents.get(owner);
    if (document !== undefined) document.head = undefined;
    this.#prefixes.set(owner.slice(0, 16), owner);
    this.#members[bucket]?.add(owner);
    this.#buckets[bucket] = undefined;
  }

  heads() {
    return [...this.admins].flatMap((admin) => {
      const place = this.placeOf(admin);
      if (place === undefined) return [];
      return [{ admin, generation: place.generation, seq: place.seq }];
    });
  }

  placeOf(owner: PeerId): OwnerHead | undefined {
    const document = this.#documents.get(owner);
    if (document?.head !== undefined) return document.head;
    const last = document?.rows.at(-1);
    if (document === undefined || last === undefined) return undefined;
    const { generation, fork } = document;
    const seq = fork === undefined ? readBatch(last)?.seq ?? 0 : voidSeq;
    const hash = createHash("sha256").update(fork === undefined ? last : "x");
    const digest = new Uint8Array(hash.update(`${generation} ${seq}`).digest());
    document.head = { owner, generation, seq, digest: digest.slice(0, 8) };
    return document.head;
  }

  ownerOf(prefix: string): PeerId | undefined {
    const owner = this.#prefixes.get(prefix);
    return owner !== undefined && this.#documents.has(owner)
      ? owner
      : undefined;
  }

  buckets(): readonly Bytes[] {
    return this.#buckets.map((known, index) => {
      if (known !== undefined) return known;
      const hash = createHash("sha256");
      for (const { owner, digest } of this.placesOfBucket(index)) {
        hash.update(owner).update(digest);
      }
      const made = new Uint8Array(hash.digest()).slice(0, 8);
      this.#buckets[index] = made;
      return made;
    });
  }

  placesOfBucket(index: number): readonly OwnerHead[] {
    return [...this.#members[index] ?? []].sort()
      .flatMap((owner) => this.placeOf(owner) ?? []);
  }

  /** The same for states that hold the same. */
  get digest(): string {
    return toHex(concatBytes(...this.buckets()));
  }

  batchesSince(owner: PeerId, place: Place): readonly Bytes[] {
    const document = this.#documents.get(owner);
    if (document === undefined || document.fork !== undefined) return [];
    if (document.generation > place.generation) return document.rows;
    if (document.generation < place.generation) return [];
    return document.rows.filter((row) =>
      (readBatch(row)?.seq ?? 0) > place.seq
    );
  }

  forksOf(owner: PeerId): readonly Contradiction[] {
    const fork = this.#documents.get(owner)?.fork;
    return fork === undefined ? [] : [fork];
  }

  placeIn(bytes: Bytes): OwnerPlace | undefined {
    return readBatch(bytes);
  }

  accept(bytes: Bytes): ReturnType<GossipState["accept"]> {
    const key = toHex(bytes.subarray(0, 49));
    this.came.set(key, 1 + (this.came.get(key) ?? 0));
    const outcome = this.#judge(bytes);
    if (outcome === "refused") this.refused.push(bytes);
    if (outcome === "new") this.put(bytes);
    return Promise.resolve(outcome === "fork" ? "new" : outcome);
  }

  #judge(bytes: Bytes) {
    const place = readBatch(bytes);
    if (place === undefined || bytes[48] === 255) return "refused";
    const { owner, generation, seq } = place;
    if (this.later.has(owner)) return "later";
    if (this.unnamed.has(owner)) return "waiting";
    const own = this.placeOf(owner) ?? { generation: 0, seq: 0 };
    if (own.seq === voidSeq || generation < own.generation) return "known";
    if (generation > own.generation) return seq === 1 ? "new" : "gap";
    if (seq > own.seq) return seq === own.seq + 1 ? "new" : "gap";
    const { rows = [] } = this.#documents.get(owner) ?? {};
    const first = rows.find((row) => readBatch(row)?.seq === seq);
    if (first === undefined || first[48] === bytes[48]) return "known";
    this.#fork(owner, { first, second: bytes });
    return "fork";
  }

  #fork(owner: PeerId, fork: Contradiction): void {
    const document = this.#documents.get(owner);
    if (document !== undefined) document.fork = fork;
    this.#changed(owner);
    for (const handle of this.#forkHandlers) handle(owner);
  }

  acceptFork({ first, second }: Contradiction) {
    const place = readBatch(first);
    if (place === undefined) return Promise.resolve("refused" as const);
    const { owner, generation } = place;
    const document = this.#documents.get(owner);
    if (document?.fork !== undefined) return Promise.resolve("known" as const);
    this.#documents.set(owner, { generation, rows: [first] });
    this.#fork(owner, { first, second });
    return Promise.resolve("new" as const);
  }

  onBatch(handle: Handler): Disposable {
    this.#handlers.add(handle);
    return { [Symbol.dispose]: () => void this.#handlers.delete(handle) };
  }

  onFork(handle: (owner: PeerId) => void): Disposable {
    this.#forkHandlers.add(handle);
    return { [Symbol.dispose]: () => void this.#forkHandlers.delete(handle) };
  }
}
