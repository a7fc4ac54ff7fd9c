// The view as it once was: the documents of a moment, projected as those of now
// are, with the rights that the admins' documents gave then. Documents go in, a
// view of its own comes out. It costs as much as a start does, and is made for
// one answer.

import { type ClusterRoot, projectRights } from "../identity/mod.ts";
import type { PeerId } from "../kernel/mod.ts";
import { AdminEntries } from "./admin_entries.ts";
import { addedChanges } from "./entry_changes.ts";
import type { PastDocument } from "./history_undo.ts";
import { Projector, type ProjectorNeeds } from "./projector.ts";
import type { View } from "./views.ts";

/** What the documents of a moment add up to. */
export function pastView(
  needs: ProjectorNeeds,
  documents: readonly PastDocument[],
  { root, self }: { readonly root: ClusterRoot; readonly self: PeerId },
): View {
  const trust = { signer: needs.signer, root };
  const projector = new Projector(needs, { self, root });
  const admins = documents.map(({ owner, entries }) => {
    const admin = new AdminEntries(trust, owner);
    const changes = addedChanges(entries);
    admin.apply(changes);
    projector.apply(owner, changes);
    return admin.document;
  }).filter((document) => document !== undefined);
  projector.setRights(projectRights(needs, { root, documents: admins }));
  return projector.view();
}
