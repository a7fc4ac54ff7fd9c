// Calls that other nodes make on this one. In come the streams of protocol
// "call"; out go calls to an executor, with their true origin, and its answers.
// Any member may call. It must never run a call that the gate has not passed.

import { LimitError, nodeLabel, UnreachableError } from "../kernel/mod.ts";
import { type FrameStream, type Link, noteFault } from "../transport/mod.ts";
import { CallGate, type CallGateNeeds } from "./call_gate.ts";
import { AllPlaces, PeerPlaces } from "./call_places.ts";
import type { CallExecutor } from "./executor.ts";
import { callKinds, decodeOpen } from "./messages.ts";
import type { Fault } from "./outgoing_calls.ts";
import { ServerSession } from "./server_session.ts";

/** `self.name` is how errors name this node. */
export type CallServerNeeds = CallGateNeeds & {
  readonly executor: CallExecutor;
};

/** Counters for status and metrics. */
export type CallServerReport = {
  /** Calls of other nodes that are here now. */
  readonly underWay: number;
  /** Calls that were not believed or not allowed, since the start. */
  readonly denied: number;
  /** Streams that broke the protocol, since the start. */
  readonly faults: number;
};

/** What this node keeps of one link. */
type Peer = {
  readonly places: PeerPlaces;
  readonly sessions: Map<number, ServerSession>;
};

/** Serves the calls of all peers; each session ends with its streams. */
export class CallServer {
  readonly #needs: CallServerNeeds;
  readonly #label: string;
  readonly #gate: CallGate;
  readonly #places = new AllPlaces();
  /** Also of links that have ended: what still runs still counts. */
  readonly #peers = new WeakMap<Link, Peer>();
  #faults = 0;
  #isStopping = false;

  /** Starts nothing. */
  constructor(needs: CallServerNeeds) {
    this.#needs = needs;
    this.#label = nodeLabel(needs.self.peer, needs.self.name);
    this.#gate = new CallGate(needs);
  }

  /** Of this moment. */
  report(): CallServerReport {
    const { calls } = this.#places;
    return {
      underWay: calls,
      denied: this.#gate.refused,
      faults: this.#faults,
    };
  }

  /** Refuses new calls; resolves when those that are here have ended. */
  async drain(): Promise<void> {
    this.#isStopping = true;
    await this.#places.idle();
  }

  /** The handler of `protocols.call`; bound. */
  readonly serve = async (
    stream: FrameStream,
    context: { readonly link: Link; readonly signal: AbortSignal },
  ): Promise<void> => {
    const { link, signal } = context;
    const stopped = Promise.withResolvers<undefined>();
    const stop = () => stopped.resolve(undefined);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    try {
      const fault = await Promise.race([
        this.#serve(stream, link),
        stopped.promise,
      ]);
      if (fault !== undefined) this.#onFault(link, fault);
    } catch (cause) {
      if (cause instanceof UnreachableError) return; // the peer went away
      if (!(cause instanceof LimitError)) throw cause;
      this.#onFault(link, cause.message);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };

  async #serve(stream: FrameStream, link: Link): Promise<Fault> {
    const first = await stream.read();
    if (first === undefined) return undefined;
    const open = first.kind === callKinds.open
      ? decodeOpen(first.body)
      : undefined;
    if (open === undefined) return "its stream does not start with an opening";
    const { sessions } = this.#peerOf(link);
    const session = sessions.get(open.session) ?? this.#newSession(link);
    sessions.set(open.session, session);
    try {
      return await session.serve(open.lane, stream);
    } finally {
      if (sessions.get(open.session) === session) sessions.delete(open.session);
    }
  }

  #newSession(link: Link): ServerSession {
    const { clock, executor, log } = this.#needs;
    const { places } = this.#peerOf(link);
    return new ServerSession(clock, {
      gate: this.#gate,
      label: this.#label,
      isStopping: () => this.#isStopping,
      ...{ executor, link, log, places },
    });
  }

  #peerOf(link: Link): Peer {
    const known = this.#peers.get(link);
    if (known !== undefined) return known;
    const places = new PeerPlaces(this.#places, this.#label);
    const peer = { places, sessions: new Map<number, ServerSession>() };
    this.#peers.set(link, peer);
    return peer;
  }

  #onFault(link: Link, fault: string): void {
    this.#faults++;
    this.#needs.log.warn("calls.frame_refused", { peer: link.peer, fault });
    noteFault(link, "calls");
  }
}
