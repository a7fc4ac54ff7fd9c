// Calls to seeds by name: from the control API, from other nodes, and from seeds
// to each other. It follows tail calls, refuses circles, keeps one deadline over
// all hops and counts. Who answers comes from the directory; running it is the
// pool's work, or that of another node which a seed named.

import {
  asPlnError,
  assert,
  type Bytes,
  type Digest,
  Holds,
  InputError,
  LimitError,
  limits,
  reportError,
  toHex,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { CallChain } from "../identity/mod.ts";
import { SeedError, type SeedReason } from "../threads/mod.ts";
import { type Caller, Flow } from "./flow.ts";
import { afterHandover } from "./half_run.ts";
import type { SeedPool } from "./pool.ts";
import type { RemoteCalls } from "./remote_calls.ts";
import { checkRoute, type Station } from "./stations.ts";
import {
  type CallCounts,
  type CallReport,
  CallStatistics,
  failureOf,
  type SeedFailure,
} from "./statistics.ts";
import { tailCallOf } from "./tail_call.ts";
import { type SeedDirectory, Targets } from "./targets.ts";
import { formatTarget, type SeedTarget, shownUri } from "./uri.ts";

/** Giving up by `signal` ends the call with reason "cancelled". */
export type CallRequest = {
  readonly caller: Caller;
  /** Of the whole call, waiting included; default the seed's own. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Of a call that another node sent: it lasts no longer than the seed's. */
  readonly chain?: CallChain | undefined;
  /** Refuses any other module than this. */
  readonly digest?: Digest | undefined;
};

/** The pool is the caller's to dispose. */
export type SeedCallsNeeds = Pick<Ports, "clock" | "log"> & {
  readonly directory: SeedDirectory;
  readonly pool: SeedPool;
  /** Undefined while this node knows no others. */
  readonly remote?: RemoteCalls | undefined;
};

/** Refused requests of one call that are logged one by one. */
const refusalsLogged = 3;

/** One seed of this node that waits after the other. */
type Chain = readonly Station[];

type Hop = {
  readonly flow: Flow;
  readonly chain: Chain;
  /** A seed ran before it in the same call. */
  readonly isNested: boolean;
};

/** What goes to another node. */
type Leap = {
  readonly flow: Flow;
  /** The seeds of this node that wait, and the one that asks. */
  readonly from: Chain;
  readonly isTail: boolean;
  readonly signal: AbortSignal | undefined;
};

/** Calls of one node, its own and those that its seeds make. */
export class SeedCalls {
  readonly #needs: SeedCallsNeeds;
  readonly #targets: Targets;
  readonly #statistics = new Map<string, CallStatistics>();
  /** Calls that wait here for another node, by the hex of their ids. */
  readonly #away = new Holds<string>();

  /** Starts nothing; holds nothing to dispose. */
  constructor(needs: SeedCallsNeeds) {
    this.#needs = needs;
    this.#targets = new Targets(needs.directory, needs.remote);
  }

  /** All zero for a seed that was never called. */
  reportOf(name: string): CallReport {
    return (this.#statistics.get(name) ?? new CallStatistics()).report();
  }

  /** Of all seeds that were called; cheaper than their reports. */
  *counts(): Iterable<{ readonly name: string } & CallCounts> {
    for (const [name, statistics] of this.#statistics) {
      yield { name, ...statistics.counts };
    }
  }

  /** Forgets the counts of a seed that is gone. */
  forget(name: string): void {
    this.#statistics.delete(name);
  }

  /**
   * Calls a seed and follows its tail calls. A large input is moved, not
   * copied: it is the caller's no more.
   *
   * @throws {NotFoundError} No such seed.
   * @throws {ConflictError} It is not the module that was expected.
   * @throws {SeedError} It failed; its reason says how.
   * @throws {SaturatedError} It did not run; safe to retry.
   */
  async call(
    target: SeedTarget,
    input: Bytes,
    request: CallRequest,
  ): Promise<Bytes> {
    if (request.chain === undefined) {
      return await this.#call(target, input, request);
    }
    try {
      return await this.#call(target, input, request);
    } catch (cause) {
      throw this.#targets.seenFromAfar(cause);
    }
  }

  async #call(
    target: SeedTarget,
    input: Bytes,
    request: CallRequest,
  ): Promise<Bytes> {
    checkInput(input);
    const { caller, chain, signal } = request;
    const isForeign = chain !== undefined;
    const seed = this.#targets.find(target, { isForeign });
    const { clock, remote } = this.#needs;
    if (request.digest !== undefined && request.digest !== seed.digest) {
      throw this.#targets.otherModule(target);
    }
    const asked = request.timeoutMs ?? seed.timeoutMs;
    if (!(asked >= 1 && asked <= limits.callTimeoutMsMax)) {
      throw new InputError("A timeout is from 1ms to 1h");
    }
    // Who calls from afar decides only how long it wants to wait.
    const timeoutMs = isForeign ? Math.min(asked, seed.timeoutMs) : asked;
    const flow = new Flow({
      first: target,
      deadlineMs: clock.nowMs() + timeoutMs,
      deadlineUnixMs: Math.round(clock.wallMs() + timeoutMs),
      ...{ caller, chain, remote, signal },
      isAwaited: chain !== undefined && this.#away.has(callIdOf(chain)),
    });
    return await this.#follow(target, input, { flow, chain: [] });
  }

  /** Runs `target`, then whom it hands over to, until somebody answers. */
  async #follow(
    target: Station,
    input: Bytes,
    { flow, chain, asker = flow }: {
      readonly flow: Flow;
      readonly chain: Chain;
      /** Who waits for it; nobody's signal is made before it is needed. */
      readonly asker?: { readonly signal: AbortSignal | undefined };
    },
  ): Promise<Bytes> {
    const visited: Station[] = [...chain];
    const self = this.#needs.remote?.self.peer;
    let handedOver: Station | undefined;
    for (;;) {
      const isNested = flow.isReturning || visited.length > 0;
      visited.push(target);
      checkRoute({ arrival: flow.arrival, waiting: chain, visited, self });
      try {
        if (target.peer !== undefined) {
          const from = handedOver ? [...chain, handedOver] : chain;
          const isTail = handedOver !== undefined;
          const leap = { flow, from, isTail, signal: asker.signal };
          return await this.#leap(target, input, leap);
        }
        const output = await this.#run(target, input, {
          ...{ flow, chain, isNested },
        });
        const tail = tailCallOf(output);
        if (tail === undefined) return output;
        handedOver = target;
        target = this.#targets.stationOf(tail.uri);
        input = tail.input;
        checkInput(input);
      } catch (cause) {
        if (handedOver === undefined || handedOver === target) throw cause;
        throw afterHandover(cause, formatTarget(handedOver));
      }
    }
  }

  /** Asks another node. Its answer is final: it follows tail calls itself. */
  async #leap(
    target: Station,
    input: Bytes,
    { flow, from, isTail, signal }: Leap,
  ): Promise<Bytes> {
    const { remote, clock } = this.#needs;
    const { peer } = target;
    assert(remote !== undefined && peer !== undefined, "it is elsewhere");
    const nowMs = clock.nowMs();
    const timeoutMs = Math.floor(flow.deadlineMs - nowMs);
    if (timeoutMs < 1) {
      const text = "No time was left to ask another node";
      throw new SeedError("timeout", text);
    }
    const chain = flow.chainAt(remote, nowMs);
    using _away = this.#away.take(callIdOf(chain), () => {});
    const via = { chain, from: from.map(formatTarget), isTail };
    const { seed, function: fn } = target;
    const to = { peer, seed, function: fn };
    return await remote.call(to, input, { timeoutMs, signal, via });
  }

  async #run(
    target: SeedTarget,
    input: Bytes,
    { flow, chain, isNested }: Hop,
  ): Promise<Bytes> {
    const seed = this.#targets.find(target, flow);
    using _version = seed.hold();
    const { clock, pool } = this.#needs;
    const statistics = this.#statisticsOf(target.seed);
    const startMs = clock.nowMs();
    let refusal: string | undefined;
    let refused = 0;
    let failure: SeedFailure | undefined;
    const mayLog = () => statistics.mayLogRefusal(clock.nowMs());
    statistics.start();
    try {
      return await pool.call({
        seed,
        fn: target.function,
        input,
        caller: flow.callerJson,
        deadlineMs: flow.deadlineMs,
        signal: flow.signal,
        isNested,
        onRequest: async (uri, body, asker) => {
          try {
            const inner = { flow, chain: [...chain, target], asker };
            const next = this.#targets.stationOf(uri);
            return await this.#follow(next, body, inner);
          } catch (cause) {
            refusal = refusalText(uri, cause);
            if (++refused <= refusalsLogged && mayLog()) {
              this.#logRefusal(target, uri, { cause });
            }
            return undefined;
          }
        },
      });
    } catch (cause) {
      failure = failureOf(cause);
      if (statistics.mayLog(clock.nowMs())) this.#logFailure(target, cause);
      throw withRefusal(cause, refusal);
    } finally {
      statistics.end(clock.nowMs() - startMs, failure);
      if (refused > refusalsLogged && mayLog()) {
        const fields = { seed: target.seed, count: refused };
        this.#needs.log.warn("seed.requests_failed", fields);
      }
    }
  }

  /** Whoever runs the node is told as well, not only the caller. */
  #logFailure(target: SeedTarget, cause: unknown): void {
    const { code, message } = reportError(cause);
    const fields = { seed: target.seed, function: target.function };
    this.#needs.log.warn("seed.call_failed", { ...fields, code, message });
  }

  /** A seed sees 0 when its request fails; people see why in the log. */
  #logRefusal(
    target: SeedTarget,
    uri: string,
    { cause }: { readonly cause: unknown },
  ): void {
    const { code, message } = reportError(cause);
    const fields = { seed: target.seed, uri: shownUri(uri), code, message };
    this.#needs.log.warn("seed.request_failed", fields);
  }

  #statisticsOf(name: string): CallStatistics {
    const known = this.#statistics.get(name) ?? new CallStatistics();
    this.#statistics.set(name, known);
    return known;
  }
}

function callIdOf({ origin }: CallChain): string {
  return toHex(origin.callId);
}

function refusalText(uri: string, cause: unknown): string {
  const { message } = reportError(cause);
  return `Its request to ${JSON.stringify(shownUri(uri))} failed: ${message}`;
}

function checkInput(input: Bytes): void {
  if (input.length <= limits.callInputBytesMax) return;
  throw new LimitError(
    `The input of a call may have ${limits.callInputBytesMax} bytes, not ` +
      `${input.length}`,
  );
}

/** A failed request may be why a seed gave up, in one of these ways. */
const reasonsToGiveUp: ReadonlySet<SeedReason> = new Set<SeedReason>([
  "seed",
  "trap",
  "exit",
]);

/** Says beside a seed's own error which request of its failed, and why. */
function withRefusal(cause: unknown, refusal: string | undefined): Error {
  const error = asPlnError(cause);
  if (refusal === undefined || !(error instanceof SeedError)) return error;
  if (!reasonsToGiveUp.has(error.reason)) return error;
  return new SeedError(error.reason, error.message, { cause, hint: refusal });
}
