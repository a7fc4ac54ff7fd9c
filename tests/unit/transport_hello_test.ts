// What a peer says of itself and cannot prove: another's authority key. A link
// shows the key only when the peer's identity key has signed it, and for this
// cluster.

import assert from "node:assert/strict";
import {
  type AuthorityCandidate,
  signAuthorityKey,
} from "../../src/identity/mod.ts";
import type { PrivateKey } from "../../src/ports/mod.ts";
import type { PeerHello } from "../../src/transport/mod.ts";
import {
  closeAll,
  connect,
  type Lab,
  scenario,
  signer,
} from "./transport_lab.ts";

type Claim = (lab: Lab, key: PrivateKey) => Partial<PeerHello>;

function candidateOf(lab: Lab, key: PrivateKey): AuthorityCandidate {
  const { cluster } = lab.root;
  const authorityKey = lab.newKey();
  return signAuthorityKey({ signer }, { cluster, key, authorityKey });
}

/** What `claim` comes to at the peer, and what that has counted. */
async function heard(lab: Lab, claim: Claim) {
  const a = await lab.node("a");
  const key = lab.newKey();
  const said = claim(lab, key);
  const b = await lab.node("b", { key, hello: () => said });
  const link = await connect(a, b);
  while (link.hello === undefined) await lab.pause(10);
  const { authorityKey, authorityProof, name } = link.hello;
  assert.equal(name, "b", "the rest of what it says counts");
  const refused = a.transport.report().refusals["hello"] ?? 0;
  await closeAll(a, b);
  return { said, shown: { authorityKey, authorityProof }, refused };
}

scenario(
  "a peer's authority key is known when the peer signed it",
  async (lab) => {
    const { said, shown, refused } = await heard(lab, candidateOf);
    assert.deepEqual(shown, said);
    assert.equal(refused, 0);
  },
);

const unproven: Readonly<Record<string, Claim>> = {
  "that another has signed": (lab) => candidateOf(lab, lab.newKey()),
  "with the proof of another key": (lab, key) => ({
    ...candidateOf(lab, key),
    authorityKey: lab.newKey().publicKey,
  }),
  "that is signed for another cluster": (lab, key) =>
    candidateOf(lab.otherCluster(), key),
};

for (const [what, claim] of Object.entries(unproven)) {
  scenario(`R01: a peer's authority key ${what} is unknown`, async (lab) => {
    const { shown, refused } = await heard(lab, claim);
    const unknown = { authorityKey: undefined, authorityProof: undefined };
    assert.deepEqual(shown, unknown);
    assert.equal(refused, 1);
  });
}

scenario("a peer's authority key without a proof is unknown", async (lab) => {
  const { shown, refused } = await heard(lab, (lab) => ({
    authorityKey: lab.newKey().publicKey,
    authorityProof: undefined,
  }));
  assert.equal(shown.authorityKey, undefined);
  assert.equal(refused, 0, "an older program says as much");
});
