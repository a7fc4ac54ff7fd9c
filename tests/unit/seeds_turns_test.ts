// The shared words between the pool and a thread: who claims a posted call, and
// whose guest runs. A wrong name there would blame an innocent seed for a guest
// that does not return, or nobody at all.

import assert from "node:assert/strict";
import { Claims } from "../../src/seeds/claims.ts";
import { Turns } from "../../src/seeds/turns.ts";
import { never, rejectsWith, SeedLab } from "../fixtures/seeds/seed_lab.ts";
import { guestWasm, text, userImports } from "../fixtures/seeds/wat.ts";
import { serveSeedThread } from "../../src/seeds/mod.ts";
import type { ToThread } from "../../src/seeds/messages.ts";

Deno.test("Claims.claim() is true for exactly one side", () => {
  const pool = new Claims();
  const thread = new Claims(pool.buffer);
  assert.equal(pool.offer(7), true);
  assert.equal(thread.claim(7), true);
  assert.equal(pool.claim(7), false);
  assert.equal(thread.claim(7), false);
  assert.equal(pool.offer(8), true);
  assert.equal(pool.claim(8), true);
  assert.equal(thread.claim(8), false);
});

Deno.test("Claims.offer() never takes the slot of a call that waits", () => {
  const claims = new Claims();
  assert.equal(claims.offer(5), true);
  assert.equal(claims.offer(5 + 4096), false);
  assert.equal(claims.offer(6), true);
  assert.equal(claims.claim(5 + 4096), false);
  assert.equal(claims.claim(5), true);
  assert.equal(claims.offer(5 + 4096), true);
  assert.equal(claims.offer(0x7fffffff), true);
  assert.equal(claims.claim(0x7fffffff), true);
});

Deno.test("a call whose slot is taken gets another id", async () => {
  await using lab = new SeedLab();
  const uri = text(1024, "pln://seed/x/f");
  const module = guestWasm(
    `${uri.data} (func (export "f") (result i32)
      (drop (call $request ${uri.block} (i64.const 0)))
      (call $outByte (i32.const 1)) (i32.const 0))
    (func (export "g"))`,
    userImports,
  );
  const seed = lab.add("s", module);
  await lab.run(seed, "g");
  const [thread] = lab.sandbox.threads();
  assert.ok(thread);
  // Some calls stay posted and unclaimed while 4096 others come and go.
  lab.sandbox.wedge(thread);
  const post = (signal = never) =>
    lab.pool.call(lab.job(seed, "f", { signal, isNested: true }));
  const stuck = Array.from({ length: 50 }, () => post());
  for (let ids = 0; ids < 4096; ids += 512) {
    const aborter = new AbortController();
    const gone = Array.from({ length: 512 }, () => post(aborter.signal));
    aborter.abort();
    for (const call of gone) await rejectsWith(call, "cancelled");
  }
  const others = Array.from({ length: 50 }, () => post());
  lab.sandbox.crash(thread);
  const outputs = await lab.world.complete(Promise.all([...stuck, ...others]));
  assert.deepEqual(new Set(outputs.map(([byte]) => byte)), new Set([1]));
});

Deno.test("Turns.run() marks a guest until it sleeps or ends", () => {
  const claims = new Claims();
  const turns = new Turns(claims);
  assert.equal(turns.run(3, () => claims.running), 3);
  assert.equal(claims.running, 0);
  assert.throws(() =>
    turns.run(4, () => {
      throw new Error("trap");
    }), /trap/);
  assert.equal(claims.running, 0);
});

Deno.test("Turns.resume() lets one guest resume at a time", async () => {
  const claims = new Claims();
  const turns = new Turns(claims);
  const order: number[] = [];
  const resumed = [1, 2, 3].map(async (id) => {
    await turns.resume(id);
    order.push(claims.running);
    await undefined; // the engine resumes the guest a little later
    assert.equal(claims.running, id);
    turns.end(id);
  });
  await Promise.all(resumed);
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(claims.running, 0);
});

Deno.test("a guest that starts leaves the mark of one about to resume", async () => {
  const claims = new Claims();
  const turns = new Turns(claims);
  await turns.resume(1);
  assert.equal(turns.run(2, () => claims.running), 2);
  assert.equal(claims.running, 1);
  turns.end(2);
  assert.equal(claims.running, 1, "the end of another changes nothing");
  turns.end(1);
  turns.end(1);
  assert.equal(claims.running, 0);
});

Deno.test("whatever guest runs, the shared word names its call", async () => {
  // The guest logs around each request; with each line the thread's claims are
  // read, and must name the very call that the line belongs to.
  const seen: { call: number; running: number }[] = [];
  let claims = new Claims();
  await using lab = new SeedLab({
    program: (scope) =>
      serveSeedThread({
        ...scope,
        onMessage: (handle) =>
          scope.onMessage((batch) => {
            for (const message of batch as readonly ToThread[]) {
              if (message[0] === "open") claims = new Claims(message[1]);
            }
            handle(batch);
          }),
        fillRandom: (bytes) => {
          // The guest passes its call's number by asking for that many bytes.
          seen.push({ call: bytes.length, running: claims.running });
        },
      }),
  });
  const uri = text(1024, "pln://seed/x/f");
  const probe = `(drop (call $random (i32.const 4096)
    (call $load_u8 (call $input_offset))))`;
  const module = guestWasm(
    `${uri.data} (func (export "f") (result i32) (local $i i32)
      (loop $again
        ${probe}
        (drop (call $request ${uri.block} (i64.const 0)))
        ${probe}
        (i64.store (i32.const 536) (i64.mul (i64.const 1000000)
          (i64.extend_i32_u (i32.and (local.get $i) (i32.const 3)))))
        (drop (call $poll (i32.const 512) (i32.const 1024)
          (i32.const 1) (i32.const 0)))
        ${probe}
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 10))))
      (i32.const 0))`,
    userImports + `
    (import "wasi_snapshot_preview1" "random_get"
      (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))`,
  );
  const seed = lab.add("s", module);
  const calls = Array.from(
    { length: 12 },
    (_, index) =>
      lab.pool.call(lab.job(seed, "f", {
        input: Uint8Array.of(index + 1), // ids start at 1
        onRequest: async () => {
          for (let turn = 0; turn < index % 4; turn++) await undefined;
          return Uint8Array.of(1);
        },
      })),
  );
  await lab.world.complete(Promise.all(calls));
  assert.equal(seen.length, 12 * 10 * 3);
  for (const { call, running } of seen) assert.equal(running, call);
  assert.equal(claims.running, 0);
});
