// Attacks on the handshake at the level of its messages: Mallory is an enrolled
// member who changes, forwards, mirrors and replays what others send. The same
// table runs over a network in transport_attack_test.ts.

import assert from "node:assert/strict";
import { type Credential, encodeCredential } from "../../src/identity/mod.ts";
import {
  type CborValue,
  concatBytes,
  decodeCbor,
  encodeCbor,
  type ErrorReport,
  limits,
} from "../../src/kernel/mod.ts";
import {
  clientSignedInput,
  type HandshakeStep,
} from "../../src/transport/handshake.ts";
import {
  Accept,
  Authenticate,
  Challenge,
  Refuse,
} from "../../src/transport/handshake_messages.ts";
import {
  closeCodes,
  controlKinds,
  type Frame,
} from "../../src/transport/mod.ts";
import { exchange, HandshakeLab, type Member } from "./handshake_lab.ts";
import { dayMs, forgeMember, startMs } from "./identity_world.ts";

const bytesMax = limits.authFrameBytesMax;

/** Alice dials, Bob serves, Mallory is a member like them and attacks. */
function openScene() {
  const lab = new HandshakeLab();
  const [alice, bob, mallory] = [lab.member(), lab.member(), lab.member()];
  return { lab, alice, bob, mallory };
}

function hashOf(lab: HandshakeLab, { credential }: Member) {
  return lab.mint.needs.signer.sha256(encodeCredential(credential));
}

/** The challenge with some of it changed. */
function challenge(frame: Frame, changes: Partial<Challenge>): Frame {
  const honest = Challenge.decode(frame.body, { bytesMax });
  return { ...frame, body: Challenge.encode({ ...honest, ...changes }) };
}

function authentication(step: HandshakeStep): Authenticate {
  assert.equal(step.send?.kind, controlKinds.authenticate);
  return Authenticate.decode(step.send.body, { bytesMax });
}

function authenticate(members: Authenticate): Frame {
  return { kind: Authenticate.kind, body: Authenticate.encode(members) };
}

/** Nobody is in, and the client is told a reason that says nothing else. */
function assertRefused(step: HandshakeStep, code: string, text: RegExp): void {
  assert.equal(step.done, undefined);
  assert.equal(step.refuse?.closeCode, closeCodes.authFailed);
  assert.equal(step.refuse.report.code, code);
  assert.match(step.refuse.report.message, text);
  if (step.send === undefined) return;
  assert.equal(step.send.kind, controlKinds.refuse);
  const told: ErrorReport = Refuse.decode(step.send.body, { bytesMax }).report;
  assert.equal(told.code, code);
}

const unproven = /has not proven that the credential is its own/;

Deno.test("attack: 0 honest nodes are let in", () => {
  const { lab, alice, bob } = openScene();
  const { client, server } = exchange(
    lab.client(alice, { expected: bob.peer }),
    lab.server(bob),
  );
  assert.equal(server.done?.peer, alice.peer);
  assert.equal(client.done?.peer, bob.peer);
});

Deno.test("attack: 1 Mallory relays Bob's challenge to Alice, who dialled Mallory", () => {
  const { lab, alice, bob, mallory } = openScene();
  const changes: readonly Partial<Challenge>[] = [
    {}, // as it is
    { credentialHash: hashOf(lab, mallory) },
  ];
  for (const change of changes) {
    const server = lab.server(bob);
    const client = lab.client(alice, { expected: mallory.peer });
    const answer = client.onFrame(challenge(server.challenge(), change));
    assert(answer.send !== undefined);
    assertRefused(server.onFrame(answer.send), "PLN_CREDENTIAL", unproven);
  }
});

Deno.test("attack: 2 with the TLS layer defeated, Mallory cannot stand in for Bob", () => {
  const { lab, alice, bob, mallory } = openScene();
  // Alice's connection, anchored to Bob, ends at Mallory.
  const start = () => {
    const client = lab.client(alice, { expected: bob.peer });
    return { client, honest: lab.server(bob).challenge() };
  };
  { // with a credential of its own
    const { client } = start();
    const own = lab.server(mallory);
    const { send } = client.onFrame(own.challenge());
    assert(send !== undefined);
    assertRefused(own.onFrame(send), "PLN_CREDENTIAL", unproven);
  }
  { // with its own acceptance of what was meant for Bob
    const { client, honest } = start();
    const hash = { credentialHash: hashOf(lab, mallory) };
    client.onFrame(challenge(honest, hash));
    const body = Accept.encode({
      credential: encodeCredential(mallory.credential),
      heads: [],
      signature: new Uint8Array(64),
    });
    const step = client.onFrame({ kind: Accept.kind, body });
    assertRefused(step, "PLN_CREDENTIAL", /not of .*, which was dialled/);
  }
  { // with Bob's credential, signed by itself
    const { client, honest } = start();
    client.onFrame(honest);
    const body = Accept.encode({
      credential: encodeCredential(bob.credential),
      heads: [],
      signature: lab.mint.needs.signer.sign(mallory.key, new Uint8Array(64)),
    });
    const step = client.onFrame({ kind: Accept.kind, body });
    assertRefused(step, "PLN_CREDENTIAL", unproven);
  }
});

Deno.test("attack: 2 a man in the middle can change nothing that is proven", () => {
  const { lab, alice, bob, mallory } = openScene();
  const other = new Uint8Array(32).fill(1);
  const hash = hashOf(lab, mallory);
  for (const change of [{ nonce: other }, { credentialHash: hash }]) {
    const server = lab.server(bob);
    const client = lab.client(alice, { expected: bob.peer });
    const { send } = client.onFrame(challenge(server.challenge(), change));
    assert(send !== undefined);
    assertRefused(server.onFrame(send), "PLN_CREDENTIAL", unproven);
  }
  const credential = encodeCredential(mallory.credential);
  for (const change of [{ nonce: other }, { credential }]) {
    const server = lab.server(bob);
    const client = lab.client(alice, { expected: bob.peer });
    const claim = authentication(client.onFrame(server.challenge()));
    const step = server.onFrame(authenticate({ ...claim, ...change }));
    assertRefused(step, "PLN_CREDENTIAL", unproven);
  }
});

Deno.test("attack: 2 a server must show the credential that it announced", () => {
  const { lab, alice, bob } = openScene();
  const renewed = lab.member({ key: bob.key });
  const announced = lab.server(bob);
  const client = lab.client(alice, { expected: bob.peer });
  client.onFrame(announced.challenge());
  const body = Accept.encode({
    credential: encodeCredential(renewed.credential),
    heads: [],
    signature: new Uint8Array(64),
  });
  const step = client.onFrame({ kind: Accept.kind, body });
  assertRefused(step, "PLN_CREDENTIAL", /not the one that the challenge/);
});

Deno.test("attack: 3 Alice's server signature is no client authentication", () => {
  const { lab, alice, bob, mallory } = openScene();
  const [serverOfAlice, serverOfBob] = [lab.server(alice), lab.server(bob)];
  const open = (frame: Frame) => Challenge.decode(frame.body, { bytesMax });
  const [ofAlice, ofBob] = [
    open(serverOfAlice.challenge()),
    open(serverOfBob.challenge()),
  ];
  // Mallory's nonce toward Alice is Bob's, so that her signature covers it.
  const client = lab.client(mallory, {
    expected: alice.peer,
    changes: { nonce: ofBob.nonce },
  });
  const { send } = client.onFrame({
    kind: Challenge.kind,
    body: Challenge.encode(ofAlice),
  });
  assert(send !== undefined);
  const accepted = serverOfAlice.onFrame(send);
  assert.equal(accepted.done?.peer, mallory.peer);
  const ok = Accept.decode(accepted.send?.body ?? new Uint8Array(0), {
    bytesMax,
  });
  const reflected = authenticate({
    ...authentication({ send }),
    nonce: ofAlice.nonce,
    credential: ok.credential,
    signature: ok.signature,
  });
  const step = serverOfBob.onFrame(reflected);
  assertRefused(step, "PLN_CREDENTIAL", unproven);
});

Deno.test("attack: 3b Alice's own credential and signature, mirrored to her", () => {
  const { lab, alice, mallory } = openScene();
  // Alice dials Mallory, who sends all of it back to Alice's own listener.
  const listener = lab.server(alice);
  const client = lab.client(alice, { expected: mallory.peer });
  const { send } = client.onFrame(listener.challenge());
  assert(send !== undefined);
  const step = listener.onFrame(send);
  assertRefused(step, "PLN_CREDENTIAL", /A node has dialled itself/);
});

Deno.test("attack: 4 a recorded authentication is of no use on another connection", () => {
  const { lab, alice, bob } = openScene();
  const { auth, server } = exchange(
    lab.client(alice, { expected: bob.peer }),
    lab.server(bob),
  );
  assert(auth !== undefined && server.done !== undefined);
  const later = lab.server(bob);
  later.challenge();
  assertRefused(later.onFrame(auth), "PLN_CREDENTIAL", unproven);
  // Nor with the node's own, recorded at another node.
  const elsewhere = lab.server(lab.member());
  assertRefused(elsewhere.onFrame(auth), "PLN_CREDENTIAL", unproven);
});

Deno.test("attack: 5 Alice's credential with Mallory's signature", () => {
  const { lab, alice, bob, mallory } = openScene();
  const thief = { ...alice, key: mallory.key };
  const { server } = exchange(
    lab.client(thief, { expected: bob.peer }),
    lab.server(bob),
  );
  assertRefused(server, "PLN_CREDENTIAL", unproven);
});

Deno.test("attack: 5 Mallory's key in a credential that Mallory issued", () => {
  const { lab, bob, mallory } = openScene();
  const template = { publicKey: mallory.key.publicKey };
  const member = forgeMember(lab.mint, template, { key: mallory.key });
  const forged: Credential = { ...mallory.credential, member };
  const { server } = exchange(
    lab.client({ ...mallory, credential: forged }, { expected: bob.peer }),
    lab.server(bob),
  );
  assertRefused(server, "PLN_CREDENTIAL", /not signed by its issuer/);
});

Deno.test("attack: 6 no frame but the authentication is taken before it", () => {
  const { lab, alice, bob } = openScene();
  const { auth } = exchange(
    lab.client(alice, { expected: bob.peer }),
    lab.server(bob),
  );
  assert(auth !== undefined);
  for (const kind of Object.values(controlKinds)) {
    if (kind === controlKinds.authenticate) continue;
    const step = lab.server(bob).onFrame({ ...auth, kind });
    assertRefused(step, "PLN_INPUT", /came before the proof/);
  }
});

Deno.test("attack: 6 a server that accepts before it was answered is refused", () => {
  const { lab, alice, bob, mallory } = openScene();
  const accepted = exchange(
    lab.client(mallory, { expected: bob.peer }),
    lab.server(bob),
  ).server.send;
  assert.equal(accepted?.kind, controlKinds.accept);
  const client = lab.client(alice, { expected: bob.peer });
  assertRefused(client.onFrame(accepted), "PLN_INPUT", /before the proof/);
});

Deno.test("attack: 6 a second challenge is refused: one signature a connection", () => {
  const { lab, alice, bob } = openScene();
  const client = lab.client(alice, { expected: bob.peer });
  const frame = lab.server(bob).challenge();
  assert(client.onFrame(frame).send !== undefined);
  const again = client.onFrame(frame);
  assertRefused(again, "PLN_INPUT", /before the proof/);
  assert.equal(again.send, undefined);
});

Deno.test("attack: 7 an expired credential, on either side", () => {
  const { lab, alice, bob } = openScene();
  const notAfterMs = startMs - 2 * 3_600_000;
  const expire = (member: Member): Member => ({
    ...member,
    credential: {
      ...member.credential,
      member: forgeMember(lab.mint, {
        notAfterMs,
        notBeforeMs: notAfterMs - 7 * dayMs,
        publicKey: member.key.publicKey,
        dnsName: member.credential.member.dnsNames[0] ?? "",
      }),
    },
  });
  const { server } = exchange(
    lab.client(expire(alice), { expected: bob.peer }),
    lab.server(bob),
  );
  assertRefused(server, "PLN_CREDENTIAL", /expired at/);
  const { client } = exchange(
    lab.client(alice, { expected: bob.peer }),
    lab.server(expire(bob)),
  );
  assertRefused(client, "PLN_CREDENTIAL", /expired at/);
});

Deno.test("attack: 8 an authentication over its limit is refused unread", () => {
  const { lab, bob } = openScene();
  const body = new Uint8Array(limits.authFrameBytesMax + 1);
  const step = lab.server(bob).onFrame({ kind: Authenticate.kind, body });
  assertRefused(step, "PLN_INPUT", /over its limit/);
});

/** A valid authentication with one member of its CBOR row replaced. */
function withMember(frame: Frame, at: number, value: CborValue): Frame {
  const members = decodeCbor(frame.body, { bytesMax });
  assert(Array.isArray(members));
  const row = members.map((member, index) => index === at ? value : member);
  return { ...frame, body: encodeCbor(row) };
}

const place = { version: 0, bootId: 3, replaces: 4, heads: 5 } as const;

Deno.test("R03: attack: 8 versions and counters that are no small integers", () => {
  const { lab, alice, bob } = openScene();
  const honest = lab.client(alice, { expected: bob.peer })
    .onFrame(lab.server(bob).challenge()).send;
  assert(honest !== undefined);
  const admin = new Uint8Array(32).fill(9);
  const values: readonly (readonly [number, CborValue])[] = [
    ...[2 ** 53, 2n ** 53n, 2n ** 64n - 1n, 65_536, -1, "1", true].map((one) =>
      [place.version, one] as const
    ),
    ...[2 ** 48, 2n ** 53n, -1].flatMap((one) => [
      [place.heads, [[admin, one, 0]]] as const,
      [place.heads, [[admin, 0, one]]] as const,
    ]),
  ];
  for (const [at, value] of values) {
    const step = lab.server(bob).onFrame(withMember(honest, at, value));
    assertRefused(step, "PLN_INPUT", /has an unusable|is never sent/);
  }
});

Deno.test("attack: 8 more heads or replaced links than the limit", () => {
  const { lab, alice, bob } = openScene();
  const honest = lab.client(alice, { expected: bob.peer })
    .onFrame(lab.server(bob).challenge()).send;
  assert(honest !== undefined);
  const head = [new Uint8Array(32), 1, 1];
  const heads = new Array<CborValue>(limits.rightsHeadsMax + 1).fill(head);
  const id = new Uint8Array(64);
  const replaces = new Array<CborValue>(limits.replacesMax + 1).fill(id);
  const values = [
    [place.heads, heads],
    [place.heads, [[new Uint8Array(31), 1, 1]]],
    [place.replaces, replaces],
    [place.replaces, [new Uint8Array(63)]],
    [place.bootId, new Uint8Array(17)],
  ] as const;
  for (const [at, value] of values) {
    const step = lab.server(bob).onFrame(withMember(honest, at, value));
    assertRefused(step, "PLN_INPUT", /has an unusable/);
  }
});

Deno.test("attack: 8 members over, members missing, bytes over", () => {
  const { lab, alice, bob } = openScene();
  const honest = lab.client(alice, { expected: bob.peer })
    .onFrame(lab.server(bob).challenge()).send;
  assert(honest !== undefined);
  const members = decodeCbor(honest.body, { bytesMax });
  assert(Array.isArray(members));
  const bodies = [
    encodeCbor([...members, 1]),
    encodeCbor(members.slice(0, -1)),
    encodeCbor([]),
    concatBytes(honest.body, new Uint8Array(1)),
    new Uint8Array(0),
  ];
  for (const body of bodies) {
    const step = lab.server(bob).onFrame({ ...honest, body });
    assertRefused(step, "PLN_INPUT", /./);
  }
});

Deno.test("attack: signatures of one role, server or client do not serve another", () => {
  const { lab, alice, bob, mallory } = openScene();
  const { signer } = lab.mint.needs;
  const transcript = {
    client: alice.peer,
    server: bob.peer,
    clientNonce: new Uint8Array(32).fill(1),
    serverNonce: new Uint8Array(32).fill(2),
    clientCredentialHash: hashOf(lab, alice),
    serverCredentialHash: hashOf(lab, bob),
  };
  const signature = signer.sign(alice.key, clientSignedInput(transcript));
  const isSigned = (changes: Partial<typeof transcript>) => {
    const input = clientSignedInput({ ...transcript, ...changes });
    return signer.verify(alice.key.publicKey, input, signature);
  };
  assert.equal(isSigned({}), true);
  assert.equal(isSigned({ client: mallory.peer }), false);
  assert.equal(isSigned({ server: mallory.peer }), false);
  assert.equal(isSigned({ clientNonce: transcript.serverNonce }), false);
  assert.equal(isSigned({ serverNonce: transcript.clientNonce }), false);
  const swapped = { client: bob.peer, server: alice.peer };
  assert.equal(isSigned(swapped), false);
  const hash = hashOf(lab, mallory);
  assert.equal(isSigned({ clientCredentialHash: hash }), false);
  assert.equal(isSigned({ serverCredentialHash: hash }), false);
});
