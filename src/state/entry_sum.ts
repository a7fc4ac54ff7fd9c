// The digest of many entries as a sum: the sha256 of each, added modulo 2^256
// (MSet-Add-Hash of Clarke et al., "Incremental Multiset Hash Functions", 2003).
// An entry that comes or goes costs one hash, whatever there is beside it, and
// nothing is kept of it. It tells whether nodes agree, and proves nothing about
// a document: signatures and the chain of batches do that.

import {
  type Digest,
  digestOf,
  fromHex,
  type PeerId,
  toHex,
  utf8,
} from "../kernel/mod.ts";
import type { Signer } from "../ports/mod.ts";
import type { EntryChange } from "./changes.ts";

/** 0 for no entries; below 2^256. */
export type EntrySum = bigint;

const modulusBits = 256;

/** The sum of no entries. */
export const noEntries: EntrySum = 0n;

/** Two sets that have no entry in common. */
export function joinSums(left: EntrySum, right: EntrySum): EntrySum {
  return BigInt.asUintN(modulusBits, left + right);
}

/** What is left of `sum` without a part of it. */
export function withoutSum(sum: EntrySum, part: EntrySum): EntrySum {
  return BigInt.asUintN(modulusBits, sum - part);
}

/** The sum after a change of an entry of `owner`. */
export function sumAfter(
  sum: EntrySum,
  { section, key, before, after }: EntryChange,
  { signer, owner }: { readonly signer: Signer; readonly owner: PeerId },
): EntrySum {
  const hashOf = (text: string) => {
    // None of the first three holds a space.
    const entry = utf8(`${owner} ${section} ${key} ${text}`);
    const bytes = signer.sha256(entry);
    return BigInt(`0x${toHex(bytes)}`);
  };
  const gone = before === undefined ? 0n : hashOf(before);
  const come = after === undefined ? 0n : hashOf(after);
  return BigInt.asUintN(modulusBits, sum - gone + come);
}

/** As people and peers compare it. */
export function sumDigest(signer: Signer, sum: EntrySum): Digest {
  const digits = sum.toString(16).padStart(modulusBits / 4, "0");
  return digestOf(signer.sha256(fromHex(digits) ?? new Uint8Array(0)));
}
