// Credentials that a node holds of its peers, and what a handshake makes of
// them: which peers may be sent first requests before they have proven anything.

import assert from "node:assert/strict";
import { type Credential, encodeCredential } from "../../src/identity/mod.ts";
import { DeniedError, limits, peerIdOf } from "../../src/kernel/mod.ts";
import type { HandshakeSide } from "../../src/transport/handshake.ts";
import { HeldCredentials } from "../../src/transport/held_credentials.ts";
import { exchange, HandshakeLab } from "./handshake_lab.ts";

const lab = new HandshakeLab("held credentials");
const { signer } = lab.mint.needs;

function hashOf(credential: Credential): Uint8Array {
  return signer.sha256(encodeCredential(credential));
}

/** A client's first answer to a server that it knows as told. */
function answerOf(held: Credential, changes: Partial<HandshakeSide> = {}) {
  const [alice, bob] = [lab.member(), lab.member()];
  const server = lab.server({ ...bob, credential: held });
  const client = lab.client(alice, {
    expected: peerIdOf(held.member.publicKey),
    changes: { held: () => held, ...changes },
  });
  return client.onFrame(server.challenge());
}

Deno.test("a client takes a server for known that announces the credential it holds", () => {
  const { credential, peer } = lab.member();
  const { provisional, done } = answerOf(credential);
  assert.equal(provisional?.peer, peer);
  assert.equal(provisional.facts.peer, peer);
  assert.equal(provisional.credential, credential);
  assert.deepEqual(provisional.heads, []);
  assert.equal(done, undefined);
});

Deno.test("a client takes nobody for known whom the gatekeeper refuses now", () => {
  const { credential } = lab.member();
  const step = answerOf(credential, {
    admit: () => {
      throw new DeniedError("denied");
    },
  });
  assert.equal(step.provisional, undefined);
  assert.ok(step.send !== undefined && step.refuse === undefined);
});

Deno.test("a client takes a server for known by the hash of its own credential alone", () => {
  const [bob, other] = [lab.member(), lab.member()];
  const held = new HeldCredentials({ signer });
  held.note(other.peer, other.credential);
  const find = (hash: Uint8Array) => held.find(hash);
  const announced = (server: typeof bob) => {
    const changes = { held: find };
    const client = lab.client(lab.member(), { expected: bob.peer, changes });
    return client.onFrame(lab.server(server).challenge()).provisional;
  };
  assert.equal(announced(bob), undefined, "it is not held");
  assert.equal(announced({ ...bob, credential: other.credential }), undefined);
  held.note(bob.peer, bob.credential);
  assert.equal(announced(bob)?.peer, bob.peer);
});

Deno.test("both ends of a handshake know each other's credentials again", () => {
  const [alice, bob] = [lab.member(), lab.member()];
  const held = new HeldCredentials({ signer });
  held.note(alice.peer, alice.credential);
  held.note(bob.peer, bob.credential);
  const changes = { held: (hash: Uint8Array) => held.find(hash) };
  const { client, server } = exchange(
    lab.client(alice, { expected: bob.peer, changes }),
    lab.server(bob, changes),
  );
  assert.equal(client.done?.credential, bob.credential);
  assert.equal(server.done?.credential, alice.credential);
});

Deno.test("HeldCredentials keeps the newest credential of a peer", () => {
  const held = new HeldCredentials({ signer });
  const { peer, key, credential } = lab.member();
  const renewed = lab.member({ key }).credential;
  held.note(peer, credential);
  held.note(peer, renewed);
  assert.equal(held.find(hashOf(credential)), undefined);
  assert.equal(held.find(hashOf(renewed)), renewed);
});

Deno.test("HeldCredentials asks elsewhere for peers it knows nothing of, and no others", () => {
  const { peer, key, credential } = lab.member();
  const renewed = lab.member({ key }).credential;
  const held = new HeldCredentials({ signer }, () => credential);
  held.prepare(peer);
  assert.equal(held.find(hashOf(credential)), credential);
  held.note(peer, renewed);
  held.prepare(peer);
  assert.equal(held.find(hashOf(credential)), undefined);
  held.forget(peer);
  held.prepare(peer);
  assert.equal(held.find(hashOf(credential)), undefined, "not trusted again");
  held.note(peer, credential);
  assert.equal(held.find(hashOf(credential)), credential);
});

Deno.test("HeldCredentials forgets the peer first that it has not seen for longest", () => {
  const held = new HeldCredentials({ signer });
  const { credential } = lab.member();
  const [first, second] = [lab.member(), lab.member()];
  held.note(first.peer, first.credential);
  held.note(second.peer, second.credential);
  held.note(first.peer, first.credential);
  for (let count = 0; count < limits.credentialsHeldMax - 1; count++) {
    held.note(peerIdOf(lab.bytes(32)), credential);
  }
  assert.equal(held.find(hashOf(second.credential)), undefined);
  assert.equal(held.find(hashOf(first.credential)), first.credential);
});
