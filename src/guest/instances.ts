// The instances of one module on one thread, and what one call may see of the
// call before: nothing (restored from a snapshot, or fresh) unless the seed
// wished to be reused. Instances wait for calls, last used first; everything
// they occupy comes from the budget and goes back to it.

import { limits, pageBytes } from "../kernel/mod.ts";
import type { CallState } from "./call_state.ts";
import { type Isolation, SeedError } from "../threads/mod.ts";
import { firstPagesOf, Guest, type GuestParts } from "./guest.ts";
import { Snapshot } from "./snapshot.ts";

/** Instances that wait for calls; more are dropped. */
const idleInstancesMax = 64;

export class Instances {
  readonly #parts: GuestParts;
  /** As they are in effect; see `open`. */
  isolation: Isolation;
  /** Why that is not what the seed wished. */
  isolationReason: string | undefined;
  /** Time that calls ran. */
  cpuMs = 0;
  peakBytes = 0;
  #snapshot: Snapshot | undefined;
  #snapshotPages = 0;
  /** Another call with this snapshot would draw the same random numbers. */
  #isStale = false;
  #isSeeded = false;
  /** In their first state. */
  readonly #clean: Guest[] = [];
  /** To be put back before their next call. */
  readonly #used: Guest[] = [];
  readonly #live = new Set<Guest>();
  #isClosed = false;

  constructor(parts: GuestParts) {
    this.#parts = parts;
    this.isolation = parts.setup.isolation;
  }

  get count(): number {
    return this.#live.size;
  }

  /** Those that wait for calls. */
  get idleCount(): number {
    return this.#clean.length + this.#used.length;
  }

  get memoryBytes(): number {
    let bytes = this.#snapshot?.bytes ?? 0;
    for (const guest of this.#live) bytes += guest.memoryBytes;
    return bytes;
  }

  /** Its newest snapshot served a call and should be replaced when idle. */
  get isStale(): boolean {
    return this.#isStale && !this.#isClosed;
  }

  /**
   * Makes the first instance, and with it finds out how calls are isolated.
   *
   * @returns False when the budget has no room for it now.
   * @throws {SeedError} Why it does not start.
   */
  async open(call: CallState): Promise<boolean> {
    const { plan } = this.#parts.loaded;
    const guest = await this.#made(call);
    if (guest === undefined) return false;
    if (this.isolation === "restore") {
      if (plan.unrestorable !== undefined) this.#settleFor(plan.unrestorable);
      else this.#capture(guest);
    }
    this.#clean.push(guest);
    return true;
  }

  /**
   * An instance in its first state, or as the last call left it if the seed is
   * reused. Undefined when the budget has no room for another now.
   *
   * @throws {SeedError} Why none can be made.
   */
  take(call: CallState): Guest | undefined | Promise<Guest | undefined> {
    // Whatever becomes of the call, it draws what the next one would.
    this.#isStale = this.#isSeeded && this.isolation === "restore";
    const clean = this.#clean.pop();
    if (clean !== undefined) return clean;
    const used = this.#restored();
    if (used !== undefined) return used;
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return this.#made(call);
    const guest = this.#instance();
    if (guest === undefined) return undefined;
    if (
      guest.enlargeTo(snapshot.memoryPages) &&
      snapshot.restore(guest, { isNew: true })
    ) return guest;
    this.drop(guest);
    return undefined;
  }

  /** After a call that ended well. */
  giveBack(guest: Guest): void {
    this.peakBytes = Math.max(this.peakBytes, guest.memoryBytes);
    if (
      this.#isClosed || this.isolation === "fresh" ||
      this.idleCount >= idleInstancesMax
    ) return this.drop(guest);
    if (this.isolation === "reuse") {
      guest.kernel.clear();
      this.#clean.push(guest);
    } else {
      this.#used.push(guest);
    }
  }

  /** After a call that ended otherwise: its state may be anything. */
  drop(guest: Guest): void {
    this.peakBytes = Math.max(this.peakBytes, guest.memoryBytes);
    this.#live.delete(guest);
    guest.close();
  }

  /** Puts used instances back, for calls to come. */
  clean(): void {
    for (;;) {
      const guest = this.#restored();
      if (guest === undefined) return;
      this.#clean.unshift(guest);
    }
  }

  /** Initialises once more: the next calls draw other random numbers. */
  async refresh(call: CallState): Promise<void> {
    this.#isStale = false;
    this.#isSeeded = false; // should it fail: once is enough
    const guest = await this.#made(call);
    this.#isSeeded = true;
    if (guest === undefined) return;
    if (this.#isClosed) return this.drop(guest);
    this.#used.push(...this.#clean.splice(0));
    this.#capture(guest);
    if (this.#snapshot === undefined) return this.drop(guest);
    this.#clean.push(guest);
  }

  /** Drops all idle instances but `kept`. */
  trim(kept: number): void {
    const idle = [...this.#used.splice(0), ...this.#clean.splice(0)];
    this.#clean.push(...idle.splice(idle.length - kept, kept));
    for (const guest of idle) this.drop(guest);
    // They may have been used ones.
    if (this.#snapshot === undefined) return;
    this.#used.push(...this.#clean.splice(0));
    this.clean();
  }

  /** Instances that run go when their call ends. */
  close(): void {
    this.#isClosed = true;
    for (const guest of [...this.#used.splice(0), ...this.#clean.splice(0)]) {
      this.drop(guest);
    }
    this.#forgetSnapshot();
  }

  #restored(): Guest | undefined {
    for (;;) {
      const guest = this.#used.pop();
      if (guest === undefined || this.#snapshot?.restore(guest)) return guest;
      this.drop(guest);
    }
  }

  async #made(call: CallState): Promise<Guest | undefined> {
    const guest = this.#instance();
    if (guest === undefined) return undefined;
    try {
      await guest.initialise(call);
      return guest;
    } catch (cause) {
      this.drop(guest);
      throw cause;
    }
  }

  /** Instantiated, not initialised. */
  #instance(): Guest | undefined {
    const { loaded, setup, host: { budget } } = this.#parts;
    const pages = firstPagesOf(loaded);
    if (!budget.fits(pages)) {
      throw new SeedError(
        "memory",
        `Seed "${setup.name}" starts with ${pages * pageBytes} bytes, more ` +
          "than this node gives to all seeds together",
      );
    }
    if (!budget.takeInstance()) return undefined;
    if (!budget.takePages(pages)) {
      budget.giveInstance();
      return undefined;
    }
    try {
      const guest = new Guest(this.#parts);
      this.#live.add(guest);
      this.peakBytes = Math.max(this.peakBytes, guest.memoryBytes);
      return guest;
    } catch (cause) {
      budget.givePages(pages);
      budget.giveInstance();
      throw cause;
    }
  }

  #capture(guest: Guest): void {
    const { loaded: { plan }, host: { budget } } = this.#parts;
    const bytes = guest.memoryBytes;
    this.#forgetSnapshot();
    if (bytes > limits.snapshotBytesMax) {
      return this.#settleFor(
        `its ${bytes} bytes are more than are put back quickly`,
      );
    }
    const pages = Math.ceil(bytes / pageBytes);
    if (!budget.takePages(pages)) {
      return this.#settleFor("the node has no memory for its snapshot");
    }
    this.#snapshotPages = pages;
    this.#snapshot = new Snapshot(guest, plan);
    this.#isSeeded = guest.isSeeded;
  }

  #settleFor(reason: string): void {
    this.isolation = "fresh";
    this.isolationReason = reason;
  }

  #forgetSnapshot(): void {
    this.#parts.host.budget.givePages(this.#snapshotPages);
    this.#snapshotPages = 0;
    this.#snapshot = undefined;
  }
}
