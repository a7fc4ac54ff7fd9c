// Owners whose batches come faster than this node takes them: what was put off
// is asked for again, later each time while it is still too much, and from one
// peer at a time. Who sent what and the time come in; out comes whom to ask for
// what, and when. It holds names, never batches, and forgets an owner when
// nobody has more of it.

import { limits, type PeerId } from "../kernel/mod.ts";

type Deferral<Source> = {
  /** Those that have more of it; the next to ask first. */
  readonly sources: Set<Source>;
  waitMs: number;
  dueMs: number;
  asked: Source | undefined;
  /** Whether something was put off again since it was asked. */
  isAgain: boolean;
};

/** Whom to ask for what comes after this node's place. */
export type DueAsk<Source> = {
  readonly owner: PeerId;
  readonly source: Source;
};

/** Of all links of a node; times are monotonic milliseconds. */
export class Deferrals<Source> {
  readonly #deferrals = new Map<PeerId, Deferral<Source>>();

  /** Whether an owner's batches wait for their time. */
  has(owner: PeerId): boolean {
    return this.#deferrals.has(owner);
  }

  /** Something of an owner was put off that a source has. */
  note(
    owner: PeerId,
    source: Source,
    { nowMs }: { readonly nowMs: number },
  ): void {
    const known = this.#deferrals.get(owner);
    if (known !== undefined) {
      known.sources.add(source);
      if (known.asked === source) known.isAgain = true;
      return;
    }
    const waitMs = limits.exchangeLaterMsMin;
    const dueMs = nowMs + waitMs;
    const sources = new Set([source]);
    const deferral = { sources, waitMs, dueMs, asked: undefined };
    this.#deferrals.set(owner, { ...deferral, isAgain: false });
  }

  /** Undefined when nothing was put off. */
  get nextDueMs(): number | undefined {
    const times = [...this.#deferrals.values()].map(({ dueMs }) => dueMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Who is to be asked now; once each, until it has answered. */
  due(nowMs: number): readonly DueAsk<Source>[] {
    const asks: DueAsk<Source>[] = [];
    for (const [owner, deferral] of [...this.#deferrals]) {
      if (deferral.dueMs > nowMs) continue;
      const { sources, asked } = deferral;
      if (asked !== undefined) sources.delete(asked); // it never answered
      const [source] = sources;
      if (source === undefined) {
        this.#deferrals.delete(owner);
        continue;
      }
      deferral.asked = source;
      deferral.isAgain = false;
      deferral.dueMs = nowMs + limits.exchangeAskMsMax;
      asks.push({ owner, source });
    }
    return asks;
  }

  /** A source has sent all that it has of an owner. */
  answered(
    owner: PeerId,
    source: Source,
    { nowMs }: { readonly nowMs: number },
  ): void {
    const deferral = this.#deferrals.get(owner);
    if (deferral?.asked !== source) return;
    const { sources } = deferral;
    sources.delete(source);
    deferral.asked = undefined;
    deferral.dueMs = nowMs;
    if (deferral.isAgain) {
      sources.add(source); // after the others
      const waitMs = Math.min(2 * deferral.waitMs, limits.exchangeLaterMsMax);
      deferral.waitMs = waitMs;
      deferral.dueMs += waitMs;
    }
    if (sources.size === 0) this.#deferrals.delete(owner);
  }

  /** A source is gone. */
  leave(source: Source, nowMs: number): void {
    for (const [owner, deferral] of [...this.#deferrals]) {
      deferral.sources.delete(source);
      if (deferral.asked === source) {
        deferral.asked = undefined;
        deferral.dueMs = nowMs;
      }
      if (deferral.sources.size === 0) this.#deferrals.delete(owner);
    }
  }
}
