// What people type for a node: ids, prefixes, names, and what is none.

import assert from "node:assert/strict";
import { AmbiguousError, NotFoundError } from "../../src/kernel/mod.ts";
import { type Named, resolvePeer } from "../../src/mesh/resolve.ts";
import { peerNumber } from "./mesh_world.ts";

const web: Named = { peer: peerNumber(0xbeef_0001), name: "web" };
const other: Named = { peer: peerNumber(0xbeef_0002), name: "desk" };
const twin: Named = { peer: peerNumber(0xcafe_0003), name: "desk" };
const nameless: Named = { peer: peerNumber(0xabcd_0004), name: undefined };
const known = [web, other, twin, nameless];

function hintOf(text: string): string | undefined {
  try {
    resolvePeer(text, known);
  } catch (cause) {
    if (cause instanceof NotFoundError) return cause.hint;
    throw cause;
  }
  assert.fail(`${text} was found`);
}

Deno.test("resolvePeer() takes a whole id, known or not", () => {
  const stranger = peerNumber(7);
  assert.equal(resolvePeer(stranger, known), stranger);
  assert.equal(resolvePeer(web.peer.toUpperCase(), known), web.peer);
});

Deno.test("resolvePeer() takes a prefix of 4 digits, in either case", () => {
  assert.equal(resolvePeer("cafe", known), twin.peer);
  assert.equal(resolvePeer("CAFE0003", known), twin.peer);
  assert.equal(resolvePeer("beef0001", known), web.peer);
});

Deno.test("resolvePeer() takes a name that one node has", () => {
  assert.equal(resolvePeer("web", known), web.peer);
  assert.equal(resolvePeer(" web\n", known), web.peer);
});

Deno.test("resolvePeer() does not choose between nodes of one name", () => {
  assert.throws(() => resolvePeer("desk", known), (cause) => {
    assert.ok(cause instanceof AmbiguousError);
    assert.equal(cause.outcome, "ambiguous");
    assert.match(cause.message, /fits 2 nodes: desk \(beef0002.*desk \(cafe/);
    return true;
  });
});

Deno.test("resolvePeer() does not choose between a name and a prefix", () => {
  const mimic: Named = { peer: peerNumber(1), name: "cafe" };
  assert.throws(() => resolvePeer("cafe", [...known, mimic]), AmbiguousError);
});

Deno.test("resolvePeer() lists five candidates and counts the rest", () => {
  const many = Array.from({ length: 9 }, (_, at) => ({
    peer: peerNumber(0xaaaa_0000 + at),
    name: undefined,
  }));
  assert.throws(() => resolvePeer("aaaa", many), (cause) => {
    assert.ok(cause instanceof AmbiguousError);
    assert.equal(cause.message.match(/unnamed \(/g)?.length, 5);
    assert.match(cause.message, /, and 4 more$/);
    return true;
  });
});

Deno.test("resolvePeer() means who has left only when nobody else fits", () => {
  const row = (digit: string, hasLeft: boolean) => ({
    peer: resolvePeer(digit.repeat(64), []),
    name: "bob",
    hasLeft,
  });
  const [left, again, third] = [
    row("1", true),
    row("2", false),
    row("3", false),
  ];
  assert.equal(resolvePeer("bob", [left, again]), again.peer);
  assert.equal(resolvePeer("bob", [left]), left.peer);
  assert.equal(resolvePeer("1111", [left, again]), left.peer);
  assert.throws(() => resolvePeer("bob", [again, third]), AmbiguousError);
});

Deno.test("resolvePeer() shows more of an id than was typed", () => {
  const long = "aaaa000000000000000000000";
  const twins = ["1", "2"].map((digit) => {
    const peer = `${long}${digit}`.padEnd(64, "0");
    return { peer: resolvePeer(peer, []), name: undefined };
  });
  assert.throws(() => resolvePeer(long, twins), (cause) => {
    assert.ok(cause instanceof AmbiguousError);
    assert.match(cause.message, /00001000.*00002000/);
    return true;
  });
});

Deno.test("resolvePeer() hints at the nearest name, or at the list", () => {
  assert.equal(hintOf("wbe"), 'See "pln status nodes"');
  assert.equal(hintOf("webb"), 'Did you mean "web"?');
  assert.equal(hintOf("dsk"), 'Did you mean "desk"?');
  assert.equal(hintOf("bee"), "Give at least 4 digits of its id");
  assert.equal(hintOf("ffff"), 'See "pln status nodes"');
  assert.equal(hintOf(""), 'See "pln status nodes"');
});

Deno.test("resolvePeer() shows foreign text cut and escaped", () => {
  const typed = `x\u001b[31m${"y".repeat(1_000)}`;
  assert.throws(() => resolvePeer(typed, known), (cause) => {
    assert.ok(cause instanceof NotFoundError);
    assert.ok(cause.message.length < 120);
    assert.ok(!cause.message.includes("\u001b"));
    return true;
  });
});
