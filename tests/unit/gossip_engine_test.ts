// The exchange with one peer as a pure engine: what is asked for, what is sent,
// and when it is enough. In: heads, frames and outcomes by hand, and the time.
// Out: the frames that a writer would take, one by one.

import assert from "node:assert/strict";
import { ExchangeEngine } from "../../src/gossip/exchange_engine.ts";
import {
  doneMessage,
  headsMessage,
  kinds,
  needMessage,
} from "../../src/gossip/messages.ts";
import type { OwnerPlace } from "../../src/gossip/places.ts";
import {
  type Bytes,
  emptyBytes,
  limits,
  parsePeerId,
  type PeerId,
} from "../../src/kernel/mod.ts";

function ownerOf(number: number): PeerId {
  return parsePeerId(number.toString(16).padStart(64, "0"));
}

const owner = ownerOf(1);

/** An engine over places that the test may change, with its heads taken. */
function world(...places: OwnerPlace[]) {
  const engine = new ExchangeEngine({
    ...{ self: ownerOf(98), peer: ownerOf(99) },
    heads: () => places.filter(({ owner }) => owner !== ownerOf(98)),
    placeOf: (owner) => places.find((place) => place.owner === owner),
  });
  return { engine, places };
}

/** Everything that waits to be written, as text. */
function taken(engine: ExchangeEngine): readonly string[] {
  const texts: string[] = [];
  for (let frame = engine.next(); frame; frame = engine.next()) {
    const { kind, body } = frame;
    if (kind === kinds.batch) texts.push(`batch ${body.length}`);
    if (kind === headsMessage.kind) {
      const { heads } = headsMessage.decode(body, { bytesMax: 9_000 });
      texts.push(`heads ${heads.map(({ seq }) => seq).join(" ")}`.trim());
    }
    if (kind === needMessage.kind) {
      const need = needMessage.decode(body, { bytesMax: 9_000 });
      texts.push(`need ${parseInt(need.owner, 16)} from ${need.seq}`);
    }
  }
  return texts;
}

function headsFrame(...heads: OwnerPlace[]) {
  return { kind: headsMessage.kind, body: headsMessage.encode({ heads }) };
}

const place = (seq: number, generation = 1): OwnerPlace => ({
  ...{ owner, generation, seq },
});

Deno.test("a need for each owner that the peer knows more about", () => {
  const { engine } = world(place(5), { ...place(9), owner: ownerOf(2) });
  engine.start([
    { admin: owner, generation: 1, rev: 6 },
    { admin: ownerOf(2), generation: 1, rev: 9 },
    { admin: ownerOf(3), generation: 1, rev: 1 },
  ], 0);
  assert.deepEqual(taken(engine), [
    "heads 5 9",
    "need 1 from 5",
    "need 3 from 0",
  ]);
  assert.equal(engine.isSettled, false);
  engine.answered(owner, 1);
  assert.equal(engine.isSettled, false);
  engine.answered(ownerOf(3), 1);
  assert.equal(engine.isSettled, true);
});

Deno.test("a new generation is needed whatever its number", () => {
  const { engine } = world(place(500, 3));
  engine.start([{ admin: owner, generation: 2, rev: 900 }], 0);
  assert.equal(engine.isSettled, true);
  engine.start([{ admin: owner, generation: 4, rev: 1 }], 0);
  assert.equal(engine.isSettled, false);
});

Deno.test("a gap is asked for once, and again when it got further", () => {
  const { engine, places } = world(place(1));
  taken(engine);
  engine.accepted(owner, "gap", { nowMs: 0 });
  engine.accepted(owner, "gap", { nowMs: 1 });
  assert.deepEqual(taken(engine), ["need 1 from 1"]);
  places[0] = place(4);
  engine.answered(owner, 2);
  assert.deepEqual(taken(engine), ["need 1 from 4"], "a gap came meanwhile");
  engine.answered(owner, 3);
  assert.deepEqual(taken(engine), []);
});

Deno.test("an answer that brought nothing is not asked for at once", () => {
  const { engine } = world(place(1));
  taken(engine);
  engine.accepted(owner, "gap", { nowMs: 0 });
  engine.accepted(owner, "gap", { nowMs: 1 });
  engine.answered(owner, 2);
  assert.deepEqual(taken(engine), ["need 1 from 1"]);
  engine.accepted(owner, "gap", { nowMs: limits.exchangeAskAgainMsMin - 1 });
  assert.deepEqual(taken(engine), []);
  engine.accepted(owner, "gap", { nowMs: limits.exchangeAskAgainMsMin });
  assert.deepEqual(taken(engine), ["need 1 from 1"]);
});

Deno.test("a need without an answer is repeated after its time", () => {
  const { engine } = world(place(1));
  taken(engine);
  engine.receive(headsFrame(place(2)), 0);
  engine.receive(headsFrame(place(2)), limits.exchangeAskMsMax - 1);
  assert.deepEqual(taken(engine), ["need 1 from 1"]);
  engine.receive(headsFrame(place(2)), limits.exchangeAskMsMax);
  assert.deepEqual(taken(engine), ["need 1 from 1"]);
});

Deno.test("a new stream asks again for what was not answered", () => {
  const { engine } = world(place(1));
  engine.start([{ admin: owner, generation: 1, rev: 9 }], 0);
  assert.deepEqual(taken(engine), ["heads 1", "need 1 from 1"]);
  engine.restart(5);
  assert.deepEqual(taken(engine), ["heads 1", "need 1 from 1"]);
  assert.equal(engine.isSettled, false);
  engine.answered(owner, 6);
  engine.restart(7);
  assert.deepEqual(taken(engine), ["heads 1"]);
});

Deno.test("no peer makes the engine keep more than its limits", () => {
  const { engine } = world();
  taken(engine);
  for (let round = 0; round < 200; round++) {
    const heads = Array.from({ length: 64 }, (_, index) => ({
      ...place(1),
      owner: ownerOf(1 + round * 64 + index),
    }));
    engine.receive(headsFrame(...heads), round * 60_000);
    engine.receive(headsFrame(...heads), round * 60_000 + 30_000);
  }
  assert.equal(taken(engine).length, limits.exchangeAsksMax);
});

Deno.test("answered questions make room for further owners", () => {
  const { engine } = world();
  taken(engine);
  for (let number = 1; number <= 2 * limits.exchangeAsksMax; number++) {
    engine.askAgain(ownerOf(number), number);
    assert.deepEqual(taken(engine), [`need ${number} from 0`]);
    engine.answered(ownerOf(number), number);
  }
});

Deno.test("what a slow peer does not take gives way to heads", () => {
  const { engine } = world(place(7));
  const small = new Uint8Array(10);
  engine.push(small);
  assert.deepEqual(taken(engine), ["heads 7"], "the heads have it already");
  for (let count = 0; count < limits.exchangeQueueBatchesMax; count++) {
    engine.push(small);
  }
  assert.equal(taken(engine).length, limits.exchangeQueueBatchesMax);
  for (let count = 0; count <= limits.exchangeQueueBatchesMax; count++) {
    engine.push(small);
  }
  engine.push(small);
  assert.deepEqual(taken(engine), ["heads 7"]);
});

Deno.test("the queue for a peer is bounded in bytes too", () => {
  const { engine } = world(place(7));
  taken(engine);
  const half = new Uint8Array(limits.exchangeQueueBytesMax / 2);
  engine.push(half);
  engine.push(half);
  assert.equal(taken(engine).length, 2, "they fit, and leave room behind");
  engine.push(half);
  engine.push(half);
  engine.push(emptyBytes);
  assert.equal(taken(engine).length, 3);
  engine.push(half);
  engine.push(half);
  engine.push(new Uint8Array(1));
  assert.deepEqual(taken(engine), ["heads 7"]);
});

Deno.test("refused batches are counted over all of a link", () => {
  const { engine } = world();
  const refuse = () => engine.accepted(owner, "refused", { nowMs: 0 });
  for (let count = 1; count < limits.exchangeRefusedMax; count++) {
    assert.equal(refuse(), undefined);
    engine.accepted(owner, "known", { nowMs: 0 });
  }
  assert.equal(refuse()?.type, "close");
});

Deno.test("batches that fit nowhere are borne at a rate", () => {
  const { engine } = world();
  const gap = (nowMs: number) => engine.accepted(owner, "gap", { nowMs })?.type;
  for (let count = 0; count < limits.exchangeRequestsMax; count++) {
    assert.equal(gap(0), undefined);
  }
  assert.equal(gap(0), "close");
  assert.equal(gap(1_000), undefined);
});

Deno.test("requests are answered at a rate, others at once", () => {
  const { engine } = world();
  const body: Bytes = needMessage.encode(place(1));
  const need = (nowMs: number) =>
    engine.receive({ kind: needMessage.kind, body }, nowMs)?.type;
  for (let count = 0; count < limits.exchangeRequestsMax; count++) {
    assert.equal(need(0), "answer");
  }
  assert.equal(need(0), "close");
  assert.equal(need(1_000), "answer");
  engine.askAgain(owner, 1_000);
  const done = { kind: doneMessage.kind, body: doneMessage.encode({ owner }) };
  for (let count = 0; count < 10_000; count++) {
    assert.equal(engine.receive(done, 1_000)?.type, "answered");
  }
});

Deno.test("answers that nobody asked for, and unknown kinds, come at a rate", () => {
  const done = { kind: doneMessage.kind, body: doneMessage.encode({ owner }) };
  for (const frame of [done, { kind: 0, body: emptyBytes }]) {
    const { engine } = world();
    const said = () => engine.receive(frame, 0)?.type;
    const [first] = [said()];
    for (let count = 1; count < limits.exchangeRequestsMax; count++) {
      assert.equal(said(), first);
    }
    assert.equal(said(), "close");
  }
});

Deno.test("refused batches of who has forked are borne for a while only", () => {
  const { engine } = world();
  const refuse = () =>
    engine.accepted(owner, "refused", { nowMs: 0, isVoid: true });
  const most = limits.exchangeVoidBurstMax + limits.exchangeRefusedMax;
  for (let count = 1; count < most; count++) {
    assert.equal(refuse(), undefined, `${count}`);
  }
  assert.equal(refuse()?.type, "close");
});

Deno.test("heads end with the own place and what is known of the peer", () => {
  const { engine } = world(
    place(3),
    { ...place(7), owner: ownerOf(98) },
    { ...place(5), owner: ownerOf(99) },
  );
  const [first] = [engine.next()];
  const { heads } = headsMessage.decode(first?.body ?? emptyBytes, {
    bytesMax: 9_000,
  });
  const rows = heads.map(({ owner, seq }) => [parseInt(owner, 16), seq]);
  assert.deepEqual(rows, [[1, 3], [99, 5], [98, 7]]);
});

Deno.test("own copies are here when the first heads know no more", () => {
  const { engine } = world({ ...place(7), owner: ownerOf(98) });
  assert.equal(engine.hasOwnCopies, false);
  engine.receive(headsFrame({ ...place(7), owner: ownerOf(98) }), 0);
  assert.equal(engine.hasOwnCopies, true);
});

Deno.test("own copies are asked for where a peer knows more of them", () => {
  const { engine, places } = world({ ...place(7), owner: ownerOf(98) });
  taken(engine);
  engine.receive(headsFrame({ ...place(9), owner: ownerOf(98) }), 0);
  assert.deepEqual(taken(engine), ["need 98 from 7"]);
  assert.equal(engine.hasOwnCopies, false);
  places[0] = { ...place(9), owner: ownerOf(98) };
  engine.answered(ownerOf(98), 1);
  assert.equal(engine.hasOwnCopies, true);
});

Deno.test("a member's own place is told, not asked for first", () => {
  const { engine } = world();
  taken(engine);
  const head = { ...place(4), owner: ownerOf(99) };
  const effect = engine.receive(headsFrame(head, place(2)), 0);
  assert.deepEqual(effect, { type: "told", places: [head] });
  assert.deepEqual(taken(engine), ["need 1 from 0"]);
});
