// Everybody that a node can name: whom it has met or heard of, and whom the
// state names. In come records, names and rights; out goes one record a peer,
// those that admins have forgotten left out, unless they are denied: who takes
// that back has to name them. It keeps nothing.

import type { PeerId } from "../kernel/mod.ts";
import type { MeshRights } from "./needs.ts";
import { emptyRecord, type PeerRecord } from "./peer_record.ts";
import { isRumour } from "./peer_state.ts";
import type { Named } from "./resolve.ts";

/**
 * Each once, but for `self`. Who was only heard of keeps the name that it
 * joined with: nobody else may be alone in having it.
 */
export function knownPeers(
  records: Iterable<PeerRecord>,
  named: Iterable<Named>,
  { self, rights }: { readonly self: PeerId; readonly rights: MeshRights },
): readonly PeerRecord[] {
  const known = new Map<PeerId, PeerRecord>();
  for (const { peer, name, hasLeft = false } of named) {
    const isGone = rights.isForgotten?.(peer) === true;
    if (isGone && rights.denialOf(peer) === undefined) continue;
    const before = known.get(peer);
    known.set(peer, {
      ...emptyRecord(peer),
      name: before?.name ?? name,
      hasLeft: before?.hasLeft ?? hasLeft,
    });
  }
  for (const record of records) {
    if (isRumour(record, rights)) continue;
    const said = known.get(record.peer);
    const name = record.name ?? said?.name;
    const hasLeft = record.hasLeft || said?.hasLeft === true;
    known.set(record.peer, { ...record, name, hasLeft });
  }
  known.delete(self);
  return [...known.values()];
}
