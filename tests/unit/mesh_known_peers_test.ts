// Whom a node can name: what it has met and what the state names, in one list,
// and who is left out of it.

import assert from "node:assert/strict";
import type { PeerId } from "../../src/kernel/mod.ts";
import type { Denial } from "../../src/identity/mod.ts";
import { knownPeers } from "../../src/mesh/known_peers.ts";
import { noRights } from "../../src/mesh/needs.ts";
import { peerNumber } from "./mesh_world.ts";

const self = peerNumber(1);
const lost = peerNumber(2);
const named = [{ peer: lost, name: "lost" }];

function denialOf(subject: PeerId): Denial {
  return { subject, by: self, atMs: 0, number: 1, because: "denied" };
}

Deno.test("knownPeers() leaves out who is forgotten", () => {
  const rights = { ...noRights, isForgotten: () => true };
  assert.deepEqual(knownPeers([], named, { self, rights }), []);
});

Deno.test("knownPeers() names the denied, forgotten or not: they may be allowed", () => {
  const rights = { ...noRights, isForgotten: () => true, denialOf };
  const [known, ...more] = knownPeers([], named, { self, rights });
  assert.deepEqual([known?.peer, known?.name], [lost, "lost"]);
  assert.deepEqual(more, []);
});
