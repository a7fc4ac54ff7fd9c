// The dialer's shell: it gives the engine (dial_engine.ts) the time, makes the
// dials that it asks for, and tells it how they end. Whoever waits for a peer
// waits here. It decides nothing; a dial that fails is weather and is kept as
// the reason that people are shown.

import {
  addressText,
  asPlnError,
  ClosedError,
  InternalError,
  type PeerId,
  type PlnError,
  Scope,
  UnreachableError,
} from "../kernel/mod.ts";
import type { NetworkAddress, Ports } from "../ports/mod.ts";
import { type Link, unlessAborted } from "../transport/mod.ts";
import { type DialEffect, DialEngine, type DialPhase } from "./dial_engine.ts";
import type { MeshTransport } from "./needs.ts";

/** What the dialer takes of the world. */
export type DialerNeeds =
  & Pick<Ports, "clock" | "log" | "random">
  & { readonly transport: Pick<MeshTransport, "dial" | "links"> };

/** Who this node is, and whom to ask about others. */
export type DialerConfig = {
  readonly self: PeerId;
  readonly addressesOf: (peer: PeerId) => readonly NetworkAddress[];
  /** A round failed, the `failures`th in a row. */
  readonly onExhausted: (peer: PeerId, failures: number) => void;
};

type Waiter = PromiseWithResolvers<Link>;

type DialEffectOf<Type> = DialEffect & { readonly type: Type };

type Dial = {
  readonly abort: AbortController;
  readonly peer: PeerId;
  readonly to: NetworkAddress;
};

/** Keeps dialling until it is disposed. */
export class Dialer implements AsyncDisposable {
  readonly #needs: DialerNeeds;
  readonly #config: DialerConfig;
  readonly #engine: DialEngine;
  readonly #scope: Scope;
  readonly #dials = new Map<number, Dial>();
  readonly #waiters = new Map<PeerId, Set<Waiter>>();
  readonly #lastErrors = new Map<PeerId, PlnError>();
  #timer: Disposable | undefined;
  #alarmMs: number | undefined;
  #isActing = false;

  /** Dials nobody yet. */
  constructor(needs: DialerNeeds, config: DialerConfig) {
    this.#needs = needs;
    this.#config = config;
    const random = needs.random.fork("dialer");
    this.#engine = new DialEngine({ ...config, random });
    this.#scope = new Scope((task, cause) =>
      needs.log.error("dialer.failed", { task, cause })
    );
  }

  /** Undefined: it is not to be dialled. */
  phaseOf(peer: PeerId): DialPhase | undefined {
    return this.#engine.phaseOf(peer);
  }

  /** Why the newest dial to a peer failed. */
  lastErrorOf(peer: PeerId): PlnError | undefined {
    return this.#lastErrors.get(peer);
  }

  /** A link to it is wanted from now on. */
  want(peer: PeerId): void {
    this.#act((nowMs) => this.#engine.want(peer, nowMs));
  }

  /** No link to it is wanted; whoever waits for one gets `cause`. */
  drop(peer: PeerId, cause: PlnError): void {
    this.#act(() => this.#engine.drop(peer));
    this.#lastErrors.delete(peer);
    this.#settle(peer, (waiter) => waiter.reject(cause));
  }

  /** Somebody said where it is. */
  told(peer: PeerId, by: string): void {
    this.#act((nowMs) => this.#engine.told(peer, { by, nowMs }));
  }

  /** A link came up, whoever dialled. */
  linked(link: Link): void {
    const { peer, isDialer, remote } = link;
    const via = isDialer ? remote : undefined;
    this.#act((nowMs) => this.#engine.linked(peer, { nowMs, via }));
    this.#lastErrors.delete(peer);
    this.#settle(peer, (waiter) => waiter.resolve(link));
  }

  /** The last link to a peer ended. */
  lost(peer: PeerId): void {
    this.#act((nowMs) => this.#engine.lost(peer, nowMs));
  }

  /** The machine slept, or is in another network. */
  retryAll(): void {
    this.#act((nowMs) => this.#engine.retryAll(nowMs));
  }

  /** As `retryAll`, and those that refused this node's credential too. */
  retryRefused(): void {
    this.#act((nowMs) => this.#engine.retryRefused(nowMs));
  }

  /**
   * The link to a peer, dialled at once when there is none.
   *
   * @throws {PlnError} Why the round of dials made no link.
   * @throws The signal's reason when it aborts first.
   */
  async connect(peer: PeerId, signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    this.#refuseIfClosed();
    const waiter: Waiter = Promise.withResolvers();
    const waiters = this.#waiters.get(peer) ?? new Set();
    this.#waiters.set(peer, waiters.add(waiter));
    const onAbort = () => waiter.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#act((nowMs) => this.#engine.hurry(peer, nowMs));
      return await waiter.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      waiters.delete(waiter);
      if (waiters.size === 0 && this.#waiters.get(peer) === waiters) {
        this.#waiters.delete(peer);
      }
    }
  }

  /** Ends all dials and all waiting; links stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closing = this.#scope[Symbol.asyncDispose]();
    this.#timer?.[Symbol.dispose]();
    const cause = new ClosedError("The node is closing");
    for (const { abort } of this.#dials.values()) abort.abort(cause);
    for (const peer of [...this.#waiters.keys()]) {
      this.#settle(peer, (waiter) => waiter.reject(cause));
    }
    await closing;
  }

  #refuseIfClosed(): void {
    if (this.#scope.isClosed) throw new ClosedError("The node is closing");
  }

  /** One event for the engine, then what it wants, then its next alarm. */
  #act(event: (nowMs: number) => void): void {
    if (this.#scope.isClosed) return;
    event(this.#needs.clock.nowMs());
    // An effect may be heard by who tells the engine more.
    if (this.#isActing) return;
    this.#isActing = true;
    try {
      let effects = this.#step();
      while (effects.length > 0) {
        for (const effect of effects) this.#perform(effect);
        effects = this.#step();
      }
    } finally {
      this.#isActing = false;
    }
    this.#arm();
  }

  #step(): readonly DialEffect[] {
    return this.#engine.step(this.#needs.clock.nowMs());
  }

  #arm(): void {
    const atMs = this.#engine.nextDeadlineMs;
    // At a start thousands of peers come one after the other.
    if (atMs === this.#alarmMs) return;
    this.#alarmMs = atMs;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (atMs === undefined) return;
    const { clock } = this.#needs;
    const delayMs = Math.max(0, atMs - clock.nowMs());
    this.#timer = clock.after(delayMs, () => {
      this.#alarmMs = undefined;
      this.#act(() => {});
    });
  }

  #perform(effect: DialEffect): void {
    switch (effect.type) {
      case "dial":
        this.#scope.spawn("mesh.dial", () => this.#dial(effect));
        return;
      case "cancel":
        this.#cancel(effect);
        return;
      case "exhausted": {
        const { peer, failures } = effect;
        const error = this.#lastErrors.get(peer) ??
          new UnreachableError(`No address of node ${peer} is known`);
        this.#settle(peer, (waiter) => waiter.reject(error));
        this.#config.onExhausted(peer, failures);
        return;
      }
    }
  }

  #cancel({ attempt, why }: DialEffectOf<"cancel">): void {
    const dial = this.#dials.get(attempt);
    if (dial === undefined) return;
    const { abort, peer, to } = dial;
    const error = new UnreachableError(`${addressText(to)} does not answer`);
    if (why === "silent") this.#lastErrors.set(peer, error);
    abort.abort(error);
  }

  async #dial(
    { attempt, peer, to }: DialEffectOf<"dial">,
  ): Promise<void> {
    const abort = new AbortController();
    this.#dials.set(attempt, { abort, peer, to });
    const { signal } = abort;
    try {
      const { transport } = this.#needs;
      await unlessAborted(transport.dial(peer, to, { signal }), signal);
      // Else nobody would dial it again: who is linked is not waited for.
      if (!transport.links.has(peer)) throw endedAtOnce(to);
      this.#act(() => this.#engine.succeeded(attempt));
    } catch (cause) {
      // The engine has heard of its end already.
      if (!signal.aborted) this.#failed(attempt, { peer, to, cause });
    } finally {
      this.#dials.delete(attempt);
    }
  }

  #failed(
    attempt: number,
    { peer, to, cause }: {
      readonly peer: PeerId;
      readonly to: NetworkAddress;
      readonly cause: unknown;
    },
  ): void {
    const error = asPlnError(cause);
    const isRefusal = error.outcome === "permission";
    const isBug = error instanceof InternalError;
    this.#needs.log[isBug ? "error" : "debug"]("dial.failed", {
      peer,
      address: addressText(to),
      cause: error,
    });
    this.#lastErrors.set(peer, error);
    this.#act((nowMs) => this.#engine.failed(attempt, { nowMs, isRefusal }));
  }

  #settle(peer: PeerId, settle: (waiter: Waiter) => void): void {
    for (const waiter of this.#waiters.get(peer) ?? []) settle(waiter);
  }
}

function endedAtOnce(to: NetworkAddress): UnreachableError {
  return new UnreachableError(
    `The link to ${addressText(to)} ended as soon as it was there`,
  );
}
