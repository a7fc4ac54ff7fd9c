// An Egress in a simulated Internet: "api.example.org" and what else a test
// names there. In go requests as a guest would make them; out come answers,
// refusals, and what the Internet got to see.

import assert from "node:assert/strict";
import { Egress, EgressFailure, EgressRefusal } from "../../src/egress/mod.ts";
import type { HttpAsk, OutboundResponse } from "../../src/ports/mod.ts";
import { emptyBytes, utf8Text } from "../../src/kernel/mod.ts";
import { openSimOutbound, type SimOutbound } from "../../src/sim/outbound.ts";
import { SteppedClock } from "../contracts/stepped_clock.ts";

export const publicAddress = "93.184.215.14";
export const never = new AbortController().signal;

export type LabOptions = {
  readonly allowHosts?: readonly string[];
  readonly seed?: string;
  readonly signal?: AbortSignal;
  readonly leftMs?: number;
};

export class EgressLab {
  readonly clock = new SteppedClock();
  readonly outbound: SimOutbound = openSimOutbound({ clock: this.clock });
  readonly egress = new Egress(this);

  constructor() {
    this.outbound.name("api.example.org", [publicAddress]);
    this.outbound.serve(publicAddress, () => ({ body: "public" }));
  }

  async fetch(
    ask: string | (Partial<HttpAsk> & { readonly url: string }),
    options: LabOptions = {},
  ): Promise<OutboundResponse> {
    const { allowHosts = ["api.example.org"], seed = "news" } = options;
    const { signal = never, leftMs = 60_000 } = options;
    const given = typeof ask === "string" ? { url: ask } : ask;
    const whole = { method: "GET", headers: {}, body: emptyBytes, ...given };
    const deadlineMs = this.clock.nowMs() + leftMs;
    const grant = { allowHosts, seed };
    return await this.egress.fetch(whole, grant, { signal, deadlineMs });
  }

  /** The body of what must succeed. */
  async text(...args: Parameters<EgressLab["fetch"]>): Promise<string> {
    return utf8Text((await this.fetch(...args)).body) ?? "no UTF-8";
  }

  async refusal(
    ...args: Parameters<EgressLab["fetch"]>
  ): Promise<EgressRefusal> {
    const cause = await this.#causeOf(args);
    assert.ok(cause instanceof EgressRefusal, `${args[0]}: ${cause}`);
    assert.equal(cause.code, "PLN_SEED_EGRESS");
    return cause;
  }

  async failure(
    ...args: Parameters<EgressLab["fetch"]>
  ): Promise<EgressFailure> {
    const cause = await this.#causeOf(args);
    assert.ok(cause instanceof EgressFailure, `${args[0]}: ${cause}`);
    assert.equal(cause.code, "PLN_EGRESS_FAILED");
    return cause;
  }

  async #causeOf(args: Parameters<EgressLab["fetch"]>): Promise<unknown> {
    return await this.fetch(...args).then(
      ({ status }) => `it was answered with ${status}`,
      (cause: unknown) => cause,
    );
  }
}
