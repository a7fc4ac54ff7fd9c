// The newest record of each node, for a while. Bytes that somebody sent and
// monotonic times come in, records and events go out. It takes those of owners
// whose document is stored, signed by them and newer than what came before, no
// faster than they may speak; it writes nothing to the disk. A record that has
// expired never counts again, whoever still has it.

import {
  type Bytes,
  limits,
  type PeerId,
  PlnError,
  TokenBucket,
} from "../kernel/mod.ts";
import {
  type EphemeralRecord,
  isOlderRecord,
  isRecordSigned,
  readRecord,
  type RecordBody,
  type RecordPlace,
  type RecordSigner,
  signRecord,
} from "./record.ts";

/**
 * What became of a record. "known": not newer, or its owner speaks too often;
 * "refused": no owner signed it; "stranger": of nobody who is heard here.
 */
export type RecordOutcome = "new" | "known" | "refused" | "stranger";

/** A record with its bytes, and when it was new here. */
export type HeldRecord = {
  readonly record: EphemeralRecord;
  /** As they were signed, with what only newer versions read. */
  readonly bytes: Bytes;
  /** Monotonic time of this node, less the age it had when it came. */
  readonly heardMs: number;
};

/** Hears of each record that is new; must not throw. */
export type RecordHandler = (owner: PeerId, held: HeldRecord) => void;

/** Whom it believes, and whose records it takes. */
export type RecordStoreConfig = RecordSigner & {
  readonly self: PeerId;
  /** Whether a document of that owner is stored and it is not denied. */
  readonly isTaken: (owner: PeerId) => boolean;
  /** Of the own document now; undefined before its first publish. */
  readonly generation: () => number | undefined;
};

type Held = HeldRecord & { readonly rate: TokenBucket };

/** Of one node. All times are monotonic milliseconds. */
export class RecordStore {
  readonly #config: RecordStoreConfig;
  readonly #held = new Map<PeerId, Held>();
  /** Places of records that expired: what is not newer is not taken again. */
  readonly #over = new Map<PeerId, Omit<RecordPlace, "owner">>();
  readonly #handlers = new Set<RecordHandler>();
  #seq = 0;

  /** Empty. */
  constructor(config: RecordStoreConfig) {
    this.#config = config;
  }

  /** How many are held, expired ones included. */
  get size(): number {
    return this.#held.size;
  }

  /**
   * Takes a record from whomever.
   *
   * @param options.ageMs How old it was when it was sent, as the sender says:
   * so much earlier it expires here. 0 unless told.
   */
  accept(
    signed: Uint8Array,
    nowMs: number,
    { ageMs = 0 }: { readonly ageMs?: number } = {},
  ): RecordOutcome {
    if (signed.length > limits.recordBytesMax) return "refused";
    // What is held must not keep alive all that came with it.
    const bytes = new Uint8Array(signed);
    const record = recordOf(bytes);
    if (record === undefined) return "refused";
    const { owner } = record;
    if (owner === this.#config.self) return "known";
    if (!this.#config.isTaken(owner)) return "stranger";
    const place = this.#newest(owner);
    if (place !== undefined && !isOlderRecord(place, record)) return "known";
    const rate = this.#held.get(owner)?.rate ?? recordBucket();
    if (!rate.has(1, nowMs)) return "known";
    if (!isRecordSigned({ owner, bytes }, this.#config)) return "refused";
    rate.take(1, nowMs);
    const heardMs = this.#madeMs(record, nowMs, { ageMs });
    const held = { record, bytes, heardMs, rate };
    return isOver(held, nowMs) ? "known" : this.#put(owner, held);
  }

  /**
   * Signs and holds the next record of this node; undefined while its document
   * has no generation.
   */
  own(body: RecordBody, nowMs: number): Bytes | undefined {
    const { self: owner, generation: current } = this.#config;
    const generation = current();
    if (generation === undefined) return undefined;
    const seq = ++this.#seq;
    const record = { ...body, owner, generation, seq };
    const bytes = signRecord(this.#config, record);
    this.#put(owner, { record, bytes, heardMs: nowMs, rate: recordBucket() });
    return bytes;
  }

  /** Undefined when none is alive; the own one counts. */
  get(owner: PeerId, nowMs: number): HeldRecord | undefined {
    const held = this.#held.get(owner);
    return held === undefined || isOver(held, nowMs) ? undefined : held;
  }

  /** What the owner's wall clock shows now; undefined: no record is alive. */
  wallMsOf(owner: PeerId, nowMs: number): number | undefined {
    const held = this.get(owner, nowMs);
    return held && held.record.wallMs + (nowMs - held.heardMs);
  }

  /** Of the newest record that is held of an owner. */
  placeOf(owner: PeerId): RecordPlace | undefined {
    return this.#held.get(owner)?.record;
  }

  /** Of all that are held, the own one too. */
  *places(): Iterable<RecordPlace> {
    for (const { record } of this.#held.values()) yield record;
  }

  /** To be passed on; undefined when none is held. */
  bytesOf(owner: PeerId): Bytes | undefined {
    return this.#held.get(owner)?.bytes;
  }

  /** How old the held record is, to be sent with it. */
  ageMsOf(owner: PeerId, nowMs: number): number {
    const held = this.#held.get(owner);
    return held === undefined ? 0 : Math.max(0, nowMs - held.heardMs);
  }

  /** Drops what is over, and what nobody stands behind any more. */
  expire(nowMs: number): void {
    const { self, isTaken } = this.#config;
    for (const [owner, held] of this.#held) {
      if (isOver(held, nowMs)) this.#end(owner, held);
      else if (owner !== self && !isTaken(owner)) this.#held.delete(owner);
    }
  }

  /** Calls `handle` with each new record, the own ones too, until disposed. */
  onRecord(handle: RecordHandler): Disposable {
    const own: RecordHandler = (owner, held) => handle(owner, held);
    this.#handlers.add(own);
    return { [Symbol.dispose]: () => void this.#handlers.delete(own) };
  }

  /**
   * When it was made, at the latest. Its age is only the sender's word, and
   * must not end it early: by its number it came so many periods after the one
   * before, which its owner has signed.
   */
  #madeMs(
    { owner, generation, seq, periodMs }: EphemeralRecord,
    nowMs: number,
    { ageMs }: { readonly ageMs: number },
  ): number {
    const saidMs = nowMs - Math.max(0, ageMs);
    const before = this.#held.get(owner);
    if (before?.record.generation !== generation) return saidMs;
    const dueMs = before.heardMs + periodMs * (seq - before.record.seq);
    return Math.min(nowMs, Math.max(saidMs, dueMs));
  }

  #newest(owner: PeerId): Omit<RecordPlace, "owner"> | undefined {
    return this.#held.get(owner)?.record ?? this.#over.get(owner);
  }

  #put(owner: PeerId, held: Held): "new" | "stranger" {
    const isKnown = this.#held.has(owner);
    if (!isKnown && this.#held.size >= limits.recordsMax) return "stranger";
    this.#held.set(owner, held);
    this.#over.delete(owner);
    for (const handle of [...this.#handlers]) handle(owner, held);
    return "new";
  }

  #end(owner: PeerId, { record: { generation, seq } }: Held): void {
    this.#held.delete(owner);
    this.#over.delete(owner); // the newest stand last
    this.#over.set(owner, { generation, seq });
    if (this.#over.size <= limits.recordsMax) return;
    const [oldest] = this.#over.keys();
    if (oldest !== undefined) this.#over.delete(oldest);
  }
}

function recordBucket(): TokenBucket {
  return new TokenBucket({
    burst: limits.recordsBurstMax,
    perSecond: limits.recordsPerSecondMax,
  });
}

function isOver({ record, heardMs }: HeldRecord, nowMs: number): boolean {
  return nowMs - heardMs > limits.recordPeriodsKept * record.periodMs;
}

function recordOf(bytes: Uint8Array): EphemeralRecord | undefined {
  try {
    return readRecord(bytes);
  } catch (cause) {
    if (cause instanceof PlnError) return undefined;
    throw cause;
  }
}
