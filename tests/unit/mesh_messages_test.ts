// The wire of the peers protocol, and the small values behind it: golden
// frames, foreign bytes, rations, and noticing that a machine slept.

import assert from "node:assert/strict";
import {
  encodeCbor,
  fromHex,
  idBytes,
  InputError,
  limits,
  toHex,
} from "../../src/kernel/mod.ts";
import { PeersMessage } from "../../src/mesh/messages.ts";
import { Wakefulness } from "../../src/mesh/wakefulness.ts";
import { protocols } from "../../src/transport/protocols.ts";
import golden from "../fixtures/wire/mesh.json" with { type: "json" };
import { peerNumber } from "./mesh_world.ts";

const bytesMax = protocols.peers.frameBytesMax;

const rows = [
  {
    peer: peerNumber(1),
    addresses: [
      { ip: "10.0.0.7", port: 60_611 },
      { ip: "2001:db8::7", port: 1 },
    ],
  },
  { peer: peerNumber(2), addresses: [] },
];

Deno.test("the peers protocol keeps its number and its frames", () => {
  assert.equal(protocols.peers.id, 5);
  const frame = fromHex(golden.peers);
  assert.ok(frame !== undefined);
  // u32 length of the rest, u8 kind, body.
  const [kind, body] = [frame[4], frame.subarray(5)];
  assert.equal(new DataView(frame.buffer).getUint32(0), frame.length - 4);
  assert.equal(PeersMessage.kind, kind);
  assert.equal(toHex(PeersMessage.encode({ rows })), toHex(body));
  assert.deepEqual(PeersMessage.decode(body, { bytesMax }), { rows });
});

Deno.test("the fullest peers message fits its frame", () => {
  const widest = {
    ip: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    port: 65_535,
  };
  const addresses = Array.from(
    { length: limits.peerAddressesToldMax },
    () => widest,
  );
  const full = Array.from({ length: limits.peersToldMax }, (_, number) => ({
    peer: peerNumber(number),
    addresses,
  }));
  const body = PeersMessage.encode({ rows: full });
  assert.ok(body.length < bytesMax, `${body.length} bytes`);
  assert.deepEqual(PeersMessage.decode(body, { bytesMax }).rows, full);
});

const id = idBytes(peerNumber(1));
const strange = {
  "another form": { rows: [] },
  "a member too many": [[], []],
  "65 rows": [Array.from({ length: 65 }, () => [id, []])],
  "5 addresses": [[[id, Array.from({ length: 5 }, () => ["10.0.0.1", 1])]]],
  "a short id": [[[id.slice(1), []]]],
  "a port of 65536": [[[id, [["10.0.0.1", 65_536]]]]],
  "a negative port": [[[id, [["10.0.0.1", -1]]]]],
  "a long address": [[[id, [["1".repeat(46), 1]]]]],
  "an address of bytes": [[[id, [[id, 1]]]]],
};

for (const [what, value] of Object.entries(strange)) {
  Deno.test(`a peers message with ${what} is refused`, () => {
    const body = encodeCbor(value);
    assert.throws(() => PeersMessage.decode(body, { bytesMax }), InputError);
  });
}

Deno.test("a peers message over its frame is refused unread (R06)", () => {
  const body = new Uint8Array(bytesMax + 1);
  assert.throws(
    () => PeersMessage.decode(body, { bytesMax }),
    /over its limit of 32768/,
  );
});

const first = { nowMs: 1_000, wallMs: 50_000, localIps: ["10.0.0.1", "::1"] };
const tickMs = limits.meshTickMs;

function look(changed: Partial<typeof first>) {
  const next = {
    nowMs: first.nowMs + tickMs,
    wallMs: first.wallMs + tickMs,
    localIps: first.localIps,
  };
  return new Wakefulness(first).look({ ...next, ...changed }, tickMs);
}

Deno.test("Wakefulness sees nothing in a tick like any other", () => {
  const localIps = first.localIps.toReversed();
  assert.deepEqual(look({ localIps }), { hasSlept: false, hasMoved: false });
});

Deno.test("Wakefulness sees time that the process did not", () => {
  const asleepMs = 8 * 3_600_000;
  const wallMs = first.wallMs + asleepMs;
  assert.equal(look({ wallMs }).hasSlept, true, "a suspended machine");
  const nowMs = first.nowMs + 30_000;
  const starved = look({ nowMs, wallMs: first.wallMs + 30_000 });
  assert.equal(starved.hasSlept, true, "a starved one");
  assert.equal(look({ wallMs: 0 }).hasSlept, true, "a clock set back");
});

Deno.test("Wakefulness sees another network", () => {
  assert.equal(look({ localIps: ["10.0.0.2", "::1"] }).hasMoved, true);
  assert.equal(look({ localIps: ["::1"] }).hasMoved, true);
});
