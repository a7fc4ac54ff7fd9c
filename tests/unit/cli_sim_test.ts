// `pln sim`: what is listed, what a run prints, and what refuses it. The runs
// are real ones, of a small cluster. The JSON shapes are golden: members may be
// added to the files in tests/fixtures/cli, never renamed. With
// PLN_GOLDEN=write the files are written anew.

import assert from "node:assert/strict";
import { clusterScenarios } from "../../src/sim/mod.ts";
import { CliWorld } from "./cli_world.ts";

const fixtures = new URL("../fixtures/cli/", import.meta.url);

async function matches(name: string, value: unknown): Promise<void> {
  const text = `${JSON.stringify(value, undefined, 2)}\n`;
  const file = new URL(name, fixtures);
  if (Deno.env.get("PLN_GOLDEN") === "write") {
    await Deno.writeTextFile(file, text);
  }
  assert.equal(text, await Deno.readTextFile(file));
}

/** Every number becomes 0: any change of a node changes them. */
function shapeOf(text: string): unknown {
  return JSON.parse(text, (key, value) => {
    if (typeof value === "number") return 0;
    if (key === "lines") return value.slice(0, 1);
    if (key === "text") return value.replaceAll(/[\d.]+/g, "0");
    return key === "hash" ? value.replaceAll(/[0-9a-f]/g, "0") : value;
  });
}

Deno.test("sim list --json keeps its shape", async () => {
  const { out } = await new CliWorld().run("sim", "list", "--json");
  const { scenarios, ...rest } = JSON.parse(out);
  await matches("sim_list.json", { ...rest, scenarios: scenarios.slice(0, 1) });
});

Deno.test("sim run --json keeps its shape", async () => {
  const words = ["sim", "run", "wrong-clocks", "--nodes", "3", "--json"];
  const { out } = await new CliWorld().run(...words);
  await matches("sim_run.json", shapeOf(out));
});

Deno.test("sim list shows every scenario in a line", async () => {
  const { code, out } = await new CliWorld().run("sim", "list");
  assert.equal(code, 0);
  const lines = out.trimEnd().split("\n").slice(1);
  assert.deepEqual(
    lines.map((line) => line.split(" ")[0]),
    clusterScenarios.map(({ name }) => name),
  );
});

Deno.test("sim list answers in JSON", async () => {
  const { out } = await new CliWorld().run("sim", "list", "--json");
  const { version, scenarios } = JSON.parse(out);
  assert.equal(version, 1);
  assert.equal(scenarios.length, clusterScenarios.length);
  assert.deepEqual(Object.keys(scenarios[0]), ["name", "about", "nodes"]);
});

Deno.test("sim run prints what happened, and the same for a seed", async () => {
  const words = ["sim", "run", "partition", "--seed", "4", "--nodes", "2"];
  const { code, out, err } = await new CliWorld().run(...words);
  assert.equal(code, 0, err);
  assert.match(out, /^Scenario partition, 2 nodes, seed 4\n/);
  assert.match(
    out,
    /\nCut in two for a minute; [^]*\nMeasured\n {2}converged ms /,
  );
  assert.match(out, /All held, twice, for [\d.]+ s of virtual time/);
  const again = await new CliWorld().run(...words, "--json");
  const { version, hash, lines, figures, ...rest } = JSON.parse(again.out);
  assert.equal(version, 1);
  assert.ok(out.includes(`Trace ${hash}, ${rest.events} events`));
  assert.deepEqual([rest.scenario, rest.seed, rest.nodes], ["partition", 4, 2]);
  assert.ok(lines.length > 3 && figures.convergedMs >= 0);
});

type Refused = readonly [words: string[], code: number, says: RegExp];

Deno.test("sim run refuses what there is not", async () => {
  const refused: readonly Refused[] = [
    [["sim", "run", "nothing"], 3, /no scenario "nothing"[^]*pln sim list/],
    [["sim", "run"], 2, /scenario/],
    ...["0", "201", "100000", "-3", "3.5", "9007199254740992"].map(
      (nodes): Refused => [
        ["sim", "run", "chaos", "--nodes", nodes],
        2,
        /--nodes takes a whole number from 1 to 200, not/,
      ],
    ),
    [["sim", "run", "chaos", "--nodes", "1"], 2, /takes 3 to 200 nodes/],
    ...["x", "-1", "1e3", "1.5", "", "1000000000", "9007199254740992"].map(
      (seed): Refused => [
        ["sim", "run", "chaos", "--seed", seed],
        2,
        /--seed takes a whole number from 0 to 999999999, not/,
      ],
    ),
  ];
  for (const [words, expected, says] of refused) {
    const { code, out, err } = await new CliWorld().run(...words);
    assert.deepEqual([code, out], [expected, ""], err);
    assert.match(err, says);
  }
});
