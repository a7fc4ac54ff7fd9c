// Digests over the documents of many owners, by which two nodes find out in one
// message where they differ. Word that an owner's document changed comes in;
// out come the digests of buckets and the owners in each. A change costs a mark;
// a bucket is hashed anew when somebody asks for it.

import {
  type Bytes,
  concatBytes,
  idBytes,
  limits,
  type PeerId,
} from "../kernel/mod.ts";
import type { Signer } from "../ports/mod.ts";
import type { OwnerHead } from "./places.ts";

const digestBytes = 8;
const prefixDigits = 16;

type Bucket = {
  readonly owners: Set<PeerId>;
  /** Sorted; undefined after one came or went. */
  sorted: readonly PeerId[] | undefined;
  /** Undefined after a change. */
  digest: Bytes | undefined;
};

/** The bucket of an owner: the first 6 bits of its id. */
export function bucketOf(owner: PeerId): number {
  return Number.parseInt(owner.slice(0, 2), 16) >> 2;
}

export class Buckets {
  readonly #signer: Signer;
  readonly #headOf: (owner: PeerId) => OwnerHead | undefined;
  readonly #byPrefix = new Map<string, PeerId>();
  readonly #buckets: readonly Bucket[] = Array.from(
    { length: limits.stateBuckets },
    () => ({ owners: new Set(), sorted: undefined, digest: undefined }),
  );
  #digests: readonly Bytes[] | undefined;

  /** @param headOf Of an owner that is held. */
  constructor(
    signer: Signer,
    headOf: (owner: PeerId) => OwnerHead | undefined,
  ) {
    this.#signer = signer;
    this.#headOf = headOf;
  }

  #bucket(index: number): Bucket | undefined {
    return this.#buckets[index];
  }

  /** The document of an owner came, changed, or went. */
  mark(owner: PeerId, { isHeld }: { readonly isHeld: boolean }): void {
    const bucket = this.#bucket(bucketOf(owner));
    if (bucket === undefined) return;
    this.#digests = undefined;
    bucket.digest = undefined;
    if (isHeld === bucket.owners.has(owner)) return;
    bucket.sorted = undefined;
    const prefix = owner.slice(0, prefixDigits);
    if (isHeld) {
      bucket.owners.add(owner);
      this.#byPrefix.set(prefix, owner);
    } else {
      bucket.owners.delete(owner);
      this.#byPrefix.delete(prefix);
    }
  }

  /** The owner whose id starts with 16 hex digits. */
  ownerOf(prefix: string): PeerId | undefined {
    return this.#byPrefix.get(prefix);
  }

  /** By owner, of one bucket; none for a number that is no bucket's. */
  headsOf(index: number): readonly OwnerHead[] {
    const bucket = this.#bucket(index);
    if (bucket === undefined) return [];
    bucket.sorted ??= [...bucket.owners].sort();
    return bucket.sorted.map((owner) => this.#headOf(owner))
      .filter((head) => head !== undefined);
  }

  /** Of all buckets, 8 bytes each. */
  digests(): readonly Bytes[] {
    this.#digests ??= this.#buckets.map((bucket, index) => {
      bucket.digest ??= this.#digestOf(index);
      return bucket.digest;
    });
    return this.#digests;
  }

  #digestOf(index: number): Bytes {
    const parts = this.headsOf(index)
      .flatMap(({ owner, digest }) => [idBytes(owner), digest]);
    return this.#signer.sha256(concatBytes(...parts)).slice(0, digestBytes);
  }
}
