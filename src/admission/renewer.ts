// Keeps the own credential valid for as long as the node runs: it does what the
// engine says, by the own authority, by an admin over a link, or through any
// known peer while nobody lets this node in. Rights go in, a NodeIdentity comes
// out whenever it changed, durable before anybody hears of it. A failure is
// never the end: it tries again.

import {
  limits,
  PlnError,
  Scope,
  Sequence,
  UnreachableError,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import {
  type Certificate,
  type Credential,
  type GrantedRights,
  installAuthority,
  type NodeIdentity,
  renewOwnMember,
  replaceCredential,
} from "../identity/mod.ts";
import { type Deadline, protocols } from "../transport/mod.ts";
import { reach } from "./bootstrap.ts";
import { converse, newProgress } from "./conversation.ts";
import { deadlineFor, Exchange } from "./exchange.ts";
import { adminLinks } from "./forwarder.ts";
import { Joiner } from "./joiner.ts";
import type {
  AdmissionLink,
  AdmissionLinks,
  AdmissionState,
  JoinCandidate,
  JoinDialing,
} from "./needs.ts";
import { redeemerFault } from "./redeemer.ts";
import {
  RenewalEngine,
  type RenewalStep,
  type RenewalView,
} from "./renewal.ts";
import { type RenewalAlarm, renewalAlarms } from "./renewal_alarms.ts";

/** What a renewer takes of the world. */
export type RenewerNeeds = Pick<
  Ports,
  "clock" | "disk" | "log" | "random" | "signer"
>;

/** Whose credential, and who may renew it. */
export type RenewerConfig = {
  readonly identity: NodeIdentity;
  readonly state: Pick<AdmissionState, "rights">;
  readonly links: AdmissionLinks;
  readonly dialer: JoinDialing;
  /** Known peers, admins first, for when no link helps. */
  readonly candidates: () => readonly JoinCandidate[];
  /** The new one is durable: show it to peers, publish it. Must not throw. */
  readonly onIdentity: (identity: NodeIdentity) => void;
};

/** Starts at once; whoever opens it disposes it. */
export function openRenewer(
  needs: RenewerNeeds,
  config: RenewerConfig,
): Renewer {
  return new Renewer(needs, config);
}

/** Renews from 2/3 of life, and when a grant says something else. */
export class Renewer implements AsyncDisposable {
  readonly #needs: RenewerNeeds;
  readonly #config: RenewerConfig;
  readonly #engine = new RenewalEngine();
  readonly #scope: Scope;
  /** Each change of the identity begins with what the one before left. */
  readonly #changes = new Sequence();
  #identity: NodeIdentity;
  #failure: RenewalAlarm | undefined;
  #wake: () => void = () => {};

  /** For `openRenewer`. */
  constructor(needs: RenewerNeeds, config: RenewerConfig) {
    this.#needs = needs;
    this.#config = config;
    this.#identity = config.identity;
    this.#scope = new Scope((task, cause) => {
      needs.log.error("renewal.stopped", { task, cause });
    });
    this.#scope.spawn("renewal", (signal) => this.#run(signal));
  }

  /** The newest. */
  get identity(): NodeIdentity {
    return this.#identity;
  }

  /** Of this moment. */
  get alarms(): readonly RenewalAlarm[] {
    return renewalAlarms(this.#view(), { failure: this.#failure });
  }

  /** Rights changed, or a link came: decides anew, at once. */
  recheck(): void {
    this.#engine.encourage();
    this.#wake();
  }

  /**
   * Takes an authority that the root signed for this node, before any document
   * says so.
   *
   * @throws {CredentialError | InputError} It is not this node's.
   * @throws {DiskError} The file system refused; safe to retry.
   */
  async promote(certificate: Certificate): Promise<void> {
    await this.#change(
      "root",
      (identity) => installAuthority(this.#needs, identity, certificate),
    );
    this.recheck();
  }

  /** Ends an attempt under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  #view(): RenewalView {
    return {
      identity: this.#identity,
      rights: this.#config.state.rights(),
      wallMs: this.#needs.clock.wallMs(),
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#needs;
    while (!signal.aborted) {
      const step = this.#engine.next(clock.nowMs(), this.#view());
      if (step.type === "wait") await this.#rest(step.delayMs, signal);
      else await this.#attempt(step, signal);
    }
  }

  async #rest(delayMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _timer = this.#needs.clock.after(delayMs, resolve);
    const wake = () => resolve();
    this.#wake = wake;
    signal.addEventListener("abort", wake, { once: true });
    if (signal.aborted) wake();
    await promise;
    signal.removeEventListener("abort", wake);
  }

  async #attempt(
    step: Exclude<RenewalStep, { type: "wait" }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log, random } = this.#needs;
    try {
      if (step.type === "install") await this.promote(step.certificate);
      else if (step.type === "ask") await this.#ask(signal);
      else if (!await this.#renewMyself(step.granted)) await this.#ask(signal);
      if (!this.#engine.hasHelped(step, this.#view())) throw notYet();
      this.#failure = undefined;
      this.#engine.succeeded(clock.nowMs());
    } catch (cause) {
      if (signal.aborted) return;
      const error = cause instanceof PlnError ? cause : undefined;
      const reason = error?.message ?? "an internal error";
      // What is wrong with this machine is mended here, and nowhere else.
      const hint = error?.kind === "local" ? error.hint : undefined;
      this.#failure = { message: reason, hint };
      this.#engine.failed(clock.nowMs(), { jitter: random.integer(1_000) });
      const fields = { reason, failures: this.#engine.failures };
      if (error !== undefined) log.warn("renewal.failed", fields);
      else log.error("renewal.failed", { ...fields, cause });
    }
  }

  /** False when the identity stays what it is. */
  async #change(
    by: string,
    change: (identity: NodeIdentity) => Promise<NodeIdentity>,
  ): Promise<boolean> {
    return await this.#changes.run(async () => {
      const changed = await change(this.#identity);
      if (changed === this.#identity) return false;
      this.#identity = changed;
      const { issue, notAfterMs, tier } = changed.facts;
      this.#needs.log.info("renewal.done", { by, issue, tier, notAfterMs });
      this.#config.onIdentity(changed);
      return true;
    });
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const refusals: unknown[] = [];
    for (const attempt of this.#ways(signal)) {
      try {
        return await this.#take(await attempt());
      } catch (cause) {
        signal.throwIfAborted();
        if (!(cause instanceof PlnError)) throw cause;
        refusals.push(cause);
      }
    }
    throw refusals.find(isRefusal) ?? refusals[0] ??
      new UnreachableError("no admin is known to renew it");
  }

  /** False also when another admin's authority lives longer. */
  async #renewMyself(granted: GrantedRights): Promise<boolean> {
    if (redeemerFault(this.#needs, this.#view()) !== undefined) return false;
    return await this.#change(
      this.#identity.peer,
      (identity) => renewOwnMember(this.#needs, identity, { granted }),
    );
  }

  /** Attempts in the order of their cost, a few at a time. */
  *#ways(signal: AbortSignal): Iterable<() => Promise<Credential>> {
    const { links, candidates, state } = this.#config;
    const most = limits.renewalAsksMax;
    const admins = [...adminLinks(links, state.rights())].slice(0, most);
    for (const link of admins) yield () => this.#overLink(link, signal);
    const known = candidates();
    const start = (this.#engine.failures * most) % Math.max(1, known.length);
    const turned = [...known.slice(start), ...known.slice(0, start)];
    for (const candidate of turned.slice(0, most)) {
      yield () => this.#overDial(candidate, signal);
    }
  }

  async #overLink(
    link: AdmissionLink,
    signal: AbortSignal,
  ): Promise<Credential> {
    using limit = this.#limit(link.peer, signal);
    await using stream = await link.openStream(protocols.enroll, limit.signal);
    return await this.#converse(new Exchange(stream, limit.signal));
  }

  async #overDial(
    candidate: JoinCandidate,
    signal: AbortSignal,
  ): Promise<Credential> {
    const { clock } = this.#needs;
    const { dialer } = this.#config;
    const { connection } = await reach(clock, candidate, { dialer, signal });
    await using open = connection;
    using limit = this.#limit(candidate.peer, signal);
    return await this.#converse(new Exchange(open.stream, limit.signal));
  }

  #limit(peer: string, signal: AbortSignal): Deadline {
    return deadlineFor(this.#needs.clock, `Node ${peer.slice(0, 8)}`, {
      timeMs: limits.joinMsMax + limits.enrollGoodbyeMsMax,
      signal,
    });
  }

  async #converse(exchange: Exchange): Promise<Credential> {
    const keys = this.#identity;
    const title = { type: "renewal", ...this.#identity } as const;
    const joiner = new Joiner(this.#needs, title, { keys });
    const { credential } = await converse(this.#needs.clock, joiner, {
      exchange,
      progress: newProgress(),
    });
    return credential;
  }

  async #take(credential: Credential): Promise<void> {
    const { claims } = credential.authority;
    const by = claims?.type === "authority" ? claims.admin : "unknown";
    await this.#change(
      by,
      (identity) => replaceCredential(this.#needs, identity, credential),
    );
  }
}

function notYet(): UnreachableError {
  return new UnreachableError("the admins asked do not know the newest grant");
}

/** What somebody said helps more than that somebody else was silent. */
function isRefusal(cause: unknown): boolean {
  return cause instanceof PlnError && cause.outcome !== "unreachable";
}
