// Near misses of words, for "did you mean": a key or a command that is a few
// letters away from a known one. Meant for short words; the cost grows with
// three to the number of edits.

/** Whether `edits` insertions, deletions and changes make one the other. */
export function isNear(
  left: string,
  right: string,
  { edits }: { readonly edits: number },
): boolean {
  if (edits < 0) return false;
  if (left === "" || right === "") return left.length + right.length <= edits;
  const [a, b] = [left.slice(1), right.slice(1)];
  if (left[0] === right[0]) return isNear(a, b, { edits });
  const fewer = { edits: edits - 1 };
  return isNear(a, right, fewer) || isNear(left, b, fewer) ||
    isNear(a, b, fewer);
}
