// The load path against modules that were tampered with: bytes changed, cut,
// repeated and swapped, from a fixed seed. A loaded module or a SeedError comes
// out, nothing else, and what was loaded can be run without harm to the thread.

import assert from "node:assert/strict";
import type { Bytes } from "../../src/kernel/mod.ts";
import type { Random } from "../../src/ports/mod.ts";
import { callableFunctions, SeedError } from "../../src/threads/mod.ts";
import { rewriteChecked } from "../../src/guest/module.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { endingOf, SeedLab } from "../fixtures/seeds/seed_lab.ts";
import { guestWasm, text, userImports } from "../fixtures/seeds/wat.ts";
import { fuzzRuns } from "./runs.ts";

const hello = text(1024, "hello");
const original = guestWasm(
  `${hello.data}
  (table 2 funcref) (elem (i32.const 0) $block $out)
  (global $g (mut i64) (i64.const 5))
  (func (export "_initialize") (global.set $g (i64.const 6)))
  (func (export "f") (result i32)
    (call $log (i64.const 1) ${hello.block})
    (call $give (call $caller_info))
    (if (i64.eq (global.get $g) (i64.const 6)) (then (call $out ${hello.range})))
    (i32.const 0))
  (func (export "g") (result i32) (call $outU64 (global.get $g)) (i32.const 1))`,
  userImports,
);

/** A copy with 1 to 4 changes. */
function mutated(random: Random): Bytes {
  let bytes: Bytes = original.slice();
  const changes = 1 + random.integer(4);
  for (let change = 0; change < changes; change++) {
    const at = random.integer(bytes.length);
    const other = random.integer(bytes.length);
    switch (random.integer(6)) {
      case 0:
        bytes[at] = random.integer(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(8));
        break;
      case 2:
        bytes = bytes.slice(0, Math.max(9, at));
        break;
      case 3:
        bytes.copyWithin(at, other, other + random.integer(20));
        break;
      case 4:
        bytes[at] = [0, 1, 0x7f, 0x80, 0xff, 0x60, 0x0b][random.integer(7)] ??
          0;
        break;
      case 5:
        bytes = Uint8Array.from([
          ...bytes.subarray(0, at),
          ...random.bytes(1 + random.integer(3)),
          ...bytes.subarray(at),
        ]);
    }
  }
  return bytes;
}

const mutants = fuzzRuns(5_000);

Deno.test("a mutated module is rewritten, or refused with the reason", () => {
  const random = openSimRandom(4711);
  const counts = { loaded: 0, refused: 0 };
  for (let run = 0; run < mutants; run++) {
    const bytes = mutated(random);
    try {
      const { plan } = rewriteChecked(bytes, { memoryPagesMax: 64 });
      assert.ok(callableFunctions(plan).length > 0);
      counts.loaded++;
    } catch (cause) {
      assert.ok(cause instanceof SeedError, `run ${run}: ${cause}`);
      assert.ok(["invalid", "link"].includes(cause.reason), cause.reason);
      assert.ok(cause.message.length < 600);
      counts.refused++;
    }
  }
  assert.ok(
    counts.loaded > 200 && counts.refused > 200,
    JSON.stringify(counts),
  );
});

Deno.test("mutated modules that load end every call, on one thread", async () => {
  const random = openSimRandom(4712);
  await using lab = new SeedLab();
  const endings = new Map<string, number>();
  for (let run = 0; run < 400; run++) {
    const seed = lab.add(`s${run}`, mutated(random));
    for (const fn of ["f", "g"]) {
      const ending = await endingOf(lab.run(seed, fn));
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
    }
  }
  assert.equal(endings.get("lost"), undefined, "the host itself never fails");
  assert.ok((endings.get("ok") ?? 0) > 50, JSON.stringify([...endings]));
  assert.equal(lab.pool.threadCounts.lost, 0);
});
