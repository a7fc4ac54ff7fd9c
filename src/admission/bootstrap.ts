// One way into the cluster: a bootstrap peer and its addresses, dialled at the
// same time, of which the first to answer is used. A peer goes in, a connection
// comes out within the time of a dial. It must never leave behind a connection
// that came too late.

import {
  addressText,
  limits,
  type PeerId,
  UnreachableError,
} from "../kernel/mod.ts";
import type { Clock, NetworkAddress } from "../ports/mod.ts";
import type { JoinConnection } from "../transport/mod.ts";
import { deadlineFor } from "./exchange.ts";
import type { JoinCandidate, JoinDialing } from "./needs.ts";

/** How to reach a peer before being a member. */
export type DialOptions = {
  readonly dialer: JoinDialing;
  readonly signal: AbortSignal;
  /** Hears of each address before it is dialled. Must not throw. */
  readonly onAttempt?: (peer: PeerId, to: NetworkAddress) => void;
};

/** A peer and where it was looked for. */
export function candidateText({ peer, addresses }: JoinCandidate): string {
  const places = addresses.map(addressText);
  return `${peer.slice(0, 8)} at ${places.join(", ")}`;
}

/** A connection and where it leads. */
export type Reached = {
  readonly connection: JoinConnection;
  readonly address: NetworkAddress;
};

/**
 * The first connection to any address of a peer; the caller disposes it.
 *
 * @throws {UnreachableError} None answers within `dialMsMax`.
 */
export async function reach(
  clock: Clock,
  { peer, addresses }: JoinCandidate,
  options: DialOptions,
): Promise<Reached> {
  using limit = deadlineFor(clock, `Node ${peer.slice(0, 8)}`, {
    timeMs: limits.dialMsMax,
    signal: options.signal,
  });
  const race = new Race();
  const signal = AbortSignal.any([limit.signal, race.signal]);
  const attempts = addresses.slice(0, limits.inviteAddressesMax)
    .map(async (address): Promise<Reached> => {
      options.onAttempt?.(peer, address);
      const connection = await options.dialer.dial(peer, address, { signal });
      return await race.enter({ connection, address });
    });
  try {
    return await Promise.any(attempts);
  } catch (cause) {
    options.signal.throwIfAborted();
    const [first = cause] = cause instanceof AggregateError ? cause.errors : [];
    const who = candidateText({ peer, addresses });
    throw new UnreachableError(`Nobody answers for ${who}`, { cause: first });
  } finally {
    race.end();
    await Promise.allSettled(attempts); // late ones are closed by then
  }
}

/** Of connections to one peer, the first is kept and the others closed. */
class Race {
  readonly #abort = new AbortController();

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async enter(reached: Reached): Promise<Reached> {
    if (!this.signal.aborted) {
      this.end();
      return reached;
    }
    await reached.connection[Symbol.asyncDispose]();
    throw this.signal.reason;
  }

  end(): void {
    this.#abort.abort(new UnreachableError("Another address was faster"));
  }
}
