// Who may wait to be authenticated: places for sessions whose peer is proven to
// nobody yet, and what one of them may send meanwhile. Sessions that come,
// establish and go, go in; the numbers of those that must be closed come out.
// It must never let strangers push out all whose addresses are known.

import { assert, limits, parseAddress, sourceOf } from "../kernel/mod.ts";

/** A session that waits; given out by `arrive`. */
export type WaitingId = number;

type Waiting = {
  /** What counts as one source of sessions. */
  readonly source: string;
  readonly isKnown: boolean;
};

const strangersMax = limits.unauthenticatedSessionsMax / 2;

/** The places of one endpoint. */
export class UnauthenticatedSessions {
  readonly #isKnown: (ip: string) => boolean;
  readonly #pending = new Set<WaitingId>();
  /** The oldest first. */
  readonly #established = new Map<WaitingId, Waiting>();
  #lastId = 0;

  /** `isKnown` is asked with the canonical text of an address. */
  constructor(options: { readonly isKnown: (ip: string) => boolean }) {
    this.#isKnown = options.isKnown;
  }

  /** Those whose TLS handshake is still under way. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Those whose addresses are proven, and nothing else. */
  get establishedCount(): number {
    return this.#established.size;
  }

  /** A session is asked for; undefined: ignore it, there are too many. */
  arrive(): WaitingId | undefined {
    if (this.#pending.size >= limits.pendingHandshakesMax) return undefined;
    const id = ++this.#lastId;
    this.#pending.add(id);
    return id;
  }

  /**
   * The TLS handshake of `id` is over, so its address is proven.
   *
   * @returns Who must be closed to make room; at most one, never `id` itself.
   */
  establish(id: WaitingId, ip: string): readonly WaitingId[] {
    assert(this.#pending.delete(id), "a session establishes once");
    const { name, isLoopback } = sourceOf(ip);
    const isKnown = this.#isKnown(parseAddress(ip)?.text ?? ip);
    this.#established.set(id, { source: name, isKnown });
    const perSourceMax = isLoopback
      ? Infinity
      : limits.unauthenticatedSessionsPerIpMax;
    const leaving = this.#oldestOver(perSourceMax, (w) => w.source === name) ??
      this.#oldestOver(strangersMax, (waiting) => !waiting.isKnown) ??
      this.#oldestOver(limits.unauthenticatedSessionsMax, () => true);
    if (leaving === undefined) return [];
    this.#established.delete(leaving);
    return [leaving];
  }

  /** It was authenticated, refused or lost; harmless twice. */
  leave(id: WaitingId): void {
    this.#pending.delete(id);
    this.#established.delete(id);
  }

  /** The oldest of those that `isMeant`, when they are more than `countMax`. */
  #oldestOver(
    countMax: number,
    isMeant: (waiting: Waiting) => boolean,
  ): WaitingId | undefined {
    let count = 0;
    let oldest: WaitingId | undefined;
    for (const [id, waiting] of this.#established) {
      if (!isMeant(waiting)) continue;
      oldest ??= id;
      count++;
    }
    return count > countMax ? oldest : undefined;
  }
}

/** What one session may send before it has proven anything. */
export class UnauthenticatedGuard {
  #streams = 0;
  #bytes = 0;

  /** The peer opened a stream; false: close the session. */
  onStream(): boolean {
    this.#streams++;
    return this.#isWithin();
  }

  /** That much came on its streams; false: close the session. */
  onBytes(count: number): boolean {
    this.#bytes += count;
    return this.#isWithin();
  }

  #isWithin(): boolean {
    return this.#streams <= limits.unauthenticatedStreamsMax &&
      this.#bytes <= limits.unauthenticatedBytesMax;
  }
}
