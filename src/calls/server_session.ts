// The streams on which one peer calls this node: it opens two, and both belong
// to one session. In come frames, out go answers and, when a stream ends or
// breaks, the end of all calls of the session.

import type { Bytes } from "../kernel/mod.ts";
import type { Clock } from "../ports/mod.ts";
import type { FrameStream } from "../transport/mod.ts";
import type { OutgoingBody } from "./bodies.ts";
import { DeadlineTimer } from "./deadline_timer.ts";
import {
  type AnswerSink,
  IncomingCalls,
  type IncomingCallsParts,
} from "./incoming_calls.ts";
import { type LaneName, laneNames } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import type { Fault } from "./outgoing_calls.ts";

/** Most calls are answered by then, and need no acknowledgement. */
const acknowledgeMs = 2;

export class ServerSession implements AnswerSink {
  readonly #clock: Clock;
  readonly #calls: IncomingCalls;
  readonly #outboxes: Partial<Record<LaneName, Outbox>> = {};
  readonly #inputs: DeadlineTimer;
  readonly #closed = Promise.withResolvers<undefined>();
  #acknowledging: Disposable | undefined;
  #isClosed = false;

  constructor(clock: Clock, parts: Omit<IncomingCallsParts, "sink">) {
    this.#clock = clock;
    this.#calls = new IncomingCalls({ ...parts, sink: this });
    this.#inputs = new DeadlineTimer(
      clock,
      (nowMs) => this.#calls.expire(nowMs),
    );
  }

  /**
   * Serves one stream until the session ends.
   *
   * @returns What the peer did wrong, if that was the end.
   * @throws What the stream throws when it breaks.
   */
  async serve(lane: LaneName, stream: FrameStream): Promise<Fault> {
    if (this.#isClosed) return undefined;
    if (this.isOpen(lane)) return "it opens a stream of a session twice";
    this.#outboxes[lane] = new Outbox(stream, () => this.close());
    try {
      const read = this.#read(lane, stream);
      return await Promise.race([read, this.#closed.promise]);
    } finally {
      this.close();
    }
  }

  /** Gives all calls up; harmless twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed.resolve(undefined);
    this.#acknowledging?.[Symbol.dispose]();
    this.#inputs[Symbol.dispose]();
    this.#calls.close();
    for (const lane of laneNames) this.#outboxes[lane]?.close();
  }

  isOpen(lane: LaneName): boolean {
    return this.#outboxes[lane] !== undefined;
  }

  send(lane: LaneName, kind: number, body: Bytes): void {
    if (!this.#isClosed) this.#outboxes[lane]?.send(kind, body);
  }

  sendBody(lane: LaneName, body: OutgoingBody): void {
    const outbox = this.#isClosed ? undefined : this.#outboxes[lane];
    if (outbox === undefined) body.leave();
    else outbox.sendBody(body);
  }

  drop(number: number): void {
    for (const lane of laneNames) this.#outboxes[lane]?.drop(number);
  }

  wantAcknowledge(): void {
    this.#acknowledging ??= this.#clock.after(acknowledgeMs, () => {
      this.#acknowledging = undefined;
      this.#calls.acknowledge();
    });
  }

  wantExpire(deadlineMs: number): void {
    this.#inputs.need(deadlineMs);
  }

  async #read(lane: LaneName, stream: FrameStream): Promise<Fault> {
    for (;;) {
      const frame = await stream.read();
      if (frame === undefined || this.#isClosed) return undefined;
      const nowMs = this.#clock.nowMs();
      const fault = this.#calls.onFrame(frame, { lane, nowMs });
      if (fault !== undefined) return fault;
      const outbox = this.#outboxes[lane];
      // Whoever takes no answers gets no more calls in.
      if (outbox?.isFull) await outbox.room();
    }
  }
}
