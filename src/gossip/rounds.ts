// The clock of gossip: a thin shell that tells the engine when something has
// become due, and begins rounds of anti-entropy: soon with a link that this node
// has dialled, since it may join two parts of a cluster; then with one link
// after the other, at random. Links come in; nothing comes out but calls of the
// engine. It keeps two timers, and none while there is no link.

import { limits } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { GossipEngine } from "./gossip_engine.ts";
import type { LinkExchange } from "./link_exchange.ts";

/** Of one node; disposing stops both timers. */
export class Rounds implements Disposable {
  readonly #needs: Pick<Ports, "clock" | "random">;
  readonly #engine: GossipEngine<LinkExchange>;
  readonly #links: LinkExchange[] = [];
  /** Those without a round yet, of those dialled from here. */
  readonly #fresh = new Set<LinkExchange>();
  #due: Disposable | undefined;
  #dueMs: number | undefined;
  #round: Disposable | undefined;
  #roundMs = Infinity;
  #isDisposed = false;

  constructor(
    needs: Pick<Ports, "clock" | "random">,
    engine: GossipEngine<LinkExchange>,
  ) {
    this.#needs = needs;
    this.#engine = engine;
  }

  /** A new link. */
  join(link: LinkExchange): void {
    this.#links.push(link);
    if (link.link.isDialer) this.#fresh.add(link);
    this.#armRound(limits.gossipRoundSoonMs);
    this.arm();
  }

  /** A link is gone. */
  leave(link: LinkExchange): void {
    const at = this.#links.indexOf(link);
    if (at >= 0) this.#links.splice(at, 1);
    this.#fresh.delete(link);
  }

  /** The engine may have something due earlier than it had. */
  arm(): void {
    const { nextDueMs } = this.#engine;
    if (this.#isDisposed || nextDueMs === this.#dueMs) return;
    const isEarly = this.#dueMs !== undefined &&
      (nextDueMs === undefined || nextDueMs > this.#dueMs);
    if (isEarly) return; // it looks again then
    this.#due?.[Symbol.dispose]();
    this.#due = undefined;
    this.#dueMs = nextDueMs;
    if (nextDueMs === undefined) return;
    const { clock } = this.#needs;
    const delayMs = Math.max(0, nextDueMs - clock.nowMs());
    this.#due = clock.after(delayMs, () => {
      this.#dueMs = undefined;
      this.#due = undefined;
      this.#engine.tick();
      this.arm();
    });
  }

  #armRound(delayMs: number): void {
    const { clock } = this.#needs;
    const dueMs = clock.nowMs() + delayMs;
    if (this.#isDisposed || dueMs >= this.#roundMs) return;
    this.#round?.[Symbol.dispose]();
    this.#roundMs = dueMs;
    this.#round = clock.after(delayMs, () => {
      this.#roundMs = Infinity;
      this.#begin();
    });
  }

  #begin(): void {
    if (this.#links.length === 0) return;
    const link = this.#choose();
    this.#engine.tick();
    if (link !== undefined) this.#engine.startRound(link);
    this.#armRound(this.#pauseMs());
    this.arm();
  }

  #choose(): LinkExchange | undefined {
    const [fresh] = this.#fresh;
    if (fresh !== undefined) {
      this.#fresh.delete(fresh);
      return fresh;
    }
    return this.#links[this.#needs.random.integer(this.#links.length)];
  }

  #pauseMs(): number {
    const { gossipRoundMs, gossipRoundSoonMs } = limits;
    if (this.#fresh.size > 0) return gossipRoundSoonMs;
    // From three quarters to five quarters of it, so that nodes drift apart.
    const { random } = this.#needs;
    return gossipRoundMs * 3 / 4 + random.integer(gossipRoundMs / 2);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#due?.[Symbol.dispose]();
    this.#round?.[Symbol.dispose]();
  }
}
