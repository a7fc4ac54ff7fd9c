// Foreign bytes into the parser of frames and into both handshakes: whatever
// comes, frames are cut the same however the bytes are, and an engine refuses
// or goes on, but never throws and never lets anybody in. The seed is fixed.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  concatBytes,
  equalBytes,
  limits,
  PlnError,
} from "../../src/kernel/mod.ts";
import { FrameParser } from "../../src/transport/frames.ts";
import {
  Accept,
  Authenticate,
  Challenge,
  Refuse,
} from "../../src/transport/handshake_messages.ts";
import type { Frame } from "../../src/transport/mod.ts";
import { HandshakeLab } from "../unit/handshake_lab.ts";
import { mutated } from "./mutated_bytes.ts";
import { fuzzRuns } from "./runs.ts";
import { encodeFrame } from "../unit/encoded_frame.ts";

const runs = { numRuns: fuzzRuns(1_000), seed: 4711 };
const bytesMax = limits.authFrameBytesMax;

/** Frames until the first fault, and that fault's code. */
function parse(chunks: readonly Uint8Array[], frameBytesMax: number) {
  const parser = new FrameParser({ frameBytesMax });
  const frames: Frame[] = [];
  try {
    for (const chunk of chunks) {
      parser.push(chunk);
      let frame = parser.next();
      while (frame !== undefined) {
        frames.push(frame);
        frame = parser.next();
      }
    }
    return { frames, code: undefined, isInside: parser.isInsideFrame };
  } catch (error) {
    if (!(error instanceof PlnError)) throw error;
    return { frames, code: error.code, isInside: true };
  }
}

function cut(bytes: Uint8Array, sizes: readonly number[]) {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.slice(at, at + size));
    at += size;
  }
  return [...chunks, bytes.slice(at)];
}

const sizes = fc.array(fc.nat({ max: 40 }), { maxLength: 20 });

Deno.test("fuzz: FrameParser finds the same in random bytes however cut", () => {
  const octet = fc.oneof(fc.constant(0), fc.nat({ max: 255 }));
  const bytes = fc.array(octet, { maxLength: 200 })
    .map((octets) => Uint8Array.from(octets));
  fc.assert(
    fc.property(bytes, sizes, (input, cuts) => {
      const whole = parse([input], 64);
      assert.deepEqual(parse(cut(input, cuts), 64), whole);
      const length = whole.frames.reduce(
        (sum, { body }) => sum + 5 + body.length,
        0,
      );
      assert(length <= input.length);
    }),
    runs,
  );
});

Deno.test("fuzz: FrameParser gives back what was encoded, however cut", () => {
  const frame = fc.record({
    kind: fc.integer({ min: 1, max: 255 }),
    body: fc.uint8Array({ maxLength: 60 }).map((body) => new Uint8Array(body)),
  }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), sizes, (frames, cuts) => {
      const bytes = concatBytes(
        ...frames.map(({ kind, body }) => encodeFrame(kind, body)),
      );
      const whole = parse(cut(bytes, cuts), 64);
      assert.deepEqual(whole, { frames, code: undefined, isInside: false });
    }),
    runs,
  );
});

Deno.test("fuzz: FrameParser of mutated frames refuses or reads them", () => {
  const bytes = concatBytes(
    ...[3, 0, 40, 64].map((length) => encodeFrame(7, new Uint8Array(length))),
  );
  fc.assert(
    fc.property(mutated(bytes), sizes, (input, cuts) => {
      assert.deepEqual(parse(cut(input, cuts), 64), parse([input], 64));
    }),
    runs,
  );
});

/** Members, and the honest frames of one exchange between two of them. */
function openExchange() {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const heads = [{ admin: bob.peer, generation: 1, rev: 2 }];
  const own = {
    server: lab.side(bob, { heads }),
    client: lab.side(alice, { heads }),
  };
  const openServer = () => lab.server(bob, own.server);
  const openClient = () =>
    lab.client(alice, {
      expected: bob.peer,
      replaces: ["ab".repeat(64)],
      changes: own.client,
    });
  const server = openServer();
  const challenge = server.challenge();
  const authenticate = openClient().onFrame(challenge).send;
  assert(authenticate !== undefined);
  const accept = server.onFrame(authenticate).send;
  assert(accept !== undefined);
  return { openServer, openClient, challenge, authenticate, accept };
}

const honest = openExchange();

Deno.test("fuzz: a mutated challenge is refused, or answered for nobody else", () => {
  const { openClient, openServer, challenge } = honest;
  fc.assert(
    fc.property(mutated(challenge.body), (body) => {
      const step = openClient().onFrame({ kind: Challenge.kind, body });
      assert.equal(step.done, undefined);
      if (step.send === undefined) {
        assert.notEqual(step.refuse, undefined);
        return;
      }
      // Boot id and highest version are not signed: TLS protects those.
      const { nonce, credentialHash } = Challenge.decode(body, { bytesMax });
      const meant = Challenge.decode(challenge.body, { bytesMax });
      const isSame = equalBytes(nonce, meant.nonce) &&
        equalBytes(credentialHash, meant.credentialHash);
      const { done } = openServer().onFrame(step.send);
      assert.equal(done !== undefined, isSame);
    }),
    { ...runs, numRuns: fuzzRuns(500) },
  );
});

Deno.test("fuzz: a mutated authentication lets nobody in but who signed it", () => {
  const { openServer, authenticate } = honest;
  const meant = Authenticate.decode(authenticate.body, { bytesMax });
  fc.assert(
    fc.property(mutated(authenticate.body), (body) => {
      const step = openServer().onFrame({ kind: Authenticate.kind, body });
      if (step.done === undefined) {
        assert.equal(step.send?.kind, Refuse.kind);
        Refuse.decode(step.send.body, { bytesMax });
        return;
      }
      // What only the client says about itself is protected by TLS.
      const read = Authenticate.decode(body, { bytesMax });
      assert.deepEqual(read.credential, meant.credential);
      assert.deepEqual(read.nonce, meant.nonce);
      assert.deepEqual(read.signature, meant.signature);
    }),
    runs,
  );
});

Deno.test("fuzz: a mutated acceptance is believed of nobody but who signed it", () => {
  const { openClient, challenge, accept } = honest;
  const meant = Accept.decode(accept.body, { bytesMax });
  fc.assert(
    fc.property(mutated(accept.body), (body) => {
      const client = openClient();
      client.onFrame(challenge);
      const step = client.onFrame({ kind: Accept.kind, body });
      if (step.done === undefined) {
        assert.notEqual(step.refuse, undefined);
        return;
      }
      const read = Accept.decode(body, { bytesMax });
      assert.deepEqual(read.credential, meant.credential);
      assert.deepEqual(read.signature, meant.signature);
    }),
    runs,
  );
});

Deno.test("fuzz: a mutated refusal is a refusal, and fit for a terminal", () => {
  const { openClient } = honest;
  const bytes = Refuse.encode({
    report: {
      ...{ code: "PLN_DENIED", kind: "peer", outcome: "permission" } as const,
      message: "The member was denied",
      hint: "Ask an admin",
    },
  });
  fc.assert(
    fc.property(mutated(bytes), (body) => {
      const { refuse } = openClient().onFrame({ kind: Refuse.kind, body });
      assert(refuse !== undefined);
      assert.doesNotMatch(refuse.report.message, /\p{Cc}/u);
      assert.doesNotMatch(refuse.report.hint ?? "", /\p{Cc}/u);
    }),
    runs,
  );
});

Deno.test("fuzz: frames of any kind and content end in a step, never a throw", () => {
  const { openServer, openClient, challenge } = honest;
  const frame = fc.record({
    kind: fc.integer({ min: 1, max: 12 }),
    body: fc.uint8Array({ maxLength: 80 }).map((body) => new Uint8Array(body)),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), (frames) => {
      const client = openClient();
      client.onFrame(challenge);
      for (const engine of [openServer(), openClient(), client]) {
        for (const one of frames) {
          const step = engine.onFrame(one);
          assert.equal(step.done, undefined);
          if (step.refuse !== undefined) break;
        }
      }
    }),
    runs,
  );
});
