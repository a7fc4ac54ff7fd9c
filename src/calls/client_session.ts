// Two long-lived streams of one link, on which this node calls its peer: one
// for small calls, one for large ones. It opens them, reads them, keeps the
// deadlines, and fails what is under way when they break. Calls that come while
// it opens wait; a session that broke is never used again.

import {
  type Bytes,
  ClosedError,
  InputError,
  limits,
  nodeLabel,
  type PeerId,
  PlnError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import {
  type FrameStream,
  type Link,
  noteFault,
  protocols,
} from "../transport/mod.ts";
import type { OutgoingBody, ResultRoom } from "./bodies.ts";
import { CallBusyError, callCancelled, didNotRun } from "./call_errors.ts";
import { DeadlineTimer } from "./deadline_timer.ts";
import { callKinds, encodeOpen, type LaneName, laneNames } from "./messages.ts";
import type { OriginSigner } from "./origin_signer.ts";
import { Outbox } from "./outbox.ts";
import type { OutgoingCall, OutgoingOwner } from "./outgoing_call.ts";
import { type CallSink, OutgoingCalls } from "./outgoing_calls.ts";

/** The way to other nodes. */
export interface CallLinks {
  /** The link to a peer if there is one now. */
  linkOf(peer: PeerId): Link | undefined;
  /** That link, or a new one. @throws {UnreachableError} */
  connect(peer: PeerId, signal: AbortSignal): Promise<Link>;
}

export type ClientSessionNeeds = Pick<Ports, "clock" | "log"> & {
  readonly links: CallLinks;
  readonly signer: OriginSigner;
  readonly room: ResultRoom;
};

/** Beyond a round trip: the other node ends calls too, and says more. */
const answerGraceMs = 150;

export class ClientSession implements CallSink, OutgoingOwner {
  readonly peer: PeerId;
  readonly #needs: ClientSessionNeeds;
  readonly #number: number;
  readonly #calls: OutgoingCalls;
  readonly #timer: DeadlineTimer;
  readonly #closing = new AbortController();
  #link: Link | undefined;
  #lanes: Readonly<Record<LaneName, Outbox>> | undefined;
  /** Calls that came before the streams were open. */
  #waiting: OutgoingCall[] = [];
  #isRetired = false;

  /** `number` is its own on this node, and below 2^32. */
  constructor(
    needs: ClientSessionNeeds,
    peer: PeerId,
    { number }: { readonly number: number },
  ) {
    this.peer = peer;
    this.#needs = needs;
    this.#number = number;
    const { signer, clock, room } = needs;
    const label = () => this.#label;
    this.#calls = new OutgoingCalls({ sink: this, signer, label, room });
    this.#timer = new DeadlineTimer(clock, (nowMs) => this.#expire(nowMs));
  }

  /** Whether it takes one more call, `link` being the newest to the peer. */
  isUsable(link: Link | undefined): boolean {
    if (this.#isRetired || this.#calls.isSpent) return false;
    return this.#link === undefined || this.#link === link;
  }

  /** Sends a call as soon as the streams are open. */
  call(call: OutgoingCall): void {
    const most = limits.wireCallsPerLinkMax;
    if (this.#calls.size + this.#waiting.length >= most) {
      return call.fail(
        new CallBusyError(`${this.#label} has ${most} calls of this node`),
      );
    }
    call.owner = this;
    this.#timer.need(call.deadlineMs + this.#graceMs);
    if (this.#lanes === undefined) this.#waiting.push(call);
    else this.#start(call);
  }

  /** Takes no new calls; ends when those that it has are answered. */
  retire(): void {
    this.#isRetired = true;
    this.#endIfIdle();
  }

  /** Until the streams break, the signal aborts, or nobody needs it. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.#closing.abort(signal.reason);
    signal.addEventListener("abort", stop);
    try {
      signal.throwIfAborted();
      const link = await this.#connect();
      await this.#serve(link);
    } catch (cause) {
      this.#break(cause);
    } finally {
      signal.removeEventListener("abort", stop);
      this.#timer[Symbol.dispose]();
    }
  }

  onAbort(call: OutgoingCall): void {
    if (call.id > 0) this.#calls.giveUp(call, callCancelled());
    else call.fail(callCancelled());
    this.#endIfIdle();
  }

  send(lane: LaneName, kind: number, body: Bytes): void {
    this.#lanes?.[lane].send(kind, body);
  }

  sendBody(lane: LaneName, body: OutgoingBody): void {
    this.#lanes?.[lane].sendBody(body);
  }

  drop(lane: LaneName, number: number): void {
    this.#lanes?.[lane].drop(number);
  }

  get #label(): string {
    return nodeLabel(this.peer, this.#link?.hello?.name);
  }

  get #graceMs(): number {
    return answerGraceMs + (this.#link?.rttMs ?? 0);
  }

  async #connect(): Promise<Link> {
    const { signal } = this.#closing;
    const link = await this.#needs.links.connect(this.peer, signal);
    signal.throwIfAborted();
    return this.#link = link;
  }

  async #serve(link: Link): Promise<void> {
    const { signal } = this.#closing;
    await using streams = new AsyncDisposableStack();
    const small = streams.use(await link.openStream(protocols.call, signal));
    const large = streams.use(await link.openStream(protocols.call, signal));
    signal.throwIfAborted();
    const broken = Promise.withResolvers<never>();
    const lanes = this.#lanes = {
      small: new Outbox(small, broken.reject),
      large: new Outbox(large, broken.reject),
    };
    signal.addEventListener("abort", () => broken.reject(signal.reason));
    try {
      for (const lane of laneNames) {
        lanes[lane].send(callKinds.open, encodeOpen(this.#number, lane));
      }
      this.#startWaiting();
      const reads = [this.#read(link, small), this.#read(link, large)];
      await Promise.race([...reads, broken.promise]);
    } catch (cause) {
      this.#break(cause); // before the streams are gone: nobody waits for that
    }
  }

  #startWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) {
      if (!call.isSettled) this.#start(call);
    }
    this.#endIfIdle();
  }

  #start(call: OutgoingCall): void {
    if (this.#lanes?.small.isFull) {
      return call.fail(
        new CallBusyError(`${this.#label} takes less than it is sent`),
      );
    }
    this.#calls.start(call, this.#needs.clock.nowMs());
  }

  async #read(link: Link, stream: FrameStream): Promise<never> {
    for (;;) {
      const frame = await stream.read();
      if (frame === undefined) {
        throw new UnreachableError("The peer ended a stream of calls");
      }
      const fault = this.#calls.onFrame(frame);
      if (fault !== undefined) {
        const { peer } = this;
        this.#needs.log.warn("calls.answer_refused", { peer, fault });
        noteFault(link, "calls");
        throw new InputError(`The peer's answers make no sense: ${fault}`);
      }
      if (this.#isRetired) this.#endIfIdle();
    }
  }

  #expire(nowMs: number): void {
    const graceMs = this.#graceMs;
    const label = this.#label;
    let nextMs = this.#calls.expire(nowMs - graceMs);
    for (const call of this.#waiting) {
      if (call.deadlineMs > nowMs) nextMs = Math.min(nextMs, call.deadlineMs);
      else call.fail(didNotRun(label, "could not be reached in time"));
    }
    this.#waiting = this.#waiting.filter((call) => !call.isSettled);
    if (nextMs < Infinity) this.#timer.need(nextMs + graceMs);
    this.#endIfIdle();
  }

  /** While it opens it goes with the last call that waits for it. */
  #endIfIdle(): void {
    if (!this.#isRetired && this.#lanes !== undefined) return;
    this.#waiting = this.#waiting.filter((call) => !call.isSettled);
    if (this.#calls.size + this.#waiting.length > 0) return;
    this.#isRetired = true;
    this.#closing.abort(new ClosedError("Nobody calls any more"));
  }

  #break(cause: unknown): void {
    this.#isRetired = true;
    if (!(cause instanceof PlnError)) {
      this.#needs.log.error("calls.session_failed", { cause });
    }
    const why = cause instanceof ClosedError
      ? "was called while this node closed"
      : "went away";
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) {
      call.fail(
        cause instanceof PlnError
          ? cause
          : didNotRun(this.#label, why, { cause }),
      );
    }
    this.#calls.break(why, cause);
    const lanes = this.#lanes;
    for (const lane of laneNames) lanes?.[lane].close();
  }
}
