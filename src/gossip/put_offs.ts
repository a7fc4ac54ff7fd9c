// The clock of what was put off: a thin shell that asks links again when the
// time has come. Notes of links come in; out go questions to them. It keeps one
// timer, and none while nothing is put off.

import type { PeerId } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import { Deferrals } from "./deferrals.ts";
import type { LinkExchange, PutOffs } from "./link_exchange.ts";

/** Of all links of a node; disposing asks nobody any more. */
export class LinkPutOffs implements PutOffs, Disposable {
  readonly #needs: Pick<Ports, "clock" | "log">;
  readonly #deferrals = new Deferrals<LinkExchange>();
  #timer: Disposable | undefined;
  #timerMs: number | undefined;
  #isDisposed = false;

  constructor(needs: Pick<Ports, "clock" | "log">) {
    this.#needs = needs;
  }

  has(owner: PeerId): boolean {
    return this.#deferrals.has(owner);
  }

  note(owner: PeerId, from: LinkExchange): void {
    if (!this.has(owner)) this.#needs.log.info("gossip.put_off", { owner });
    this.#deferrals.note(owner, from, { nowMs: this.#nowMs });
    this.#arm();
  }

  answered(owner: PeerId, from: LinkExchange): void {
    this.#deferrals.answered(owner, from, { nowMs: this.#nowMs });
    this.#arm();
  }

  /** A link has ended. */
  leave(from: LinkExchange): void {
    this.#deferrals.leave(from, this.#nowMs);
    this.#arm();
  }

  get #nowMs(): number {
    return this.#needs.clock.nowMs();
  }

  #arm(): void {
    const { nextDueMs } = this.#deferrals;
    if (nextDueMs === this.#timerMs && this.#timer !== undefined) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#timerMs = nextDueMs;
    if (nextDueMs === undefined || this.#isDisposed) return;
    const delayMs = Math.max(0, nextDueMs - this.#nowMs);
    this.#timer = this.#needs.clock.after(delayMs, () => this.#ask());
  }

  #ask(): void {
    this.#timer = undefined;
    for (const { owner, source } of this.#deferrals.due(this.#nowMs)) {
      source.askAgain(owner);
    }
    this.#arm();
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }
}
