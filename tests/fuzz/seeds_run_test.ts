// Tampered modules that still validate, loaded and called on real workers in a
// process of its own: whatever they do, each ends for a reason of its own, sane
// seeds go on, no thread is lost, memory stays bounded and the process lives.

import assert from "node:assert/strict";
import type { FuzzReport } from "../fixtures/evil/fuzz_child.ts";
import { fuzzRuns } from "./runs.ts";

const child = new URL("../fixtures/evil/fuzz_child.ts", import.meta.url).href;
const seed = 4711;
const rssBytesMax = 1.5 * 1024 ** 3;

async function fuzz(runs: number): Promise<FuzzReport> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", child, String(runs), String(seed)],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  const last = decoder.decode(stdout).trim().split("\n").at(-1) ?? "";
  assert.equal(code, 0, `it died after ${last}: ${decoder.decode(stderr)}`);
  return JSON.parse(last);
}

Deno.test("S35 S36 mutants of real modules hurt nobody on real workers", async () => {
  const runs = fuzzRuns(3_000);
  const report = await fuzz(runs);
  const { endings, faults, threadsLost } = report;
  assert.deepEqual(faults, []);
  assert.equal(threadsLost, 0);
  assert.equal(report.mutants, runs);
  assert.ok(report.rssBytesMax < rssBytesMax, `${report.rssBytesMax} bytes`);
  for (const ending of ["ok", "trap", "timeout", "seed", "invalid"]) {
    const count = endings[ending] ?? 0;
    assert.ok(count > 0, `some end "${ending}": ${JSON.stringify(endings)}`);
  }
});
