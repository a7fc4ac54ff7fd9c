// Calls between nodes, over the parts of this one: the client finds links, the
// server asks the rights and the records of now. In come the parts, out go
// client and server. Nothing is decided here: this only joins.

import type { PeerId } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { NodeIdentity, Rights } from "../identity/mod.ts";
import type { Transport } from "../transport/mod.ts";
import type { Mesh } from "../mesh/mod.ts";
import { CallClient, type CallExecutor, CallServer } from "../calls/mod.ts";
import { admitMember } from "./gatekeeper.ts";
import type { Presence } from "./presence.ts";

/** What it joins. */
export type NodeCallsParts = {
  readonly name: string;
  /** The newest: renewals change it. */
  readonly identity: () => NodeIdentity;
  /** Of the state of this moment. */
  readonly rights: () => Rights;
  readonly transport: Transport;
  readonly peers: Mesh;
  readonly presence: Presence;
  readonly executor: CallExecutor;
};

/** Starts nothing; dispose the client. */
export function openNodeCalls(
  needs: Ports,
  parts: NodeCallsParts,
): { readonly client: CallClient; readonly server: CallServer } {
  const { identity, name, transport, peers, executor } = parts;
  const { peer, cluster, key } = identity();
  const credential = () => identity().credential;
  const client = new CallClient({
    ...needs,
    self: { peer, cluster, key, credential },
    links: {
      linkOf: (to: PeerId) => transport.usable(to),
      connect: (to: PeerId, signal: AbortSignal) =>
        transport.earliest(to, peers.connect(to, signal)),
    },
  });
  const server = new CallServer({
    ...needs,
    self: { peer, name, cluster },
    rights: callRights(needs, parts),
    executor,
  });
  return { client, server };
}

function callRights(
  needs: Ports,
  { identity, presence, rights }: NodeCallsParts,
): ConstructorParameters<typeof CallServer>[0]["rights"] {
  const { root } = identity();
  const { clock } = needs;
  return {
    standing: (facts) => rights().standing(facts, clock.wallMs()),
    admit: (credential) => admitMember(needs, credential, { root, rights }),
    isDenied: (peer) => rights().denialOf(peer) !== undefined,
    clockOf: (peer) => presence.clockOf(peer),
  };
}
