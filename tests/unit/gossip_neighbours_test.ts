// Who is a neighbour, and what waits to be told to one. In: links that come and
// go, and what is new. Out: picks, and lists of places.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Announcements } from "../../src/gossip/announcements.ts";
import { Neighbours } from "../../src/gossip/neighbours.ts";
import { limits } from "../../src/kernel/mod.ts";
import { ownerOf } from "./gossip_state_lab.ts";

const { gossipNeighboursAllMax, gossipPicksMax, gossipNeighboursMax } = limits;

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

function neighboursOf(self: number): Neighbours<number> {
  return new Neighbours({ self: ownerOf(self), sha256 }, 0);
}

Deno.test("everybody is a neighbour while there are few links", () => {
  const neighbours = neighboursOf(0);
  for (let link = 1; link <= gossipNeighboursAllMax; link++) {
    const follows = neighbours.join(link, ownerOf(link));
    assert.deepEqual(follows, [{ link, isOn: true }]);
  }
  assert.equal(neighbours.all.size, gossipNeighboursAllMax);
  assert.equal(neighbours.isEverybody, true);
  const follows = neighbours.join(9, ownerOf(9));
  assert.equal(neighbours.isEverybody, false);
  assert.equal(neighbours.all.size, gossipPicksMax);
  const off = follows.filter(({ isOn }) => !isOn).length;
  assert.ok(off >= gossipNeighboursAllMax - gossipPicksMax);
});

Deno.test("who picked this node is a neighbour, up to a limit", () => {
  const neighbours = neighboursOf(0);
  for (let link = 1; link <= 40; link++) neighbours.join(link, ownerOf(link));
  const picks = [...neighbours.all];
  for (let link = 1; link <= 40; link++) neighbours.followed(link, true);
  assert.equal(neighbours.all.size, gossipNeighboursMax);
  assert.ok(picks.every((link) => neighbours.all.has(link)));
  for (let link = 1; link <= 40; link++) neighbours.followed(link, false);
  assert.deepEqual([...neighbours.all], picks);
  neighbours.followed(99, true);
  assert.ok(!neighbours.all.has(99), "no link of this node");
});

Deno.test("who came first is no neighbour for ever", () => {
  const neighbours = neighboursOf(0);
  for (let link = 1; link <= 40; link++) neighbours.join(link, ownerOf(link));
  const picks = new Set(neighbours.all);
  for (let link = 1; link <= 40; link++) neighbours.followed(link, true);
  const before = neighbours.all.difference(picks);
  assert.equal(before.size, gossipNeighboursMax - gossipPicksMax);
  for (let link = 40; link >= 1; link--) neighbours.followed(link, true);
  assert.deepEqual(neighbours.all.difference(picks), before, "in an epoch");
  neighbours.tick(limits.gossipEpochMs);
  assert.ok(!before.isSubsetOf(neighbours.all), "in the next one");
});

Deno.test("a link that ends is replaced, and the others stay", () => {
  const neighbours = neighboursOf(0);
  for (let link = 1; link <= 40; link++) neighbours.join(link, ownerOf(link));
  const before = [...neighbours.all];
  const [gone = 0] = before;
  const follows = neighbours.leave(gone);
  assert.deepEqual(follows.map(({ isOn }) => isOn), [true]);
  assert.equal(neighbours.all.size, gossipPicksMax);
  const stayed = before.filter((link) => neighbours.all.has(link));
  assert.equal(stayed.length, gossipPicksMax - 1);
});

Deno.test("an epoch picks others, and tells both", () => {
  const neighbours = neighboursOf(0);
  for (let link = 1; link <= 40; link++) neighbours.join(link, ownerOf(link));
  const before = new Set(neighbours.all);
  assert.deepEqual(neighbours.tick(limits.gossipEpochMs - 1), []);
  const follows = neighbours.tick(limits.gossipEpochMs);
  const after = new Set(neighbours.all);
  assert.ok(!before.isSubsetOf(after), "other ones");
  for (const { link, isOn } of follows) {
    assert.deepEqual([after.has(link), before.has(link)], [isOn, !isOn]);
  }
});

Deno.test("picks of all nodes join them into one graph", () => {
  const count = 100;
  const edges = new Map<number, Set<number>>();
  for (let self = 0; self < count; self++) edges.set(self, new Set());
  for (let self = 0; self < count; self++) {
    const neighbours = neighboursOf(self);
    for (let link = 0; link < count; link++) {
      if (link !== self) neighbours.join(link, ownerOf(link));
    }
    for (const other of neighbours.all) {
      edges.get(self)?.add(other);
      edges.get(other)?.add(self);
    }
  }
  const reached = new Set([0]);
  for (const node of reached) {
    for (const other of edges.get(node) ?? []) reached.add(other);
  }
  assert.equal(reached.size, count);
  const ends = [...edges.values()].reduce((sum, { size }) => sum + size, 0);
  assert.ok(ends <= 2 * gossipPicksMax * count, `${ends / count} neighbours`);
});

function place(prefix: string, seq: number) {
  return { prefix, generation: 1, seq };
}

Deno.test("news wait for a flush, the newest of each owner", () => {
  const news = new Announcements<string>();
  news.note("a", place("x", 1));
  news.note("a", place("x", 2));
  news.note("a", place("y", 1));
  assert.equal(news.take("a"), undefined);
  assert.deepEqual(news.flush(), ["a"]);
  assert.deepEqual(news.take("a"), [place("x", 2), place("y", 1)]);
  assert.equal(news.take("a"), undefined);
});

Deno.test("nobody is told what it has told itself", () => {
  const news = new Announcements<string>();
  news.note("a", place("x", 2));
  news.note("a", place("y", 2));
  news.heard("a", place("x", 2));
  news.heard("a", place("y", 1));
  news.heard("b", place("y", 2));
  news.flush();
  assert.deepEqual(news.take("a"), [place("y", 2)]);
});

Deno.test("much news leaves in several messages, and is bounded", () => {
  const news = new Announcements<string>();
  const { gossipItemsMax, gossipPendingMax } = limits;
  for (let index = 0; index < gossipPendingMax + 5; index++) {
    news.note("a", place(`x${index}`, 1));
  }
  assert.equal(news.dropped, 5);
  news.flush();
  let count = 0;
  for (let list = news.take("a"); list; list = news.take("a")) {
    assert.ok(list.length <= gossipItemsMax);
    count += list.length;
  }
  assert.equal(count, gossipPendingMax);
  news.note("a", place("x", 1));
  news.flush();
  news.leave("a");
  assert.equal(news.take("a"), undefined);
});
