// Says how this node is doing, again and again: a thin shell that asks whoever
// knows, signs a record and lets the store tell everybody. It speaks more
// rarely the more nodes there are, never twice at the same rhythm as others,
// and at once after it slept. It also clears away what is over.

import { limits, PlnError } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import { type RecordBody, recordPeriodMs } from "./record.ts";
import { fittingBody } from "./record_body.ts";
import type { RecordStore } from "./record_store.ts";

/** What a node says beside its time and its period. */
export type Situation = Omit<RecordBody, "periodMs" | "wallMs">;

/** Of one node. */
export type RecordPublisherConfig = {
  readonly store: RecordStore;
  /** How many nodes the cluster has, this one included. */
  readonly nodes: () => number;
  readonly situation: () => Situation;
};

/** Speaks until it is disposed. */
export class RecordPublisher implements Disposable {
  readonly #needs: Pick<Ports, "clock" | "log" | "random">;
  readonly #config: RecordPublisherConfig;
  #timer: Disposable | undefined;
  #isClosed = false;

  /** The first record comes as soon as the node's document has a generation. */
  constructor(
    needs: Pick<Ports, "clock" | "log" | "random">,
    config: RecordPublisherConfig,
  ) {
    this.#needs = needs;
    this.#config = config;
    this.#arm(0);
  }

  /** Harmless twice. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
  }

  #arm(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#needs.clock.after(delayMs, () => this.#speak());
  }

  #speak(): void {
    const { clock, log } = this.#needs;
    const { store, nodes, situation } = this.#config;
    const periodMs = recordPeriodMs(nodes());
    const nowMs = clock.nowMs();
    store.expire(nowMs);
    const wallMs = Math.max(0, Math.round(clock.wallMs()));
    let isSaid = false;
    try {
      const body = fittingBody({ ...situation(), periodMs, wallMs });
      isSaid = store.own(body, nowMs) !== undefined;
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      log.warn("record.failed", { cause });
    }
    this.#arm(isSaid ? this.#jittered(periodMs) : limits.recordRetryMs);
  }

  /** 10 % to either side: nodes that start together do not stay together. */
  #jittered(periodMs: number): number {
    const spreadMs = Math.round(periodMs / 5);
    return periodMs - spreadMs / 2 + this.#needs.random.integer(spreadMs + 1);
  }
}
