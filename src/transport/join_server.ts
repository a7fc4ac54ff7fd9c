// Enrolments of strangers over ALPN "pln-join/1": one stream each, small frames
// and little time. Sessions come in and frames go to whoever redeems invites;
// the session ends with the answer. It must never serve a second stream, nor
// more enrolments at once than there are places.

import {
  asPlnError,
  LimitError,
  limits,
  PlnError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { NetworkAddress, Ports, Session } from "../ports/mod.ts";
import { Cancellation, Deadline, unlessAborted, within } from "./deadline.ts";
import { openFrameStream } from "./frame_stream.ts";
import { type JoinId, JoinPlaces } from "./join_places.ts";
import type { Frame, FrameStream } from "./link.ts";
import { closeReason } from "./link_end.ts";
import { LinkStream } from "./link_streams.ts";
import { closeCodes } from "./protocols.ts";
import type { Refusals } from "./refusals.ts";

/** Serves one enrolment: see `TransportConfig.onJoin`. */
export type JoinHandler = (
  stream: FrameStream,
  context: { readonly remote: NetworkAddress; readonly signal: AbortSignal },
) => Promise<void>;

const busyText = "Too many joins are under way";

/** Tells whose turn it is: a joiner's while it is listened to. */
class HeardStream implements FrameStream {
  readonly #stream: FrameStream;
  readonly #place: { readonly id: JoinId; readonly places: JoinPlaces };

  constructor(
    stream: FrameStream,
    place: { readonly id: JoinId; readonly places: JoinPlaces },
  ) {
    this.#stream = stream;
    this.#place = place;
  }

  async read(): Promise<Frame | undefined> {
    const { id, places } = this.#place;
    places.wait(id);
    try {
      return await this.#stream.read();
    } finally {
      places.work(id);
    }
  }

  write(kind: number, body: Uint8Array): Promise<void> {
    return this.#stream.write(kind, body);
  }

  end(): Promise<void> {
    return this.#stream.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }
}

/** Enrolments under way on one node. */
export class JoinServer {
  readonly #needs: Pick<Ports, "clock" | "log">;
  readonly #refusals: Refusals;
  readonly #onJoin: JoinHandler;
  readonly #places = new JoinPlaces();
  readonly #ends = new Map<JoinId, Cancellation>();

  constructor(
    needs: Pick<Ports, "clock" | "log">,
    options: { readonly refusals: Refusals; readonly onJoin: JoinHandler },
  ) {
    this.#needs = needs;
    this.#refusals = options.refusals;
    this.#onJoin = options.onJoin;
  }

  /** Serves the session's one stream; never rejects for what a peer does. */
  async serve(session: Session, signal: AbortSignal): Promise<void> {
    const entry = this.#places.enter(session.remote.ip);
    if (entry === undefined) {
      this.#refuse(session, new LimitError(busyText));
      return await session[Symbol.asyncDispose]();
    }
    const { id, leaving } = entry;
    using gone = new Cancellation(signal);
    this.#ends.set(id, gone);
    if (leaving !== undefined) {
      this.#ends.get(leaving)?.cancel(new LimitError(busyText));
    }
    try {
      await this.#serve(session, id, { gone });
    } finally {
      this.#ends.delete(id);
      this.#places.leave(id);
      await session[Symbol.asyncDispose]();
    }
  }

  async #serve(
    session: Session,
    id: JoinId,
    { gone }: { readonly gone: Cancellation },
  ): Promise<void> {
    void session.ended.then(() =>
      gone.cancel(new UnreachableError("The joiner has gone"))
    );
    using deadline = new Deadline(this.#needs.clock, {
      delayMs: limits.joinMsMax,
      signal: gone.signal,
      late: () => new LimitError("The join took too long"),
    });
    try {
      await this.#enroll(session, id, deadline);
    } catch (cause) {
      this.#refuse(session, cause);
    }
  }

  async #enroll(
    session: Session,
    id: JoinId,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    const first = Promise.withResolvers<FrameStream>();
    const streams = this.#takeOne(session, first.resolve);
    const stream = await unlessAborted(first.promise, signal);
    const context = { remote: session.remote, signal };
    const places = this.#places;
    const heard = new HeardStream(stream, { id, places });
    await unlessAborted(this.#onJoin(heard, context), signal);
    places.work(id); // it is answered: what is left is short
    await unlessAborted(stream.end(), signal);
    await this.#goodbye(session, signal);
    session.close(closeCodes.shutdown, "");
    await streams;
  }

  /** Hands on the first stream; resolves when the session has ended. */
  async #takeOne(
    session: Session,
    take: (stream: FrameStream) => void,
  ): Promise<void> {
    let count = 0;
    for await (const stream of session.incomingStreams()) {
      if (++count > 1) {
        this.#refuse(session, new LimitError("A join has one stream"));
        continue;
      }
      const frames = openFrameStream(stream, {
        frameBytesMax: limits.joinFrameBytesMax,
      });
      take(
        new LinkStream(frames, {
          place: { [Symbol.dispose]: () => {} },
          onViolation: (cause) => this.#refuse(session, cause),
        }),
      );
    }
  }

  /** Who closes the session has read the answer. */
  async #goodbye(session: Session, signal: AbortSignal): Promise<void> {
    await within(this.#needs.clock, session.ended, {
      delayMs: limits.joinGoodbyeMsMax,
      signal,
      late: () => new UnreachableError("The joiner stays"),
    }).catch(() => undefined);
  }

  #refuse(session: Session, cause: unknown): void {
    const error = asPlnError(cause);
    const isGone = error instanceof UnreachableError;
    if (!isGone) {
      const from = session.remote;
      this.#refusals.add({ reason: "join", from, cause });
    }
    if (!(cause instanceof PlnError)) {
      this.#needs.log.error("transport.bug", { task: "onJoin", cause });
    }
    session.close(closeCodes.quota, closeReason(error.message));
  }
}
