// Golden frames of the handshake: what was released is encoded and decoded for
// ever as tests/fixtures/wire/handshake.json has it, and the signed transcript
// with it. A change here breaks every node that runs already.

import assert from "node:assert/strict";
import {
  type Bytes,
  concatBytes,
  fromHex,
  limits,
  peerIdOf,
  toHex,
} from "../../src/kernel/mod.ts";
import {
  clientSignedInput,
  serverSignedInput,
} from "../../src/transport/handshake.ts";
import {
  Accept,
  Authenticate,
  Challenge,
  Refuse,
} from "../../src/transport/handshake_messages.ts";
import { FrameParser } from "../../src/transport/frames.ts";
import { encodeFrame } from "./encoded_frame.ts";
import golden from "../fixtures/wire/handshake.json" with { type: "json" };

const bytesMax = limits.authFrameBytesMax;

/** Each octet another, so that none can change places unseen. */
function octets(length: number, first: number): Bytes {
  return new Uint8Array(length).map((_, at) => first + at);
}

const messages = {
  challenge: {
    versionMin: 1,
    versionMax: 2,
    nonce: octets(32, 0),
    credentialHash: octets(32, 32),
    bootId: octets(16, 64),
  },
  authenticate: {
    version: 1,
    nonce: octets(32, 80),
    credential: octets(5, 112),
    bootId: octets(16, 117),
    replaces: [toHex(octets(64, 133))],
    heads: [{ admin: peerIdOf(octets(32, 197)), generation: 3, rev: 65_537 }],
    signature: octets(64, 7),
  },
  accept: {
    credential: octets(5, 9),
    heads: [],
    signature: octets(64, 11),
  },
  refuse: {
    report: {
      code: "PLN_DENIED",
      kind: "peer",
      outcome: "permission",
      message: "The member was denied",
      hint: "Ask an admin",
    },
  },
} as const;

function frameOf(hex: string) {
  const parser = new FrameParser({ frameBytesMax: bytesMax });
  parser.push(fromHex(hex) ?? assert.fail("the fixture is hex"));
  const frame = parser.next();
  assert(frame !== undefined && !parser.isInsideFrame);
  return frame;
}

Deno.test("a challenge has its golden frame", () => {
  const { challenge } = messages;
  const frame = encodeFrame(Challenge.kind, Challenge.encode(challenge));
  assert.equal(toHex(frame), golden.challenge);
  const { kind, body } = frameOf(golden.challenge);
  assert.equal(kind, Challenge.kind);
  assert.deepEqual(Challenge.decode(body, { bytesMax }), challenge);
});

Deno.test("an authentication has its golden frame", () => {
  const { authenticate } = messages;
  const body = Authenticate.encode(authenticate);
  const frame = encodeFrame(Authenticate.kind, body);
  assert.equal(toHex(frame), golden.authenticate);
  const read = frameOf(golden.authenticate);
  assert.equal(read.kind, Authenticate.kind);
  assert.deepEqual(Authenticate.decode(read.body, { bytesMax }), authenticate);
});

Deno.test("an acceptance has its golden frame", () => {
  const { accept } = messages;
  const frame = encodeFrame(Accept.kind, Accept.encode(accept));
  assert.equal(toHex(frame), golden.accept);
  const { kind, body } = frameOf(golden.accept);
  assert.equal(kind, Accept.kind);
  assert.deepEqual(Accept.decode(body, { bytesMax }), accept);
});

Deno.test("a refusal has its golden frame", () => {
  const { refuse } = messages;
  const frame = encodeFrame(Refuse.kind, Refuse.encode(refuse));
  assert.equal(toHex(frame), golden.refuse);
  const { kind, body } = frameOf(golden.refuse);
  assert.equal(kind, Refuse.kind);
  assert.deepEqual(Refuse.decode(body, { bytesMax }), refuse);
});

Deno.test("the signed transcript is as it was released", () => {
  const transcript = {
    client: peerIdOf(octets(32, 1)),
    server: peerIdOf(octets(32, 33)),
    clientNonce: octets(32, 65),
    serverNonce: octets(32, 97),
    clientCredentialHash: octets(32, 129),
    serverCredentialHash: octets(32, 161),
  };
  const signature = octets(64, 192);
  const client = clientSignedInput(transcript);
  const server = serverSignedInput(transcript, signature);
  assert.equal(toHex(client), golden.clientSignedInput);
  assert.equal(toHex(server), golden.serverSignedInput);
  // Nothing that is signed as one is a part or an extension of the other.
  const tail = concatBytes(client.subarray(18), signature);
  assert.equal(toHex(server.subarray(18)), toHex(tail));
  assert.notEqual(toHex(client.subarray(0, 18)), toHex(server.subarray(0, 18)));
});
