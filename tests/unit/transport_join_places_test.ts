// Places for sessions that enrol: how many one address has, and who goes when
// they are full.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { type JoinId, JoinPlaces } from "../../src/transport/join_places.ts";

const placesMax = limits.joinsUnderWayMax;
const perSourceMax = limits.joinSessionsPerSourceMax;

/** A session comes and finds room; who must go for it. */
function enter(places: JoinPlaces, ip: string) {
  const entry = places.enter(ip);
  assert.ok(entry !== undefined, `${ip} finds a place`);
  return entry;
}

/** Sessions of addresses that are all different. */
function enterMany(places: JoinPlaces, count: number): readonly JoinId[] {
  return Array.from({ length: count }, (_, at) => {
    const { id, leaving } = enter(places, `203.0.113.${at}`);
    assert.equal(leaving, undefined);
    return id;
  });
}

function enterAll(places: JoinPlaces, ips: readonly string[]) {
  return ips.map((ip) => enter(places, ip).id);
}

Deno.test("one address enrols 4 at once, the longest silent goes first", () => {
  const places = new JoinPlaces();
  const other = enter(places, "203.0.113.9").id;
  const [first, second] = enterAll(
    places,
    Array(perSourceMax).fill("203.0.113.1"),
  );
  assert.equal(enter(places, "203.0.113.1").leaving, first);
  assert.equal(enter(places, "::ffff:203.0.113.1").leaving, second);
  assert.equal(places.count, 1 + perSourceMax);
  places.leave(other);
  assert.equal(places.count, perSourceMax);
});

Deno.test("an address whose joins all wait for this node gets no fifth", () => {
  const places = new JoinPlaces();
  const ids = enterAll(places, Array(perSourceMax).fill("203.0.113.1"));
  for (const id of ids) places.work(id);
  assert.equal(places.enter("203.0.113.1"), undefined);
  assert.equal(enter(places, "203.0.113.2").leaving, undefined);
  const [, second, third] = ids;
  assert.ok(second !== undefined && third !== undefined);
  places.wait(third);
  places.wait(second);
  assert.equal(enter(places, "203.0.113.1").leaving, third, "silent longest");
});

Deno.test("a network's IPv6 addresses count as one source of joins", () => {
  const places = new JoinPlaces();
  const [first] = enterAll(
    places,
    Array.from({ length: perSourceMax }, (_, at) => `2001:db8:0:1::${at}`),
  );
  assert.equal(enter(places, "2001:db8:0:2::1").leaving, undefined);
  assert.equal(enter(places, "2001:db8:0:1:ffff::").leaving, first);
});

Deno.test("this machine may have all places for joins", () => {
  for (const ip of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) {
    const places = new JoinPlaces();
    const [first] = enterAll(places, Array(placesMax).fill(ip));
    assert.equal(places.count, placesMax);
    assert.equal(enter(places, ip).leaving, first);
  }
});

Deno.test("when all places are taken the longest silent joiner goes", () => {
  const places = new JoinPlaces();
  const [first, second, third] = enterMany(places, placesMax);
  assert.ok(first !== undefined && second !== undefined);
  places.work(first);
  assert.equal(enter(places, "198.51.100.1").leaving, second);
  places.wait(first); // silent anew, after all others
  assert.equal(enter(places, "198.51.100.2").leaving, third);
  assert.equal(places.count, placesMax);
});

Deno.test("nobody goes while all joins wait for this node", () => {
  const places = new JoinPlaces();
  const ids = enterMany(places, placesMax);
  for (const id of ids) places.work(id);
  assert.equal(places.enter("198.51.100.1"), undefined);
  places.leave(ids[0] ?? 0);
  places.leave(ids[0] ?? 0);
  assert.equal(enter(places, "198.51.100.1").leaving, undefined);
});

Deno.test("a join that has ended is not silent any more", () => {
  const places = new JoinPlaces();
  const [first, ...others] = enterMany(places, placesMax);
  assert.ok(first !== undefined);
  for (const id of others) places.work(id);
  const { id, leaving } = enter(places, "198.51.100.1");
  assert.equal(leaving, first);
  places.work(id);
  places.wait(first);
  assert.equal(places.enter("198.51.100.2"), undefined);
});
