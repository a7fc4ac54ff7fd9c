// Assertions for broken invariants: bugs, never weather. What a peer, a user
// or a disk can cause is a PlnError (errors.ts) and must not come here.
// Nothing catches an AssertionError on purpose; it ends the operation loudly.

/** A broken invariant of this program. */
export class AssertionError extends Error {
  /** A literal, so that bundling cannot change it. */
  override readonly name = "AssertionError";
}

/**
 * Narrows `condition` to true.
 *
 * @throws {AssertionError} The condition is false: a bug in this program.
 */
export function assert(
  condition: boolean,
  message: string,
): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Closes a union: compiling proves that every `type` was handled. */
export function unreachable(value: never): never {
  throw new AssertionError(`Unreachable value: ${JSON.stringify(value)}`);
}
