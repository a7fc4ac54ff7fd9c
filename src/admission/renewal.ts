// When the own certificate is renewed and what for, as an engine without I/O.
// The time, the identity and the rights go in; the next step comes out: wait,
// install an authority, renew, or ask. After failures it waits longer, up to
// minutes. While access is gone it asks only when no link could tell it of a
// newer grant, since every peer then refuses this node.

import { equalBytes, PlnError } from "../kernel/mod.ts";
import {
  type Certificate,
  type GrantedRights,
  hasRights,
  isValidAt,
  type NodeIdentity,
  renewalDueMs,
  type Rights,
} from "../identity/mod.ts";

/** What the engine decides by. */
export type RenewalView = {
  readonly identity: NodeIdentity;
  readonly rights: Rights;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
};

/** What to do next. */
export type RenewalStep =
  | { readonly type: "wait"; readonly delayMs: number }
  | { readonly type: "install"; readonly certificate: Certificate }
  | { readonly type: "renew"; readonly granted: GrantedRights }
  /** Access has ended, as far as is known here: others may know better. */
  | { readonly type: "ask" };

/** Times of a renewer, in milliseconds. */
export const renewalTimes = {
  /** Clocks may jump: nothing is waited for longer. */
  lookMsMax: 3_600_000,
  pauseMs: 1_000,
  backoffMsMin: 5_000,
  backoffMsMax: 300_000,
} as const;

/** Why this node gets no certificate at present; undefined when it would. */
export function accessFault(view: RenewalView): PlnError | undefined {
  const { identity, rights, wallMs } = view;
  try {
    rights.standing(identity.facts, wallMs);
  } catch (cause) {
    if (cause instanceof PlnError) return cause;
    throw cause;
  }
  return undefined;
}

/** The authority that the root has given this node and it does not hold yet. */
export function grantedAuthority(view: RenewalView): Certificate | undefined {
  const { identity, rights } = view;
  const { authorityKey, authority: held, peer } = identity;
  const granted = rights.grantOf(peer)?.authority;
  if (granted === undefined) return undefined;
  const isOurs = equalBytes(granted.publicKey, authorityKey.publicKey);
  const isLonger = held === undefined ||
    granted.notAfterMs > held.certificate.notAfterMs;
  return isOurs && isLonger ? granted : undefined;
}

/** Times are monotonic milliseconds where nothing else is said. */
export class RenewalEngine {
  #failures = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  /** Attempts that failed since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** What to do at `nowMs`. */
  next(nowMs: number, view: RenewalView): RenewalStep {
    const step = wanted(view);
    const delayMs = this.#notBeforeMs - nowMs;
    if (step.type === "wait" || delayMs <= 0) return step;
    return { type: "wait", delayMs };
  }

  /** False when a renewal left as much to do as there was before. */
  hasHelped(step: RenewalStep, view: RenewalView): boolean {
    return step.type === "install" || wanted(view).type !== step.type;
  }

  /** The step was done; also the very next one waits a moment. */
  succeeded(nowMs: number): void {
    this.#failures = 0;
    this.#lastMs = nowMs;
    this.#notBeforeMs = nowMs + renewalTimes.pauseMs;
  }

  /** `jitter` is an integer from 0 to 999: thousandths of the variable half. */
  failed(nowMs: number, { jitter }: { readonly jitter: number }): void {
    const { backoffMsMin, backoffMsMax } = renewalTimes;
    const wholeMs = Math.min(
      backoffMsMax,
      backoffMsMin * 2 ** Math.min(this.#failures, 16),
    );
    this.#failures++;
    this.#lastMs = nowMs;
    this.#notBeforeMs = nowMs + wholeMs / 2 + (wholeMs / 2) * (jitter / 1_000);
  }

  /** Something changed that may make the next attempt succeed. */
  encourage(): void {
    const soonMs = this.#lastMs + renewalTimes.backoffMsMin;
    this.#notBeforeMs = Math.min(this.#notBeforeMs, soonMs);
  }
}

function wanted(view: RenewalView): RenewalStep {
  const { identity, rights, wallMs } = view;
  const certificate = grantedAuthority(view);
  if (certificate !== undefined) return { type: "install", certificate };
  if (accessFault(view) !== undefined) {
    const { notAfterMs, accessDeadlineMs = Infinity } = identity.facts;
    // With a certificate that has ended no link brings word of a newer grant.
    const toldMs = Math.min(notAfterMs, accessDeadlineMs) - wallMs;
    return toldMs > 0 ? waitFor(toldMs) : { type: "ask" };
  }
  const { tier, properties, accessDeadlineMs } = rights
    .standing(identity.facts, wallMs);
  const granted: GrantedRights = { tier, properties, accessDeadlineMs };
  const { member } = identity.credential;
  const isSame = hasRights(rightsOf(identity), granted);
  const dueMs = renewalDueMs(member);
  // Whoever made it by a clock that was ahead made one for the future.
  const isUseful = isValidAt(member, wallMs);
  if (isSame && isUseful && wallMs < dueMs) {
    // Peers refuse it from the end of its access on: then it has to ask.
    return waitFor(Math.min(dueMs, accessDeadlineMs ?? dueMs) - wallMs);
  }
  return { type: "renew", granted };
}

/** As the certificate says them; a verified one always says them. */
function rightsOf({ facts, credential }: NodeIdentity): GrantedRights {
  const { claims } = credential.member;
  return claims?.type === "member" ? claims : facts;
}

function waitFor(delayMs: number): RenewalStep {
  const { pauseMs, lookMsMax } = renewalTimes;
  return {
    type: "wait",
    delayMs: Math.max(pauseMs, Math.min(lookMsMax, delayMs)),
  };
}
