// One attempt to reach one peer at one address. An identity key and an address
// go in, a session whose server holds that key comes out. Trust is in that key
// alone, by a synthetic anchor made anew for each attempt, so that nothing an
// earlier session left behind can stand in for the check.

import { anchorPem } from "../identity/mod.ts";
import { peerDnsName, type PeerId, UnreachableError } from "../kernel/mod.ts";
import type { Endpoint, NetworkAddress, Ports, Session } from "../ports/mod.ts";
import { shown } from "./refusals.ts";

/** Whom to reach, where, and for what. */
export type DialTarget = {
  readonly peer: PeerId;
  readonly to: NetworkAddress;
  /** ALPN id. */
  readonly protocol: string;
  readonly signal: AbortSignal;
};

/**
 * Dials once.
 *
 * @throws {UnreachableError} Nobody answers, or who answers is another node.
 */
export async function dialSession(
  needs: Pick<Ports, "random">,
  endpoint: Pick<Endpoint, "dial">,
  { peer, to, protocol, signal }: DialTarget,
): Promise<Session> {
  try {
    return await endpoint.dial(to, {
      serverName: peerDnsName(peer),
      anchorPem: anchorPem(needs, peer),
      protocols: [protocol],
      signal,
    });
  } catch (cause) {
    if (!(cause instanceof UnreachableError) || signal.aborted) throw cause;
    throw new UnreachableError(
      `Node ${peer.slice(0, 8)} is not reached at ${shown(to)}: ` +
        cause.message,
      {
        cause,
        hint: cause.hint ??
          "If another node listens there now, its address has changed",
      },
    );
  }
}
