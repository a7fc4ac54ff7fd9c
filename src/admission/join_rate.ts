// How many joins a node takes up: so many a second and at once from all
// together, and fewer from each machine or member they come by, so that one of
// them does not use up what others need. The time comes in with each question.
// What it remembers has a limit.

import {
  limits,
  type PeerId,
  sourceOf,
  TokenBucket,
  TokenBuckets,
} from "../kernel/mod.ts";
import { Shares } from "./shares.ts";

/** Where a join comes from: `peer` is the member that passes it on. */
export type JoinOrigin = {
  readonly ip: string;
  readonly peer?: PeerId | undefined;
};

/** Times are monotonic milliseconds. */
export class JoinRate {
  readonly #all = new TokenBucket({
    perSecond: limits.joinsPerSecondMax,
    burst: limits.joinsBurstMax,
  });
  readonly #machines = new TokenBuckets({
    perSecond: limits.joinsPerSourcePerSecondMax,
    burst: limits.joinsPerSourceBurstMax,
  }, { namesMax: limits.joinSourcesMax });
  readonly #members = new TokenBuckets({
    perSecond: limits.joinsPerMemberPerSecondMax,
    burst: limits.joinsPerMemberBurstMax,
  }, { namesMax: limits.joinSourcesMax });
  readonly #places = new Shares(limits.joinsUnderWayMax);

  /** Machines and members that are counted now. */
  get sources(): number {
    return this.#machines.size + this.#members.size;
  }

  /** Joins under way. */
  get underWay(): number {
    return this.#places.count;
  }

  /**
   * A place for one more; whoever takes it disposes it.
   *
   * @returns Undefined when there are too many. This machine's own addresses
   * are not counted by themselves.
   */
  take(nowMs: number, { ip, peer }: JoinOrigin): Disposable | undefined {
    const { name, isLoopback } = sourceOf(ip);
    if (peer !== undefined) {
      const most = limits.joinsPerMemberUnderWayMax;
      return this.#enter(peer, nowMs, { most, bucket: this.#members.of(peer) });
    }
    if (isLoopback) return this.#enter(name, nowMs, { most: Infinity });
    const most = limits.joinsPerSourceUnderWayMax;
    return this.#enter(name, nowMs, { most, bucket: this.#machines.of(name) });
  }

  #enter(
    name: string,
    nowMs: number,
    { most, bucket }: { readonly most: number; readonly bucket?: TokenBucket },
  ): Disposable | undefined {
    const place = this.#places.take(name, { most });
    if (place === undefined) return undefined;
    const isGranted = bucket?.take(1, nowMs) !== false &&
      this.#all.take(1, nowMs);
    if (isGranted) return place;
    place[Symbol.dispose]();
    return undefined;
  }
}
