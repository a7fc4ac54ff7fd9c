// What a transport is opened with: the parts of the world that it takes, who
// its node is, and whom it asks about others. Types only: transport.ts joins
// what they name.

import type { Credential, NodeIdentity } from "../identity/mod.ts";
import type { PeerId } from "../kernel/mod.ts";
import type { NetworkAddress, Ports } from "../ports/mod.ts";
import type { FrameStream, Gatekeeper, PeerHello } from "./link.ts";

/** What a transport takes of the world. */
export type TransportNeeds = Pick<
  Ports,
  "clock" | "log" | "network" | "random" | "signer"
>;

/** Who this node is, where it listens, and whom it asks about others. */
export type TransportConfig = {
  readonly identity: Pick<NodeIdentity, "peer" | "key" | "credential" | "root">;
  readonly bind: NetworkAddress;
  readonly gatekeeper: Gatekeeper;
  /** What peers are told; `sayHello` tells them again. */
  readonly hello: () => PeerHello;
  /**
   * What this node has of a peer that was not linked since it started: a dial
   * to it costs its first request a round trip less. It need not be believed.
   */
  readonly heldCredential?: (peer: PeerId) => Credential | undefined;
  /** Half of the places before authentication are for these. */
  readonly knownIps?: () => ReadonlySet<string>;
  /** Serves one enrolment; the connection ends with it. */
  onJoin(
    stream: FrameStream,
    context: { readonly remote: NetworkAddress; readonly signal: AbortSignal },
  ): Promise<void>;
};
