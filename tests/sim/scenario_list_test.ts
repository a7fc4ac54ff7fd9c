// What holds for all shipped scenarios together: each is a test here, and each
// run is the same in another process. In comes the command that is shipped; out
// comes the hash of its trace.

import assert from "node:assert/strict";
import { clusterScenarios } from "../../src/sim/mod.ts";
import { scenarioRows } from "./scenario_lab.ts";

const root = new URL("../..", import.meta.url).pathname;

Deno.test("every shipped scenario is tested", () => {
  const shipped = clusterScenarios.map(({ name }) => name).sort();
  assert.deepEqual(Object.keys(scenarioRows).sort(), shipped);
});

for (const name of ["chaos", "hostile"]) {
  Deno.test(`${name} leaves the same trace in two processes`, async () => {
    const words = ["sim", "run", name, "--seed", "11", "--nodes", "4"];
    const runs = await Promise.all([hashOf(words), hashOf(words)]);
    assert.match(runs[0], /^[0-9a-f]{16}$/);
    assert.equal(runs[0], runs[1]);
  });
}

async function hashOf(words: readonly string[]): Promise<string> {
  const args = ["src/cli/launcher.sh", ...words, "--json"];
  const command = new Deno.Command("sh", {
    args,
    cwd: root,
    env: { PLN_DENO: Deno.execPath() },
  });
  const { code, stdout, stderr } = await command.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)).hash;
}
