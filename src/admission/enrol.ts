// A join from a process of its own, before there is a node: it dials a token's
// bootstrap peers from a port of its own and redeems the invite at the first
// that leads to an admin. Keys and a token go in, what was given comes out. The
// membership is the caller's to write; nothing here touches it.

import { rememberPeers } from "../mesh/mod.ts";
import { openJoinDialer } from "../transport/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { InviteToken, NodeKeys } from "../identity/mod.ts";
import { joinCluster, type Joined, type JoinNeeds } from "./join.ts";

/** What enrolling takes of the world. */
export type EnrolNeeds = JoinNeeds & Pick<Ports, "network">;

/** Who enrols, and until when. */
export type EnrolOptions = {
  /** The same again are the same joiner. */
  readonly keys: NodeKeys;
  /** What the node calls itself. */
  readonly name?: string | undefined;
  readonly signal: AbortSignal;
};

/** Redeems an invite; writes nothing. @throws As `joinCluster`. */
export async function enrol(
  needs: EnrolNeeds,
  token: InviteToken,
  { keys, name, signal }: EnrolOptions,
): Promise<Joined> {
  await using dialer = await openJoinDialer(needs);
  return await joinCluster(needs, token, {
    keys,
    ...(name === undefined ? {} : { name }),
    dialer,
    signal,
  });
}

/**
 * Keeps who was met and whom the token names, for the node to dial.
 *
 * @throws {DiskError} They are not written.
 */
export async function rememberCluster(
  needs: Pick<Ports, "clock" | "disk" | "log">,
  { context }: InviteToken,
  { via, address }: Joined,
): Promise<void> {
  await rememberPeers(needs, [
    { peer: via, addresses: [address] },
    ...context.bootstraps,
  ]);
}
