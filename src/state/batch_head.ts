// What tells where a batch belongs, read before anything else of it: its owner
// and its place in the owner's row. Bytes from anybody come in, and cost the
// same however large they are; a head comes out, which proves nothing. Most
// batches that come are known already, and need no more than this. What is not
// dropped by its head is read whole, and must then say the same.

import {
  type Bytes,
  concatBytes,
  type PeerId,
  peerIdOf,
  utf8,
} from "../kernel/mod.ts";
import type { StoredBatch } from "./batch_row.ts";
import {
  BatchError,
  type BatchTrust,
  checkSignature,
  hashBytes,
  readSignedBatch,
  sessionBytes,
  signatureBytes,
} from "./batches.ts";
import type { OwnerPlace } from "./places.ts";

/** As its sender says. */
export type BatchHead = {
  readonly owner: PeerId;
  readonly generation: number;
  readonly seq: number;
  readonly base: boolean;
  /** 64 bytes of the batch, not verified. */
  readonly signature: Uint8Array;
};

/** The head of a CBOR text, with it. */
function textItem(text: string): Bytes {
  return concatBytes(Uint8Array.of(0x60 + text.length), utf8(text));
}

/** The head of a CBOR byte string shorter than 256. */
function bytesHead(length: number): Bytes {
  return length < 24
    ? Uint8Array.of(0x40 + length)
    : Uint8Array.of(0x58, length);
}

// The last members of a body, as deterministic CBOR orders them: after the
// operations come rev, seq, base, prev, owner, session and generation.
const keys = {
  generation: textItem("generation"),
  session: concatBytes(textItem("session"), bytesHead(sessionBytes)),
  owner: concatBytes(textItem("owner"), bytesHead(32)),
  prev: concatBytes(textItem("prev"), bytesHead(hashBytes)),
  base: textItem("base"),
  seq: textItem("seq"),
} as const;

/** How many bytes an integer takes, and its first; the widest first. */
const integerForms = [[9, 0x1b], [5, 0x1a], [3, 0x19], [2, 0x18]] as const;

/** Reads members from the last one towards the first. */
class Backwards {
  readonly #bytes: Uint8Array;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** @throws {BatchError} There is another member. */
  take(key: Bytes, valueBytes: number): Uint8Array {
    const start = this.#end - valueBytes;
    if (!this.#isAfter(key, start)) throw malformed();
    const value = this.#bytes.subarray(start, this.#end);
    this.#end = start - key.length;
    return value;
  }

  /** @throws {BatchError} There is another member, or no integer. */
  takeInteger(key: Bytes): number {
    for (const [length, head] of integerForms) {
      const start = this.#end - length;
      const isForm = this.#bytes[start] === head && this.#isAfter(key, start);
      if (isForm) return numberIn(this.take(key, length));
    }
    const [small = 24] = this.take(key, 1);
    if (small < 24) return small;
    throw malformed();
  }

  /** Whether `key` lies right before `start`. */
  #isAfter(key: Bytes, start: number): boolean {
    const offset = start - key.length;
    if (offset < 0) return false;
    for (let at = 0; at < key.length; at++) {
      if (this.#bytes[offset + at] !== key[at]) return false;
    }
    return true;
  }
}

/** After the byte that says how long it is. */
function numberIn(item: Uint8Array): number {
  let value = 0;
  for (let at = 1; at < item.length; at++) {
    value = value * 256 + (item[at] ?? 0);
  }
  return value;
}

function malformed(): BatchError {
  return new BatchError("A batch does not say whose it is");
}

const isTrue = 0xf5;
const isFalse = 0xf4;

/**
 * Reads the head of a signed batch.
 *
 * @throws {BatchError} It is no batch.
 */
export function readBatchHead(bytes: Uint8Array): BatchHead {
  const members = new Backwards(bytes.subarray(signatureBytes));
  const generation = members.takeInteger(keys.generation);
  members.take(keys.session, sessionBytes);
  const owner = peerIdOf(members.take(keys.owner, 32));
  members.take(keys.prev, hashBytes);
  const [base] = members.take(keys.base, 1);
  if (base !== isTrue && base !== isFalse) throw malformed();
  const seq = members.takeInteger(keys.seq);
  const signature = bytes.subarray(0, signatureBytes);
  return { owner, generation, seq, base: base === isTrue, signature };
}

/** Where a signed batch says it belongs; undefined when it is none. */
export function placeInBatch(bytes: Uint8Array): OwnerPlace | undefined {
  try {
    const { owner, generation, seq } = readBatchHead(bytes);
    return { owner, generation, seq };
  } catch (cause) {
    if (cause instanceof BatchError) return undefined;
    throw cause;
  }
}

/**
 * Reads a batch that its head alone could not judge.
 *
 * @param options.onSigned Called when its owner has signed it, before it is
 * read: what that costs is the owner's.
 * @throws {PlnError} Its owner did not sign it, or it breaks the protocol.
 */
export function readVerified(
  bytes: Bytes,
  head: BatchHead,
  options: BatchTrust & { readonly onSigned?: () => void },
): StoredBatch {
  const { owner } = head;
  checkSignature({ owner, bytes }, options);
  options.onSigned?.();
  const signed = readSignedBatch(bytes, options);
  const { batch } = signed;
  const isSame = batch.owner === owner && batch.base === head.base &&
    batch.generation === head.generation && batch.seq === head.seq;
  if (!isSame) throw new BatchError("A batch's head is not what it says");
  return { ...signed, bytes };
}
