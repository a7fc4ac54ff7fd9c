// The seeds that a call has been to, on this node and on others. Chains come in
// as other nodes signed them; out go those that wait for each other, and errors
// that print them when a call would wait for itself or never end (S39).

import { limits, type PeerId, shortId } from "../kernel/mod.ts";
import {
  type CallChain,
  formatCallTarget,
  parseCallTarget,
} from "../identity/mod.ts";
import { SeedError } from "../threads/mod.ts";
import type { SeedTarget } from "./uri.ts";

/** One seed of a call; `peer` is undefined for one of this node. */
export type Station = SeedTarget & { readonly peer?: PeerId | undefined };

/** The seeds that a call had been to when it reached this node. */
export type Arrival = {
  /** The first first. */
  readonly all: readonly Station[];
  /** Without those that handed it over. */
  readonly waiting: readonly Station[];
};

/** What a chain tells of the way so far. */
export function arrivalOf(chain: CallChain, self: PeerId): Arrival {
  const all: Station[] = [];
  const waiting: Station[] = [];
  for (const { by, from, isTail } of chain.hops) {
    const peer = by === self ? undefined : by;
    for (const [at, text] of from.entries()) {
      const target = parseCallTarget(text);
      if (target === undefined) continue;
      const station = { ...target, peer };
      all.push(station);
      if (!isTail || at < from.length - 1) waiting.push(station);
    }
  }
  return { all, waiting };
}

/** Where a call has been. */
export type Route = {
  readonly arrival: Arrival;
  /** The seeds of this node that wait. */
  readonly waiting: readonly Station[];
  /** All of this node, `visited.at(-1)` being next. */
  readonly visited: readonly Station[];
  /** Undefined while this node is alone. */
  readonly self: PeerId | undefined;
};

/** @throws {SeedError} "cycle": it would wait for itself, or never end. */
export function checkRoute(route: Route): void {
  const { arrival, waiting, visited, self } = route;
  const next = visited.at(-1);
  const isNext = (one: Station) =>
    one.function === next?.function &&
    one.seed === next.seed && one.peer === next.peer;
  if (arrival.waiting.some(isNext) || waiting.some(isNext)) {
    const text = routeText([...arrival.waiting, ...visited], self);
    throw new SeedError("cycle", `Seeds call each other in a circle: ${text}`);
  }
  const most = limits.callHopsMax;
  if (arrival.all.length + visited.length <= most) return;
  const text = routeText([...arrival.all, ...visited], self);
  throw new SeedError("cycle", `More than ${most} seeds in one call: ${text}`);
}

/** Nodes are named only when there is more than this one. */
function routeText(
  stations: readonly Station[],
  self: PeerId | undefined,
): string {
  const isAlone = stations.every(({ peer }) => peer === undefined);
  return stations.map((station) => {
    const peer = station.peer ?? self;
    const text = formatCallTarget(station);
    return isAlone || peer === undefined ? text : `${text}@${shortId(peer)}`;
  }).join(" -> ");
}
