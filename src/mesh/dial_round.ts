// One round of dials to one peer: its addresses, one after the other, those
// that were tried and those under way. And how long to wait for the next round.
// Values only: the engine (dial_engine.ts) decides what happens when.

import { addressText, limits } from "../kernel/mod.ts";
import type { NetworkAddress, Random } from "../ports/mod.ts";

/** Addresses of a round; each is tried once. */
export class DialRound {
  readonly #left: NetworkAddress[] = [];
  readonly #seen = new Set<string>();
  /** Under way, by attempt. */
  readonly attempts = new Map<number, NetworkAddress>();
  /** Somebody waits for it. */
  readonly isUrgent: boolean;

  /** Nothing was tried yet. */
  constructor({ isUrgent }: { readonly isUrgent: boolean }) {
    this.isUrgent = isUrgent;
  }

  /** Also in the middle of it; the best first. */
  add(addresses: readonly NetworkAddress[]): void {
    for (const address of addresses) {
      const text = addressText(address);
      if (this.#seen.has(text)) continue;
      this.#seen.add(text);
      this.#left.push(address);
    }
  }

  /** Whether another address may be tried beside those under way. */
  get hasNext(): boolean {
    return this.#left.length > 0 &&
      this.attempts.size < limits.dialsPerPeerMax;
  }

  /** Nothing is left to try, nor under way. */
  get isOver(): boolean {
    return this.#left.length === 0 && this.attempts.size === 0;
  }

  /** The next address, from now on under way. */
  take(attempt: number): NetworkAddress | undefined {
    const address = this.#left.shift();
    if (address !== undefined) this.attempts.set(attempt, address);
    return address;
  }
}

/**
 * The addresses of one round. Of who was silent for long the best one and some
 * others in turns: a round shall not take longer than the wait after it, and a
 * member that says 16 addresses of somebody else, and goes, must not make all
 * others send there for ever.
 */
export function addressesOfRound(
  all: readonly NetworkAddress[],
  { failures }: { readonly failures: number },
): readonly NetworkAddress[] {
  const most = limits.dialsPerPeerMax;
  if (failures < limits.dialAllRoundsMax || all.length <= most) return all;
  const [best, ...others] = all;
  const start = (failures * (most - 1)) % others.length;
  const turned = [...others.slice(start), ...others.slice(0, start)];
  return best === undefined ? [] : [best, ...turned.slice(0, most - 1)];
}

/**
 * The longest wait for a silent peer. After a partition of any length both
 * sides are to be one again in 10 s (S01), and two nodes alone hear of that
 * from nobody: each must dial the other every few seconds, for ever. Of many
 * nodes it is enough when one finds the way, for then it tells the others: the
 * more links, the more nodes dial that same peer, and the longer each may wait.
 * And whoever misses many peers dials each of them less often, so that what it
 * sends into the dark stays the same.
 */
export function patienceMs(
  { links, unlinked }: { readonly links: number; readonly unlinked: number },
): number {
  const { dialPatienceMsMin, dialBackoffMsMax } = limits;
  const wantedMs = Math.max(
    dialPatienceMsMin + limits.dialPatiencePerLinkMs * links,
    limits.dialPatiencePerPeerMs * unlinked,
  );
  return Math.min(dialBackoffMsMax, wantedMs);
}

/**
 * How long to wait after `failures` failed rounds: 1-2-4 s, up to `mostMs`, of
 * which half is random, as many peers fall silent together. Who refused this
 * node is asked once a minute.
 */
export function backoffMs(
  failures: number,
  { isRefused, mostMs, random }: {
    readonly isRefused: boolean;
    readonly mostMs: number;
    readonly random: Random;
  },
): number {
  const { dialRefusedMs, dialBackoffMsMin } = limits;
  if (isRefused) return dialRefusedMs + random.integer(dialRefusedMs / 10);
  const doublings = Math.min(Math.max(0, failures - 1), 16);
  const fullMs = Math.min(mostMs, dialBackoffMsMin * 2 ** doublings);
  return fullMs / 2 + random.integer(fullMs / 2 + 1);
}
