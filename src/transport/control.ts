// The control stream of one link after the handshake: pings, what each end says
// of itself, renewed credentials, farewells. Frames of the peer go in, checked
// members go out to the link. It must never let a peer that reads nothing, or
// writes without end, cost more than a few frames of memory.

import {
  type Decoded,
  LimitError,
  limits,
  type Message,
  UnreachableError,
} from "../kernel/mod.ts";
import { type Credential, encodeCredential } from "../identity/mod.ts";
import type { Clock } from "../ports/mod.ts";
import {
  Hello,
  Leave,
  Ping,
  Pong,
  RenewedCredential,
} from "./control_messages.ts";
import { unlessAborted } from "./deadline.ts";
import type { Frame, FrameStream } from "./link.ts";
import { Pings } from "./pings.ts";

/** What the link makes of what its peer says; none may throw. */
export type ControlHandlers = {
  onHello(hello: Decoded<typeof Hello>): void;
  onCredential(bytes: Uint8Array): void;
  onLeave(): void;
  /** It answers nothing, or takes nothing. */
  onStuck(reason: string): void;
};

/** What the link has to say, as it is now, and until when. */
export type ControlSpeech = {
  hello(): Decoded<typeof Hello>;
  credential(): Credential;
  /** How many this node has: it pings each less often the more there are. */
  links(): number;
};

type Said = "hello" | "credential";

const paceMs = 1_000;

/** Of one link. */
export class Control {
  readonly #clock: Clock;
  readonly #frames: FrameStream;
  readonly #handlers: ControlHandlers;
  readonly #speech: ControlSpeech;
  readonly #signal: AbortSignal;
  readonly #pings = new Pings();
  readonly #asked = new Map<number, (roundTripMs: number) => void>();
  /** Said once more, however often it was asked for meanwhile. */
  readonly #unsaid = new Set<Said>();
  #heardMs: number | undefined;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(
    clock: Clock,
    frames: FrameStream,
    options: {
      readonly handlers: ControlHandlers;
      readonly speech: ControlSpeech;
      /** Aborts when the link has ended. */
      readonly signal: AbortSignal;
    },
  ) {
    this.#clock = clock;
    this.#frames = frames;
    this.#handlers = options.handlers;
    this.#speech = options.speech;
    this.#signal = options.signal;
  }

  /** Smoothed; undefined before the first pong. */
  get rttMs(): number | undefined {
    return this.#pings.rttMs;
  }

  /** When the newest frame came; undefined before the first. */
  get heardMs(): number | undefined {
    return this.#heardMs;
  }

  /** The peer has answered none of the last pings. */
  get isSuspect(): boolean {
    return this.#pings.isSuspect;
  }

  /** Says it soon; what is said is what holds then. */
  say(what: Said): void {
    this.#unsaid.add(what);
    this.#wake.resolve();
  }

  /** One round trip. @throws {UnreachableError | LimitError} */
  async ping(signal: AbortSignal): Promise<number> {
    if (this.#asked.size >= limits.pingsUnderWayMax) {
      throw new LimitError("Too many pings of one peer are under way");
    }
    const sequence = this.#pings.send(this.#clock.nowMs());
    const answer = Promise.withResolvers<number>();
    this.#asked.set(sequence, answer.resolve);
    try {
      await unlessAborted(this.#write(Ping, { sequence }), signal);
      const answered = unlessAborted(answer.promise, this.#signal);
      return await unlessAborted(answered, signal);
    } finally {
      this.#asked.delete(sequence);
    }
  }

  /** Resolves when the system took it: the peer's close is the answer. */
  async leave(): Promise<void> {
    await this.#write(Leave, {});
  }

  /**
   * Reads, pings and speaks until the stream or the link ends.
   *
   * @throws {LimitError | InputError} The peer broke the rules.
   * @throws {UnreachableError} The stream or the link broke off.
   */
  async run(): Promise<void> {
    const loops = [this.#read(), this.#keepPinging(), this.#speak()];
    await unlessAborted(Promise.race(loops), this.#signal);
  }

  async #keepPinging(): Promise<void> {
    while (true) {
      const tick = this.#pings.tick(this.#clock.nowMs());
      if (tick.type === "stuck") {
        return this.#handlers.onStuck("the peer answers no ping");
      }
      await this.#write(Ping, { sequence: tick.sequence });
      const pauseMs = this.#pings.pauseMs(this.#speech.links());
      await this.#clock.sleep(pauseMs, this.#signal);
    }
  }

  async #speak(): Promise<void> {
    while (!this.#signal.aborted) {
      await unlessAborted(this.#wake.promise, this.#signal);
      this.#wake = Promise.withResolvers();
      const unsaid = [...this.#unsaid];
      this.#unsaid.clear();
      for (const what of unsaid) await this.#sayNow(what);
    }
  }

  async #sayNow(what: Said): Promise<void> {
    if (what === "hello") {
      return await this.#write(Hello, this.#speech.hello());
    }
    const credential = encodeCredential(this.#speech.credential());
    await this.#write(RenewedCredential, { credential });
  }

  async #read(): Promise<void> {
    let startMs = this.#clock.nowMs();
    let count = 0;
    while (true) {
      const frame = await this.#frames.read();
      if (frame === undefined) return;
      const nowMs = this.#heardMs = this.#clock.nowMs();
      if (nowMs - startMs >= paceMs) [startMs, count] = [nowMs, 0];
      if (++count > limits.controlFramesPerSecondMax) {
        await this.#clock.sleep(paceMs, this.#signal);
      }
      await this.#handle(frame);
    }
  }

  async #handle({ kind, body }: Frame): Promise<void> {
    const bounds = { bytesMax: limits.controlFrameBytesMax };
    switch (kind) {
      case Ping.kind:
        return await this.#write(Pong, Ping.decode(body, bounds));
      case Pong.kind:
        return this.#answered(Pong.decode(body, bounds).sequence);
      case RenewedCredential.kind: {
        const { credential } = RenewedCredential.decode(body, bounds);
        return this.#handlers.onCredential(credential);
      }
      case Hello.kind:
        return this.#handlers.onHello(Hello.decode(body, bounds));
      case Leave.kind:
        Leave.decode(body, bounds);
        return this.#handlers.onLeave();
      default: // of a newer version
    }
  }

  #answered(sequence: number): void {
    const roundTripMs = this.#pings.pong(sequence, this.#clock.nowMs());
    if (roundTripMs !== undefined) this.#asked.get(sequence)?.(roundTripMs);
  }

  async #write<T>(message: Message<T>, members: T): Promise<void> {
    const written = this.#frames.write(message.kind, message.encode(members));
    // One of a few a second per link: not worth a signal of its own. The end of
    // the link drops the stream, and with it what is being written.
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    using _late = this.#clock.after(limits.controlWriteMsMax, () => {
      const reason = "the peer takes no control frames";
      this.#handlers.onStuck(reason);
      reject(new UnreachableError(reason));
    });
    written.then(resolve, reject);
    await promise;
  }
}
