// The question at a start: what do peers have of this node's own document? A
// disk that was set back must not write over what it has lost. In come the
// links there are and the peers that are expected; a promise goes out that ends
// when enough of them have shown what they have, or after 3 s. Never rejects:
// a node without peers has to start too.

import { limits, type PeerId } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { Link } from "../transport/mod.ts";

/** What the question needs of the mesh and of gossip. */
export type CopiesAskParts = {
  readonly links: () => Iterable<Link>;
  readonly onLink: (handle: (link: Link) => void) => Disposable;
  /** Resolves when the peer's own batches of this node were taken. */
  readonly firstHeads: (link: Link) => Promise<void>;
  /** Who may show something: known peers that are welcome. */
  readonly expected: () => readonly PeerId[];
  /** The node closes: nobody waits any more. */
  readonly signal: AbortSignal;
};

/** Peers that have answered make all others' answers known soon after. */
const answersEnough = 8;

/** Resolves when peers have shown what they have, at most 3 s later. */
export async function askCopies(
  needs: Pick<Ports, "clock" | "log">,
  parts: CopiesAskParts,
): Promise<void> {
  const expected = parts.expected();
  if (expected.length === 0) return;
  const answered = new Set<PeerId>();
  const done = Promise.withResolvers<void>();
  const look = () => {
    const isAll = expected.every((peer) => answered.has(peer));
    if (isAll || answered.size >= answersEnough) done.resolve();
  };
  const ask = async (link: Link) => {
    await parts.firstHeads(link);
    answered.add(link.peer);
    look();
  };
  const { signal } = parts;
  const end = () => done.resolve();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  using _timer = needs.clock.after(limits.ownCopiesAskMsMax, end);
  using _links = parts.onLink((link) => void ask(link));
  for (const link of parts.links()) void ask(link);
  await done.promise;
  signal.removeEventListener("abort", end);
  needs.log.debug("node.copies_asked", {
    answered: answered.size,
    expected: expected.length,
  });
}
