// What guests ask of others while they run: pollen_request goes to the call's
// own job, HTTP to the egress. Each request is answered exactly once, whatever
// becomes of its call: one that was not would hold its guest for ever.

import { type Bytes, PlnError } from "../kernel/mod.ts";
import type { HttpAsk, Log, OutboundResponse } from "../ports/mod.ts";
import type {
  FetchMessage,
  RequestMessage,
  SeedFault,
} from "../threads/mod.ts";
import type { EgressGrant, TimeLimits } from "../egress/mod.ts";
import { takeOver } from "./handover.ts";
import type { HostedSeed } from "./hosted.ts";
import type { PendingCall } from "./pending_call.ts";
import type { ThreadHandle } from "./thread_handle.ts";
import { shownUri } from "./uri.ts";

/** Outbound HTTP, as seeds need it. */
export interface SeedEgress {
  /**
   * Sends one request and brings the answer.
   *
   * @throws {PlnError} Refused or failed: the guest is told the message.
   */
  fetch(
    ask: HttpAsk,
    grant: EgressGrant,
    options: TimeLimits,
  ): Promise<OutboundResponse>;
}

export type RelayNeeds = { readonly log: Log; readonly egress: SeedEgress };

export class Relay {
  readonly #needs: RelayNeeds;
  /** Seeds of which a request was refused, and logged. */
  readonly #refused = new WeakSet<HostedSeed>();

  constructor(needs: RelayNeeds) {
    this.#needs = needs;
  }

  request(thread: ThreadHandle, message: RequestMessage): void {
    const [, request, id, uri, input] = message;
    const call = openCall(thread, id);
    const answer = (output: Bytes | undefined) => {
      const given = output && takeOver(output);
      thread.post(["answer", request, given], given);
    };
    if (call === undefined) {
      this.#logRefusal(startingSeed(thread, id), uri);
      return answer(undefined);
    }
    call.job.onRequest(uri, input, call).then(answer).catch((cause) => {
      this.#needs.log.error("seed.request_broke", { cause });
      answer(undefined);
    });
  }

  fetch(thread: ThreadHandle, message: FetchMessage): void {
    const [, request, id, ask] = message;
    const call = openCall(thread, id);
    const answer = (result: OutboundResponse | SeedFault) => {
      const given = "body" in result ? result.body : undefined;
      thread.post(["fetched", request, result], given);
    };
    if (call === undefined) return answer(id < 0 ? starting : over);
    const { name, settings: { allowHosts } } = call.job.seed;
    const { signal, job: { deadlineMs } } = call;
    const grant = { allowHosts, seed: name };
    this.#needs.egress.fetch(ask, grant, { signal, deadlineMs })
      .then((result) => answer({ ...result, body: takeOver(result.body) }))
      .catch((cause) => answer(call.isSettled ? over : this.#faultOf(cause)));
  }

  /** Once a version: it starts more than once, and may ask in a loop. */
  #logRefusal(seed: HostedSeed | undefined, uri: string): void {
    if (seed === undefined || this.#refused.has(seed)) return;
    this.#refused.add(seed);
    const { message } = starting;
    const fields = { seed: seed.name, uri: shownUri(uri), message };
    this.#needs.log.warn("seed.request_refused", fields);
  }

  #faultOf(cause: unknown): SeedFault {
    if (cause instanceof PlnError) {
      const { message, hint } = cause;
      return { reason: "egress", message, hint };
    }
    this.#needs.log.error("seed.fetch_broke", { cause });
    return { reason: "egress", message: "The host failed to send it" };
  }
}

const over: SeedFault = { reason: "cancelled", message: "The call is over" };

const starting: SeedFault = {
  reason: "egress",
  message: "A seed cannot send requests while it starts",
  hint: "Let it send them when it is called",
};

/** Ids below 0 are those of loads: see `LogMessage`. */
function startingSeed(
  thread: ThreadHandle,
  id: number,
): HostedSeed | undefined {
  return id < 0 ? thread.loadNumbered(-id)?.seed : undefined;
}

function openCall(thread: ThreadHandle, id: number): PendingCall | undefined {
  const call = thread.calls.get(id);
  return call?.isSettled === false ? call : undefined;
}
