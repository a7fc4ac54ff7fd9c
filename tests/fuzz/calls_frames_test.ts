// Foreign frames into both ends of the call protocol: whatever comes, in
// whatever order, it is taken, dropped or ends the session; nothing throws, no
// call is answered twice and no place stays taken. The seed is fixed.

import assert from "node:assert/strict";
import fc from "fast-check";
import { ResultRoom } from "../../src/calls/bodies.ts";
import { OutgoingCall } from "../../src/calls/outgoing_call.ts";
import { OutgoingCalls } from "../../src/calls/outgoing_calls.ts";
import { OriginSigner } from "../../src/calls/origin_signer.ts";
import { IncomingCalls } from "../../src/calls/incoming_calls.ts";
import { AllPlaces, PeerPlaces } from "../../src/calls/call_places.ts";
import { CallGate } from "../../src/calls/call_gate.ts";
import {
  callKinds,
  decodeCall,
  decodeError,
  decodeNumbers,
  decodeOpen,
  decodePart,
  decodeResult,
  encodeCall,
  encodeError,
  encodeNumbers,
  encodePart,
  encodeResult,
} from "../../src/calls/messages.ts";
import {
  type CallChain,
  chainPathFault,
  chainSignatureFault,
  encodeCallChain,
  parseCallChain,
  signHop,
  signOrigin,
} from "../../src/identity/mod.ts";
import {
  type Bytes,
  equalBytes,
  fromHex,
  NotFoundError,
  peerIdOf,
  PlnError,
  utf8,
} from "../../src/kernel/mod.ts";
import type { Log } from "../../src/ports/mod.ts";
import type { Frame } from "../../src/transport/mod.ts";
import golden from "../fixtures/wire/calls.json" with { type: "json" };
import { factsOf, fakeLink } from "../unit/calls_lab.ts";
import { openMint, SetClock, signer, startMs } from "../unit/identity_world.ts";
import { mutated } from "./mutated_bytes.ts";
import { fuzzRuns } from "./runs.ts";

const runs = { numRuns: fuzzRuns(2_000), seed: 4711 };
const bodies = Object.values(golden).map((hex) => fromHex(hex) ?? utf8(""));
const anyBody = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  ...bodies.map((body) => mutated(body)),
).map((bytes) => new Uint8Array(bytes));

Deno.test("fuzz: frames of calls are refused or read, and mean one thing", () => {
  fc.assert(
    fc.property(anyBody, (body) => {
      for (const decode of [decodeOpen, decodePart, decodeNumbers]) {
        decode(body);
      }
      decodeError(body);
      decodeResult(body);
      const call = decodeCall(body);
      if (call !== undefined) assert.deepEqual(encodeCall(call), body);
    }),
    runs,
  );
});

const mint = openMint();
const { cluster } = mint.root;
const own = signer.privateKey(new Uint8Array(32).fill(1));
const self = peerIdOf(own.publicKey);
const target = { seed: "x", function: "f" };

const chain = (() => {
  const terms = {
    callId: new Uint8Array(16),
    owner: self,
    target,
    issuedMs: startMs,
    timeLeftMs: 1_000,
  };
  const key = mint.memberKey;
  const signature = signOrigin({ signer, cluster, key }, terms);
  const { credential } = mint;
  const peer = peerIdOf(key.publicKey);
  const origin = { ...terms, peer, credential, signature };
  return signHop({ signer, cluster, key: own }, { origin, hops: [] }, {
    id: new Uint8Array(8),
    by: self,
    from: ["x/f"],
    isTail: false,
    to: target,
    executor: self,
  });
})();

Deno.test("fuzz: a chain that is believed is the one that was signed", () => {
  const encoded = encodeCallChain(chain);
  const originClock = { type: "linked" } as const;
  const arrival = { self, sender: self, target, wallMs: startMs, originClock };
  const faultOf = (read: CallChain) =>
    chainPathFault(read, arrival) ??
      chainSignatureFault({ signer, cluster }, read);
  assert.equal(faultOf(chain), undefined);
  fc.assert(
    fc.property(mutated(encoded), (input) => {
      try {
        const read = parseCallChain(input);
        const fault = faultOf(read);
        if (fault !== undefined || equalBytes(input, encoded)) return;
        // Certificates are the gatekeeper's to judge, but for whose key it is.
        const { member } = read.origin.credential;
        assert.deepEqual(member.publicKey, mint.memberKey.publicKey);
        assert.deepEqual(read.hops, chain.hops);
      } catch (error) {
        if (!(error instanceof PlnError)) throw error;
      }
    }),
    { ...runs, numRuns: fuzzRuns(500) },
  );
});

const quiet = () => {};
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

const numbers = fc.integer({ min: 0, max: 6 });
const few = fc.uint8Array({ maxLength: 8 })
  .map((bytes) => new Uint8Array(bytes));

/** Frames that are well formed, mostly. */
const callerFrames: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ number: numbers, input: few, more: fc.nat(9) }).map(
    ({ number, input, more }) => ({
      kind: callKinds.call,
      body: encodeCall({
        number,
        timeLeftMs: 1_000,
        inputBytes: input.length + more,
        target,
        digest: undefined,
        origin: more % 4 === 3 ? encodeCallChain(chain) : {
          callId: new Uint8Array(16),
          issuedMs: 0,
          signature: new Uint8Array(64),
        },
        input,
      }),
    }),
  ),
  fc.tuple(numbers, few).map(([number, bytes]) => ({
    kind: callKinds.input,
    body: encodePart(number, bytes),
  })),
  fc.array(numbers, { maxLength: 3 }).map((list) => ({
    kind: callKinds.cancel,
    body: encodeNumbers(list),
  })),
  fc.tuple(fc.nat(12), anyBody).map(([kind, body]) => ({ kind, body })),
);

/** What the executor does with its call: answer, fail, or wait. */
const fates = fc.array(fc.constantFrom("answer", "fail", "wait"), {
  minLength: 8,
  maxLength: 8,
});

const steps = fc.array(
  fc.tuple(fc.constantFrom("small", "large"), callerFrames),
  { maxLength: 25 },
);

Deno.test("fuzz: a server survives any caller, and keeps nothing", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fates, async (frames, plan) => {
      const all = new AllPlaces();
      const waiting: ((answer: Bytes) => void)[] = [];
      const answered: string[] = []; // on a lane each number is one call's
      const sent = (lane: string, kind: number, body: Bytes) => {
        if (kind === callKinds.acknowledge) return;
        answered.push(`${lane} ${new DataView(body.buffer).getUint32(0)}`);
      };
      const calls = new IncomingCalls({
        gate: new CallGate({
          clock: new SetClock(),
          log,
          signer,
          self: { peer: self, name: "s", cluster },
          rights: {
            standing: (facts) => facts,
            admit: () => {
              throw new NotFoundError("Nobody");
            },
            isDenied: () => false,
            clockOf: () => ({ type: "linked" }),
          },
        }),
        places: new PeerPlaces(all, "here"),
        log,
        link: fakeLink(factsOf("peer")),
        label: "here",
        isStopping: () => false,
        executor: {
          run: ({ input }) => {
            const fate = plan[waiting.length % plan.length];
            if (fate === "fail") throw new NotFoundError("No such seed");
            const { promise, resolve } = Promise.withResolvers<Bytes>();
            waiting.push(resolve);
            if (fate === "answer") resolve(input);
            return promise;
          },
        },
        sink: {
          isOpen: () => true,
          send: sent,
          sendBody: (_lane, body) => body.leave(),
          drop: quiet,
          wantAcknowledge: quiet,
          wantExpire: quiet,
        },
      });
      for (const [lane, frame] of frames) {
        const name = lane === "small" ? "small" : "large";
        if (calls.onFrame(frame, { lane: name, nowMs: 0 })) break;
        if (frame.body.length % 3 === 0) await Promise.resolve();
        calls.acknowledge();
      }
      calls.expire(10_000);
      calls.close();
      for (const resolve of waiting) resolve(utf8("late"));
      await Promise.resolve();
      await Promise.resolve();
      assert.equal(all.calls, 0);
      assert.equal(all.inputBytes, 0);
      assert.equal(all.outputBytes, 0);
      assert.equal(new Set(answered).size, answered.length, "answered once");
    }),
    { ...runs, numRuns: fuzzRuns(1_000) },
  );
});

const calleeFrames: fc.Arbitrary<Frame> = fc.oneof(
  fc.tuple(numbers, few, fc.nat(9)).map(([number, bytes, more]) => ({
    kind: callKinds.result,
    body: encodeResult({ number, bytes, resultBytes: bytes.length + more }),
  })),
  fc.tuple(numbers, few).map(([number, bytes]) => ({
    kind: callKinds.part,
    body: encodePart(number, bytes),
  })),
  fc.array(numbers, { maxLength: 3 }).map((list) => ({
    kind: callKinds.acknowledge,
    body: encodeNumbers(list),
  })),
  numbers.map((number) => ({
    kind: callKinds.error,
    body: encodeError(number, {
      ...{ code: "PLN_X", kind: "peer", outcome: "error", message: "x" },
    }),
  })),
  fc.tuple(fc.nat(12), anyBody).map(([kind, body]) => ({ kind, body })),
);

const originSigner = new OriginSigner(mint.needs, {
  ...{ peer: self, cluster, key: own },
  credential: () => mint.credential,
});

Deno.test("fuzz: a client survives any answers, and ends every call", async () => {
  const frames = fc.array(calleeFrames, { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(frames, fc.nat(4), async (answers, given) => {
      const calls = new OutgoingCalls({
        sink: { send: quiet, sendBody: quiet, drop: quiet },
        signer: originSigner,
        label: () => "there",
        room: new ResultRoom(),
      });
      const made = Array.from({ length: 5 }, () => {
        const call = new OutgoingCall({
          peer: self,
          target,
          digest: undefined,
          input: utf8(""),
          via: undefined,
          deadlineMs: 1_000,
          signal: undefined,
          onEnqueued: undefined,
        });
        calls.start(call, 0);
        return call;
      });
      const ends = Promise.allSettled(made.map(({ answer }) => answer));
      for (const frame of answers) if (calls.onFrame(frame)) break;
      const one = made[given];
      if (one !== undefined) calls.giveUp(one, new NotFoundError("Given up"));
      calls.expire(2_000);
      assert.equal(calls.size, 0);
      for (const end of await ends) {
        if (end.status === "rejected") {
          assert.ok(end.reason instanceof PlnError);
        }
      }
    }),
    { ...runs, numRuns: fuzzRuns(1_000) },
  );
});
