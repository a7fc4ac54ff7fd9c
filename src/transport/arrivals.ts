// Streams that a peer opens on one session, from its first moment on. Until
// somebody is proven they are held: a dialled peer's unread, a stranger's read
// ahead and counted, so that its flood is seen. Then all of them go to whoever
// serves, in the order in which they came.

import type { Session, SessionStream } from "../ports/mod.ts";
import { ArrivedStream } from "./frame_stream.ts";

/** Judges what comes before the peer is proven; it closes the session. */
export type HoldingRules = {
  onStream(): void;
  /** Undefined leaves streams unread: the peer is held up by their windows. */
  readonly onBytes?: (count: number) => void;
};

/** One session's incoming streams; exactly one `run` for each. */
export class Arrivals {
  readonly #session: Session;
  readonly #held: ArrivedStream[] = [];
  #isProven = false;
  #take: ((stream: ArrivedStream) => void) | undefined;
  #first: ((stream: SessionStream | undefined) => void) | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The very first stream, which is not held; ask before `run`. */
  first(): Promise<SessionStream | undefined> {
    const { promise, resolve } = Promise.withResolvers<
      SessionStream | undefined
    >();
    this.#first = resolve;
    return promise;
  }

  /** Takes streams until the session ends; never rejects. */
  async run(rules: HoldingRules): Promise<void> {
    try {
      for await (const stream of this.#session.incomingStreams()) {
        this.#arrive(stream, rules);
      }
    } finally {
      this.#first?.(undefined);
      await this.drop();
    }
  }

  /** The peer may open and send what it likes; the streams are still held. */
  proven(): void {
    this.#isProven = true;
    for (const stream of this.#held) stream.stopReadingAhead();
  }

  /** From now on every stream goes to `take`, first those that were held. */
  serve(take: (stream: ArrivedStream) => void): void {
    this.#take = take;
    for (const stream of this.#held.splice(0)) take(stream);
  }

  /** Drops what nobody took. */
  async drop(): Promise<void> {
    for (const stream of this.#held.splice(0)) {
      await stream[Symbol.asyncDispose]();
    }
  }

  #arrive(stream: SessionStream, rules: HoldingRules): void {
    const first = this.#first;
    if (first !== undefined) {
      this.#first = undefined;
      return first(stream);
    }
    const arrived = new ArrivedStream(stream);
    if (this.#take !== undefined) return this.#take(arrived);
    this.#held.push(arrived);
    if (this.#isProven) return;
    if (rules.onBytes !== undefined) arrived.readAhead(rules.onBytes);
    rules.onStream();
  }
}
