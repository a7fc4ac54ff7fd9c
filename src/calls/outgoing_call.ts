// One call from here to another node, from its acceptance to its answer. There
// may be ten thousand a second: plain fields, no timer of its own, and nothing
// made before it is needed. It is answered exactly once.

import type { Bytes, Digest, PeerId, PlnError } from "../kernel/mod.ts";
import type { CallChain, CallTarget } from "../identity/mod.ts";
import type { IncomingBody, OutgoingBody } from "./bodies.ts";
import type { LaneName } from "./messages.ts";

/** The call that a seed's request is part of. */
export type CallVia = {
  readonly chain: CallChain;
  /** The seeds here that wait, `seed/function`, the asking one last. */
  readonly from: readonly string[];
  /** The asking one handed the call over and does not wait. */
  readonly isTail: boolean;
};

/** What a call is made with. */
export type CallTerms = {
  readonly peer: PeerId;
  readonly target: CallTarget;
  readonly digest: Digest | undefined;
  readonly input: Bytes;
  readonly via: CallVia | undefined;
  /** On the clock's monotonic scale. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** The other node has said that it may run; called at most once. */
  readonly onEnqueued: (() => void) | undefined;
};

/** Whom a call tells that its caller gave up. */
export type OutgoingOwner = { onAbort(call: OutgoingCall): void };

export class OutgoingCall {
  readonly peer: PeerId;
  readonly target: CallTarget;
  readonly digest: Digest | undefined;
  readonly input: Bytes;
  readonly via: CallVia | undefined;
  readonly deadlineMs: number;
  /** Its number in its session; 0 before it has one. */
  id = 0;
  lane: LaneName = "small";
  /** An input that leaves in parts. */
  body: OutgoingBody | undefined;
  isSettled = false;
  result: IncomingBody | undefined;
  owner: OutgoingOwner | undefined;
  readonly #signal: AbortSignal | undefined;
  #onEnqueued: (() => void) | undefined;
  readonly #answer = Promise.withResolvers<Bytes>();

  constructor(terms: CallTerms) {
    this.peer = terms.peer;
    this.target = terms.target;
    this.digest = terms.digest;
    this.input = terms.input;
    this.via = terms.via;
    this.deadlineMs = terms.deadlineMs;
    this.#onEnqueued = terms.onEnqueued;
    this.#signal = terms.signal;
    this.#signal?.addEventListener("abort", this);
  }

  /** Nothing of it is left here: it may run. */
  get isSent(): boolean {
    return this.id > 0 && (this.body?.isOver ?? true);
  }

  /** What its caller waits for. */
  get answer(): Promise<Bytes> {
    return this.#answer.promise;
  }

  /** The other node has it, and may run it. */
  enqueued(): void {
    const told = this.#onEnqueued;
    this.#onEnqueued = undefined;
    told?.();
  }

  succeed(output: Bytes): void {
    this.enqueued();
    if (this.#settle()) this.#answer.resolve(output);
  }

  fail(error: PlnError): void {
    if (this.#settle()) this.#answer.reject(error);
  }

  /** For the signal: an object costs less than a closure. */
  handleEvent(): void {
    this.owner?.onAbort(this);
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.#signal?.removeEventListener("abort", this);
    return true;
  }
}
