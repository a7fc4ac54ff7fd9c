// Foreign bytes into the mesh: peers messages, addresses and peers.json. What is
// taken is within its limits, canonical, and comes back as it was; all else is
// an InputError or a LimitError. Seeds are fixed.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodeCbor,
  InputError,
  LimitError,
  limits,
  parseAddress,
  utf8,
} from "../../src/kernel/mod.ts";
import { distinct, usableAddress } from "../../src/mesh/addresses.ts";
import { PeersMessage } from "../../src/mesh/messages.ts";
import { PeerBook } from "../../src/mesh/peer_book.ts";
import { encodePeers, parsePeers } from "../../src/mesh/peers_form.ts";
import { protocols } from "../../src/transport/protocols.ts";
import { peerNumber } from "../unit/mesh_world.ts";
import { fuzzRuns } from "./runs.ts";

const runs = { numRuns: fuzzRuns(2_000), seed: 4711 };
const bytesMax = protocols.peers.frameBytesMax;

const ip = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.string({
    unit: fc.constantFrom(..."0123456789abcdef.:%[]"),
    maxLength: 50,
  }),
  fc.string({ maxLength: 60 }),
);
const port = fc.oneof(fc.nat({ max: 65_535 }), fc.double(), fc.integer());
const address = fc.record({ ip, port });
/** In the one spelling that the wire takes. */
const plainIp = fc.oneof(fc.ipV4(), fc.ipV6())
  .map((ip) => parseAddress(ip)?.text ?? "::1");
const plain = { noNullPrototype: true } as const;
const plainAddress = fc.record(
  { ip: plainIp, port: fc.nat({ max: 65_535 }) },
  plain,
);
const row = fc.record({
  peer: fc.nat().map(peerNumber),
  addresses: fc.array(plainAddress, {
    maxLength: limits.peerAddressesToldMax,
  }),
}, plain);

function takes(body: Uint8Array): boolean {
  try {
    const { rows } = PeersMessage.decode(body, { bytesMax });
    assert.ok(rows.length <= limits.peersToldMax);
    return true;
  } catch (cause) {
    assert.ok(cause instanceof InputError || cause instanceof LimitError);
    return false;
  }
}

Deno.test("fuzz: peers messages come back, and no bytes do harm", () => {
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: limits.peersToldMax }),
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }),
      fc.uint8Array({ maxLength: 300 }),
      (rows, edits, bytes) => {
        const body = PeersMessage.encode({ rows });
        assert.deepEqual(PeersMessage.decode(body, { bytesMax }), { rows });
        const edited = new Uint8Array(body);
        for (const [at, byte] of edits) edited[at % edited.length] = byte;
        takes(edited);
        takes(edited.subarray(0, edits.length * 7));
        takes(bytes);
      },
    ),
    runs,
  );
});

Deno.test("fuzz: any CBOR is a peers message or refused", () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: "small" },
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.uint8Array({ minLength: 30, maxLength: 34 }),
      fc.array(tie("any"), { maxLength: 4 }),
    ),
  })).any;
  fc.assert(
    fc.property(value, (any) => {
      takes(encodeCbor(any as Parameters<typeof encodeCbor>[0]));
    }),
    runs,
  );
});

Deno.test("fuzz: an address that is taken is canonical", () => {
  fc.assert(
    fc.property(address, (given) => {
      const usable = usableAddress(given);
      if (usable === undefined) return;
      assert.deepEqual(usableAddress(usable), usable);
      assert.deepEqual(distinct([given, usable, given]), [usable]);
    }),
    runs,
  );
});

const source = fc.constantFrom("linked", "said", "told", "x", 1);
const entry = fc.record({
  peer: fc.oneof(fc.nat().map(peerNumber), fc.string()),
  name: fc.oneof(fc.string(), fc.constantFrom("web", undefined), fc.nat()),
  tier: fc.constantFrom("leaf", "admin", "king", 7, undefined),
  lastSeenMs: fc.oneof(fc.nat(), fc.double(), fc.string()),
  hasLeft: fc.oneof(fc.boolean(), fc.string()),
  addresses: fc.oneof(
    fc.array(fc.record({ ip, port, source }), { maxLength: 18 }),
    fc.anything(),
  ),
}, { requiredKeys: ["peer"] });

Deno.test("fuzz: a peers file is read within its limits, or set aside", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(entry, fc.json()), { maxLength: 10 }),
      fc.string(),
      fc.nat(),
      (peers, text, cut) => {
        const whole = JSON.stringify({ version: 1, peers });
        const first = parsePeers(utf8(whole));
        const book = new PeerBook(first.records);
        for (const { peer, addresses } of book.records()) {
          assert.match(peer, /^[0-9a-f]{64}$/);
          assert.ok(addresses.length <= limits.peerAddressesMax);
          for (const { ip, port } of addresses) {
            assert.deepEqual(usableAddress({ ip, port }), { ip, port });
          }
        }
        const again = parsePeers(encodePeers(book.records()));
        assert.deepEqual(again.records, [...book.records()]);
        for (const broken of [text, whole.slice(0, cut % whole.length)]) {
          assert.throws(() => parsePeers(utf8(broken)), InputError);
        }
      },
    ),
    { ...runs, numRuns: Math.ceil(runs.numRuns / 4) },
  );
});
