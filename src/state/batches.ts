// Signed op batches, the only form in which state travels and is kept (never
// Loro bytes: those of a hostile signer panic the engine, DESIGN.md section 6).
// In come foreign bytes, out go batches whose every member was checked. Never
// accepts a second encoding of the same batch, and reads no clock.

import {
  type Bytes,
  cborNull,
  type CborValue,
  type ClusterId,
  concatBytes,
  decodeCbor,
  encodeCbor,
  type ErrorKind,
  idBytes,
  limits,
  type PeerId,
  peerIdOf,
  PlnError,
  utf8,
} from "../kernel/mod.ts";
import type { PrivateKey, Signer } from "../ports/mod.ts";
import { signedInput } from "../identity/mod.ts";
import { type Operation, placeFault } from "./schema.ts";
import { utf8Length, valueTextFault } from "./values.ts";

/** A batch that breaks the protocol; it is dropped and counted (R01, R03). */
export class BatchError extends PlnError {
  /** Fetching the same bytes again fails again. */
  readonly code = "PLN_BATCH";
  /** Of its owner, or of whoever passed it on. */
  readonly kind: ErrorKind = "peer";
}

/** Hybrid logical time (Kulkarni et al. 2014); both below 2^48. */
export type HybridTime = {
  readonly wallMs: number;
  readonly counter: number;
};

/** One step of an owner's document. */
export type Batch = {
  readonly owner: PeerId;
  /** Counts the owner's starts that wrote, from 1. */
  readonly generation: number;
  /** 16 random bytes of the owner's start. */
  readonly session: Bytes;
  /** Counts the generation's batches, from 1; only a base may skip. */
  readonly seq: number;
  /** sha256 of the body before; zeros when there is none. */
  readonly prev: Bytes;
  /** The full state: opens a fresh document. */
  readonly base: boolean;
  /** The seq of the newest batch that touched a section of rights. */
  readonly rev: number;
  /** Sorted by section and key, each place once. */
  readonly operations: readonly Operation[];
  readonly hlc: HybridTime;
};

/** The body is kept: only the very bytes that were signed verify. */
export type SignedBatch = {
  readonly batch: Batch;
  readonly body: Bytes;
  /** 64 bytes over context, cluster and body. */
  readonly signature: Bytes;
  /** sha256 of the body. */
  readonly hash: Bytes;
};

export const sessionBytes = 16;
export const hashBytes = 32;
export const signatureBytes = 64;
/** Bytes of a body beside its operations, at most: seven heads and values. */
const envelopeBytesMax = 256;
const context = "pln/batch/1";

/** What operations of a whole document may take, encoded. */
export const operationsBytesMax = limits.stateBatchBytesMax - envelopeBytesMax;

export function comparePlaces(
  left: Omit<Operation, "text">,
  right: Omit<Operation, "text">,
): number {
  if (left.section !== right.section) {
    return left.section < right.section ? -1 : 1;
  }
  if (left.key === right.key) return 0;
  return left.key < right.key ? -1 : 1;
}

function headBytes(length: number): number {
  if (length < 24) return 1;
  if (length < 256) return 2;
  return length < 65_536 ? 3 : 5;
}

/** The exact encoded size of one operation. */
export function operationBytes(operation: Operation): number {
  const { section, key, text } = operation;
  const valueBytes = text === undefined ? 0 : utf8Length(text);
  return 1 + headBytes(section.length) + section.length +
    headBytes(key.length) + key.length + headBytes(valueBytes) + valueBytes;
}

/** The deterministic CBOR of operations: what a state digest covers. */
export function encodeOperations(operations: readonly Operation[]): Bytes {
  return encodeCbor(operations.map(operationItem));
}

function operationItem({ section, key, text }: Operation): CborValue {
  return [section, key, text ?? cborNull];
}

/** Deterministic CBOR: equal batches give equal bytes. */
export function encodeBatch(batch: Batch): Bytes {
  return encodeCbor({
    owner: idBytes(batch.owner),
    generation: batch.generation,
    session: batch.session,
    seq: batch.seq,
    prev: batch.prev,
    base: batch.base,
    rev: batch.rev,
    ops: batch.operations.map(operationItem),
    hlc: [batch.hlc.wallMs, batch.hlc.counter],
  });
}

function integerOf(value: CborValue | undefined, what: string): number {
  if (
    typeof value !== "number" || !Number.isInteger(value) || value < 0 ||
    value > limits.stateIntegerMax
  ) throw new BatchError(`A batch's ${what} is no integer below 2^48`);
  return value;
}

function positiveOf(value: CborValue | undefined, what: string): number {
  const integer = integerOf(value, what);
  if (integer > 0) return integer;
  throw new BatchError(`A batch's ${what} is 0`);
}

/** A copy, so that a small member does not keep a whole message alive. */
function bytesOf(
  value: CborValue | undefined,
  options: { readonly what: string; readonly length: number },
): Bytes {
  if (value instanceof Uint8Array && value.length === options.length) {
    return new Uint8Array(value);
  }
  throw new BatchError(
    `A batch's ${options.what} has not ${options.length} bytes`,
  );
}

function operationOf(item: CborValue): Operation {
  if (!Array.isArray(item) || item.length !== 3) {
    throw new BatchError("A batch's operation has not 3 members");
  }
  const [section, key, text] = item;
  if (typeof section !== "string" || typeof key !== "string") {
    throw new BatchError("A batch's operation names no place");
  }
  const fault = placeFault(section, key);
  if (fault !== undefined) throw new BatchError(`In a batch ${fault}`);
  if (text === cborNull) return { section, key, text: undefined };
  if (typeof text !== "string") {
    throw new BatchError("A batch's value is no text");
  }
  const valueFault = valueTextFault(text);
  if (valueFault !== undefined) {
    throw new BatchError(`In a batch ${valueFault}`);
  }
  return { section, key, text };
}

function operationsOf(value: CborValue | undefined, base: boolean) {
  if (!Array.isArray(value)) throw new BatchError("A batch has no operations");
  if (value.length > limits.stateBatchOperationsMax) {
    throw new BatchError(`A batch holds ${value.length} operations`);
  }
  if (value.length === 0 && !base) throw new BatchError("A batch is empty");
  let previous: Operation | undefined;
  return value.map((item: CborValue) => {
    const operation = operationOf(item);
    if (previous !== undefined && comparePlaces(previous, operation) >= 0) {
      throw new BatchError("A batch's operations are not in order");
    }
    if (base && operation.text === undefined) {
      throw new BatchError("A base deletes");
    }
    previous = operation;
    return operation;
  });
}

const memberCount = 9;

/**
 * Reads a batch's body; the signature is `verifyBatch`'s matter.
 *
 * @throws {PlnError} kind "peer" or "input": it breaks the protocol.
 */
export function parseBatch(body: Uint8Array): Batch {
  const map = decodeCbor(body, { bytesMax: limits.stateBatchBytesMax });
  if (!(map instanceof Map) || map.size !== memberCount) {
    throw new BatchError(`A batch is no map of ${memberCount} members`);
  }
  const base: CborValue | undefined = map.get("base");
  if (typeof base !== "boolean") throw new BatchError("A batch has no base");
  const hlc: CborValue | undefined = map.get("hlc");
  if (!Array.isArray(hlc) || hlc.length !== 2) {
    throw new BatchError("A batch has no time");
  }
  const seq = positiveOf(map.get("seq"), "seq");
  const rev = integerOf(map.get("rev"), "rev");
  if (rev > seq) throw new BatchError("A batch's rev is after its seq");
  const owner = bytesOf(map.get("owner"), { what: "owner", length: 32 });
  return {
    owner: peerIdOf(owner),
    generation: positiveOf(map.get("generation"), "generation"),
    session: bytesOf(map.get("session"), {
      what: "session",
      length: sessionBytes,
    }),
    seq,
    prev: bytesOf(map.get("prev"), { what: "prev", length: hashBytes }),
    base,
    rev,
    operations: operationsOf(map.get("ops"), base),
    hlc: {
      wallMs: integerOf(hlc[0], "time"),
      counter: integerOf(hlc[1], "time counter"),
    },
  };
}

/** Signs a batch with its owner's key. */
export function signBatch(
  batch: Batch,
  options: {
    readonly signer: Signer;
    readonly key: PrivateKey;
    readonly cluster: ClusterId;
  },
): SignedBatch {
  const body = encodeBatch(batch);
  return {
    batch,
    body,
    signature: options.signer.sign(
      options.key,
      signedInput(context, options.cluster, body),
    ),
    hash: options.signer.sha256(body),
  };
}

/** A signed batch as it is kept and sent: signature, then body. */
export function encodeSignedBatch(signed: SignedBatch): Bytes {
  return concatBytes(signed.signature, signed.body);
}

/**
 * Reads a signed batch and verifies nothing: see `checkSignature`.
 *
 * @throws {PlnError} It breaks the protocol.
 */
export function readSignedBatch(
  bytes: Uint8Array,
  options: { readonly signer: Signer },
): SignedBatch {
  const signature = new Uint8Array(bytes.subarray(0, signatureBytes));
  const body = new Uint8Array(bytes.subarray(signatureBytes));
  if (signature.length < signatureBytes || body.length === 0) {
    throw new BatchError("A batch is too short");
  }
  const batch = parseBatch(body);
  return { batch, body, signature, hash: options.signer.sha256(body) };
}

/** What it takes to believe a batch. */
export type BatchTrust = {
  readonly signer: Signer;
  readonly cluster: ClusterId;
};

/**
 * @param signed.bytes As `encodeSignedBatch` makes them.
 * @throws {BatchError} Its owner did not sign it for this cluster.
 */
export function checkSignature(
  signed: { readonly owner: PeerId; readonly bytes: Uint8Array },
  trust: BatchTrust,
): void {
  const { owner, bytes } = signed;
  const isSigned = trust.signer.verify(
    idBytes(owner),
    signedInput(context, trust.cluster, bytes.subarray(signatureBytes)),
    bytes.subarray(0, signatureBytes),
  );
  if (isSigned) return;
  throw new BatchError("A batch is not signed by its owner for this cluster");
}

/**
 * Reads and verifies a signed batch.
 *
 * @throws {PlnError} It breaks the protocol, or its owner did not sign it for
 * this cluster.
 */
export function parseSignedBatch(
  bytes: Uint8Array,
  options: BatchTrust,
): SignedBatch {
  const signed = readSignedBatch(bytes, options);
  const { owner } = signed.batch;
  checkSignature({ owner, bytes }, options);
  return signed;
}

/** How a signed batch's body starts: a map of 9, its first key "hlc". */
const bodyStart = concatBytes(Uint8Array.of(0xa9, 0x63), utf8("hlc"));

/**
 * Whether a signed batch may start at `offset`: lets a journal look for whole
 * records after damage without a checksum at every byte.
 */
export function isBatchStart(bytes: Uint8Array, offset: number): boolean {
  const start = offset + signatureBytes;
  return bodyStart.every((byte, index) => bytes[start + index] === byte);
}

/** The `prev` of an owner's very first batch. */
export const noHash: Bytes = new Uint8Array(hashBytes);
