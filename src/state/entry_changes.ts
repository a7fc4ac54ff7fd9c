// Entries of a document that was not known before, as the changes that brought
// them. Operations with the text of each entry go in, one change for each comes
// out. For documents that come as a whole: others come change by change.

import type { EntryChange } from "./changes.ts";
import type { Operation } from "./schema.ts";

/** As if each entry had just been written. */
export function addedChanges(
  operations: readonly Operation[],
): readonly EntryChange[] {
  return operations.map(({ section, key, text: after }) => ({
    ...{ section, key, after },
    before: undefined,
  }));
}
