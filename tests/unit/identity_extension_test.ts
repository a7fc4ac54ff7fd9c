// The claims extension: what it carries, and that nothing half right passes.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Claims,
  encodeClaims,
  isPrintable,
  type MemberClaims,
  parseClaims,
} from "../../src/identity/mod.ts";
import {
  type CborValue,
  clusterIdOf,
  encodeCbor,
  InputError,
  LimitError,
  limits,
  peerIdOf,
  toHex,
} from "../../src/kernel/mod.ts";
import { startMs } from "./identity_world.ts";

const cluster = clusterIdOf(new Uint8Array(32).fill(1));
const admin = peerIdOf(new Uint8Array(32).fill(2));
const member: MemberClaims = {
  type: "member",
  cluster,
  tier: "publisher",
  properties: new Map([["zone", "north"], ["gpu", ""]]),
  accessDeadlineMs: startMs,
  memberSinceMs: startMs - 1,
  issue: 2 ** 48 - 1,
};

/** The members of the extension as they are written, some of them changed. */
function encoded(changes: Record<string, CborValue | undefined>): Uint8Array {
  const value: Record<string, CborValue | undefined> = {
    version: 1,
    role: "member",
    cluster: new Uint8Array(32).fill(1),
    tier: "publisher",
    properties: { zone: "north" },
    memberSinceMs: startMs,
    issue: 1,
    ...changes,
  };
  const kept: Record<string, CborValue> = {};
  for (const [name, one] of Object.entries(value)) {
    if (one !== undefined) kept[name] = one;
  }
  return encodeCbor(kept);
}

Deno.test("claims survive encoding, with and without a deadline", () => {
  const all: Claims[] = [
    member,
    { ...member, accessDeadlineMs: undefined, properties: new Map() },
    { type: "authority", cluster, admin },
  ];
  for (const claims of all) {
    assert.deepEqual(parseClaims(encodeClaims(claims)), claims);
  }
});

Deno.test("claims survive encoding, whatever the properties", () => {
  const key = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}[a-z0-9]$/);
  const value = fc.string({ unit: "grapheme", maxLength: 40 })
    .filter(isPrintable);
  const entries = fc.uniqueArray(fc.tuple(key, value), {
    selector: ([name]) => name,
    maxLength: 20,
  }).filter((list) =>
    list.every(([name]) =>
      !["pln", "localhost", "seed", "service", "internal"].includes(name)
    )
  );
  fc.assert(
    fc.property(entries, (list) => {
      const claims = { ...member, properties: new Map(list) };
      assert.deepEqual(parseClaims(encodeClaims(claims)), claims);
    }),
    { numRuns: 200, seed: 4711 },
  );
});

Deno.test("claims have one encoding, whatever the order they came in", () => {
  const turned = new Map([...member.properties].reverse());
  const other = encodeClaims({ ...member, properties: turned });
  assert.equal(toHex(encodeClaims(member)), toHex(other));
});

function uint64(value: number): string {
  return value.toString(16).padStart(16, "0");
}

Deno.test("the encoding of claims is the one of format version 1", () => {
  const claims: Claims = { type: "authority", cluster, admin };
  assert.equal(
    toHex(encodeClaims(claims)),
    "a4" + "64726f6c65" + "69617574686f72697479" +
      "6561646d696e" + "5820" + "02".repeat(32) +
      "67636c7573746572" + "5820" + "01".repeat(32) +
      "6776657273696f6e" + "01",
  );
  assert.equal(
    toHex(encodeClaims({ ...member, properties: new Map([["a", "b"]]) })),
    "a8" + "64726f6c65" + "666d656d626572" +
      "6474696572" + "697075626c6973686572" +
      "656973737565" + "1b0000ffffffffffff" +
      "67636c7573746572" + "5820" + "01".repeat(32) +
      "6776657273696f6e" + "01" +
      "6a70726f70657274696573" + "a1" + "6161" + "6162" +
      "6d6d656d62657253696e63654d73" + `1b${uint64(startMs - 1)}` +
      "7061636365737344656164" + "6c696e654d73" + `1b${uint64(startMs)}`,
  );
});

Deno.test("another format version is refused and says so", () => {
  assert.throws(() => parseClaims(encoded({ version: 2 })), {
    name: "InputError",
    message: "A certificate's Pollen extension has format version 2; " +
      "this program knows 1",
    hint: /pln version/,
  });
});

Deno.test("every member of the claims must be there and of its type", () => {
  const wrong: Record<string, readonly (CborValue | undefined)[]> = {
    version: [undefined, 0, "1", 1n << 60n, -1],
    role: [undefined, "root", 1, "Member"],
    cluster: [undefined, "a".repeat(64), new Uint8Array(31), 1],
    tier: [undefined, "owner", 1, true],
    properties: [undefined, ["a"], "a", { a: 1 }, new Uint8Array(2)],
    memberSinceMs: [undefined, -1, "1", 8.64e15, 1n << 60n, true],
    issue: [undefined, -1, 2 ** 48, 1n << 60n, "1"],
    accessDeadlineMs: [-1, 8.64e15, "soon", 1n << 60n],
    surprise: [1],
    admin: [new Uint8Array(32)],
  };
  parseClaims(encoded({}));
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      assert.throws(
        () => parseClaims(encoded({ [name]: value })),
        InputError,
        `${name}: ${String(value)}`,
      );
    }
  }
});

Deno.test("R03: a number that is no integer is refused", () => {
  const bytes = encoded({ issue: 1 });
  const half = toHex(bytes).replace("65697373756501", "656973737565f93800");
  assert.throws(() => parseClaims(Uint8Array.fromHex(half)), InputError);
  const nan = toHex(bytes).replace("65697373756501", "656973737565f97e00");
  assert.throws(() => parseClaims(Uint8Array.fromHex(nan)), InputError);
});

Deno.test("R05: property names and values that mimic or steer are refused", () => {
  const names = ["", "A", "a/b", "..", "pln.x", "pln", "\u0430", "a\u0000"];
  for (const name of names) {
    const properties = { [name]: "1" };
    assert.throws(() => parseClaims(encoded({ properties })), InputError, name);
    const claims = { ...member, properties: new Map([[name, "1"]]) };
    assert.throws(() => encodeClaims(claims), InputError, name);
  }
  for (const value of ["\u0000", "a\nb", "\u001b[2J", "\u009b1m", "\ud800"]) {
    const claims = { ...member, properties: new Map([["a", value]]) };
    assert.throws(() => encodeClaims(claims), InputError);
  }
});

Deno.test("properties over their limits are refused on both sides", () => {
  const longest = "x".repeat(limits.propertyBytesMax - 1);
  const claims = { ...member, properties: new Map([["a", longest]]) };
  assert.deepEqual(parseClaims(encodeClaims(claims)), claims);
  const over = { a: `${longest}x` };
  assert.throws(() => parseClaims(encoded({ properties: over })), LimitError);
  const many: Record<string, string> = {};
  for (let index = 0; index <= limits.propertiesMax; index++) {
    many[`p${index}`] = "";
  }
  assert.throws(() => parseClaims(encoded({ properties: many })), LimitError);
  const properties = new Map(Object.entries(many));
  assert.throws(() => encodeClaims({ ...member, properties }), LimitError);
});
