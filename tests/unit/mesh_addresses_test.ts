// Addresses of nodes: which can be dialled, from where, in which order, and
// what a node tells of itself (SCENARIOS.md S34).

import assert from "node:assert/strict";
import {
  dialOrder,
  ownAddresses,
  type OwnAddressFacts,
  type Reach,
  reachOf,
  usableAddress,
} from "../../src/mesh/addresses.ts";
import { Observations } from "../../src/mesh/observations.ts";
import { addressText, limits } from "../../src/kernel/mod.ts";
import { peerNumber } from "./mesh_world.ts";

const reaches: readonly (readonly [string, Reach | undefined])[] = [
  ["127.0.0.1", "loopback"],
  ["127.255.0.1", "loopback"],
  ["::1", "loopback"],
  ["10.1.2.3", "lan"],
  ["172.16.0.1", "lan"],
  ["172.32.0.1", "public"],
  ["192.168.7.7", "lan"],
  ["192.169.7.7", "public"],
  ["100.64.0.1", "lan"],
  ["100.128.0.1", "public"],
  ["169.254.7.7", "lan"],
  ["fd00::7", "lan"],
  ["fc00::7", "lan"],
  ["203.0.113.7", "public"],
  ["2001:db8::7", "public"],
  ["169.254.169.254", undefined],
  ["0.0.0.0", undefined],
  ["0.1.2.3", undefined],
  ["224.0.0.1", undefined],
  ["255.255.255.255", undefined],
  ["::", undefined],
  ["::7", undefined],
  ["fe80::7", undefined],
  ["ff02::1", undefined],
  ["FD00::7", undefined],
  ["::ffff:10.0.0.1", undefined],
  ["example.org", undefined],
  ["", undefined],
];

Deno.test("reachOf() says from where an address can be dialled", () => {
  for (const [ip, reach] of reaches) assert.equal(reachOf(ip), reach, ip);
});

Deno.test("usableAddress() gives an address its one spelling", () => {
  const spelled = usableAddress({ ip: "FD00:0::7", port: 1 });
  assert.deepEqual(spelled, { ip: "fd00::7", port: 1 });
  const mapped = usableAddress({ ip: "::ffff:10.0.0.1", port: 65_535 });
  assert.deepEqual(mapped, { ip: "10.0.0.1", port: 65_535 });
});

Deno.test("usableAddress() refuses what can not be dialled", () => {
  for (const port of [0, -1, 65_536, 1.5, NaN]) {
    assert.equal(usableAddress({ ip: "10.0.0.1", port }), undefined);
  }
  for (const ip of ["", "web.example", "ff02::1", "fe80::1", "10.0.0.1\0"]) {
    assert.equal(usableAddress({ ip, port: 1 }), undefined, ip);
  }
});

Deno.test("addressText() puts IPv6 into brackets", () => {
  assert.equal(addressText({ ip: "10.0.0.1", port: 7 }), "10.0.0.1:7");
  assert.equal(addressText({ ip: "fd00::1", port: 7 }), "[fd00::1]:7");
});

Deno.test("dialOrder() tries the last good one, then near before far", () => {
  const at = (ip: string) => ({ ip, port: 7 });
  const ips = ["127.0.0.1", "203.0.113.1", "10.0.0.1", "203.0.113.2"];
  const ordered = dialOrder(ips.map(at), { lastGood: at("203.0.113.2") });
  assert.deepEqual(
    ordered.map(({ ip }) => ip),
    ["203.0.113.2", "10.0.0.1", "203.0.113.1", "127.0.0.1"],
  );
});

const facts: OwnAddressFacts = {
  localIps: ["10.0.0.1", "2001:db8::1", "fe80::1", "127.0.0.1", "::1"],
  local: { ip: "::", port: 7 },
  observed: [{ ip: "203.0.113.9", port: 4_711 }],
};
const plain = { ips: [], isPublic: false };

function shown(
  config: { readonly ips: readonly string[]; readonly isPublic: boolean },
  changed: Partial<OwnAddressFacts> = {},
): readonly string[] {
  return ownAddresses(config, { ...facts, ...changed }).map(addressText);
}

Deno.test("ownAddresses() tells configured, public, near, seen ones", () => {
  const config = { ips: ["198.51.100.1"], isPublic: false };
  assert.deepEqual(shown(config), [
    "198.51.100.1:7",
    "[2001:db8::1]:7",
    "10.0.0.1:7",
    "203.0.113.9:4711",
  ]);
});

Deno.test("ownAddresses() of a public node tells near ones last", () => {
  const config = { ips: [], isPublic: true };
  assert.deepEqual(shown(config), [
    "[2001:db8::1]:7",
    "203.0.113.9:4711",
    "10.0.0.1:7",
  ]);
});

Deno.test("ownAddresses() tells each address once, and 8 at most", () => {
  const localIps = Array.from({ length: 20 }, (_, at) => `10.0.0.${at + 1}`);
  const config = { ips: ["10.0.0.3"], isPublic: false };
  const told = shown(config, { localIps });
  assert.equal(told.length, limits.ownAddressesMax);
  assert.equal(new Set(told).size, told.length);
  assert.equal(told[0], "10.0.0.3:7");
});

Deno.test("ownAddresses() tells loopback when there is nothing else", () => {
  const alone = { localIps: ["127.0.0.1", "::1"], observed: [] };
  assert.deepEqual(shown(plain, alone), ["127.0.0.1:7", "[::1]:7"]);
});

Deno.test("ownAddresses() of a node bound to one address tells that", () => {
  const bound = { local: { ip: "127.0.0.1", port: 7 } };
  assert.deepEqual(shown(plain, bound), ["127.0.0.1:7"]);
  const near = { local: { ip: "10.0.0.1", port: 7 }, observed: [] };
  assert.deepEqual(shown(plain, near), ["10.0.0.1:7"]);
});

Deno.test("ownAddresses() of a node without IPv6 tells no IPv6", () => {
  const four = { local: { ip: "0.0.0.0", port: 7 }, observed: [] };
  assert.deepEqual(shown(plain, four), ["10.0.0.1:7"]);
});

const outside = { ip: "203.0.113.9", port: 4_711 };
const near = { ip: "10.0.0.2", port: 7 };

Deno.test("Observations.agreed() believes two peers that say the same", () => {
  const seen = new Observations();
  seen.add(peerNumber(1), { seen: outside, remote: near });
  assert.deepEqual(seen.agreed(), []);
  seen.add(peerNumber(1), { seen: outside, remote: near });
  assert.deepEqual(seen.agreed(), [], "one peer is not two");
  seen.add(peerNumber(2), { seen: outside, remote: near });
  assert.deepEqual(seen.agreed(), [outside]);
});

Deno.test("Observations.agreed() believes one peer that is outside", () => {
  const seen = new Observations();
  const remote = { ip: "198.51.100.1", port: 7 };
  seen.add(peerNumber(1), { seen: outside, remote });
  assert.deepEqual(seen.agreed(), [outside]);
});

Deno.test("Observations.agreed() outvotes a liar, for each family", () => {
  const seen = new Observations();
  const remote = { ip: "198.51.100.1", port: 7 };
  seen.add(peerNumber(1), { seen: { ip: "192.0.2.66", port: 1 }, remote });
  const six = { ip: "2001:db8::9", port: 7 };
  for (const at of [2, 3]) seen.add(peerNumber(at), { seen: outside, remote });
  seen.add(peerNumber(4), { seen: six, remote });
  assert.deepEqual(seen.agreed(), [outside, six]);
});

Deno.test("Observations.agreed() knows nothing of what loopback saw", () => {
  const seen = new Observations();
  const loopback = { ip: "127.0.0.1", port: 7 };
  for (const at of [1, 2]) {
    seen.add(peerNumber(at), { seen: loopback, remote: loopback });
  }
  assert.deepEqual(seen.agreed(), []);
});

Deno.test("Observations.agreed() takes a peer's newest report", () => {
  const seen = new Observations();
  for (const at of [1, 2]) {
    seen.add(peerNumber(at), { seen: outside, remote: near });
  }
  const other = { ip: "203.0.113.10", port: 1 };
  seen.add(peerNumber(1), { seen: other, remote: near });
  assert.deepEqual(seen.agreed(), []);
});

Deno.test("Observations.agreed() keeps the newest 64 reporters", () => {
  const seen = new Observations();
  for (const at of [1, 2]) {
    seen.add(peerNumber(at), { seen: outside, remote: near });
  }
  for (let at = 0; at < limits.observationsMax; at++) {
    const other = { ip: "203.0.113.10", port: 1_000 + at };
    seen.add(peerNumber(100 + at), { seen: other, remote: near });
  }
  assert.deepEqual(seen.agreed(), []);
});
