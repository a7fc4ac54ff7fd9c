// Writes frames to a stream, many small ones at once: those that come while a
// write is under way leave together in the next one. Frames go in, in order;
// joined bytes go out. Long bodies leave without being copied. At most one
// write is under way, since the system queues without bound.

import {
  ClosedError,
  LimitError,
  limits,
  type PlnError,
} from "../kernel/mod.ts";
import { brokenStream } from "./chunk_source.ts";
import { frameHeadBytes, writeFrameHead } from "./frames.ts";

/** When so many bytes may leave; undefined: now. It may reject. */
export type WriteGate = (byteCount: number) => Promise<void> | undefined;

type Written = { readonly kind: number; readonly body: Uint8Array };

/** Frames that leave together, and whoever waits for that. */
type Batch = PromiseWithResolvers<void> & {
  readonly frames: Written[];
  bytes: number;
  /** Whether our half ends after it. */
  isLast: boolean;
};

/** From this length on a body is handed over as it is. */
const joinedBodyBytesMax = 16 * 1024;
/** A batch that has grown to this takes no further frames. */
const batchBytesMax = 64 * 1024;

/** Our half of one stream; nobody else may hold its writer. */
export class FrameWriter {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #gate: WriteGate | undefined;
  readonly #queue: Batch[] = [];
  #underWay: Batch | undefined;
  /** Goes out before the first frame. */
  #firstByte: number | undefined;
  /** Frames that were not taken yet. */
  #waiting = 0;
  #isRunning = false;
  #ended: Promise<void> | undefined;
  #fault: PlnError | undefined;

  constructor(
    writable: WritableStream<Uint8Array>,
    { firstByte, gate }: {
      readonly firstByte?: number | undefined;
      readonly gate?: WriteGate | undefined;
    },
  ) {
    this.#writer = writable.getWriter();
    this.#gate = gate;
    this.#firstByte = firstByte;
    if (firstByte === undefined) return;
    // Nobody waits for this byte: the next write learns of a fault.
    void this.#batch().promise.catch(() => undefined);
    this.#start();
  }

  /** Resolves when the system took the frame; see `FrameStream.write`. */
  write(kind: number, body: Uint8Array): Promise<void> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const batch = this.#batch();
    batch.frames.push({ kind, body });
    batch.bytes += frameHeadBytes + body.length;
    this.#waiting++;
    this.#start();
    return batch.promise;
  }

  /** Ends our half after what was written. */
  end(): Promise<void> {
    if (this.#ended !== undefined) return this.#ended;
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    const batch = this.#batch();
    batch.isLast = true;
    this.#ended = batch.promise;
    this.#start();
    return this.#ended;
  }

  /** Drops what was not taken; what waits for it fails. */
  drop(): void {
    this.#fail(new ClosedError("The stream was dropped"));
    // Settles late or never while a write waits for the peer.
    void this.#writer.abort(this.#fault).catch(() => undefined);
  }

  #refusal(): PlnError | undefined {
    if (this.#fault !== undefined) return this.#fault;
    if (this.#ended !== undefined) {
      return new ClosedError("The stream was ended by this side");
    }
    if (this.#waiting < limits.frameWritesMax) return undefined;
    return new LimitError(
      `More than ${limits.frameWritesMax} writes wait for one peer`,
    );
  }

  /** The one that takes further frames. */
  #batch(): Batch {
    const last = this.#queue.at(-1);
    if (last !== undefined && last.bytes < batchBytesMax) return last;
    const batch: Batch = {
      ...Promise.withResolvers<void>(),
      frames: [],
      bytes: 0,
      isLast: false,
    };
    this.#queue.push(batch);
    return batch;
  }

  #start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    try {
      await Promise.resolve(); // what is written in this turn joins
      while (this.#fault === undefined) {
        const batch = this.#queue.shift();
        if (batch === undefined) break;
        this.#underWay = batch;
        await this.#send(batch);
        this.#waiting -= batch.frames.length;
        batch.resolve();
      }
    } catch (cause) {
      this.#fail(brokenStream(cause));
    } finally {
      this.#underWay = undefined;
      this.#isRunning = false;
    }
  }

  async #send({ frames, isLast }: Batch): Promise<void> {
    let start = 0;
    do {
      const long = frames.findIndex((frame, at) =>
        at >= start && isLong(frame)
      );
      const end = long < 0 ? frames.length : long + 1;
      const joined = join(frames.slice(start, end), this.#firstByte);
      this.#firstByte = undefined;
      if (joined.length > 0) await this.#put(joined);
      const { body } = frames[long] ?? {};
      if (body !== undefined) await this.#put(body);
      start = end;
    } while (start < frames.length);
    if (isLast) await this.#writer.close();
  }

  #put(bytes: Uint8Array): Promise<void> {
    const wait = this.#gate?.(bytes.length);
    if (wait === undefined) return this.#writer.write(bytes);
    return wait.then(() => this.#writer.write(bytes));
  }

  #fail(fault: PlnError): void {
    this.#fault ??= fault;
    this.#underWay?.reject(this.#fault);
    for (const batch of this.#queue.splice(0)) batch.reject(this.#fault);
  }
}

function isLong({ body }: Written): boolean {
  return body.length > joinedBodyBytesMax;
}

/** All heads, and all bodies but long ones, which are last. */
function join(
  frames: readonly Written[],
  firstByte: number | undefined,
): Uint8Array {
  let length = firstByte === undefined ? 0 : 1;
  for (const frame of frames) {
    length += frameHeadBytes + (isLong(frame) ? 0 : frame.body.length);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  if (firstByte !== undefined) bytes[offset++] = firstByte;
  for (const frame of frames) {
    writeFrameHead(bytes, offset, frame);
    offset += frameHeadBytes;
    if (isLong(frame)) break;
    bytes.set(frame.body, offset);
    offset += frame.body.length;
  }
  return bytes;
}
