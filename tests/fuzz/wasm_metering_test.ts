// Random programs, rewritten: they do exactly what the originals do, and on no
// path do they work long without a check. In go programs that count their work;
// the hook compares the count with what it saw last.

import assert from "node:assert/strict";
import { openSimRandom } from "../../src/sim/random.ts";
import { endingOf, RewrittenGuest } from "../unit/wasm_lab.ts";
import { fuzzRuns } from "./runs.ts";
import { programOf, stackDepthMax, workCost } from "./wasm_programs.ts";

/** The end of a callee, its caller, and 32 for each frame that returns. */
const gapMax = (2 * 2048 + stackDepthMax * 32) / workCost;
const seedsPerProgram = 4;

/** Runs "f" of the original; what it did and how it ended. */
function runPlain(module: WebAssembly.Module, seed: number) {
  const { exports } = new WebAssembly.Instance(module);
  (exports["s"] as WebAssembly.Global).value = seed;
  const ending = endingOf(exports["f"] as () => void);
  const [work, state] = [exports["n"], exports["s"]].map((global) =>
    (global as WebAssembly.Global).value as number
  );
  return { ending, work, state };
}

Deno.test("random programs do the same, and check often, when rewritten", () => {
  const random = openSimRandom(4714);
  const programs = fuzzRuns(6_000) / 10; // each takes as long as ten mutants
  let longest = 0;
  let largest = 0;
  for (let run = 0; run < programs; run++) {
    const bytes = programOf(random);
    const module = new WebAssembly.Module(bytes);
    for (let at = 0; at < seedsPerProgram; at++) {
      const seed = random.integer(2 ** 31);
      let last = 0;
      let gap = 0;
      const guest: RewrittenGuest = new RewrittenGuest(bytes, {
        epoch: 1,
        onYield: () => {
          gap = Math.max(gap, count("n") - last);
          last = count("n");
        },
      });
      const count = (name: string) =>
        (guest.exports[name] as WebAssembly.Global).value as number;
      (guest.exports["s"] as WebAssembly.Global).value = seed;
      const ending = endingOf(() => guest.call("f"));
      const seen = { ending, work: count("n"), state: count("s") };
      assert.deepEqual(seen, runPlain(module, seed), `program ${run}`);
      gap = Math.max(gap, count("n") - last);
      assert.ok(gap <= gapMax, `program ${run}: ${gap} without a check`);
      longest = Math.max(longest, gap);
      largest = Math.max(largest, seen.work);
    }
  }
  assert.ok(longest > gapMax / 5, `they come near the limit: ${longest}`);
  assert.ok(largest > 50 * gapMax, `they work much: ${largest}`);
});
