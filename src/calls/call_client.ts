// Calls that this node makes on others. In come targets and inputs, in this
// node's own name or as part of a call that a seed is in; out come answers or
// errors that say whether the call may have run. It never sends a call twice.

import {
  type Bytes,
  type Digest,
  InputError,
  isFunctionName,
  isName,
  LimitError,
  limits,
  nodeLabel,
  NotFoundError,
  type PeerId,
  type PlnError,
  Scope,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { CallChain, CallTarget } from "../identity/mod.ts";
import { ResultRoom } from "./bodies.ts";
import { callCancelled } from "./call_errors.ts";
import { type CallLinks, ClientSession } from "./client_session.ts";
import { type CallSelf, OriginSigner } from "./origin_signer.ts";
import { type CallVia, OutgoingCall } from "./outgoing_call.ts";

/** Whose calls these are, and its way to others. */
export type CallClientNeeds =
  & Pick<Ports, "clock" | "log" | "random" | "signer">
  & { readonly self: CallSelf; readonly links: CallLinks };

/** A function of a seed on a node. */
export type RemoteTarget = CallTarget & { readonly peer: PeerId };

/** Of one call. */
export type RemoteCallOptions = {
  /** Of the whole call; default as long as the seed there may take. */
  readonly timeoutMs?: number | undefined;
  /** Giving up ends the call there as well. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called once when the other node has queued the call: a node that does not
   * in time is better avoided. Must not throw.
   */
  readonly onEnqueued?: (() => void) | undefined;
  /** Refuses any other module than this. */
  readonly digest?: Digest | undefined;
  /** For what a seed asks: the call it is part of. */
  readonly via?: CallVia | undefined;
};

/** Calls to all peers; disposing fails those under way. */
export class CallClient implements AsyncDisposable {
  readonly #needs: CallClientNeeds;
  readonly #signer: OriginSigner;
  readonly #room = new ResultRoom();
  readonly #sessions = new Map<PeerId, ClientSession>();
  readonly #scope: Scope;
  #lastSession = 0;

  /** Opens streams only when something is called. */
  constructor(needs: CallClientNeeds) {
    this.#needs = needs;
    this.#signer = new OriginSigner(needs, needs.self);
    this.#scope = new Scope((task, cause) => {
      needs.log.error("calls.task_failed", { task, cause });
    });
  }

  /**
   * Runs a seed of another node. The input is read until the call has left:
   * it must not change before the answer.
   *
   * @throws {ReportedError} As the other node says.
   * @throws {UnreachableError} It did not run; safe to retry.
   * @throws {PlnError} PLN_SATURATED: it did not run; safe to retry.
   * PLN_OUTCOME_UNKNOWN: whether it ran is not known.
   */
  call(
    to: RemoteTarget,
    input: Bytes,
    options: RemoteCallOptions = {},
  ): Promise<Bytes> {
    const { timeoutMs = limits.callTimeoutMsMax, signal } = options;
    const fault = faultOf(to, input, { timeoutMs });
    if (fault !== undefined) return Promise.reject(fault);
    if (signal?.aborted) return Promise.reject(callCancelled());
    const { peer, seed, function: name } = to;
    let session: ClientSession;
    try {
      session = this.#sessionOf(peer);
    } catch (cause) {
      return Promise.reject(cause); // closed
    }
    const call = new OutgoingCall({
      peer,
      target: { seed, function: name },
      digest: options.digest,
      input,
      via: options.via,
      onEnqueued: options.onEnqueued,
      deadlineMs: this.#needs.clock.nowMs() + timeoutMs,
      signal,
    });
    session.call(call);
    return call.answer;
  }

  /** The beginning of a chain: a call of this node to a seed of its own. */
  originate(first: CallTarget, timeLeftMs: number): CallChain {
    const owner = this.#needs.self.peer;
    const digest = undefined;
    const terms = { owner, digest, timeLeftMs: Math.round(timeLeftMs) };
    return { origin: this.#signer.begin(first, terms), hops: [] };
  }

  /** Harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  /** @throws {ClosedError} This node closes. */
  #sessionOf(peer: PeerId): ClientSession {
    const { clock, links, log } = this.#needs;
    const known = this.#sessions.get(peer);
    if (known?.isUsable(links.linkOf(peer))) return known;
    known?.retire();
    const number = this.#lastSession = (this.#lastSession + 1) % 2 ** 32;
    const parts = { signer: this.#signer, room: this.#room };
    const needs = { clock, links, log, ...parts };
    const session = new ClientSession(needs, peer, { number });
    this.#scope.spawn("calls.session", async (signal) => {
      await session.run(signal);
      if (this.#sessions.get(peer) === session) this.#sessions.delete(peer);
    });
    this.#sessions.set(peer, session);
    return session;
  }
}

/** Why a call can not be made at all. */
function faultOf(
  { peer, seed, function: name }: RemoteTarget,
  input: Bytes,
  { timeoutMs }: { readonly timeoutMs: number },
): PlnError | undefined {
  if (!isName(seed)) {
    const shown = JSON.stringify(seed.slice(0, 80));
    return new NotFoundError(`${nodeLabel(peer)} has no seed ${shown}`);
  }
  if (!isFunctionName(name)) {
    return new InputError("A function name has 1 to 255 characters, no /");
  }
  if (!(timeoutMs >= 1 && timeoutMs <= limits.callTimeoutMsMax)) {
    return new InputError("A timeout is from 1ms to 1h");
  }
  if (input.length <= limits.callInputBytesMax) return undefined;
  return new LimitError(
    `The input of a call may have ${limits.callInputBytesMax} bytes, not ` +
      `${input.length}`,
  );
}
