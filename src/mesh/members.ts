// Who of the cluster is alive, as this node sees it: an engine without I/O. In
// come links, signs of life, farewells and the time; out go states and their
// changes. Nobody else's opinion counts, and this one goes nowhere: a node that
// hears nothing harms nobody. It doubts itself first: time that it slept
// through is nobody's silence (after Lifeguard: Dadgar, Phillips and Currey,
// DSN 2018).

import { limits, type PeerId } from "../kernel/mod.ts";

/**
 * "alive": a link that answers, or a recent sign of life; "suspect": silent for
 * longer than it should be; "lost": for so long that nothing is expected of it;
 * "left": it said that it goes for good.
 */
export type Liveness = "alive" | "suspect" | "lost" | "left";

/** How one member stands; times are monotonic milliseconds. */
export type MemberState = {
  readonly state: Liveness;
  readonly sinceMs: number;
  /** The newest sign of life; undefined: none since this node looks. */
  readonly heardMs: number | undefined;
};

/** A member whose state is another one now. */
export type MemberChange = {
  readonly peer: PeerId;
  readonly before: Liveness;
  readonly state: Liveness;
  /** For how long nothing was heard of it, slept time left out. */
  readonly silentMs: number;
};

/** What the engine knows beside the events. */
export type MembersConfig = {
  readonly self: PeerId;
  /** How often nodes of a cluster of so many are heard when all is well. */
  readonly periodMs: (members: number) => number;
};

type Member = {
  /** From here on its silence counts; moves with time slept through. */
  awaitedMs: number;
  heardMs: number | undefined;
  /** As it says itself. */
  periodMs: number;
  isNamed: boolean;
  isLinked: boolean;
  isLinkSuspect: boolean;
  hasLeft: boolean;
  state: Liveness;
  sinceMs: number;
};

/** Silence, in periods, that is no accident of one lost record. */
const suspectPeriods = 2;

/** Of one node. `nowMs` never goes back from call to call. */
export class Members {
  readonly #config: MembersConfig;
  readonly #members = new Map<PeerId, Member>();
  #tickedMs: number;
  #periodMs: number;

  /** Of nobody yet. */
  constructor(config: MembersConfig, nowMs: number) {
    this.#config = config;
    this.#tickedMs = nowMs;
    this.#periodMs = config.periodMs(1);
  }

  /** All that are named or linked, this node left out. */
  peers(): Iterable<PeerId> {
    return this.#members.keys();
  }

  /** Undefined for strangers and for this node. */
  stateOf(peer: PeerId): MemberState | undefined {
    const member = this.#members.get(peer);
    if (member === undefined) return undefined;
    const { state, sinceMs, heardMs } = member;
    return { state, sinceMs, heardMs };
  }

  /** Everybody that the state names; others go once they have no link. */
  expect(peers: Iterable<PeerId>, nowMs: number): void {
    const named = new Set(peers);
    named.delete(this.#config.self);
    for (const peer of named) this.#member(peer, nowMs).isNamed = true;
    for (const [peer, member] of this.#members) {
      if (named.has(peer)) continue;
      member.isNamed = false;
      if (!member.isLinked) this.#members.delete(peer);
    }
    this.#periodMs = this.#config.periodMs(this.#members.size + 1);
  }

  /** A link to it came up. */
  linked(peer: PeerId, nowMs: number): void {
    if (peer === this.#config.self) return;
    const member = this.#member(peer, nowMs);
    member.isLinked = true;
    member.isLinkSuspect = false;
    member.hasLeft = false;
    // Nobody has to wait for the next look to be told of a new member.
    const isNew = member.heardMs === undefined && member.state === "suspect";
    if (isNew) {
      member.state = "alive";
      member.sinceMs = nowMs;
    }
    this.heard(peer, nowMs);
  }

  /** Whether its link leaves pings without an answer. */
  doubted(peer: PeerId, isSuspect: boolean): void {
    const member = this.#members.get(peer);
    if (member !== undefined) member.isLinkSuspect = isSuspect;
  }

  /** There is no link to it any more. */
  unlinked(peer: PeerId): void {
    const member = this.#members.get(peer);
    if (member === undefined) return;
    member.isLinked = false;
    member.isLinkSuspect = false;
    if (!member.isNamed) this.#members.delete(peer);
  }

  /**
   * A sign of life at `atMs`, which may lie back: a pong, a frame, or a record
   * that is newer than those before.
   *
   * @param options.periodMs How often it will speak, as it says.
   */
  heard(
    peer: PeerId,
    atMs: number,
    { periodMs }: { readonly periodMs?: number } = {},
  ): void {
    const member = this.#members.get(peer);
    if (member === undefined) return;
    if (periodMs !== undefined) member.periodMs = periodMs;
    member.awaitedMs = Math.max(member.awaitedMs, atMs);
    member.heardMs = Math.max(member.heardMs ?? atMs, atMs);
  }

  /** It goes for good; a new link, or `returned`, takes that back. */
  left(peer: PeerId): void {
    const member = this.#members.get(peer);
    if (member !== undefined) member.hasLeft = true;
  }

  /** It is a member again; it gets as long to speak as a new one. */
  returned(peer: PeerId, nowMs: number): void {
    const member = this.#members.get(peer);
    if (member?.hasLeft !== true) return;
    member.hasLeft = false;
    member.awaitedMs = nowMs;
  }

  /** To be called every `memberTickMs`: looks at everybody. */
  tick(nowMs: number): readonly MemberChange[] {
    this.#forgive(nowMs);
    const changes: MemberChange[] = [];
    for (const [peer, member] of this.#members) {
      const before = member.state;
      const silentMs = Math.max(0, nowMs - member.awaitedMs);
      const state = this.#judge(member, silentMs);
      if (state === before) continue;
      member.state = state;
      member.sinceMs = nowMs;
      changes.push({ peer, before, state, silentMs });
    }
    return changes;
  }

  /**
   * A late tick says that this node slept or was starved: it can have heard
   * nobody then, and what was said meanwhile is still to be read.
   */
  #forgive(nowMs: number): void {
    const lateMs = nowMs - this.#tickedMs - limits.memberTickMs;
    this.#tickedMs = nowMs;
    if (lateMs <= 0) return;
    const isMuch = lateMs >= limits.memberTickMs;
    const graceMs = isMuch ? Math.min(lateMs, limits.memberGraceMsMax) : 0;
    for (const member of this.#members.values()) {
      const movedMs = member.awaitedMs + lateMs + graceMs;
      member.awaitedMs = Math.max(member.awaitedMs, Math.min(nowMs, movedMs));
    }
  }

  #judge(member: Member, silentMs: number): Liveness {
    if (member.hasLeft) return "left";
    const { isLinked, isLinkSuspect, heardMs } = member;
    if (isLinked && !isLinkSuspect) return "alive";
    const periodMs = Math.max(this.#periodMs, member.periodMs);
    const lostMs = limits.memberLostPeriods * periodMs;
    if (silentMs >= Math.max(lostMs, limits.memberLostMsMin)) return "lost";
    // Who was lost comes back by a sign of life, not by our own late tick.
    const isWithdrawn = member.state === "lost" &&
      (heardMs === undefined || heardMs < member.sinceMs);
    if (isWithdrawn) return "lost";
    const isSilent = silentMs >= suspectPeriods * periodMs;
    return isLinkSuspect || isSilent || heardMs === undefined
      ? "suspect"
      : "alive";
  }

  #member(peer: PeerId, nowMs: number): Member {
    const known = this.#members.get(peer);
    if (known !== undefined) return known;
    const member: Member = {
      awaitedMs: nowMs,
      heardMs: undefined,
      periodMs: 0,
      isNamed: false,
      isLinked: false,
      isLinkSuspect: false,
      hasLeft: false,
      state: "suspect",
      sinceMs: nowMs,
    };
    this.#members.set(peer, member);
    return member;
  }
}
