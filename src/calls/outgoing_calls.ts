// The caller's end of the call protocol, for one session: calls become frames,
// frames become answers. Synchronous: streams, timers and waiting are the
// session's. What comes late for a call that is over is dropped; what no node
// of ours sends is a fault that ends the session, never more.

import {
  asPlnError,
  type Bytes,
  LimitError,
  limits,
  type PlnError,
  ReportedError,
  Slots,
} from "../kernel/mod.ts";
import type { Frame } from "../transport/mod.ts";
import { IncomingBody, OutgoingBody, type ResultRoom } from "./bodies.ts";
import { didNotRun, OutcomeUnknownError } from "./call_errors.ts";
import {
  callKinds,
  decodeError,
  decodeNumbers,
  decodePart,
  decodeResult,
  encodeCall,
  encodeNumbers,
  type LaneName,
} from "./messages.ts";
import type { OriginSigner } from "./origin_signer.ts";
import type { OutgoingCall } from "./outgoing_call.ts";

/** Where frames go. */
export interface CallSink {
  send(lane: LaneName, kind: number, body: Bytes): void;
  sendBody(lane: LaneName, body: OutgoingBody): void;
  /** Takes back what is left of a body. */
  drop(lane: LaneName, number: number): void;
}

export type OutgoingCallsParts = {
  readonly sink: CallSink;
  readonly signer: OriginSigner;
  /** How errors name the other node now. */
  readonly label: () => string;
  readonly room: ResultRoom;
};

/** What no node of ours sends, as the log names it; undefined: nothing. */
export type Fault = string | undefined;

const numberMax = 0xffff_ffff;

export class OutgoingCalls {
  readonly #parts: OutgoingCallsParts;
  readonly #calls = new Slots<OutgoingCall>({
    places: limits.wireCallsPerLinkMax,
  });
  #lastNumber = 0;
  #resultBytes = 0;

  constructor(parts: OutgoingCallsParts) {
    this.#parts = parts;
  }

  /** Calls that wait for their answer. */
  get size(): number {
    return this.#calls.size;
  }

  /** Whether all numbers were used: the next call needs another session. */
  get isSpent(): boolean {
    return this.#lastNumber >= numberMax;
  }

  /** Sends a call. */
  start(call: OutgoingCall, nowMs: number): void {
    const { target, digest, input } = call;
    const { sink, signer, label } = this.#parts;
    const timeLeftMs = Math.round(call.deadlineMs - nowMs);
    if (timeLeftMs < 1) {
      return call.fail(didNotRun(label(), "could not be asked in time"));
    }
    const isInline = input.length <= limits.wireCallInlineBytesMax;
    const number = this.#lastNumber + 1;
    let frame: Bytes;
    try {
      frame = encodeCall({
        number,
        timeLeftMs,
        inputBytes: input.length,
        target,
        digest,
        origin: signer.originOf(call, timeLeftMs),
        input: isInline ? input : input.subarray(0, 0),
      });
    } catch (cause) {
      return call.fail(asPlnError(cause));
    }
    call.id = this.#lastNumber = number;
    call.lane = isInline ? "small" : "large";
    this.#calls.add(call);
    sink.send(call.lane, callKinds.call, frame);
    if (isInline) return;
    call.body = new OutgoingBody(number, callKinds.input, { bytes: input });
    sink.sendBody(call.lane, call.body);
  }

  /** Takes what the other node sent. */
  onFrame({ kind, body }: Frame): Fault {
    switch (kind) {
      case callKinds.result:
        return this.#onResult(body);
      case callKinds.part:
        return this.#onPart(body);
      case callKinds.acknowledge:
        return this.#onAcknowledge(body);
      case callKinds.error:
        return this.#onError(body);
      case callKinds.open:
      case callKinds.call:
      case callKinds.input:
      case callKinds.cancel:
        return "it answers with a caller's frame";
      default: // of a newer version
        return undefined;
    }
  }

  /** Answers a call with an error, and tells the other node. */
  giveUp(call: OutgoingCall, error: PlnError): void {
    if (call.isSettled) return;
    const { sink } = this.#parts;
    this.#end(call);
    if (call.body?.isOver === false) sink.drop(call.lane, call.id);
    sink.send(call.lane, callKinds.cancel, encodeNumbers([call.id]));
    call.fail(error);
  }

  /**
   * Ends the calls that the other node should have ended before `nowMs`.
   *
   * @returns The earliest deadline of the others.
   */
  expire(nowMs: number): number {
    let nextMs = Infinity;
    for (const call of this.#calls.values()) {
      if (call.deadlineMs > nowMs) nextMs = Math.min(nextMs, call.deadlineMs);
      else this.giveUp(call, this.lossOf(call, "did not answer in time"));
    }
    return nextMs;
  }

  /** The session is gone: fails all calls. */
  break(why: string, cause: unknown): void {
    for (const call of this.#calls.values()) {
      this.#end(call);
      call.fail(this.lossOf(call, why, { cause }));
    }
  }

  /** What a call without an answer fails with. */
  lossOf(
    call: OutgoingCall,
    why: string,
    options: ErrorOptions = {},
  ): PlnError {
    const label = this.#parts.label();
    return call.isSent
      ? new OutcomeUnknownError(label, why, options)
      : didNotRun(label, why, options);
  }

  #onAcknowledge(body: Bytes): Fault {
    const numbers = decodeNumbers(body);
    if (numbers === undefined) return "its acknowledgement is malformed";
    for (const number of numbers) {
      if (number > this.#lastNumber) return unasked;
      this.#calls.get(number)?.enqueued();
    }
    return undefined;
  }

  #onResult(body: Bytes): Fault {
    const result = decodeResult(body);
    if (result === undefined) return "its result is malformed";
    if (result.number > this.#lastNumber) return unasked;
    const call = this.#calls.get(result.number);
    if (call === undefined) return undefined; // given up meanwhile
    const { resultBytes, bytes } = result;
    if (call.result !== undefined) return "it answers one call twice";
    if (call.body?.isOver === false) {
      return "it answers a call that it does not have yet";
    }
    if (bytes.length === resultBytes) {
      // A view would keep its whole frame alive.
      this.#succeed(call, bytes.slice());
      return undefined;
    }
    const isOver = this.#resultBytes + resultBytes > resultBytesMax;
    if (isOver || !this.#parts.room.take(resultBytes)) {
      this.giveUp(call, tooMuch(this.#parts.label()));
      return undefined;
    }
    this.#resultBytes += resultBytes;
    call.result = new IncomingBody(resultBytes);
    call.result.add(bytes);
    return undefined;
  }

  #onPart(body: Bytes): Fault {
    const part = decodePart(body);
    if (part === undefined) return "its part is malformed";
    if (part.number > this.#lastNumber) return unasked;
    const call = this.#calls.get(part.number);
    if (call === undefined) return undefined; // given up meanwhile
    const { result } = call;
    if (result === undefined) return "it sends a part before a result";
    if (!result.add(part.bytes)) return "its result is longer than it said";
    if (result.isComplete) this.#succeed(call, result.bytes);
    return undefined;
  }

  #onError(body: Bytes): Fault {
    const error = decodeError(body);
    if (error === undefined) return "its error is malformed";
    if (error.number > this.#lastNumber) return unasked;
    const call = this.#calls.get(error.number);
    if (call === undefined) return undefined; // given up meanwhile
    this.#end(call);
    if (call.body?.isOver === false) {
      this.#parts.sink.drop(call.lane, call.id);
    }
    call.fail(new ReportedError(error.report));
    return undefined;
  }

  #succeed(call: OutgoingCall, output: Bytes): void {
    this.#end(call);
    call.succeed(output);
  }

  #end(call: OutgoingCall): void {
    this.#calls.delete(call.id);
    const resultBytes = call.result?.length ?? 0;
    this.#resultBytes -= resultBytes;
    this.#parts.room.give(resultBytes);
    call.result = undefined;
  }
}

const unasked = "it answers a call that was not made";

/** More than an honest node has on its way at once. */
const resultBytesMax = 2 * limits.wireCallOutputBytesPerLinkMax;

function tooMuch(label: string): LimitError {
  return new LimitError(`${label} answers with more at once than is taken`, {
    hint: "Make fewer calls with large results at once",
  });
}
