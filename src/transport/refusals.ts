// Who was refused, and why: counted by reason, the newest kept for status, and
// logged as events. In come reasons and errors; out goes what a report shows. A
// flood of strangers must not flood the log: what is too much is only counted.

import {
  type ErrorReport,
  limits,
  type PlnError,
  reportError,
} from "../kernel/mod.ts";
import type { NetworkAddress, Ports } from "../ports/mod.ts";

/** Why a session did not become, or did not stay, a link. */
export type RefusalReason =
  /** More handshakes at once, or more unproven sessions, than there is room. */
  | "busy"
  /** Too many streams or bytes before anything was proven. */
  | "flood"
  /** It did not authenticate in time. */
  | "timeout"
  /** Malformed, unsigned, or of no version that both speak. */
  | "handshake"
  /** Its credential is not believed. */
  | "credential"
  /** Its rights were taken, or never given. */
  | "denied"
  /** Another process with the same identity is connected. */
  | "clone"
  /** A member broke the rules of streams and frames. */
  | "protocol"
  /** It showed a renewed credential that is none. */
  | "renewal"
  /** It said of itself what it could not prove. */
  | "hello"
  /** An enrolment that failed or came too often. */
  | "join";

/** One refusal; `error` is what the peer may know. */
export type Refusal = {
  readonly reason: RefusalReason;
  readonly from: NetworkAddress;
  readonly cause: unknown;
  /** Undefined when it did not prove who it is. */
  readonly peer?: string;
};

type Kept = {
  readonly atMs: number;
  readonly from: NetworkAddress;
  readonly error: ErrorReport;
};

const minuteMs = 60_000;

/** Counts for ever, keeps the newest, logs some a minute. */
export class Refusals {
  readonly #needs: Pick<Ports, "clock" | "log">;
  readonly #counts: Partial<Record<RefusalReason, number>> = {};
  #newest: readonly Kept[] = [];
  #minuteStartMs = -Infinity;
  #logged = 0;
  #unlogged = 0;

  constructor(needs: Pick<Ports, "clock" | "log">) {
    this.#needs = needs;
  }

  /** By reason, since the start. */
  get counts(): Readonly<Record<string, number>> {
    return { ...this.#counts };
  }

  /** The newest last; `atMs` is of the wall clock, for people. */
  get newest(): readonly Kept[] {
    return this.#newest;
  }

  /** For what came so fast that it was not even looked at. */
  count(reason: RefusalReason): void {
    this.#counts[reason] = (this.#counts[reason] ?? 0) + 1;
  }

  /** Counts it, keeps it, and logs it when there is room. */
  add({ reason, from, cause, peer }: Refusal): void {
    this.count(reason);
    const error = reportError(cause);
    const atMs = this.#needs.clock.wallMs();
    this.#newest = [...this.#newest, { atMs, from, error }]
      .slice(-limits.refusalsKept);
    this.#log({ reason, from: shown(from), peer, error });
  }

  #log(fields: Readonly<Record<string, unknown>>): void {
    const nowMs = this.#needs.clock.nowMs();
    if (nowMs - this.#minuteStartMs >= minuteMs) {
      this.#minuteStartMs = nowMs;
      this.#logged = 0;
    }
    if (this.#logged >= limits.refusalsLoggedPerMinuteMax) {
      this.#unlogged++;
      return;
    }
    this.#logged++;
    const unlogged = this.#unlogged === 0 ? {} : { unlogged: this.#unlogged };
    this.#unlogged = 0;
    this.#needs.log.warn("link.refused", { ...fields, ...unlogged });
  }
}

/** For logs and messages: IPv6 in brackets. */
export function shown({ ip, port }: NetworkAddress): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** Under which reason a handshake's refusal counts. */
export function reasonOf(
  { error }: { readonly error: PlnError },
): RefusalReason {
  if (error.code === "PLN_DENIED") return "denied";
  return error.code === "PLN_CREDENTIAL" ? "credential" : "handshake";
}
