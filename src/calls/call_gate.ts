// Who a call of another node is from, and whether it may be made. A frame and
// the link that it came over go in; the true origin with its rights of now, and
// a chain that is believed, come out. Why one is refused is for the operator's
// log only: its sender is told no more than that it was.

import {
  limits,
  nodeLabel,
  type PeerId,
  PlnError,
  TokenBucket,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import {
  type CallChain,
  CallReplays,
  chainLifeMs,
  chainPathFault,
  chainSignatureFault,
  type MemberFacts,
  parseCallChain,
} from "../identity/mod.ts";
import type { Link } from "../transport/mod.ts";
import { CallBusyError, callDenied } from "./call_errors.ts";
import type { CallRights, IncomingCall } from "./executor.ts";
import type { CallFrame } from "./messages.ts";
import type { CallSelf } from "./origin_signer.ts";

/** Who this node is, and who knows the rights of others. */
export type CallGateNeeds = Pick<Ports, "clock" | "log" | "signer"> & {
  readonly self: Pick<CallSelf, "peer" | "cluster"> & { readonly name: string };
  readonly rights: CallRights;
};

/** What the gate finds out about a call. */
export type PassedCall = Pick<IncomingCall, "caller" | "chain" | "timeoutMs">;

/** Refusals that are logged, in a second and at once; the rest are counted. */
const logged = { perSecond: 10, burst: 10 };
/** Wrong signatures of one peer; each has cost as much as many good calls. */
const forged = {
  perSecond: limits.callChainRefusalsPerSecondMax,
  burst: limits.callChainRefusalsBurstMax,
};

export class CallGate {
  readonly #needs: CallGateNeeds;
  readonly #replays = new CallReplays();
  readonly #logged = new TokenBucket(logged);
  readonly #forged = new WeakMap<Link, TokenBucket>();
  #refused = 0;

  constructor(needs: CallGateNeeds) {
    this.#needs = needs;
  }

  /** Calls that were not believed or not allowed, since the start. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * @throws {DeniedError} With nothing about why.
   * @throws {CallBusyError} It may be sent again.
   */
  pass(link: Link, frame: CallFrame): PassedCall {
    try {
      return frame.origin instanceof Uint8Array
        ? this.#passChain(link, frame, { bytes: frame.origin })
        : this.#passDirect(link, frame, frame.origin);
    } catch (cause) {
      if (cause instanceof CallBusyError) throw cause;
      if (!(cause instanceof PlnError || cause instanceof Refusal)) throw cause;
      this.#log(link, frame, { why: cause.message });
      const { peer, name } = this.#needs.self;
      throw callDenied(nodeLabel(peer, name));
    }
  }

  /** The peer itself is the origin: the link has proven it. */
  #passDirect(
    link: Link,
    frame: CallFrame,
    signed: Exclude<CallFrame["origin"], Uint8Array>,
  ): PassedCall {
    const { target, digest, timeLeftMs } = frame;
    const caller = this.#callerOf(link.facts);
    const origin = {
      callId: signed.callId,
      peer: link.peer,
      credential: link.credential,
      owner: this.#needs.self.peer,
      target,
      digest,
      issuedMs: signed.issuedMs,
      timeLeftMs,
      signature: signed.signature,
    };
    return { caller, chain: { origin, hops: [] }, timeoutMs: timeLeftMs };
  }

  #passChain(
    link: Link,
    frame: CallFrame,
    { bytes }: { readonly bytes: Uint8Array },
  ): PassedCall {
    const { clock, rights, self } = this.#needs;
    rights.standing(link.facts);
    const chain = parseCallChain(bytes);
    const { origin, hops } = chain;
    const denied = peersOf(chain).find((peer) => rights.isDenied(peer));
    if (denied !== undefined) throw new Refusal(`${denied} is denied`);
    const wallMs = clock.wallMs();
    const { target } = frame;
    const originClock = rights.clockOf(origin.peer);
    const sender = link.peer;
    const arrival = { self: self.peer, sender, target, wallMs, originClock };
    const by = { signer: this.#needs.signer, cluster: self.cluster };
    const fault = chainPathFault(chain, arrival);
    if (fault !== undefined) throw new Refusal(fault);
    this.#checkSignatures(link, by, chain);
    const facts = origin.peer === link.peer
      ? link.facts
      : rights.admit(origin.credential);
    if (facts.peer !== origin.peer) throw new Refusal("its origin is another");
    const caller = this.#callerOf(facts);
    const timeoutMs = Math.min(frame.timeLeftMs, origin.timeLeftMs);
    const nowMs = clock.nowMs();
    const seen = this.#replays.note({
      callId: origin.callId,
      hopId: hops.at(-1)?.id ?? origin.callId,
      sender: link.peer,
      nowMs,
      deadlineMs: nowMs + timeoutMs,
      endMs: nowMs + chainLifeMs(origin, arrival),
    });
    if (seen === "known") throw new Refusal("it was sent before");
    if (seen === "new") return { caller, chain, timeoutMs };
    throw new CallBusyError(
      `${nodeLabel(self.peer, self.name)} remembers as many calls as it can`,
    );
  }

  /** No node of ours passes on what it has not checked itself. */
  #checkSignatures(
    link: Link,
    by: Parameters<typeof chainSignatureFault>[0],
    chain: CallChain,
  ): void {
    const nowMs = this.#needs.clock.nowMs();
    const bucket = this.#forged.get(link) ?? new TokenBucket(forged);
    this.#forged.set(link, bucket);
    const { peer, name } = this.#needs.self;
    if (!bucket.has(1, nowMs)) {
      throw new CallBusyError(
        `${
          nodeLabel(peer, name)
        } has checked too many wrong calls of this node`,
      );
    }
    const fault = chainSignatureFault(by, chain);
    if (fault === undefined) return;
    bucket.take(1, nowMs);
    throw new Refusal(fault);
  }

  #callerOf(facts: MemberFacts): PassedCall["caller"] {
    const { tier, properties } = this.#needs.rights.standing(facts);
    const { peer } = facts;
    return { peer, tier, properties: Object.fromEntries(properties) };
  }

  #log(
    { peer }: Link,
    { target }: CallFrame,
    { why }: { readonly why: string },
  ): void {
    this.#refused++;
    if (!this.#logged.take(1, this.#needs.clock.nowMs())) return;
    const fields = { peer, seed: target.seed, function: target.function, why };
    this.#needs.log.warn("calls.denied", fields);
  }
}

/** Why a chain is not believed: for the log, never for the wire. */
class Refusal extends Error {}

/** Every node that had a part in a call. */
function peersOf({ origin, hops }: CallChain): readonly PeerId[] {
  return [origin.peer, origin.owner, ...hops.map(({ executor }) => executor)];
}
