// Calls to seeds by name: from the control API, and from seeds to each other.
// It follows tail calls, refuses circles, keeps one deadline over all hops and
// counts. Who answers comes from the directory; running it is the pool's work.

import {
  asPlnError,
  type Bytes,
  InputError,
  isFunctionName,
  LimitError,
  limits,
  NotFoundError,
  type PeerId,
  reportError,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import { SeedError, type SeedReason } from "../guest/mod.ts";
import type { HostedSeed } from "./hosted.ts";
import type { SeedPool } from "./pool.ts";
import {
  type CallReport,
  CallStatistics,
  failureOf,
  type SeedFailure,
} from "./statistics.ts";
import { tailCallOf } from "./tail_call.ts";
import {
  formatTarget,
  parseRequestUri,
  type SeedTarget,
  shownUri,
} from "./uri.ts";

/** A seed as the cluster's state names it. */
export type PublishedSeed = HostedSeed & {
  readonly timeoutMs: number;
  /** Keeps this very version until the call that uses it has ended. */
  hold(): Disposable;
};

/** Who a name means; what calls need from the state. */
export interface SeedDirectory {
  /** Undefined when no seed has that name. */
  find(name: string): PublishedSeed | undefined;
  /** For suggestions in errors, in any order. */
  names(): readonly string[];
}

/** Who calls, as pollen_caller_info shows it. */
export type Caller = {
  readonly peer: PeerId;
  readonly properties: Readonly<Record<string, string>>;
};

/** Giving up by `signal` ends the call with reason "cancelled". */
export type CallRequest = {
  readonly caller: Caller;
  /** Of the whole call, waiting included; default the seed's own. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** The pool is the caller's to dispose. */
export type SeedCallsNeeds = Pick<Ports, "clock" | "log"> & {
  readonly directory: SeedDirectory;
  readonly pool: SeedPool;
};

/** Refused requests of one call that are logged one by one. */
const refusalsLogged = 3;

/** What stays the same over all hops of one call. */
type Flow = {
  readonly deadlineMs: number;
  /** JSON for pollen_caller_info, the same for each hop. */
  readonly callerJson: string;
  readonly signal: AbortSignal | undefined;
};

/** One waiting caller after the other, the origin's target first. */
type Chain = readonly SeedTarget[];

type Hop = {
  readonly flow: Flow;
  readonly chain: Chain;
  /** A seed ran before it in the same call. */
  readonly isNested: boolean;
};

/** Calls of one node, its own and those that its seeds make. */
export class SeedCalls {
  readonly #needs: SeedCallsNeeds;
  readonly #statistics = new Map<string, CallStatistics>();

  /** Starts nothing; holds nothing to dispose. */
  constructor(needs: SeedCallsNeeds) {
    this.#needs = needs;
  }

  /** All zero for a seed that was never called. */
  reportOf(name: string): CallReport {
    return (this.#statistics.get(name) ?? new CallStatistics()).report();
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
   * @throws {SeedError} It failed; its reason says how.
   * @throws {SaturatedError} It did not run; safe to retry.
   */
  async call(
    target: SeedTarget,
    input: Bytes,
    request: CallRequest,
  ): Promise<Bytes> {
    checkInput(input);
    const seed = this.#find(target);
    const { clock } = this.#needs;
    const timeoutMs = request.timeoutMs ?? seed.timeoutMs;
    if (!(timeoutMs >= 1 && timeoutMs <= limits.callTimeoutMsMax)) {
      throw new InputError("A timeout is from 1ms to 1h");
    }
    const deadlineUnixMs = Math.round(clock.wallMs() + timeoutMs);
    const flow: Flow = {
      deadlineMs: clock.nowMs() + timeoutMs,
      callerJson: callerJson(request.caller, deadlineUnixMs),
      signal: request.signal,
    };
    return await this.#follow(target, input, { flow, chain: [] });
  }

  /** Runs `target`, then whom it hands over to, until somebody answers. */
  async #follow(
    target: SeedTarget,
    input: Bytes,
    { flow, chain }: { readonly flow: Flow; readonly chain: Chain },
  ): Promise<Bytes> {
    const visited: SeedTarget[] = [...chain];
    for (;;) {
      const isNested = visited.length > 0;
      visited.push(target);
      refuseCircle(chain, visited);
      if (visited.length > limits.callHopsMax) throw tooDeep(visited);
      const hop = { flow, chain, isNested };
      const output = await this.#run(target, input, hop);
      const tail = tailCallOf(output);
      if (tail === undefined) return output;
      target = seedTargetOf(tail.uri);
      input = tail.input;
      checkInput(input);
    }
  }

  async #run(
    target: SeedTarget,
    input: Bytes,
    { flow, chain, isNested }: Hop,
  ): Promise<Bytes> {
    const seed = this.#find(target);
    using _version = seed.hold();
    const { clock, pool } = this.#needs;
    const statistics = this.#statisticsOf(target.seed);
    const startMs = clock.nowMs();
    let refusal: string | undefined;
    let refused = 0;
    let failure: SeedFailure | undefined;
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
        onRequest: async (uri, body) => {
          try {
            const inner = { flow, chain: [...chain, target] };
            return await this.#follow(seedTargetOf(uri), body, inner);
          } catch (cause) {
            refusal = refusalText(uri, cause);
            if (++refused <= refusalsLogged) {
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
      if (refused > refusalsLogged) {
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

  #find(target: SeedTarget): PublishedSeed {
    const { directory } = this.#needs;
    const seed = directory.find(target.seed);
    if (seed === undefined) {
      const known = directory.names().slice(0, 5).join(", ");
      throw new NotFoundError(
        `There is no seed ${JSON.stringify(target.seed.slice(0, 80))}`,
        { hint: known === "" ? 'Seed one with "pln seed"' : `Seeds: ${known}` },
      );
    }
    if (!isFunctionName(target.function)) {
      throw new InputError("A function name has 1 to 255 characters, no /");
    }
    return seed;
  }

  #statisticsOf(name: string): CallStatistics {
    const known = this.#statistics.get(name) ?? new CallStatistics();
    this.#statistics.set(name, known);
    return known;
  }
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

function seedTargetOf(uri: string): SeedTarget {
  const target = parseRequestUri(uri);
  if (target.type === "seed") return target;
  throw new NotFoundError(`There is no service "${target.service}"`, {
    hint: "This release offers no services to seeds yet",
  });
}

/** Waiting for oneself never ends (SCENARIOS.md S39). */
function refuseCircle(waiting: Chain, visited: Chain): void {
  const [target] = visited.slice(-1).map(formatTarget);
  if (!waiting.some((one) => formatTarget(one) === target)) return;
  throw new SeedError(
    "cycle",
    `Seeds call each other in a circle: ${chainText(visited)}`,
  );
}

function tooDeep(visited: Chain): SeedError {
  return new SeedError(
    "cycle",
    `More than ${limits.callHopsMax} seeds in one call: ${chainText(visited)}`,
  );
}

function chainText(chain: Chain): string {
  return chain.map(formatTarget).join(" -> ");
}

function callerJson(caller: Caller, deadlineUnixMs: number): string {
  const { peer: peerKey, properties: attributes } = caller;
  return JSON.stringify({ peerKey, attributes, deadlineUnixMs });
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
