// Whom to dial next, where, and when to try again: synchronous and without
// clock, sockets or promises. Events come in with the time, `step` gives what
// is to be done. One peer is dialled in rounds over its addresses, the next one
// starting when the last is silent (RFC 8305); a failed round doubles the wait.
// It never gives a peer up: that is the caller's decision (`drop`).

import { limits, type PeerId, TimerQueue } from "../kernel/mod.ts";
import type { NetworkAddress, Random } from "../ports/mod.ts";
import { isSameAddress } from "./addresses.ts";
import { DialQueue } from "./dial_queue.ts";
import {
  addressesOfRound,
  backoffMs,
  DialRound,
  patienceMs,
} from "./dial_round.ts";

/** What the shell is to do. */
export type DialEffect =
  | {
    readonly type: "dial";
    readonly attempt: number;
    readonly peer: PeerId;
    readonly to: NetworkAddress;
  }
  /** Its outcome matters no more. */
  | {
    readonly type: "cancel";
    readonly attempt: number;
    readonly why: "silent" | "needless";
  }
  /** A round ended without a link; `failures` rounds in a row did. */
  | {
    readonly type: "exhausted";
    readonly peer: PeerId;
    readonly failures: number;
  };

/** "waiting" is between two rounds. */
export type DialPhase = "waiting" | "dialing" | "linked";

/** What the engine is made with. */
export type DialEngineConfig = {
  /** The lower of two ids dials first. */
  readonly self: PeerId;
  readonly random: Random;
  /** Asked at the start of each round; the best first. */
  readonly addressesOf: (peer: PeerId) => readonly NetworkAddress[];
};

type DialFailure = { readonly nowMs: number; readonly isRefusal: boolean };

type Entry = {
  readonly peer: PeerId;
  /** Whose news ended the waiting since the last link that lasted. */
  readonly tellers: Set<string>;
  round: DialRound | undefined;
  failures: number;
  isRefused: boolean;
  linkedSinceMs: number | undefined;
  /** Of the next round, or of the next address in a round. */
  timer: Disposable | undefined;
};

type Attempt = {
  readonly entry: Entry;
  readonly round: DialRound;
  readonly deadline: Disposable;
};

/** One for all peers of a node. */
export class DialEngine {
  readonly #config: DialEngineConfig;
  readonly #entries = new Map<PeerId, Entry>();
  readonly #timers = new TimerQueue();
  readonly #attempts = new Map<number, Attempt>();
  /** Want a slot. */
  readonly #queue = new DialQueue();
  #effects: DialEffect[] = [];
  #nextAttempt = 1;
  #links = 0;
  #nowMs = 0;

  /** Knows nobody yet. */
  constructor(config: DialEngineConfig) {
    this.#config = config;
  }

  /** Dials under way. */
  get attemptCount(): number {
    return this.#attempts.size;
  }

  /** When `step` has something to do, at the latest. */
  get nextDeadlineMs(): number | undefined {
    return this.#timers.nextDeadlineMs;
  }

  /** Undefined: it is not to be dialled. */
  phaseOf(peer: PeerId): DialPhase | undefined {
    const entry = this.#entries.get(peer);
    if (entry === undefined) return undefined;
    if (entry.linkedSinceMs !== undefined) return "linked";
    return entry.round === undefined ? "waiting" : "dialing";
  }

  /** A link to it is wanted from now on; harmless when it was. */
  want(peer: PeerId, nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#entries.has(peer)) return;
    const entry: Entry = {
      peer,
      tellers: new Set(),
      round: undefined,
      failures: 0,
      isRefused: false,
      linkedSinceMs: undefined,
      timer: undefined,
    };
    this.#entries.set(peer, entry);
    this.#wait(entry, this.#yieldMs(entry));
  }

  /** No link to it is wanted any more. */
  drop(peer: PeerId): void {
    const entry = this.#entries.get(peer);
    if (entry === undefined) return;
    this.#endRound(entry);
    this.#entries.delete(peer);
    if (entry.linkedSinceMs !== undefined) this.#links--;
  }

  /** Somebody waits for it: it is dialled anew, at once, refused or not. */
  hurry(peer: PeerId, nowMs: number): void {
    this.want(peer, nowMs);
    this.#nowMs = nowMs;
    const entry = this.#entries.get(peer);
    if (entry === undefined || entry.linkedSinceMs !== undefined) return;
    if (entry.round?.isUrgent) return this.#addAddresses(entry);
    // A dial that has been silent so far says nothing of this moment.
    this.#endRound(entry);
    this.#startRound(entry, { isUrgent: true });
  }

  /**
   * Somebody said where it is: the waiting ends, once for each who says so
   * until a link to it lasted, so that no liar keeps this node dialling.
   */
  told(
    peer: PeerId,
    { by, nowMs }: { readonly by: string; readonly nowMs: number },
  ): void {
    this.want(peer, nowMs);
    this.#nowMs = nowMs;
    const entry = this.#entries.get(peer);
    if (entry === undefined || entry.linkedSinceMs !== undefined) return;
    if (entry.round !== undefined) this.#addAddresses(entry);
    const isHeeded = !entry.isRefused && !entry.tellers.has(by) &&
      entry.tellers.size < limits.peerTellersMax;
    if (!isHeeded) return;
    entry.tellers.add(by);
    entry.failures = 0;
    if (entry.round === undefined) this.#wait(entry, this.#yieldMs(entry));
  }

  /**
   * There is a link. Other dials to it end; the one that made it, `via`, goes
   * on until it settles.
   */
  linked(
    peer: PeerId,
    { nowMs, via }: {
      readonly nowMs: number;
      readonly via: NetworkAddress | undefined;
    },
  ): void {
    this.want(peer, nowMs);
    const entry = this.#entries.get(peer);
    if (entry === undefined) return;
    this.#endRound(entry, via);
    if (entry.linkedSinceMs === undefined) this.#links++;
    entry.linkedSinceMs ??= nowMs;
    entry.isRefused = false;
  }

  /** Its last link ended. One that lived shortly counts as a failed dial. */
  lost(peer: PeerId, nowMs: number): void {
    this.#nowMs = nowMs;
    const entry = this.#entries.get(peer);
    if (entry?.linkedSinceMs === undefined) return;
    const livedMs = nowMs - entry.linkedSinceMs;
    entry.linkedSinceMs = undefined;
    this.#links--;
    if (livedMs < limits.linkStableMs) {
      entry.failures++;
      this.#backOff(entry, limits.dialBackoffMsMax);
    } else {
      entry.failures = 0;
      entry.tellers.clear();
      this.#wait(entry, this.#yieldMs(entry));
    }
  }

  /** A dial made a link; `linked` says so as well. */
  succeeded(attempt: number): void {
    this.#settle(attempt);
  }

  /** A dial failed; a refusal is the peer's own word, and lasting. */
  failed(attempt: number, { nowMs, isRefusal }: DialFailure): void {
    this.#nowMs = nowMs;
    const settled = this.#settle(attempt);
    if (settled === undefined) return;
    const { entry, round } = settled;
    if (entry.round !== round) return;
    entry.isRefused = isRefusal;
    this.#goOn(entry, round);
  }

  /** The machine slept or moved: whoever waits is dialled now. */
  retryAll(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const entry of this.#entries.values()) {
      const isWaiting = this.phaseOf(entry.peer) === "waiting";
      if (!isWaiting || entry.isRefused) continue;
      entry.failures = 0;
      this.#wait(entry, this.#yieldMs(entry));
    }
  }

  /** What this node shows is another credential: who refused it may not now. */
  retryRefused(nowMs: number): void {
    for (const entry of this.#entries.values()) entry.isRefused = false;
    this.retryAll(nowMs);
  }

  /** Runs what is due, and gives what is to be done since the last step. */
  step(nowMs: number): readonly DialEffect[] {
    this.#nowMs = nowMs;
    for (
      let due = this.#timers.takeDue(nowMs);
      due !== undefined;
      due = this.#timers.takeDue(nowMs)
    ) due();
    this.#fillSlots();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** The higher id lets the lower one come in: fewer dials cross. */
  #yieldMs({ peer }: Entry): number {
    return this.#config.self < peer ? 0 : limits.dialYieldMs;
  }

  #wait(entry: Entry, delayMs: number): void {
    this.#setTimer(entry, { delayMs, run: () => this.#startRound(entry) });
  }

  #setTimer(
    entry: Entry,
    { delayMs, run }: { readonly delayMs: number; readonly run: () => void },
  ): void {
    entry.timer?.[Symbol.dispose]();
    entry.timer = this.#timers.add(this.#nowMs + delayMs, () => {
      entry.timer = undefined;
      run();
    });
  }

  #backOff(entry: Entry, mostMs: number): void {
    const { failures, isRefused } = entry;
    const { random } = this.#config;
    this.#wait(entry, backoffMs(failures, { isRefused, mostMs, random }));
  }

  #startRound(
    entry: Entry,
    { isUrgent = false }: { readonly isUrgent?: boolean } = {},
  ): void {
    entry.isRefused = false;
    entry.round = new DialRound({ isUrgent });
    this.#addAddresses(entry);
    if (entry.round.isOver) this.#exhaust(entry);
  }

  #addAddresses(entry: Entry): void {
    const { round, peer, failures } = entry;
    if (round === undefined) return;
    const all = this.#config.addressesOf(peer);
    round.add(round.isUrgent ? all : addressesOfRound(all, { failures }));
    this.#enqueue(entry);
  }

  /** It gets the next free slot for its next address. */
  #enqueue({ peer, round, timer, failures }: Entry): void {
    timer?.[Symbol.dispose]();
    this.#queue.delete(peer);
    if (!round?.hasNext) return;
    const patient = failures === 0 ? "fresh" : "silent";
    this.#queue.add(peer, round.isUrgent ? "urgent" : patient);
  }

  #fillSlots(): void {
    while (this.#attempts.size < limits.dialsMax) {
      const next = this.#queue.take();
      if (next === undefined) return;
      const entry = this.#entries.get(next);
      if (entry !== undefined) this.#dialNext(entry);
    }
  }

  #dialNext(entry: Entry): void {
    const { peer, round } = entry;
    const attempt = this.#nextAttempt++;
    const to = round?.take(attempt);
    if (round === undefined || to === undefined) return;
    const deadline = this.#timers.add(
      this.#nowMs + limits.dialMsMax,
      () => this.#isSilent(attempt),
    );
    this.#attempts.set(attempt, { entry, round, deadline });
    this.#effects.push({ type: "dial", attempt, peer, to });
    if (!round.hasNext) return;
    this.#setTimer(entry, {
      delayMs: limits.dialStaggerMs,
      run: () => this.#enqueue(entry),
    });
  }

  #isSilent(attempt: number): void {
    const settled = this.#settle(attempt);
    if (settled === undefined) return;
    this.#effects.push({ type: "cancel", attempt, why: "silent" });
    const { entry, round } = settled;
    if (entry.round === round) this.#goOn(entry, round);
  }

  #settle(attempt: number): Attempt | undefined {
    const settled = this.#attempts.get(attempt);
    if (settled === undefined) return undefined;
    this.#attempts.delete(attempt);
    settled.round.attempts.delete(attempt);
    settled.deadline[Symbol.dispose]();
    return settled;
  }

  /** After a dial that failed. */
  #goOn(entry: Entry, round: DialRound): void {
    if (entry.isRefused || round.isOver) this.#exhaust(entry);
    else if (round.hasNext) this.#enqueue(entry);
  }

  #exhaust(entry: Entry): void {
    this.#endRound(entry);
    entry.failures++;
    const links = this.#links;
    const unlinked = this.#entries.size - links;
    this.#backOff(entry, patienceMs({ links, unlinked }));
    const { peer, failures } = entry;
    this.#effects.push({ type: "exhausted", peer, failures });
  }

  /** The dial to `via` goes on: it made the link. */
  #endRound(entry: Entry, via?: NetworkAddress): void {
    entry.timer?.[Symbol.dispose]();
    entry.timer = undefined;
    this.#queue.delete(entry.peer);
    const attempts = [...entry.round?.attempts ?? []];
    entry.round = undefined;
    for (const [attempt, to] of attempts) {
      if (via !== undefined && isSameAddress(to, via)) continue;
      this.#settle(attempt);
      this.#effects.push({ type: "cancel", attempt, why: "needless" });
    }
  }
}
