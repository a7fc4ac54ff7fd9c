// What the state says of the members, in the mesh's terms: who may be here, who
// was forgotten, whom this node can name, and whom it may ask for a
// certificate. States and views go in; nothing is kept.

import type { JoinCandidate } from "../admission/mod.ts";
import type { Rights } from "../identity/mod.ts";
import type { MeshConfig, MeshRights, PeerState } from "../mesh/mod.ts";
import { comparePlace, type OwnerState, type View } from "../state/mod.ts";

/** Of this moment, but for who has published again. */
export function meshRights(
  state: Pick<OwnerState, "placeOf" | "view">,
): MeshRights {
  const { rights } = state.view();
  return {
    admins: rights.admins,
    denialOf: (peer) => rights.denialOf(peer),
    grantOf: (peer) => rights.grantOf(peer),
    isForgotten(peer) {
      const forgotten = rights.forgetOf(peer);
      if (forgotten === undefined) return false;
      const place = state.placeOf(peer);
      return place === undefined || comparePlace(place, forgotten) <= 0;
    },
  };
}

/**
 * Who has a document, who has joined, and about whom an admin has decided:
 * also those that this node has never met.
 */
export function* namedMembers(
  { nodes, rights }: Pick<View, "nodes" | "rights">,
): ReturnType<NonNullable<MeshConfig["alsoKnown"]>> {
  for (const { peer, name, hasLeft } of nodes.values()) {
    yield { peer, name, hasLeft };
  }
  const { redemptions, grants, denials } = rights;
  for (const { joiner, name } of redemptions) yield { peer: joiner, name };
  for (const { subject } of grants) yield { peer: subject, name: undefined };
  for (const { subject } of denials) yield { peer: subject, name: undefined };
}

/** Known peers, admins first. */
export function joinCandidates(
  peers: readonly PeerState[],
  rights: Rights,
): readonly JoinCandidate[] {
  const admins = new Set(
    rights.admins.filter(({ isDenied }) => !isDenied).map(({ peer }) => peer),
  );
  return peers
    .filter(({ state }) => state !== "denied" && state !== "left")
    .map(({ peer, addresses }) => ({ peer, addresses }))
    .sort((left, right) =>
      Number(admins.has(right.peer)) - Number(admins.has(left.peer))
    );
}
