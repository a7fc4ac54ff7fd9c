// The way between two machines, and what takes packets along it. In come
// packets as functions to run at the other end; out they go there later, on
// the receiver's clock: a frozen machine takes them when it thaws, a killed one
// never. What is reliable is sent again until it arrives, in any order.

import { assert } from "../kernel/mod.ts";
import type { Clock, Random } from "../ports/mod.ts";

/** One direction between two machines. */
export type PathOptions = {
  /** One way; 1 between machines and 0 within one unless told. */
  readonly latencyMs?: number;
  /** Each packet takes up to this much longer: packets overtake each other. */
  readonly jitterMs?: number;
  /** Of every 100 packets, how many get lost. */
  readonly lossPercent?: number;
  /**
   * Of every 100 packets, how many arrive twice. Datagrams and first packets
   * of dials do; what is reliable is numbered, and its receiver drops copies.
   */
  readonly duplicatePercent?: number;
};

/** What a process at one end of a wire is. */
export type WireEnd = { readonly clock: Clock; readonly isAlive: boolean };

/** Settings and cuts of one direction; its randomness is its own. */
export class Path {
  isCut = false;
  #latencyMs: number;
  #jitterMs = 0;
  #lossPercent = 0;
  #duplicatePercent = 0;
  /** Both its ends are one machine. */
  readonly isInside: boolean;
  readonly #random: Random;

  constructor(
    latencyMs: number,
    random: Random,
    { isInside }: { readonly isInside: boolean },
  ) {
    this.#latencyMs = latencyMs;
    this.#random = random;
    this.isInside = isInside;
  }

  get latencyMs(): number {
    return this.#latencyMs;
  }

  set(options: PathOptions): void {
    const { latencyMs, jitterMs, lossPercent, duplicatePercent } = options;
    for (const value of Object.values(options)) {
      assert(value === undefined || value >= 0, "a path has no negatives");
    }
    this.#latencyMs = latencyMs ?? this.#latencyMs;
    this.#jitterMs = jitterMs ?? this.#jitterMs;
    this.#lossPercent = lossPercent ?? this.#lossPercent;
    this.#duplicatePercent = duplicatePercent ?? this.#duplicatePercent;
  }

  /** Whether a packet that is sent once is on its way twice. */
  isDoubled(): boolean {
    return this.#duplicatePercent > 0 &&
      this.#random.integer(10_000) < this.#duplicatePercent * 100;
  }

  /**
   * No chance loses them: each packet that follows acknowledges the same again.
   * Undefined when nothing gets through.
   */
  acknowledgeMs(): number | undefined {
    const isClosed = this.isCut || this.#lossPercent >= 100;
    return isClosed ? undefined : this.#latencyMs;
  }

  /** Undefined when this packet is lost. */
  delayMs(): number | undefined {
    if (this.isCut) return undefined;
    if (this.#lossPercent > 0) {
      const drawn = this.#random.integer(10_000);
      if (drawn < this.#lossPercent * 100) return undefined;
    }
    if (this.#jitterMs === 0) return this.#latencyMs;
    const share = this.#random.integer(1_000) / 1_000;
    return this.#latencyMs + share * this.#jitterMs;
  }
}

type Packet = () => void;

// As QUIC's probe timeout (RFC 9002 section 6.2): about two round trips and
// the delay of acknowledgements, then twice as long each time.
const probeMsMin = 25;
const probeMsMax = 2_000;

/** Sends from one end to the other; disposing stops sending again. */
export class Wire implements Disposable {
  readonly #path: Path;
  readonly #from: WireEnd;
  readonly #to: WireEnd;
  #lost: Packet[] = [];
  #probe: Disposable | undefined;
  #probes = 0;
  #isDisposed = false;

  constructor(
    path: Path,
    ends: { readonly from: WireEnd; readonly to: WireEnd },
  ) {
    this.#path = path;
    this.#from = ends.from;
    this.#to = ends.to;
  }

  /** One try; it may arrive twice. */
  send(packet: Packet): void {
    this.#try(packet);
    if (this.#path.isDoubled()) this.#try(packet);
  }

  /** Arrives once, unless the path stays cut or this is disposed before. */
  sendReliably(packet: Packet): void {
    if (this.#isDisposed) return;
    if (this.#try(packet)) return;
    this.#lost.push(packet);
    this.#arm();
  }

  /** Of an acknowledgement that is sent now; undefined: it never comes. */
  acknowledgeMs(): number | undefined {
    return this.#from.isAlive ? this.#path.acknowledgeMs() : undefined;
  }

  /** @returns False when it was lost. */
  #try(packet: Packet): boolean {
    if (!this.#from.isAlive) return false;
    const delayMs = this.#path.delayMs();
    if (delayMs === undefined) return false;
    const to = this.#to;
    to.clock.after(delayMs, () => {
      if (to.isAlive) packet();
    });
    return true;
  }

  /** From now on nothing is sent again; what is under way arrives. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#lost = [];
    this.#probe?.[Symbol.dispose]();
    this.#probe = undefined;
  }

  #arm(): void {
    if (this.#probe !== undefined) return;
    const firstMs = probeMsMin + 4 * this.#path.latencyMs;
    const delayMs = Math.min(probeMsMax, firstMs * 2 ** this.#probes);
    this.#probe = this.#from.clock.after(delayMs, () => {
      this.#probe = undefined;
      this.#sendAgain();
    });
  }

  #sendAgain(): void {
    const lost = this.#lost;
    // Two probes each time, as RFC 9002 section 6.2.4 allows.
    this.#lost = lost.filter((one) => !this.#try(one) && !this.#try(one));
    this.#probes = this.#lost.length < lost.length ? 0 : this.#probes + 1;
    if (this.#lost.length > 0) this.#arm();
  }
}
