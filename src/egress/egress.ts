// Outbound HTTP for the seeds of one node. A guest's request and its seed's
// grants come in; the answer goes out, or why there is none. Every hop of a
// redirect is checked anew: URL, grant, and every address that its host has.
// The request goes to a checked address, and nothing resolves it again.

import { limits } from "../kernel/mod.ts";
import {
  type HttpAsk,
  OutboundError,
  type OutboundResponse,
  type Ports,
} from "../ports/mod.ts";
import { type Address, parseAddress } from "../kernel/mod.ts";
import { BodyBudget, type BodyShare } from "./body_budget.ts";
import { EgressFailure, EgressRefusal } from "./egress_error.ts";
import { type EgressGrant, HostGrant, type Target, targetOf } from "./grant.ts";
import { isRedirect, redirected } from "./redirect.ts";
import { type CheckedRequest, checkRequest } from "./request.ts";
import { TimeLimit, type TimeLimits } from "./time_limit.ts";

/** Both are the caller's to dispose. */
export type EgressNeeds = Pick<Ports, "clock" | "outbound">;

type Hop = {
  readonly target: Target;
  /** Checked, at least one. */
  readonly addresses: readonly Address[];
  readonly seed: string;
  readonly share: BodyShare;
  readonly signal: AbortSignal;
};

/** What all hops of one request have in common. */
type Journey = {
  readonly grant: HostGrant;
  readonly time: TimeLimit;
  readonly share: BodyShare;
};

/** One a node: it counts what is under way. */
export class Egress {
  readonly #needs: EgressNeeds;
  /** Requests under way, by seed. */
  readonly #underWay = new Map<string, number>();
  #total = 0;
  readonly #bodies = new BodyBudget(limits.fetchBodiesBytesMax);

  /** Starts nothing; holds nothing to dispose. */
  constructor(needs: EgressNeeds) {
    this.#needs = needs;
  }

  /**
   * Sends a request where the grant allows it, and follows redirects there.
   *
   * @param options.deadlineMs Monotonic; 30 s from now if that is earlier.
   * @throws {EgressRefusal} The request, or a redirect, is not allowed.
   * @throws {EgressFailure} No answer, no whole answer, or too many at once.
   * @throws The signal's reason when it aborts first.
   */
  async fetch(
    ask: HttpAsk,
    grant: EgressGrant,
    options: TimeLimits,
  ): Promise<OutboundResponse> {
    options.signal.throwIfAborted();
    // Before the request is looked at: the rest of them costs nothing.
    using _place = this.#enter(grant.seed);
    const request = checkRequest(ask, grant.seed);
    using time = new TimeLimit(this.#needs.clock, options);
    using share = this.#bodies.open();
    const networks = this.#needs.outbound.localNetworks();
    return await this.#follow(request, {
      grant: new HostGrant(grant, { networks }),
      time,
      share,
    });
  }

  async #follow(
    first: CheckedRequest,
    { grant, time, share }: Journey,
  ): Promise<OutboundResponse> {
    const { seed } = grant;
    const { signal } = time;
    let request = first;
    let from: Target | undefined;
    for (let redirects = 0;; redirects++) {
      const target = targetOf(request.url, { seed, from });
      grant.checkHost(target);
      time.host = target.host;
      const addresses = await this.#resolve(target, { seed, signal });
      for (const address of addresses) grant.checkAddress(target, address);
      const hop = { target, addresses, seed, share, signal };
      const { status, headers, body } = await this.#send(request, hop);
      const next = redirected(request, { status, headers });
      if (next === undefined) return { status, headers, body };
      if (redirects === limits.fetchRedirectsMax) {
        throw new EgressFailure(
          `${first.url.host} redirects more than ${redirects} times`,
          { hint: "Ask for the address where the redirects should end" },
        );
      }
      request = next;
      from = target;
    }
  }

  /** Once for each hop: a second look might bring other addresses. */
  async #resolve(
    { host, address, via }: Target,
    { seed, signal }: { readonly seed: string; readonly signal: AbortSignal },
  ): Promise<readonly Address[]> {
    if (address !== undefined) return [address];
    let texts: readonly string[];
    try {
      const { outbound } = this.#needs;
      texts = await outbound.resolve(host, { partition: seed, signal });
    } catch (cause) {
      throw failureOf(cause);
    }
    const addresses = texts.map(parseAddress);
    const known = addresses.filter((one) => one !== undefined);
    if (known.length === addresses.length && known.length > 0) return known;
    const what = via === undefined ? host : `${host}, where ${via} redirects,`;
    throw new EgressRefusal(`${what} resolves to what is no address`);
  }

  /** The next address is tried only if the one before saw no request. */
  async #send(
    request: CheckedRequest,
    { target, addresses, seed, share, signal }: Hop,
  ): Promise<OutboundResponse> {
    const { method, body } = request;
    let failure: unknown;
    for (const { text } of addresses.slice(0, limits.fetchAddressesTriedMax)) {
      try {
        return await this.#needs.outbound.request({
          url: target.url,
          address: text,
          method,
          headers: Object.fromEntries(request.headers),
          body,
          // No seed sees a connection that another one has used.
          partition: seed,
          connectMsMax: limits.fetchConnectMsMax,
          headBytesMax: limits.fetchHeadBytesMax,
          bodyBytesMax: limits.fetchBodyBytesMax,
          isBodyWanted: (head) => !isRedirect(head),
          mayKeep: (bytes) => share.take(bytes),
          signal,
        });
      } catch (cause) {
        failure = failureOf(cause);
        if (!isUnseen(cause)) break;
      }
    }
    throw failure;
  }

  #enter(seed: string): Disposable {
    const own = this.#underWay.get(seed) ?? 0;
    if (own >= limits.fetchesPerSeedMax) {
      throw new EgressFailure(
        `Seed "${seed}" has ${own} HTTP requests under way, and may not have ` +
          "more",
        { hint: "Let it wait for an answer before it asks again" },
      );
    }
    const forOthers = own > 0 ? limits.fetchesForOthersMin : 0;
    if (this.#total >= limits.fetchesMax - forOthers) {
      throw new EgressFailure(
        `This node has ${this.#total} HTTP requests of seeds under way, and ` +
          "may not have more",
        { hint: "Try again in a moment" },
      );
    }
    this.#underWay.set(seed, own + 1);
    this.#total++;
    return { [Symbol.dispose]: () => this.#leave(seed) };
  }

  #leave(seed: string): void {
    const others = (this.#underWay.get(seed) ?? 0) - 1;
    this.#total--;
    if (others > 0) this.#underWay.set(seed, others);
    else this.#underWay.delete(seed);
  }
}

function isUnseen(cause: unknown): boolean {
  return cause instanceof OutboundError && cause.fault === "no-connection";
}

/** What the port says of a host, in the name of the egress. */
function failureOf(cause: unknown): unknown {
  if (!(cause instanceof OutboundError)) return cause;
  const { fault, message, hint } = cause;
  return fault === "denied"
    ? new EgressRefusal(message, { cause, hint })
    : new EgressFailure(message, { cause, hint });
}
