// The TLS leaf of the listener, replaced in place long before its day is over.
// The identity goes in; the first leaf comes out and later ones go to the
// endpoint. Sessions stay: only new handshakes see the new leaf. It follows the
// wall clock, which may jump either way, so it looks at it often.

import {
  issueTlsLeaf,
  type NodeIdentity,
  type TlsLeaf,
} from "../identity/mod.ts";
import type { Endpoint, Ports } from "../ports/mod.ts";

/** What issuing leaves takes of the world. */
export type LeafNeeds = Pick<Ports, "clock" | "log" | "random" | "signer">;

const lookMsMax = 600_000;
/** A wall clock that was set back further makes the leaf one of the future. */
const setBackMsMax = 3_600_000;

/** Rotates until `signal` aborts. */
export async function rotateLeaf(
  needs: LeafNeeds,
  endpoint: Pick<Endpoint, "rotate">,
  options: {
    readonly identity: Pick<NodeIdentity, "peer" | "key">;
    readonly first: TlsLeaf;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { clock, log } = needs;
  let leaf = options.first;
  let issuedMs = clock.wallMs();
  while (!options.signal.aborted) {
    const leftMs = leaf.renewalDueMs - clock.wallMs();
    await clock.sleep(
      Math.max(1, Math.min(leftMs, lookMsMax)),
      options.signal,
    );
    const wallMs = clock.wallMs();
    const isDue = wallMs >= leaf.renewalDueMs ||
      wallMs < issuedMs - setBackMsMax;
    if (!isDue) continue;
    leaf = issueTlsLeaf(needs, options.identity);
    issuedMs = wallMs;
    endpoint.rotate(leaf);
    log.info("transport.leaf_rotated", { notAfterMs: leaf.notAfterMs });
  }
}
