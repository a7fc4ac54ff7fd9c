// The store of records: which it takes, how long it keeps them, and what no
// sender can do to it. In: signed records and times. Out: answers and events.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { readRecord } from "../../src/gossip/record.ts";
import { idleBody, openStore, signed, speaker } from "./record_lab.ts";

const two = speaker(2).owner;

Deno.test("RecordStore takes a record once, and newer ones after it", () => {
  const { store, heard } = openStore();
  assert.equal(store.accept(signed(2, { seq: 5 }), 0), "new");
  assert.equal(store.accept(signed(2, { seq: 5 }), 1), "known");
  assert.equal(store.accept(signed(2, { seq: 4 }), 1), "known");
  assert.equal(store.accept(signed(2, { seq: 6 }), 2), "new");
  assert.equal(store.get(two, 2)?.record.seq, 6);
  // A start of the node counts more than any number.
  const restarted = { generation: 2, seq: 1 };
  assert.equal(store.accept(signed(2, restarted), 3), "new");
  assert.equal(store.accept(signed(2, { seq: 99 }), 4), "known");
  assert.deepEqual(heard, [two, two, two]);
});

Deno.test("RecordStore keeps the very bytes, for others", () => {
  const { store } = openStore();
  const bytes = signed(2);
  const given = new Uint8Array(bytes);
  store.accept(given, 0);
  given.fill(0); // its sender's memory is its own
  assert.deepEqual(store.bytesOf(two), bytes);
  assert.deepEqual([...store.places()], [readRecord(bytes)]);
});

Deno.test("RecordStore takes nothing of who is not known or denied", () => {
  const { store, taken, heard } = openStore();
  assert.equal(store.accept(signed(9), 0), "stranger");
  assert.equal(store.accept(signed(2), 0), "new");
  taken.delete(two);
  assert.equal(store.accept(signed(2, { seq: 2 }), 1), "stranger");
  store.expire(1);
  assert.equal(store.get(two, 1), undefined);
  assert.equal(store.size, 0);
  assert.deepEqual(heard, [two]);
});

Deno.test("R01 RecordStore refuses what its owner did not sign", () => {
  const { store, heard } = openStore();
  const bytes = signed(2);
  for (const at of [0, 63, 70, bytes.length - 1]) {
    const wrong = new Uint8Array(bytes);
    wrong[at] = (wrong[at] ?? 0) ^ 1;
    assert.notEqual(store.accept(wrong, 0), "new", `byte ${at}`);
  }
  assert.equal(store.accept(new Uint8Array(0), 0), "refused");
  assert.equal(store.accept(new Uint8Array(5_000), 0), "refused");
  assert.deepEqual(heard, []);
  assert.equal(store.accept(bytes, 0), "new");
});

Deno.test("RecordStore lets go of a record 4 periods after it came", () => {
  const { store } = openStore();
  store.accept(signed(2, { periodMs: 6_000 }), 1_000);
  assert.notEqual(store.get(two, 25_000), undefined);
  assert.equal(store.get(two, 25_001), undefined);
  store.expire(25_001);
  assert.equal(store.size, 0);
  assert.equal(store.placeOf(two), undefined);
});

Deno.test("RecordStore never takes again what was over", () => {
  const { store } = openStore();
  const last = signed(2, { seq: 7 });
  store.accept(last, 0);
  store.expire(60_000);
  assert.equal(store.accept(last, 60_000), "known");
  assert.equal(store.accept(signed(2, { seq: 6 }), 60_000), "known");
  assert.equal(store.accept(signed(2, { seq: 8 }), 60_000), "new");
});

Deno.test("a record gets no younger on its way", () => {
  const { store } = openStore();
  store.accept(signed(2), 100_000, { ageMs: 15_000 });
  assert.equal(store.ageMsOf(two, 100_000), 15_000);
  assert.notEqual(store.get(two, 105_000), undefined);
  assert.equal(store.get(two, 105_001), undefined);
  const other = signed(3);
  assert.equal(store.accept(other, 100_000, { ageMs: 20_001 }), "known");
  assert.equal(store.get(speaker(3).owner, 100_000), undefined);
  // Said by a liar: whoever says the truth is still believed.
  assert.equal(store.accept(other, 100_000, { ageMs: 10 }), "new");
});

Deno.test("a sender cannot make a living node's records old", () => {
  const { store } = openStore();
  store.accept(signed(2), 0);
  for (let seq = 2; seq < 50; seq++) {
    const nowMs = 5_000 * (seq - 1);
    const bytes = signed(2, { seq });
    assert.equal(store.accept(bytes, nowMs, { ageMs: 1e9 }), "new");
    assert.equal(store.ageMsOf(two, nowMs), 0);
  }
});

Deno.test("a sender cannot make a record come from the future", () => {
  const { store } = openStore();
  store.accept(signed(2), 0);
  store.accept(signed(2, { seq: 1_000 }), 10, { ageMs: -5 });
  assert.equal(store.get(two, 10)?.heardMs, 10);
});

Deno.test("an owner that speaks too often is heard as often as is allowed", () => {
  const { store, heard } = openStore();
  for (let seq = 1; seq <= 1_000; seq++) {
    store.accept(signed(2, { seq }), seq); // one a millisecond
  }
  assert.equal(heard.length, limits.recordsBurstMax);
  assert.equal(store.accept(signed(2, { seq: 2_000 }), 10_000), "new");
  assert.equal(store.accept(signed(3), 10_000), "new"); // others as ever
});

Deno.test("forged records use up nobody's turn", () => {
  const { store } = openStore();
  for (let seq = 1; seq <= 100; seq++) {
    const forged = signed(2, { seq });
    forged[3] = (forged[3] ?? 0) ^ 1;
    assert.equal(store.accept(forged, 0), "refused");
  }
  assert.equal(store.accept(signed(2), 0), "new");
});

Deno.test("own records count up, and others' claims of them do not count", () => {
  const { store, self, heard } = openStore({ generation: 3 });
  const bytes = store.own(idleBody, 0);
  assert.ok(bytes !== undefined);
  assert.deepEqual(readRecord(bytes), {
    ...idleBody,
    ...{ owner: self, generation: 3, seq: 1 },
  });
  const claimed = signed(1, { generation: 9, seq: 9 });
  assert.equal(store.accept(claimed, 1), "known");
  assert.equal(store.placeOf(self)?.generation, 3);
  store.own(idleBody, 2);
  assert.equal(store.placeOf(self)?.seq, 2);
  store.expire(3);
  assert.notEqual(store.get(self, 3), undefined);
  assert.deepEqual(heard, [self, self]);
});

Deno.test("a node without a document says nothing", () => {
  const { store, heard } = openStore({ generation: 0 });
  assert.equal(store.own(idleBody, 0), undefined);
  assert.deepEqual(heard, []);
});

Deno.test("the origin's wall clock runs on from its newest record", () => {
  const { store } = openStore();
  const wallMs = 1_000_000; // 1970: whatever its clock says
  store.accept(signed(2, { wallMs }), 500, { ageMs: 100 });
  assert.equal(store.wallMsOf(two, 2_400), 1_002_000);
  assert.equal(store.wallMsOf(two, 60_000), undefined);
  assert.equal(store.wallMsOf(speaker(3).owner, 500), undefined);
});

Deno.test("who stopped listening hears nothing more", () => {
  const { store } = openStore();
  let count = 0;
  const handle = () => void count++;
  const first = store.onRecord(handle);
  store.onRecord(handle);
  store.accept(signed(2), 0);
  first[Symbol.dispose]();
  store.accept(signed(2, { seq: 2 }), 0);
  assert.equal(count, 3);
});
