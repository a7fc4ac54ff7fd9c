// A guest whose time is always up calls yield at every check. These guests
// count their own work: four instructions add 1 to a global, and the hook sees
// how much was done since it was called last. So each test can say how long
// the guest ran without a check, whatever it did to avoid one.

import assert from "node:assert/strict";
import { hidden } from "../../src/wasm/mod.ts";
import { wasm } from "../fixtures/seeds/wat.ts";
import { RewrittenGuest } from "./wasm_lab.ts";

const work = "(global.set $n (i32.add (global.get $n) (i32.const 1)))";
const workCost = 4;
/** What may lie between two checks: the end of a callee and its caller. */
const gapMax = 2 * 2048 / workCost;

/** A guest that counts its work in "n". */
function counting(body: string): Uint8Array<ArrayBuffer> {
  return wasm(`(module
    (global $n (export "n") (mut i32) (i32.const 0)) ${body})`);
}

/** Runs "f" with the time up; the most work done without a check, and all. */
function run(body: string, ...values: number[]) {
  let last = 0;
  let gap = 0;
  const guest: RewrittenGuest = new RewrittenGuest(counting(body), {
    epoch: 1,
    pagesMax: 1024,
    onYield: () => {
      gap = Math.max(gap, done() - last);
      last = done();
    },
  });
  const done = () => (guest.exports["n"] as WebAssembly.Global).value as number;
  guest.call("f", ...values);
  return {
    gap: Math.max(gap, done() - last),
    work: done(),
    yields: guest.yields,
  };
}

function assertChecked(body: string, ...values: number[]) {
  const seen = run(body, ...values);
  assert.ok(seen.work > 4 * gapMax, `too little work: ${seen.work}`);
  assert.ok(seen.gap <= gapMax, `${seen.gap} units of work without a check`);
  return seen;
}

Deno.test("a loop yields at each iteration while time is up, else never", () => {
  const loop = wasm(`(module (func (export "f") (param i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`);
  const guest = new RewrittenGuest(loop);
  guest.call("f", 1000);
  assert.equal(guest.yields, 0);
  guest.epoch = 1;
  guest.call("f", 1000);
  assert.equal(guest.yields, 1000);
  guest.epoch = 0;
  guest.call("f", 1000);
  assert.equal(guest.yields, 1000);
});

Deno.test("a yield happens in the middle: the guest goes on where it was", () => {
  const guest: RewrittenGuest = new RewrittenGuest(
    wasm(`(module (func (export "f") (result i32) (local i32)
      (i32.const 5)
      (loop (local.set 0 (i32.add (local.get 0) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get 0) (i32.const 10))))
      (i32.add (local.get 0))))`),
    { epoch: 1, onYield: () => guest.epoch = guest.yields < 3 ? 1 : 0 },
  );
  assert.equal(guest.call("f"), 15);
  assert.equal(guest.yields, 3);
});

Deno.test("a small function without calls or loops never checks", () => {
  const body = `(func (export "f") ${work.repeat(20)})`;
  const { yields } = run(body);
  assert.equal(yields, 0);
});

Deno.test("a function that calls or is large checks once when it is entered", () => {
  assert.equal(run(`(func (export "f") (call 1)) (func)`).yields, 1);
  assert.equal(run(`(func (export "f") ${work.repeat(65)})`).yields, 1);
});

Deno.test("a loop at the start of a function is its only check", () => {
  const { yields } = run(
    `(func $g) (func (export "f") (param i32)
    (block (loop (call $g)
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`,
    10,
  );
  assert.equal(yields, 10);
});

Deno.test("a loop that may be passed by does not stand for the entry", () => {
  const { yields } = run(
    `(func $g) (func (export "f") (param i32)
    (block (br_if 0 (i32.eqz (local.get 0))) (loop (call $g))))`,
    0,
  );
  assert.equal(yields, 1);
});

Deno.test("a memory access before the loop may trap, which ends the guest too", () => {
  const { yields } = run(
    `(memory 1) (func $g) (func (export "f") (param i32)
    (local.set 0 (i32.add (i32.load (i32.const 8)) (i32.const 3)))
    (loop (call $g)
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))`,
    0,
  );
  assert.equal(yields, 3);
});

Deno.test("recursion of every kind checks at each level", () => {
  const next = "(i32.sub (local.get 0) (i32.const 1))";
  const stop = "(if (i32.eqz (local.get 0)) (then (return)))";
  const kinds = {
    self: `(func (export "f") (param i32) ${stop} (call 0 ${next}))`,
    mutual: `(func (export "f") (param i32) ${stop} (call 1 ${next}))
      (func (param i32) ${stop} (call 0 ${next}))`,
    indirect: `(type $t (func (param i32))) (table funcref (elem $f))
      (func $f (export "f") (param i32) ${stop}
        (call_indirect (type $t) ${next} (i32.const 0)))`,
    tail: `(func (export "f") (param i32) ${stop} (return_call 0 ${next}))`,
    mutualTail: `(func (export "f") (param i32) ${stop} (return_call 1 ${next}))
      (func (param i32) ${stop} (return_call 0 ${next}))`,
    indirectTail: `(type $t (func (param i32))) (table funcref (elem $f))
      (func $f (export "f") (param i32) ${stop}
        (return_call_indirect (type $t) ${next} (i32.const 0)))`,
  };
  for (const [kind, body] of Object.entries(kinds)) {
    assert.ok(run(body, 3000).yields >= 3000, kind);
  }
});

Deno.test("straight code checks, however long it is", () => {
  const { yields } = assertChecked(
    `(func (export "f") ${work.repeat(50_000)})`,
  );
  assert.ok(yields < 150, "and not more often than it must");
});

Deno.test("checks cannot be hidden in blocks that are passed by", () => {
  const passed = `(block (br_if 0 (i32.const 1)) ${work.repeat(40)})`;
  const arm = `(if (i32.const 0) (then ${work.repeat(40)}))`;
  const other = `(if (i32.const 1) (then) (else ${work.repeat(40)}))`;
  const table = `(block (block (br_table 1 0 (i32.const 0))) ${
    work.repeat(40)
  })`;
  for (const hiding of [passed, arm, other, table]) {
    for (const length of [470, 490, 500, 505, 510, 511, 512]) {
      const part = work.repeat(length) + hiding;
      assertChecked(`(func (export "f") ${part.repeat(20)})`);
    }
  }
});

Deno.test("the costlier arm counts where two arms meet", () => {
  const long = `(if (i32.const 1) (then ${work.repeat(300)}) (else))`;
  const late = `(if (i32.const 0) (then) (else ${work.repeat(300)}))`;
  const out = `(block (block (br 1 ${work.repeat(300)})) (nop))`;
  for (const part of [long, late, out]) {
    assertChecked(`(func (export "f") ${part.repeat(60)})`);
  }
});

Deno.test("calls of small functions add up to checks", () => {
  for (const size of [1, 10, 20, 35]) {
    const leaf = `(func $leaf ${work.repeat(size)})`;
    const calls = "(call $leaf)".repeat(10_000);
    assertChecked(`${leaf} (func (export "f") ${calls})`);
  }
});

Deno.test("indirect calls of small functions add up to checks", () => {
  const calls = "(call_indirect (type $t) (i32.const 0))".repeat(5_000);
  assertChecked(`(type $t (func)) (table funcref (elem $leaf))
    (func $leaf ${work.repeat(35)}) (func (export "f") ${calls})`);
});

Deno.test("calls of functions that check cost no check more", () => {
  const { yields } = run(`(func $g ${work.repeat(65)})
    (func (export "f") ${"(call $g)".repeat(1000)})`);
  assert.equal(yields, 1001);
});

const unwinding = (before: string, after: string) => `
  (type $t (func (param i32))) (table funcref (elem $leaf))
  (func $leaf (param i32) ${work.repeat(35)})
  (func (export "f") (param i32)
    ${before}
    (if (local.get 0) (then (call 1 (i32.sub (local.get 0) (i32.const 1)))))
    ${after})`;

const leaves = {
  "straight code": work.repeat(100),
  "calls": "(call $leaf (i32.const 0))".repeat(3),
  "indirect calls": "(call_indirect (type $t) (i32.const 0) (i32.const 0))"
    .repeat(3),
  "a branch out": `(block ${work.repeat(100)} (br 1))`,
  "a return": `${work.repeat(100)} (return)`,
  "a table of branches": `${work.repeat(100)} (br_table 0 (i32.const 0))`,
  "a tail call": "(return_call $leaf (i32.const 0))",
  "an indirect tail call":
    "(return_call_indirect (type $t) (i32.const 0) (i32.const 0))",
};

for (const [kind, after] of Object.entries(leaves)) {
  Deno.test(`a deep stack checks while it unwinds through ${kind}`, () => {
    assertChecked(unwinding("", after), 4_000);
  });
}

Deno.test("a deep stack that only returns needs no check on its way", () => {
  const { yields } = run(unwinding("", work), 4_000);
  assert.equal(yields, 4_001);
});

Deno.test("catching and throwing again checks in each frame", () => {
  const { yields } = run(
    `(tag $e) (func (export "f") (param i32)
    (if (i32.eqz (local.get 0)) (then (throw $e)))
    (try (do (call 0 (i32.sub (local.get 0) (i32.const 1))))
      (catch_all (if (i32.ne (local.get 0) (i32.const 1000))
        (then (rethrow 1))))))`,
    1000,
  );
  assert.ok(yields >= 2000, `${yields} checks`);
});

Deno.test("throwing in straight code adds up to checks", () => {
  const part = `(try (do (throw $e)) (catch_all ${work.repeat(10)}))`;
  const { yields } = assertChecked(`(tag $e)
    (func (export "f") ${part.repeat(1000)})`);
  assert.ok(yields >= 1000);
});

Deno.test("bulk operations check after each", () => {
  const memory = '(memory 1) (data $d "abc")';
  const tables = `(table 9 funcref) (table 9 funcref) (elem $e func $g)
    (func $g)`;
  const three = "(i32.const 0) (i32.const 0) (i32.const 1)";
  const kinds = [
    `(memory.fill ${three})`,
    `(memory.copy ${three})`,
    `(memory.init $d ${three})`,
    `(table.init 0 $e ${three})`,
    `(table.copy 0 1 ${three})`,
    "(table.fill 0 (i32.const 0) (ref.null func) (i32.const 1))",
    "(drop (table.grow 0 (ref.null func) (i32.const 0)))",
  ];
  for (const kind of kinds) {
    const { yields } = run(`${memory} ${tables}
      (func (export "f") ${kind.repeat(1000)})`);
    assert.ok(yields >= 1000, kind);
  }
});

Deno.test("one large fill or copy checks in pieces of 256 KiB", () => {
  const MiB = 1024 * 1024;
  const fill = `(memory.fill (i32.const 0) (i32.const 1) (i32.const ${
    64 * MiB
  }))`;
  const copy = (to: number, from: number) =>
    `(memory.copy (i32.const ${to}) (i32.const ${from})
      (i32.const ${63 * MiB}))`;
  for (const kind of [fill, copy(MiB, 0), copy(0, MiB)]) {
    const { yields } = run(`(memory 1024) (func (export "f") ${kind})`);
    assert.ok(yields >= 250, `${yields} checks`);
  }
});

Deno.test("memory.grow in straight code adds up to checks", () => {
  const { yields } = run(`(memory 1)
    (func (export "f") ${"(drop (memory.grow (i32.const 0)))".repeat(1000)})`);
  assert.ok(yields >= 1000 * 256 / 2048, `${yields} checks`);
});

Deno.test("start functions check as others do", () => {
  const guest = new RewrittenGuest(
    wasm(`(module (global $i (mut i32) (i32.const 100))
      (func $start (loop
        (global.set $i (i32.sub (global.get $i) (i32.const 1)))
        (br_if 0 (global.get $i))))
      (start $start))`),
    { epoch: 1 },
  );
  guest.call(hidden.start);
  assert.equal(guest.yields, 100);
});
