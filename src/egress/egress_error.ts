// Why a seed's HTTP request brought no answer: what it may not do is a refusal,
// what went wrong on the way is a failure. Messages name the seed or the other
// end, and are told to the seed: they hold nothing that its owner may not know.

import { type ErrorKind, type Outcome, PlnError } from "../kernel/mod.ts";

/** Nothing was sent, or not to where a redirect led: the policy forbids it. */
export class EgressRefusal extends PlnError {
  /** Retrying helps only with another request or another grant. */
  readonly code = "PLN_SEED_EGRESS";
  /** The seed's author or whoever publishes it can mend it. */
  readonly kind: ErrorKind = "input";
}

/** The request was allowed, and failed: the network, the peer or the time. */
export class EgressFailure extends PlnError {
  /** A retry may succeed; the server may have acted on the request. */
  readonly code = "PLN_EGRESS_FAILED";
  /** The other end, or the way to it. */
  readonly kind: ErrorKind = "peer";
  /** Exit code 6. */
  override readonly outcome: Outcome = "unreachable";
}
