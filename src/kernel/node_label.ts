// How errors and logs name a node. An id and, if known, a name come in; out
// comes what a person reads: the name, which several nodes may have, and the
// start of the id, which is what one types to mean this very node.

import type { PeerId } from "./ids.ts";

/** As many digits of an id as people are shown. */
export function shortId(peer: PeerId): string {
  return peer.slice(0, 8);
}

/** `Node "b" (1a2b3c4d)`; without the name while that is unknown. */
export function nodeLabel(peer: PeerId, name?: string): string {
  return name === undefined || name === ""
    ? `Node ${shortId(peer)}`
    : `Node "${name}" (${shortId(peer)})`;
}
