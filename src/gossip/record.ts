// An ephemeral record: what a node says of itself at the moment, signed, never
// stored. One of this node goes out as bytes; foreign bytes come in and go out
// as a record whose every member was checked. Deterministic CBOR arrays, in
// which a newer version may add members at the end: they are kept with the
// bytes and not looked at. It reads no clock and judges nobody.

import {
  type Bytes,
  type CborValue,
  type ClusterId,
  concatBytes,
  decodeCbor,
  encodeCbor,
  type Field,
  idBytes,
  InputError,
  integerField,
  isName,
  LimitError,
  limits,
  peerField,
  type PeerId,
} from "../kernel/mod.ts";
import type { PrivateKey, Signer } from "../ports/mod.ts";
import { signedInput } from "../identity/mod.ts";

/** What a node has to do, and what it could do more. */
export type NodeLoad = {
  /** Of all its cores: 1000 is one that is never idle, times `cores`. */
  readonly permille: number;
  readonly cores: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly callsUnderWay: number;
};

/** One seed as the node that speaks hosts it. */
export type SeedLoad = {
  readonly name: string;
  /** Since the node started. */
  readonly calls: number;
  readonly saturationPermille: number;
};

/** A round trip to a peer. */
export type RecordRtt = {
  /** The first 8 bytes of its id; of a record that was read, a view of it. */
  readonly prefix: Uint8Array;
  readonly ms: number;
};

/** Which of an owner's records: the higher is the newer. */
export type RecordPlace = {
  readonly owner: PeerId;
  /** Of its state document: orders its starts. */
  readonly generation: number;
  /** Counts the records of a start, from 1. */
  readonly seq: number;
};

/** What a node says of itself, without which of its records it is. */
export type RecordBody = {
  /** The next one comes after about that time. */
  readonly periodMs: number;
  /** Its wall clock when it signed. */
  readonly wallMs: number;
  readonly load: NodeLoad;
  /** The busiest. */
  readonly seeds: readonly SeedLoad[];
  /** The nearest. */
  readonly rtts: readonly RecordRtt[];
};

/** One whole record. */
export type EphemeralRecord = RecordPlace & RecordBody;

/** Who signs a record, and for which cluster. */
export type RecordSigner = {
  readonly signer: Signer;
  readonly cluster: ClusterId;
  readonly key: PrivateKey;
};

const signatureBytes = 64;
const context = "pln/eph/1";
const memberCount = 8;
const loadCount = 5;
const positive = integerField();

/** How often nodes speak in a cluster of so many. */
export function recordPeriodMs(nodes: number): number {
  const scaledMs = limits.recordPeriodPerNodeMs * nodes;
  const periodMs = Math.max(limits.recordPeriodMsMin, scaledMs);
  return Math.min(periodMs, limits.recordPeriodMsMax);
}

/** Whether the first of two places of one owner comes before the second. */
export function isOlderRecord(
  one: Omit<RecordPlace, "owner">,
  other: Omit<RecordPlace, "owner">,
): boolean {
  return one.generation === other.generation
    ? one.seq < other.seq
    : one.generation < other.generation;
}

/**
 * Signs a record: signature, then body.
 *
 * @throws {LimitError} It is longer than any node takes.
 */
export function signRecord(by: RecordSigner, record: EphemeralRecord): Bytes {
  const body = encodeBody(record);
  const input = signedInput(context, by.cluster, body);
  const bytes = concatBytes(by.signer.sign(by.key, input), body);
  if (bytes.length <= limits.recordBytesMax) return bytes;
  throw new LimitError(
    `A record may have ${limits.recordBytesMax} bytes, not ${bytes.length}`,
  );
}

/**
 * Reads a signed record and believes nothing: see `isRecordSigned`. It is the
 * caller's not to change `bytes` while it keeps the record.
 *
 * @throws {InputError} It breaks the protocol.
 */
export function readRecord(bytes: Uint8Array): EphemeralRecord {
  if (bytes.length > limits.recordBytesMax) {
    throw new InputError(`A record of ${bytes.length} bytes is too long`);
  }
  const items = decodeCbor(bytes.subarray(signatureBytes), {
    bytesMax: limits.recordBytesMax,
    isShared: true,
  });
  const [owner, generation, seq, periodMs, wallMs, load, seeds, rtts] = rowOf(
    items,
    memberCount,
  );
  return {
    owner: member(peerField, owner, { what: "owner" }),
    generation: aboveZero(generation, "generation"),
    seq: aboveZero(seq, "seq"),
    periodMs: periodOf(periodMs),
    wallMs: member(positive, wallMs, { what: "time" }),
    load: loadOf(load),
    seeds: listOf(seeds, limits.recordSeedsMax).map(seedOf),
    rtts: listOf(rtts, limits.recordRttsMax).map(rttOf),
  };
}

/** Whether its owner signed these bytes for this cluster. */
export function isRecordSigned(
  { owner, bytes }: { readonly owner: PeerId; readonly bytes: Uint8Array },
  { signer, cluster }: Pick<RecordSigner, "signer" | "cluster">,
): boolean {
  const body = bytes.subarray(signatureBytes);
  const signature = bytes.subarray(0, signatureBytes);
  const input = signedInput(context, cluster, body);
  return signer.verify(idBytes(owner), input, signature);
}

function encodeBody(record: EphemeralRecord): Bytes {
  const { permille, cores, freeBytes, totalBytes, callsUnderWay } = record.load;
  return encodeCbor([
    idBytes(record.owner),
    record.generation,
    record.seq,
    record.periodMs,
    record.wallMs,
    [permille, cores, freeBytes, totalBytes, callsUnderWay],
    record.seeds.map(({ name, calls, saturationPermille }) => [
      name,
      calls,
      saturationPermille,
    ]),
    record.rtts.map(({ prefix, ms }) => [prefix, ms]),
  ]);
}

function loadOf(value: CborValue | undefined): NodeLoad {
  const [permille, cores, freeBytes, totalBytes, callsUnderWay] = rowOf(
    value,
    loadCount,
  ).map((item) => member(positive, item, { what: "load" }));
  return {
    permille: permille ?? 0,
    cores: cores ?? 0,
    freeBytes: freeBytes ?? 0,
    totalBytes: totalBytes ?? 0,
    callsUnderWay: callsUnderWay ?? 0,
  };
}

function seedOf(value: CborValue): SeedLoad {
  const [name, calls, saturation] = rowOf(value, 3);
  if (typeof name !== "string" || !isName(name)) throw unusable("seed");
  return {
    name,
    calls: member(positive, calls, { what: "count of calls" }),
    saturationPermille: member(positive, saturation, { what: "saturation" }),
  };
}

const prefixBytes = 8;

function rttOf(value: CborValue): RecordRtt {
  const [prefix, ms] = rowOf(value, 2);
  const isPrefix = prefix instanceof Uint8Array &&
    prefix.length === prefixBytes;
  if (!isPrefix) throw unusable("peer");
  return {
    prefix,
    ms: member(positive, ms, { what: "round trip time" }),
  };
}

function periodOf(value: CborValue | undefined): number {
  const periodMs = aboveZero(value, "period");
  if (periodMs > limits.recordPeriodMsMax) throw unusable("period");
  return Math.max(periodMs, limits.recordPeriodMsMin);
}

/** At least `count` members: a newer version may say more. */
function rowOf(
  value: CborValue | undefined,
  count: number,
): readonly CborValue[] {
  if (Array.isArray(value) && value.length >= count) {
    return value.length === count ? value : value.slice(0, count);
  }
  throw new InputError(`A record has a row without its ${count} members`);
}

function listOf(
  value: CborValue | undefined,
  countMax: number,
): readonly CborValue[] {
  if (Array.isArray(value) && value.length <= countMax) return value;
  throw new InputError(`A record lists more than ${countMax}`);
}

function aboveZero(value: CborValue | undefined, what: string): number {
  const number = member(positive, value, { what });
  if (number > 0) return number;
  throw unusable(what);
}

function member<T>(
  field: Field<T>,
  value: CborValue | undefined,
  { what }: { readonly what: string },
): T {
  const decoded = value === undefined ? undefined : field.decode(value);
  if (decoded === undefined) throw unusable(what);
  return decoded;
}

function unusable(what: string): InputError {
  return new InputError(`A record has an unusable ${what}`);
}
