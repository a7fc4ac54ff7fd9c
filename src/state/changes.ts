// What a batch changed, as every reader of changes gets it: the rights, the
// view, the history. One change names an entry and says its canonical text
// before and after; neither is parsed here. A batch that changed nothing has
// none.

/** One entry of a document before and after; undefined: it is not there. */
export type EntryChange = {
  readonly section: string;
  readonly key: string;
  /** Canonical JSON. */
  readonly before: string | undefined;
  /** Canonical JSON. */
  readonly after: string | undefined;
};

function compareChanges(left: EntryChange, right: EntryChange): number {
  if (left.section !== right.section) {
    return left.section < right.section ? -1 : 1;
  }
  if (left.key === right.key) return 0;
  return left.key < right.key ? -1 : 1;
}

/**
 * Several steps as one: of each entry what it was before the first and is after
 * the last. Entries that end as they began are left out. By section and key.
 */
export function mergedChanges(
  steps: readonly (readonly EntryChange[])[],
): readonly EntryChange[] {
  const [only = []] = steps;
  if (steps.length <= 1) return only;
  const merged = new Map<string, EntryChange>();
  for (const change of steps.flat()) {
    const place = `${change.section} ${change.key}`; // neither holds a space
    const first = merged.get(place) ?? change;
    merged.set(place, { ...change, before: first.before });
  }
  return [...merged.values()]
    .filter(({ before, after }) => before !== after)
    .sort(compareChanges);
}

/** All that was there went, all that is there came. */
export function replacedBy(
  gone: readonly EntryChange[],
  come: readonly EntryChange[],
): readonly EntryChange[] {
  return mergedChanges([gone, come]);
}
