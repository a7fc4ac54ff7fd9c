// Foreign bytes into each message of gossip, and into the engines behind them:
// whatever comes, it is refused as malformed or read, and what was read has one
// form. The seed is fixed.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import {
  type Bytes,
  equalBytes,
  fromHex,
  InputError,
  limits,
  PlnError,
} from "../../src/kernel/mod.ts";
import { GossipEngine } from "../../src/gossip/gossip_engine.ts";
import {
  decodeDigests,
  doneMessage,
  encodeDigests,
  followMessage,
  headsMessage,
  needMessage,
  requestBytesMax,
} from "../../src/gossip/messages.ts";
import {
  decodeAged,
  decodeBucketHeads,
  decodePlaces,
  encodeAged,
  encodeBucketHeads,
  encodePlaces,
} from "../../src/gossip/packed_places.ts";
import golden from "../fixtures/wire/gossip.json" with { type: "json" };
import { labBatch, LabState, ownerOf } from "../unit/gossip_state_lab.ts";
import { mutated } from "./mutated_bytes.ts";
import { fuzzRuns } from "./runs.ts";

const runs = { numRuns: fuzzRuns(1_000), seed: 4711 };
const options = { bytesMax: requestBytesMax };
const countMax = limits.gossipItemsMax;
const bytesMax = limits.recordBytesMax;

/** Reads a body and writes it anew. */
const codecs: Readonly<Record<string, (body: Uint8Array) => Uint8Array>> = {
  heads: (body) => headsMessage.encode(headsMessage.decode(body, options)),
  need: (body) => needMessage.encode(needMessage.decode(body, options)),
  done: (body) => doneMessage.encode(doneMessage.decode(body, options)),
  follow: (body) => followMessage.encode(followMessage.decode(body, options)),
  announce: (body) => encodePlaces(decodePlaces(body, { countMax })),
  want: (body) => encodePlaces(decodePlaces(body, { countMax })),
  records: (body) => encodePlaces(decodePlaces(body, { countMax })),
  wantRecords: (body) => encodePlaces(decodePlaces(body, { countMax })),
  digests: (body) =>
    encodeDigests(decodeDigests(body).map((one) => new Uint8Array(one))),
  buckets: (body) => encodeBucketHeads(decodeBucketHeads(body, { countMax })),
  record: (body) => {
    const { ageMs, record } = decodeAged(body, { bytesMax });
    return encodeAged(ageMs, record);
  },
};

function bodyOf(name: string): Bytes {
  const { body } = golden[name as keyof typeof golden];
  return fromHex(body) ?? new Uint8Array();
}

const bytes = fc.uint8Array({ maxLength: 600 });

for (const [name, again] of Object.entries(codecs)) {
  Deno.test(`fuzz: bytes for "${name}" are refused, or have one form`, () => {
    assert.ok(equalBytes(again(bodyOf(name)), bodyOf(name)));
    const input = fc.oneof(mutated(bodyOf(name)), bytes);
    fc.assert(
      fc.property(input, (body) => {
        try {
          assert.ok(equalBytes(again(body), body));
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
        }
      }),
      runs,
    );
  });
}

function openEngine() {
  const state = new LabState(ownerOf(1));
  state.publish();
  state.put(labBatch({ owner: ownerOf(2), generation: 1, seq: 1 }));
  const engine = new GossipEngine<string>({
    ...{ self: state.self, state, records: undefined },
    sha256: (input) => createHash("sha256").update(input).digest(),
    nowMs: () => 0,
    onReady: () => {},
    isPutOff: () => false,
  });
  engine.join("a", ownerOf(3));
  engine.join("b", ownerOf(4));
  return engine;
}

Deno.test("fuzz: the engine refuses or goes on, whatever frames come", () => {
  const names = Object.keys(golden);
  const valid = fc.constantFrom(...names).chain((name) => {
    const { kind } = golden[name as keyof typeof golden];
    const body = bodyOf(name);
    const other = body.length === 0 ? bytes : mutated(body);
    return fc.oneof(fc.constant(body), other).map((one) => ({
      kind,
      body: one,
    }));
  });
  const random = fc.record({ kind: fc.nat({ max: 255 }), body: bytes });
  const frames = fc.array(
    fc.record({
      frame: fc.oneof(valid, random),
      link: fc.constantFrom("a", "b"),
    }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(frames, (all) => {
      const engine = openEngine();
      for (const { frame, link } of all) {
        const body = new Uint8Array(frame.body);
        try {
          const effect = engine.receive(link, { kind: frame.kind, body });
          if (effect?.type === "reply") assert.ok([...effect.frames]);
          if (effect?.type === "wanted") engine.answered(link);
        } catch (error) {
          if (!(error instanceof PlnError)) throw error;
        }
        engine.startRound(link);
        while (engine.next(link) !== undefined);
      }
      assert.ok(engine.counts.wanted <= 200);
    }),
    { ...runs, numRuns: fuzzRuns(300) },
  );
});
