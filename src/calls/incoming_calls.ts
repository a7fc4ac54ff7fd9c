// The executor's end of the call protocol, for one session: frames become calls
// and their answers become frames. Synchronous: streams, timers and waiting are
// the session's. It answers every call at most once; what no node of ours sends
// is a fault that ends the session.

import {
  type Bytes,
  LimitError,
  limits,
  PlnError,
  ReportedError,
  reportError,
  Slots,
} from "../kernel/mod.ts";
import type { Log } from "../ports/mod.ts";
import type { Frame, Link } from "../transport/mod.ts";
import { IncomingBody, OutgoingBody } from "./bodies.ts";
import { CallStoppingError } from "./call_errors.ts";
import type { CallGate, PassedCall } from "./call_gate.ts";
import type { PeerPlaces } from "./call_places.ts";
import type { CallExecutor } from "./executor.ts";
import { HeldCall } from "./incoming_call.ts";
import {
  callKinds,
  decodeCall,
  decodeNumbers,
  decodePart,
  encodeError,
  encodeNumbers,
  encodeResult,
  type LaneName,
  laneNames,
} from "./messages.ts";
import type { Fault } from "./outgoing_calls.ts";

/** Where answers go. */
export interface AnswerSink {
  /** Whether the peer has opened this stream. */
  isOpen(lane: LaneName): boolean;
  send(lane: LaneName, kind: number, body: Bytes): void;
  sendBody(lane: LaneName, body: OutgoingBody): void;
  /** Takes back what is left of a result. */
  drop(number: number): void;
  /** Wants `acknowledge` soon: answers that come first make it superfluous. */
  wantAcknowledge(): void;
  /** Wants `expire` at this time. */
  wantExpire(deadlineMs: number): void;
}

export type IncomingCallsParts = {
  readonly sink: AnswerSink;
  readonly gate: CallGate;
  readonly places: PeerPlaces;
  readonly executor: CallExecutor;
  readonly log: Log;
  readonly link: Link;
  /** How errors name this node. */
  readonly label: string;
  readonly isStopping: () => boolean;
};

/** What comes with a frame. */
export type Arrival = { readonly lane: LaneName; readonly nowMs: number };

export class IncomingCalls {
  readonly #parts: IncomingCallsParts;
  readonly #calls = new Slots<HeldCall>({
    places: limits.wireCallsPerLinkMax,
  });
  readonly #lastNumbers: Record<LaneName, number> = { small: 0, large: 0 };
  /** Calls whose caller does not know yet that they may run. */
  #unacknowledged: HeldCall[] = [];

  constructor(parts: IncomingCallsParts) {
    this.#parts = parts;
  }

  /** Takes what the other node sent. */
  onFrame({ kind, body }: Frame, arrival: Arrival): Fault {
    switch (kind) {
      case callKinds.call:
        return this.#onCall(body, arrival);
      case callKinds.input:
        return this.#onInput(body, arrival);
      case callKinds.cancel:
        return this.#onCancel(body, arrival);
      case callKinds.open:
      case callKinds.acknowledge:
      case callKinds.result:
      case callKinds.part:
      case callKinds.error:
        return "it calls with an executor's frame";
      default: // of a newer version
        return undefined;
    }
  }

  /** Tells the other node which calls may run by now. */
  acknowledge(): void {
    const calls = this.#unacknowledged.filter(({ isOver }) => !isOver);
    this.#unacknowledged = [];
    for (const lane of laneNames) {
      const ids = calls.filter((call) => call.lane === lane)
        .map(({ id }) => id);
      if (ids.length === 0) continue;
      this.#parts.sink.send(lane, callKinds.acknowledge, encodeNumbers(ids));
    }
  }

  /**
   * Ends the calls whose input did not arrive in time; those that run are
   * their executor's to end.
   */
  expire(nowMs: number): void {
    let nextMs = Infinity;
    for (const call of this.#calls.values()) {
      if (call.body === undefined) continue;
      if (call.deadlineMs > nowMs) nextMs = Math.min(nextMs, call.deadlineMs);
      else this.#fail(call, inputIsLate());
    }
    if (nextMs < Infinity) this.#parts.sink.wantExpire(nextMs);
  }

  /** The session is gone: nobody waits for any answer. */
  close(): void {
    this.#unacknowledged = [];
    for (const call of this.#calls.values()) this.#giveUp(call);
  }

  #onCall(body: Bytes, { lane, nowMs }: Arrival): Fault {
    const frame = decodeCall(body);
    if (frame === undefined) return "its call is malformed";
    const { number, inputBytes, input } = frame;
    const isKnown = number <= this.#lastNumbers[lane] ||
      this.#calls.get(number) !== undefined;
    if (isKnown) return "it uses the number of a call twice";
    this.#lastNumbers[lane] = number;
    const { gate, isStopping, label, link, places, sink } = this.#parts;
    let isTaken = false;
    let passed: PassedCall;
    try {
      if (isStopping()) throw new CallStoppingError(label);
      places.take(inputBytes);
      isTaken = true;
      passed = gate.pass(link, frame);
    } catch (cause) {
      if (isTaken) places.give(inputBytes);
      this.#sendError(lane, number, { cause });
      return undefined;
    }
    const call = new HeldCall(frame, passed, { lane, nowMs });
    this.#calls.add(call);
    if (input.length === inputBytes) {
      this.#run(call, input, { nowMs });
      return undefined;
    }
    call.body = new IncomingBody(inputBytes);
    call.body.add(input);
    sink.wantExpire(call.deadlineMs);
    return undefined;
  }

  #onInput(bytes: Bytes, { lane, nowMs }: Arrival): Fault {
    const part = decodePart(bytes);
    if (part === undefined) return "its part is malformed";
    if (part.number > this.#lastNumbers[lane]) return unmade;
    const call = this.#calls.get(part.number);
    if (call === undefined) return undefined; // refused or ended meanwhile
    const { body } = call;
    if (body === undefined || !body.add(part.bytes)) {
      return "its input is longer than it said";
    }
    if (!body.isComplete) return undefined;
    call.body = undefined;
    this.#run(call, body.bytes, { nowMs });
    return undefined;
  }

  #onCancel(body: Bytes, { lane }: Arrival): Fault {
    const numbers = decodeNumbers(body);
    if (numbers === undefined) return "its cancellation is malformed";
    for (const number of numbers) {
      if (number > this.#lastNumbers[lane]) return unmade;
      const call = this.#calls.get(number);
      if (call !== undefined) this.#giveUp(call);
      else this.#parts.sink.drop(number);
    }
    return undefined;
  }

  #run(
    call: HeldCall,
    input: Bytes,
    { nowMs }: { readonly nowMs: number },
  ): void {
    const { executor, sink } = this.#parts;
    const { target, digest, passed, signal } = call;
    const { caller, chain } = passed;
    // Fractions of a millisecond can make it longer than it was.
    const leftMs = Math.min(limits.callTimeoutMsMax, call.deadlineMs - nowMs);
    const timeoutMs = Math.max(1, leftMs);
    let answer: Promise<Bytes>;
    try {
      answer = executor.run({
        ...{ target, digest, input, caller, chain, timeoutMs, signal },
      });
    } catch (cause) {
      return this.#fail(call, cause);
    }
    this.#unacknowledged.push(call);
    sink.wantAcknowledge();
    answer.then(
      (output) => this.#succeed(call, output),
      (cause) => this.#fail(call, cause),
    );
  }

  #succeed(call: HeldCall, output: Bytes): void {
    if (!this.#end(call)) return;
    const { id, lane } = call;
    const { places, sink } = this.#parts;
    const { length } = output;
    if (length <= limits.wireCallInlineBytesMax) {
      const result = { number: id, resultBytes: length, bytes: output };
      return sink.send(lane, callKinds.result, encodeResult(result));
    }
    if (length > limits.callOutputBytesMax || !places.takeOutput(length)) {
      const cause = tooMuchOutput(this.#parts.label, length);
      return this.#sendError(lane, id, { cause });
    }
    const wide = sink.isOpen("large") ? "large" : lane;
    const head = {
      number: id,
      resultBytes: length,
      bytes: output.subarray(0, 0),
    };
    sink.send(wide, callKinds.result, encodeResult(head));
    sink.sendBody(
      wide,
      new OutgoingBody(id, callKinds.part, {
        bytes: output,
        onGone: () => places.giveOutput(length),
      }),
    );
  }

  #fail(call: HeldCall, cause: unknown): void {
    if (this.#end(call)) this.#sendError(call.lane, call.id, { cause });
  }

  /** Its executor, if it has one, still holds its place. */
  #giveUp(call: HeldCall): void {
    if (call.body !== undefined) this.#end(call);
    call.cancel();
  }

  /** Frees its place; false when nobody waits for its answer. */
  #end(call: HeldCall): boolean {
    this.#calls.delete(call.id);
    this.#parts.places.give(call.inputBytes);
    const isAwaited = !call.isOver;
    call.isOver = true;
    return isAwaited;
  }

  #sendError(
    lane: LaneName,
    number: number,
    { cause }: { readonly cause: unknown },
  ): void {
    const { log, sink } = this.#parts;
    if (!(cause instanceof PlnError)) log.error("calls.call_broke", { cause });
    const body = encodeError(number, reportError(cause));
    sink.send(lane, callKinds.error, body);
  }
}

const unmade = "it goes on with a call that it did not make";

function inputIsLate(): PlnError {
  return new ReportedError({
    code: "PLN_SEED_TIMEOUT",
    kind: "input",
    outcome: "error",
    message: "The call's input did not arrive in time: it did not run",
    hint: 'Allow it more time with "--timeout"',
  });
}

function tooMuchOutput(label: string, bytes: number): LimitError {
  return new LimitError(
    bytes > limits.callOutputBytesMax
      ? `An answer may have ${limits.callOutputBytesMax} bytes, not ${bytes}`
      : `${label} holds as many answers as it can: one was dropped`,
    { hint: "Make fewer calls with large results at once" },
  );
}
