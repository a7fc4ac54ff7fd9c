// Streams of one link, those we open and those we serve, with their limits. A
// protocol and bytes of a session come in, frames go out. Its opener keeps to
// what the peer serves at once; a peer that does not, or that sends frames over
// their limit, loses the link.

import {
  ClosedError,
  InputError,
  LimitError,
  type PlnError,
  type UnreachableError,
} from "../kernel/mod.ts";
import type { Session } from "../ports/mod.ts";
import { unlessAborted } from "./deadline.ts";
import { type BoundedFrameStream, openFrameStream } from "./frame_stream.ts";
import type { Frame, FrameStream } from "./link.ts";
import { Places } from "./places.ts";
import type { Probation } from "./probation.ts";
import type { Protocol } from "./protocols.ts";

/** Hears what the peer must not do; it closes the link. */
export type ViolationHandler = (cause: PlnError) => void;

/** Frames whose reader need not think about a peer's misbehaviour. */
export class LinkStream implements FrameStream {
  readonly #frames: BoundedFrameStream;
  readonly #place: Disposable;
  readonly #onViolation: ViolationHandler;
  readonly #probation: Probation | undefined;
  /** Ends a read that waits for the peer's proof. */
  #end: AbortController | undefined;

  constructor(
    frames: BoundedFrameStream,
    options: {
      readonly place: Disposable;
      readonly onViolation: ViolationHandler;
      /** What comes before its end is not believed yet. */
      readonly probation?: Probation | undefined;
    },
  ) {
    this.#frames = frames;
    this.#place = options.place;
    this.#onViolation = options.onViolation;
    this.#probation = options.probation;
  }

  async read(): Promise<Frame | undefined> {
    if (this.#probation?.isPassed === false) {
      this.#end ??= new AbortController();
      await unlessAborted(this.#probation.proof, this.#end.signal);
    }
    try {
      return await this.#frames.read();
    } catch (cause) {
      const isViolation = cause instanceof LimitError ||
        cause instanceof InputError;
      if (isViolation) this.#onViolation(cause);
      throw cause;
    }
  }

  write(kind: number, body: Uint8Array): Promise<void> {
    return this.#frames.write(kind, body);
  }

  end(): Promise<void> {
    return this.#frames.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end?.abort(new ClosedError("The stream was dropped"));
    try {
      await this.#frames[Symbol.asyncDispose]();
    } finally {
      this.#place[Symbol.dispose]();
    }
  }
}

/** Places of one link's streams by protocol, in one direction. */
export class ProtocolPlaces {
  readonly #places = new Map<number, Places>();
  #fault: UnreachableError | undefined;

  /** Of one protocol. */
  of(protocol: Protocol): Places {
    const known = this.#places.get(protocol.id);
    if (known !== undefined) return known;
    const made = new Places(protocol.streamsMax);
    if (this.#fault !== undefined) made.close(this.#fault);
    this.#places.set(protocol.id, made);
    return made;
  }

  /** The link has ended: whoever waits fails. */
  close(fault: UnreachableError): void {
    this.#fault = fault;
    for (const places of this.#places.values()) places.close(fault);
  }
}

/** Opens a stream of a protocol once the peer has room for it. */
export async function openLinkStream(
  session: Session,
  protocol: Protocol,
  options: {
    readonly places: Places;
    readonly signal: AbortSignal;
    readonly onViolation: ViolationHandler;
    /** Of a link whose peer is not proven yet. */
    readonly probation: Probation | undefined;
  },
): Promise<LinkStream> {
  const { places, signal, onViolation, probation } = options;
  const place = await places.take(signal);
  try {
    await probation?.stream(signal);
    const stream = await session.openStream(signal);
    const { frameBytesMax, id: firstByte } = protocol;
    const gate = probation && ((count: number) => probation.bytes(count));
    const frames = openFrameStream(stream, { frameBytesMax, firstByte, gate });
    return new LinkStream(frames, { place, onViolation, probation });
  } catch (cause) {
    place[Symbol.dispose]();
    throw cause;
  }
}
