// The peer book: what is kept of whom, and who is forgotten first.

import assert from "node:assert/strict";
import { limits, type PeerId } from "../../src/kernel/mod.ts";
import type { NetworkAddress } from "../../src/ports/mod.ts";
import { PeerBook } from "../../src/mesh/peer_book.ts";
import { addressNumber, peerNumber } from "./mesh_world.ts";

const peer = peerNumber(1);

function ports(book: PeerBook, of: PeerId = peer): readonly number[] {
  return book.get(of)?.addresses.map(({ port }) => port) ?? [];
}

function at(port: number): NetworkAddress {
  return { ip: "10.0.0.1", port };
}

function meet(book: PeerBook, who: PeerId, remote: NetworkAddress): void {
  book.met(who, { remote, tier: "leaf", atMs: 1_000 });
}

Deno.test("PeerBook.note() puts the newest addresses first", () => {
  const book = new PeerBook();
  assert.equal(book.note(peer, [at(1), at(2)], { source: "said" }), true);
  assert.equal(book.note(peer, [at(3)], { source: "said" }), true);
  assert.deepEqual(ports(book), [3, 1, 2]);
});

Deno.test("PeerBook.note() says when nothing of it is new", () => {
  const book = new PeerBook();
  book.note(peer, [at(1), at(2)], { source: "said" });
  assert.equal(book.note(peer, [at(2)], { source: "said" }), false);
  assert.deepEqual(ports(book), [2, 1]);
});

Deno.test("PeerBook.note() leaves out what can not be dialled", () => {
  const book = new PeerBook();
  const foreign = [{ ip: "ff02::1", port: 7 }, { ip: "no", port: 7 }, at(0)];
  assert.equal(book.note(peer, foreign, { source: "said" }), false);
  assert.equal(book.get(peer), undefined);
});

Deno.test("PeerBook keeps the newest 16, and the last that worked", () => {
  const book = new PeerBook();
  meet(book, peer, at(9_999));
  for (let port = 1; port <= 40; port++) {
    book.note(peer, [at(port)], { source: "said" });
  }
  const kept = ports(book);
  assert.equal(kept.length, limits.peerAddressesMax);
  assert.deepEqual(kept.slice(0, 3), [40, 39, 38]);
  assert.ok(kept.includes(9_999));
});

Deno.test("PeerBook keeps what the peer said whatever others say", () => {
  const book = new PeerBook();
  const said = Array.from({ length: 12 }, (_, index) => at(index + 1));
  book.note(peer, said, { source: "said" });
  for (let port = 100; port < 200; port++) {
    book.note(peer, [at(port)], { source: "told" });
  }
  const kept = ports(book);
  assert.equal(kept.length, limits.peerAddressesMax);
  assert.deepEqual(kept.slice(0, 12), said.map(({ port }) => port));
  assert.deepEqual(kept.slice(12), [199, 198, 197, 196]);
});

Deno.test("PeerBook trusts an address more when a link ran over it", () => {
  const book = new PeerBook();
  book.note(peer, [at(1)], { source: "told" });
  meet(book, peer, at(1));
  book.note(peer, [at(1)], { source: "told" });
  assert.equal(book.get(peer)?.addresses[0]?.source, "linked");
});

Deno.test("PeerBook.met() takes a peer back that had left", () => {
  const book = new PeerBook();
  meet(book, peer, at(1));
  book.markLeft(peer);
  assert.equal(book.get(peer)?.hasLeft, true);
  meet(book, peer, at(1));
  assert.equal(book.get(peer)?.hasLeft, false);
});

function fill(book: PeerBook): void {
  for (let number = 1; number <= limits.peersMax; number++) {
    meet(book, peerNumber(number), addressNumber(number));
  }
  assert.equal(book.size, limits.peersMax);
}

Deno.test("a full PeerBook forgets denied ones first, then left ones", () => {
  const book = new PeerBook();
  fill(book);
  const denied = peerNumber(5_000);
  const left = peerNumber(6_000);
  book.setStanding({
    isDenied: (one) => one === denied,
    isLinked: () => false,
  });
  book.markLeft(left);
  meet(book, peerNumber(20_001), at(1));
  assert.equal(book.get(denied), undefined);
  assert.notEqual(book.get(left), undefined);
  meet(book, peerNumber(20_002), at(1));
  assert.equal(book.get(left), undefined);
  assert.notEqual(book.get(peerNumber(1)), undefined);
});

Deno.test("a full PeerBook forgets who was met least recently", () => {
  const book = new PeerBook();
  fill(book);
  const linked = peerNumber(2);
  book.setStanding({
    isDenied: () => false,
    isLinked: (one) => one === linked,
  });
  meet(book, peerNumber(1), at(1));
  meet(book, peerNumber(20_001), at(1));
  assert.notEqual(book.get(peerNumber(1)), undefined, "met again");
  assert.notEqual(book.get(linked), undefined, "linked");
  assert.equal(book.get(peerNumber(3)), undefined);
  assert.equal(book.size, limits.peersMax);
});

Deno.test("a full PeerBook forgets nobody for hearsay", () => {
  const book = new PeerBook();
  fill(book);
  const heard = peerNumber(20_001);
  assert.equal(book.note(heard, [at(1)], { source: "told" }), false);
  assert.equal(book.get(heard), undefined);
  assert.equal(book.size, limits.peersMax);
});

Deno.test("PeerBook holds at most 1,000 peers that it only heard of", () => {
  const book = new PeerBook();
  meet(book, peer, at(1));
  for (let number = 0; number < 5_000; number++) {
    const heard = peerNumber(10_000 + number);
    book.note(heard, [addressNumber(number)], { source: "told" });
  }
  assert.equal(book.size, 1 + limits.peersHeardOfMax);
  assert.notEqual(book.get(peer), undefined);
  assert.notEqual(book.get(peerNumber(14_999)), undefined);
});

Deno.test("PeerBook.dropHearsay() forgets nobody that was met or named", () => {
  const book = new PeerBook();
  const [met, invited, heard] = [2, 3, 4].map(peerNumber) as [
    PeerId,
    PeerId,
    PeerId,
  ];
  meet(book, met, at(1));
  book.note(invited, [at(2)], { source: "said" });
  book.note(heard, [at(3)], { source: "told" });
  for (const one of [met, invited, heard]) book.dropHearsay(one);
  assert.deepEqual([...book.records()].map((one) => one.peer), [met, invited]);
});

Deno.test("PeerBook.knownIps() are those of members, not of hearsay", () => {
  const book = new PeerBook();
  const [denied, left, heard] = [2, 3, 4].map(peerNumber) as [
    PeerId,
    PeerId,
    PeerId,
  ];
  meet(book, peer, { ip: "10.0.0.1", port: 1 });
  meet(book, denied, { ip: "10.0.0.2", port: 1 });
  meet(book, left, { ip: "10.0.0.3", port: 1 });
  book.note(heard, [{ ip: "10.0.0.4", port: 1 }], { source: "told" });
  assert.equal(book.knownIps().size, 3);
  book.setStanding({
    isDenied: (one) => one === denied,
    isLinked: () => false,
  });
  book.markLeft(left);
  assert.deepEqual([...book.knownIps()], ["10.0.0.1"]);
});

Deno.test("PeerBook.knownIps() follow the records, one by one", () => {
  const book = new PeerBook();
  const [one, other] = [peerNumber(2), peerNumber(3)];
  const ips = book.knownIps();
  meet(book, one, { ip: "10.0.0.1", port: 1 });
  meet(book, one, { ip: "10.0.0.1", port: 2 });
  meet(book, other, { ip: "10.0.0.1", port: 3 });
  meet(book, other, { ip: "10.0.0.2", port: 3 });
  assert.deepEqual([...ips], ["10.0.0.1", "10.0.0.2"]);
  book.markLeft(other);
  assert.deepEqual([...ips], ["10.0.0.1"], "another one still has it");
  meet(book, other, { ip: "10.0.0.3", port: 3 });
  assert.deepEqual(new Set(ips), new Set(["10.0.0.1", "10.0.0.2", "10.0.0.3"]));
  book.markLeft(one);
  book.markLeft(other);
  assert.equal(ips.size, 0);
});

Deno.test("PeerBook tells of changes that are worth saving", () => {
  let changes = 0;
  const book = new PeerBook([], () => changes++);
  book.note(peerNumber(9), [at(1)], { source: "told" });
  assert.equal(changes, 0, "hearsay");
  meet(book, peer, at(1));
  assert.equal(changes, 1);
  book.named(peer, "web");
  book.named(peer, "web");
  assert.equal(changes, 2);
});

Deno.test("PeerBook.forget() drops whom it has met, and tells that it should be saved", () => {
  let changes = 0;
  const book = new PeerBook([], () => void changes++);
  meet(book, peer, at(1));
  const before = changes;
  book.forget(peer);
  assert.equal(book.get(peer), undefined);
  assert.equal(changes, before + 1);
  assert.equal(book.knownIps().size, 0);
  book.forget(peer);
  assert.equal(changes, before + 1, "nothing to save");
  meet(book, peer, at(2));
  assert.deepEqual(ports(book), [2], "met again, it is new");
});
