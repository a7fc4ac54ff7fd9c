// Streams that peers open, to whoever serves their protocol. Streams of proven
// links come in; handlers get frames. What is not early waits until both sides
// know the other's revocations. A handler's failure ends its stream alone; it
// must never end the link, and nothing waits for a handler without end.

import {
  asPlnError,
  assert,
  LimitError,
  limits,
  PlnError,
  Scope,
  TokenBucket,
  UnreachableError,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { Arrivals } from "./arrivals.ts";
import { unlessAborted, within } from "./deadline.ts";
import type { ArrivedStream } from "./frame_stream.ts";
import type { StreamHandler } from "./link.ts";
import { LinkStream } from "./link_streams.ts";
import type { Protocol } from "./protocols.ts";
import type { SessionLink } from "./session_link.ts";

type Served = { readonly protocol: Protocol; readonly handler: StreamHandler };

/** One stream on its way to its handler. */
type Arrival = {
  readonly stream: ArrivedStream;
  readonly link: SessionLink;
  /** Resolves when streams that are not early may be served. */
  readonly gate: Promise<void>;
};

/** Those that wait beyond the protocol's limit, as a factor of it. */
const waitingPerServedMax = 1;

/** Handlers by protocol, and the streams they serve now. */
export class Router {
  readonly #needs: Pick<Ports, "clock" | "log">;
  readonly #served = new Map<number, Served>();
  readonly #streams: Scope;
  /** Protocols that nobody serves yet, and who waits for that. */
  readonly #unserved = new Map<number, PromiseWithResolvers<void>>();
  /** A peer that makes handlers fail must not fill the log. */
  readonly #logged = new TokenBucket({
    burst: limits.refusalsLoggedPerMinuteMax,
    perSecond: limits.refusalsLoggedPerMinuteMax / 60,
  });

  constructor(needs: Pick<Ports, "clock" | "log">) {
    this.#needs = needs;
    this.#streams = new Scope((task, cause) =>
      needs.log.error("transport.bug", { task, cause })
    );
  }

  /** See `Transport.serve`. */
  serve(protocol: Protocol, handler: StreamHandler): Disposable {
    const { id, name } = protocol;
    assert(!this.#served.has(id), `protocol "${name}" is served once`);
    const served = { protocol, handler };
    this.#served.set(id, served);
    this.#unserved.get(id)?.resolve();
    this.#unserved.delete(id);
    return {
      [Symbol.dispose]: () => {
        if (this.#served.get(id) === served) this.#served.delete(id);
      },
    };
  }

  /** Serves all streams of a link's peer, also those that it opened before. */
  start(
    link: SessionLink,
    arrivals: Arrivals,
    options: { readonly gate: Promise<void> },
  ): void {
    const { gate } = options;
    arrivals.serve((stream) => {
      if (this.#streams.isClosed) return void stream[Symbol.asyncDispose]();
      const arrival = { stream, link, gate };
      this.#streams.spawn("stream", () => this.#route(arrival));
    });
  }

  /** Takes no further streams; resolves when all handlers have ended. */
  stop(): Promise<void> {
    return this.#streams[Symbol.asyncDispose]();
  }

  async #route(arrival: Arrival): Promise<void> {
    await using stream = arrival.stream;
    const { link } = arrival;
    const id = await this.#protocolOf(stream, link.serving);
    if (id === undefined) return;
    const served = this.#served.get(id) ?? await this.#soonServed(id, link);
    // Of a newer version, or not served here: dropped, the link stays.
    if (served === undefined) return;
    try {
      await this.#serve(arrival, served);
    } catch (cause) {
      this.#failed(link, cause, { protocol: served.protocol.name });
    }
  }

  /** Undefined when the stream never says it. */
  async #protocolOf(
    stream: ArrivedStream,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    try {
      return await within(this.#needs.clock, stream.readFirstByte(), {
        delayMs: limits.streamStartMsMax,
        signal,
        late: () => new UnreachableError("A stream does not start"),
      });
    } catch (cause) {
      if (cause instanceof PlnError) return undefined;
      throw cause;
    }
  }

  /** A node that starts has links before all of its parts serve. */
  async #soonServed(
    id: number,
    link: SessionLink,
  ): Promise<Served | undefined> {
    const waiting = this.#unserved.get(id) ?? Promise.withResolvers<void>();
    this.#unserved.set(id, waiting);
    await within(this.#needs.clock, waiting.promise, {
      delayMs: limits.settleMsMax,
      signal: link.serving,
      late: () => new UnreachableError(`Nobody serves protocol ${id}`),
    }).catch(() => undefined);
    return this.#served.get(id);
  }

  async #serve(
    { stream, link, gate }: Arrival,
    { protocol, handler }: Served,
  ): Promise<void> {
    const places = link.servedPlaces.of(protocol);
    if (places.waiting >= protocol.streamsMax * waitingPerServedMax) {
      return link.violated(
        new LimitError(
          `More than ${protocol.streamsMax} streams of "${protocol.name}"`,
        ),
      );
    }
    const place = await places.take(link.serving);
    const { frameBytesMax } = protocol;
    await using frames = new LinkStream(stream.frames({ frameBytesMax }), {
      place,
      onViolation: (cause) => link.violated(cause),
    });
    if (protocol.isEarly !== true) await unlessAborted(gate, link.serving);
    link.serving.throwIfAborted();
    await handler(frames, { link, signal: link.serving });
  }

  #failed(
    link: SessionLink,
    cause: unknown,
    options: { readonly protocol: string },
  ): void {
    // What a handler says when its link is gone is no news.
    if (link.serving.aborted) return;
    const { code } = asPlnError(cause);
    const isBug = code === "PLN_INTERNAL";
    if (!isBug && !this.#logged.take(1, this.#needs.clock.nowMs())) return;
    const level = isBug ? "error" : "warn";
    const fields = { peer: link.peer, ...options, code, cause };
    this.#needs.log[level]("stream.failed", fields);
  }
}
