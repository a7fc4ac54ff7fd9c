// Round trips and suspicion of one link: an engine. In come ticks of the ping
// period, pongs and the time; out go numbers to ping with, a smoothed round
// trip time and whether the peer is suspect or stuck. It reads no clock.

import { limits } from "../kernel/mod.ts";

/** What a tick asks for. */
export type PingTick =
  | { readonly type: "ping"; readonly sequence: number }
  /** Nothing came back for so long that the peer counts as lost. */
  | { readonly type: "stuck" };

// Weight of a new sample as in TCP (RFC 6298 section 2).
const newSampleShare = 1 / 8;
// Pings without an answer that are remembered; a later pong has no time.
const rememberedMax = 2 * limits.pingsUnderWayMax;

/** How long a peer that answers is left alone by a node with so many links. */
export function pingPeriodMs(links: number): number {
  const { pingPeriodMs, pingPeriodMsMax, pingPeriodPerLinkMs } = limits;
  const scaledMs = pingPeriodPerLinkMs * links;
  return Math.min(pingPeriodMsMax, Math.max(pingPeriodMs, scaledMs));
}

/** Of one link, from its first ping on. */
export class Pings {
  readonly #sentMs = new Map<number, number>();
  #sequence = 0;
  /** Since the last answer. */
  #unanswered = 0;
  #rttMs: number | undefined;

  /** Smoothed; undefined before the first pong. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** Several pings in a row have no answer yet. */
  get isSuspect(): boolean {
    return this.#unanswered > limits.pingsMissedMax;
  }

  /** Until the next tick, of one of so many links of this node. */
  pauseMs(links: number): number {
    // The last ping cannot have been answered yet.
    return this.#unanswered > 1 ? limits.pingPeriodMs : pingPeriodMs(links);
  }

  /** A period has passed: one ping more. */
  tick(nowMs: number): PingTick {
    if (this.#unanswered >= limits.pingsUnansweredMax) return { type: "stuck" };
    this.#unanswered++;
    return { type: "ping", sequence: this.send(nowMs) };
  }

  /** The number of a ping that is sent now. */
  send(nowMs: number): number {
    const sequence = this.#sequence++;
    this.#sentMs.set(sequence, nowMs);
    if (this.#sentMs.size > rememberedMax) {
      const [oldest] = this.#sentMs.keys();
      if (oldest !== undefined) this.#sentMs.delete(oldest);
    }
    return sequence;
  }

  /** The time of this round trip; undefined for what nobody asked. */
  pong(sequence: number, nowMs: number): number | undefined {
    const sentMs = this.#sentMs.get(sequence);
    if (sentMs === undefined) return undefined;
    this.#sentMs.delete(sequence);
    this.#unanswered = 0;
    const sampleMs = nowMs - sentMs;
    this.#rttMs = this.#rttMs === undefined
      ? sampleMs
      : this.#rttMs + (sampleMs - this.#rttMs) * newSampleShare;
    return sampleMs;
  }
}
