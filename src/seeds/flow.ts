// What stays the same over all hops of one call on this node: its deadline, its
// true origin, and how it came here. A request comes in; when a seed asks one of
// another node, out goes the signed chain that takes the call there.

import type { PeerId } from "../kernel/mod.ts";
import type { CallChain } from "../identity/mod.ts";
import type { RemoteCalls } from "./remote_calls.ts";
import { type Arrival, arrivalOf } from "./stations.ts";
import type { SeedTarget } from "./uri.ts";

/** Who calls, as pollen_caller_info shows it. */
export type Caller = {
  readonly peer: PeerId;
  readonly properties: Readonly<Record<string, string>>;
};

export type FlowParts = {
  /** The first seed of this node. */
  readonly first: SeedTarget;
  readonly caller: Caller;
  /** On the clock's monotonic scale. */
  readonly deadlineMs: number;
  /** The same by the wall clock, for guests. */
  readonly deadlineUnixMs: number;
  readonly signal: AbortSignal | undefined;
  /** Of a call that another node sent. */
  readonly chain: CallChain | undefined;
  readonly remote: RemoteCalls | undefined;
  /** A seed of this node waits for this very call on another node. */
  readonly isAwaited: boolean;
};

const nowhere: Arrival = { all: [], waiting: [] };

export class Flow {
  readonly deadlineMs: number;
  /** JSON for pollen_caller_info, the same for each hop. */
  readonly callerJson: string;
  readonly signal: AbortSignal | undefined;
  /** Where it had been when it came to this node. */
  readonly arrival: Arrival;
  /** Another node sent it. */
  readonly isForeign: boolean;
  /**
   * A seed here waits for it, and holds a place: what it asks here must not wait
   * for one. Whoever was on its way may send it again, and gains nothing by that
   * once nobody waits for it any more.
   */
  readonly isReturning: boolean;
  readonly #first: SeedTarget;
  #chain: CallChain | undefined;

  constructor(parts: FlowParts) {
    const { chain, remote, caller, deadlineUnixMs } = parts;
    const { peer: peerKey, properties: attributes } = caller;
    const self = remote?.self.peer;
    this.deadlineMs = parts.deadlineMs;
    this.callerJson = JSON.stringify({ peerKey, attributes, deadlineUnixMs });
    this.signal = parts.signal;
    this.arrival = chain === undefined || self === undefined
      ? nowhere
      : arrivalOf(chain, self);
    this.isForeign = chain !== undefined;
    this.isReturning = parts.isAwaited &&
      (chain?.hops.some(({ by }) => by === self) ?? false);
    this.#first = parts.first;
    this.#chain = chain;
  }

  /** How it came here; for a call of this node, its signed beginning. */
  chainAt(remote: RemoteCalls, nowMs: number): CallChain {
    const leftMs = Math.max(1, this.deadlineMs - nowMs);
    this.#chain ??= remote.originate(this.#first, leftMs);
    return this.#chain;
  }
}
