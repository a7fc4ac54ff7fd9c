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
  encodeCbor,
  idBytes,
  InputError,
  limits,
  type PeerId,
  peerIdOf,
  utf8,
} from "../kernel/mod.ts";
import type { PrivateKey, Signer } from "../ports/mod.ts";
import { signedInput } from "../identity/mod.ts";
import { BatchError, BodyReader } from "./batch_body.ts";
import { type Operation, placeFault } from "./schema.ts";
import { utf8Length, valueTextFault } from "./values.ts";

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

export { BatchError } from "./batch_body.ts";

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

function operationOf(reader: BodyReader): Operation {
  if (reader.array("operation") !== 3) {
    throw new BatchError("A batch's operation has not 3 members");
  }
  const section = reader.text("section");
  const key = reader.text("key");
  const fault = placeFault(section, key);
  if (fault !== undefined) throw new BatchError(`In a batch ${fault}`);
  const text = reader.textOrNull("value");
  const valueFault = text === undefined ? undefined : valueTextFault(text);
  if (valueFault === undefined) return { section, key, text };
  throw new BatchError(`In a batch ${valueFault}`);
}

function operationsOf(reader: BodyReader): readonly Operation[] {
  const count = reader.array("operations");
  if (count > limits.stateBatchOperationsMax) {
    throw new BatchError(`A batch holds ${count} operations`);
  }
  const operations: Operation[] = [];
  for (let index = 0; index < count; index++) {
    const operation = operationOf(reader);
    const previous = operations.at(-1);
    if (previous !== undefined && comparePlaces(previous, operation) >= 0) {
      throw new BatchError("A batch's operations are not in order");
    }
    operations.push(operation);
  }
  return operations;
}

function timeOf(reader: BodyReader): HybridTime {
  if (reader.array("time") !== 2) throw new BatchError("A batch has no time");
  const wallMs = reader.integer("time");
  return { wallMs, counter: reader.integer("time counter") };
}

const memberCount = 9;

/** The members in the order of their keys in deterministic CBOR. */
function membersOf(reader: BodyReader): Batch {
  if (reader.map() !== memberCount) {
    throw new BatchError(`A batch is no map of ${memberCount} members`);
  }
  const next = (name: string) => {
    reader.key(name);
    return reader;
  };
  const members = {
    hlc: timeOf(next("hlc")),
    operations: operationsOf(next("ops")),
    rev: next("rev").integer("rev"),
    seq: next("seq").integer("seq"),
    base: next("base").boolean("base"),
    prev: next("prev").bytes("prev", hashBytes),
    owner: peerIdOf(next("owner").bytes("owner", 32)),
    session: next("session").bytes("session", sessionBytes),
    generation: next("generation").integer("generation"),
  };
  reader.end();
  return members;
}

/** Why numbers and operations do not fit each other. */
function batchFault(batch: Batch): string | undefined {
  const { base, generation, operations, rev, seq } = batch;
  if (generation === 0 || seq === 0) return "counts from 0";
  if (seq === limits.stateIntegerMax) {
    return "has the number of void generations";
  }
  if (rev > seq) return "says that its rev is after its seq";
  if (operations.length === 0 && !base) return "is empty";
  return base && operations.some(({ text }) => text === undefined)
    ? "deletes, as a base"
    : undefined;
}

/**
 * Reads a batch's body; its signature is `checkSignature`'s matter. Members of
 * the batch are parts of `body`.
 *
 * @throws {PlnError} kind "peer" or "input": it breaks the protocol.
 */
export function parseBatch(body: Bytes): Batch {
  if (body.length > limits.stateBatchBytesMax) {
    throw new InputError(
      `A batch of ${body.length} bytes is over ${limits.stateBatchBytesMax}`,
    );
  }
  const batch = membersOf(new BodyReader(body));
  const fault = batchFault(batch);
  if (fault === undefined) return batch;
  throw new BatchError(`A batch ${fault}`);
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
 * Reads a signed batch and verifies nothing: see `checkSignature`. What it
 * gives are parts of `bytes`, which are the reader's from now on.
 *
 * @throws {PlnError} It breaks the protocol.
 */
export function readSignedBatch(
  bytes: Bytes,
  options: { readonly signer: Signer },
): SignedBatch {
  const signature = bytes.subarray(0, signatureBytes);
  const body = bytes.subarray(signatureBytes);
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
 * Reads and verifies a signed batch, of which it keeps a copy.
 *
 * @throws {PlnError} It breaks the protocol, or its owner did not sign it for
 * this cluster.
 */
export function parseSignedBatch(
  bytes: Uint8Array,
  options: BatchTrust,
): SignedBatch {
  const signed = readSignedBatch(new Uint8Array(bytes), options);
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
