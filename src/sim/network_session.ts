// One end of a simulated QUIC session: its streams, datagrams, keep-alive, the
// idle timeout and the close. In come calls of its owner and packets of the
// other end; out go packets by a wire. A packet for a session that has ended
// here is answered, so that the peer learns of it.

import { assert, UnreachableError } from "../kernel/mod.ts";
import type {
  Clock,
  NetworkAddress,
  Session,
  SessionEnd,
  SessionStream,
} from "../ports/mod.ts";
import { Inbox } from "./inbox.ts";
import { SessionStreams, type Side } from "./network_session_streams.ts";
import type { Wire } from "./network_wire.ts";

const idleMsMax = 10_000;
const keepAliveMs = 3_000;
const acknowledgeMsMax = 25; // RFC 9000 section 18.2: max_ack_delay
const datagramBytesMax = 1_162; // what is left of a packet of 1200 bytes
const datagramsQueuedMax = 256;

/** What an end is made with. */
export type SessionOptions = {
  readonly side: Side;
  readonly protocol: string;
  readonly remote: () => NetworkAddress;
  readonly clock: Clock;
  readonly wire: Wire;
  readonly onEnd: (end: SessionEnd) => void;
};

type Packet = (peer: SimSession) => void;

/** One end; `join` makes two of them a session. */
export class SimSession implements Session {
  readonly protocol: string;
  readonly #options: SessionOptions;
  readonly #established = Promise.withResolvers<boolean>();
  readonly #ended = Promise.withResolvers<SessionEnd>();
  readonly #streams: SessionStreams;
  readonly #datagrams = new Inbox<Uint8Array>();
  /** Packets that came before the end of the handshake. */
  #early: (() => void)[] = [];
  #isEstablished = false;
  #end: SessionEnd | undefined;
  #peer: SimSession | undefined;
  #sentMs: number;
  #idleSinceMs: number;
  /** Whether it has sent since it last heard: that starts the wait anew. */
  #hasAsked = false;
  /** When the acknowledgement comes that is on its way. */
  #acknowledgedMs: number | undefined;
  #timer: Disposable | undefined;

  constructor(options: SessionOptions) {
    this.protocol = options.protocol;
    this.#options = options;
    this.#streams = new SessionStreams(
      options.side,
      (packet) => this.#send((peer) => packet(peer.#streams)),
    );
    this.#sentMs = options.clock.nowMs();
    this.#idleSinceMs = this.#sentMs;
    this.#arm();
  }

  /** Makes two ends one session, once. */
  static join(one: SimSession, other: SimSession): void {
    one.#peer = other;
    other.#peer = one;
  }

  get remote(): NetworkAddress {
    return this.#options.remote();
  }

  get established(): Promise<boolean> {
    return this.#established.promise;
  }

  get ended(): Promise<SessionEnd> {
    return this.#ended.promise;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Streams of either side that are not over. */
  get streamCount(): number {
    return this.#streams.count;
  }

  /** Arrived on its streams, and not yet read. */
  get heldBytes(): number {
    return this.#streams.heldBytes;
  }

  openStream(signal: AbortSignal): Promise<SessionStream> {
    return this.#streams.open(signal);
  }

  incomingStreams(): AsyncIterable<SessionStream> {
    return this.#streams.incoming();
  }

  sendDatagram(bytes: Uint8Array): Promise<boolean> {
    const fits = bytes.length <= datagramBytesMax;
    if (!fits || this.#end !== undefined) return Promise.resolve(false);
    const copy = bytes.slice();
    const packet: Packet = (peer) => peer.#receiveDatagram(copy);
    this.#noteSent();
    this.#options.wire.send(() => this.#other.#arrive(packet));
    return Promise.resolve(true);
  }

  incomingDatagrams(): AsyncIterable<Uint8Array> {
    return this.#datagrams.items();
  }

  close(code: number, reason: string): void {
    if (this.#end !== undefined) return;
    this.#finish({ type: "closed", code, reason });
    this.#tellEnd();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close(0, "");
    return Promise.resolve();
  }

  /** Ends both ends without a code: the handshake failed. */
  lose(cause: UnreachableError): void {
    this.#finish({ type: "lost", cause });
    this.#tellEnd();
  }

  /** Sends a packet of the handshake: it does not wait for its end. */
  sendHandshake(packet: Packet): void {
    this.#noteSent();
    this.#options.wire.sendReliably(() =>
      this.#other.#arrive(packet, { isHandshake: true })
    );
  }

  /** The handshake is over at this end. */
  establish(): void {
    if (this.#isEstablished || this.#end !== undefined) return;
    this.#isEstablished = true;
    this.#established.resolve(true);
    this.#arm(); // now it keeps itself alive, too
    for (const run of this.#early.splice(0)) run();
  }

  get #other(): SimSession {
    assert(this.#peer !== undefined, "a session has two ends");
    return this.#peer;
  }

  #send(packet: Packet): void {
    if (this.#end !== undefined) return;
    this.#noteSent();
    this.#options.wire.sendReliably(() => this.#other.#arrive(packet));
  }

  #arrive(packet: Packet, options: { readonly isHandshake?: boolean } = {}) {
    if (this.#end !== undefined) return this.#tellEnd();
    this.#hear();
    this.#acknowledge();
    const isEarly = !this.#isEstablished && options.isHandshake !== true;
    if (isEarly) this.#early.push(() => packet(this));
    else packet(this);
  }

  #hear(): void {
    this.#acknowledgedMs = undefined;
    this.#idleSinceMs = this.#options.clock.nowMs();
    this.#hasAsked = false;
  }

  /**
   * A while after this the peer hears of it, unless something else comes there
   * before. It is settled now: with timers of their own, acknowledgements were
   * most of what an idle network does.
   */
  #acknowledge(): void {
    const peer = this.#other;
    if (!peer.#hasAsked || peer.#acknowledgedMs !== undefined) return;
    const transitMs = this.#options.wire.acknowledgeMs();
    if (transitMs === undefined) return;
    const nowMs = peer.#options.clock.nowMs();
    peer.#acknowledgedMs = nowMs + acknowledgeMsMax + transitMs;
  }

  #takeAcknowledgement(): void {
    const heardMs = this.#acknowledgedMs;
    if (heardMs === undefined || heardMs > this.#options.clock.nowMs()) return;
    this.#acknowledgedMs = undefined;
    this.#idleSinceMs = Math.max(this.#idleSinceMs, heardMs);
    this.#hasAsked = false;
  }

  /** A close when it was closed here; else what a stateless reset is. */
  #tellEnd(): void {
    const end = this.#end;
    const told: SessionEnd = end?.type === "closed" ? end : {
      type: "lost",
      cause: new UnreachableError("The peer has no such session"),
    };
    this.#options.wire.send(() => this.#other.#finish(told));
  }

  #noteSent(): void {
    this.#takeAcknowledgement();
    this.#sentMs = this.#options.clock.nowMs();
    if (this.#hasAsked) return;
    this.#hasAsked = true;
    this.#idleSinceMs = this.#sentMs;
  }

  #arm(): void {
    const { clock } = this.#options;
    const idleDueMs = this.#idleSinceMs + idleMsMax;
    const dueMs = this.#isEstablished
      ? Math.min(idleDueMs, this.#sentMs + keepAliveMs)
      : idleDueMs;
    const delayMs = Math.max(0, dueMs - clock.nowMs());
    this.#timer?.[Symbol.dispose]();
    this.#timer = clock.after(delayMs, () => this.#tick());
  }

  #tick(): void {
    this.#takeAcknowledgement();
    const nowMs = this.#options.clock.nowMs();
    if (nowMs >= this.#idleSinceMs + idleMsMax) {
      const cause = new UnreachableError(
        `Nothing was heard for ${idleMsMax} ms`,
      );
      return this.#finish({ type: "lost", cause });
    }
    const isDue = nowMs >= this.#sentMs + keepAliveMs;
    if (isDue && this.#isEstablished) this.#send(() => {});
    this.#arm();
  }

  #finish(end: SessionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#timer?.[Symbol.dispose]();
    this.#options.wire[Symbol.dispose]();
    this.#streams.fail(this.#failure(end));
    this.#early = [];
    this.#datagrams.close();
    this.#established.resolve(false);
    this.#ended.resolve(end);
    this.#options.onEnd(end);
  }

  #failure(end: SessionEnd): UnreachableError {
    const { ip, port } = this.remote;
    const how = end.type === "closed"
      ? `was closed (${end.code}${end.reason === "" ? "" : `: ${end.reason}`})`
      : "was lost";
    const cause = end.type === "lost" ? end.cause : undefined;
    return new UnreachableError(`The session with ${ip}:${port} ${how}`, {
      cause,
    });
  }

  #receiveDatagram(bytes: Uint8Array): void {
    if (this.#datagrams.size < datagramsQueuedMax) this.#datagrams.push(bytes);
  }
}
