// The digest of an owner's entries, kept up with each change. Entries go in one
// by one, a sha256 over all of them comes out; only what has changed is hashed
// again, which keeps a batch cheap however large its document is. Equal entries
// give equal digests on every node, whatever their history.

import {
  type Bytes,
  crc32c,
  type Digest,
  digestOf,
  encodeCbor,
  utf8,
} from "../kernel/mod.ts";
import type { Signer } from "../ports/mod.ts";
import { comparePlaces, encodeOperations } from "./batches.ts";
import type { Operation } from "./schema.ts";

/** Of one section; part of what a digest is, so for ever. */
const bucketCount = 256;

type Bucket = {
  readonly entries: Map<string, Operation>;
  /** Undefined after a change. */
  digest: Bytes | undefined;
};

/** Empty at first. */
export class EntryDigest {
  readonly #signer: Signer;
  readonly #sections = new Map<string, Map<number, Bucket>>();
  #digest: Digest | undefined;

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  /** Takes an entry as it is now; without a text it is gone. */
  set(operation: Operation): void {
    const { section, key, text } = operation;
    this.#digest = undefined;
    const buckets = this.#sections.get(section) ?? new Map<number, Bucket>();
    this.#sections.set(section, buckets);
    const number = crc32c(utf8(key)) % bucketCount;
    const bucket = buckets.get(number) ??
      { entries: new Map<string, Operation>(), digest: undefined };
    buckets.set(number, bucket);
    bucket.digest = undefined;
    if (text === undefined) bucket.entries.delete(key);
    else bucket.entries.set(key, operation);
    if (bucket.entries.size === 0) buckets.delete(number);
    if (buckets.size === 0) this.#sections.delete(section);
  }

  /** sha256 over section, number and digest of every bucket, sorted. */
  get(): Digest {
    if (this.#digest !== undefined) return this.#digest;
    const rows = [...this.#sections].sort(bySection)
      .flatMap(([section, buckets]) =>
        [...buckets].sort(([left], [right]) => left - right)
          .map(([number, bucket]) => [section, number, this.#of(bucket)])
      );
    this.#digest = digestOf(this.#signer.sha256(encodeCbor(rows)));
    return this.#digest;
  }

  #of(bucket: Bucket): Bytes {
    bucket.digest ??= this.#signer.sha256(
      encodeOperations([...bucket.entries.values()].sort(comparePlaces)),
    );
    return bucket.digest;
  }
}

function bySection(
  [left]: readonly [string, unknown],
  [right]: readonly [string, unknown],
): number {
  return left < right ? -1 : 1;
}
