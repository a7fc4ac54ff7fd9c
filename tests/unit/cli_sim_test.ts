// `pln sim`: what is listed, what a run prints, and what refuses it. The runs
// are real ones, of a small cluster.

import assert from "node:assert/strict";
import { clusterScenarios } from "../../src/sim/mod.ts";
import { CliWorld } from "./cli_world.ts";

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
  assert.match(out, /All held, twice, for [\d.]+ s of virtual time/);
  const again = await new CliWorld().run(...words, "--json");
  const { version, hash, lines, figures, ...rest } = JSON.parse(again.out);
  assert.equal(version, 1);
  assert.ok(out.includes(`Trace ${hash}, ${rest.events} events`));
  assert.deepEqual([rest.scenario, rest.seed, rest.nodes], ["partition", 4, 2]);
  assert.ok(lines.length > 3 && figures.convergedMs >= 0);
});

Deno.test("sim run refuses what there is not", async () => {
  const refused: readonly [string[], number, RegExp][] = [
    [["sim", "run", "nothing"], 3, /no scenario "nothing"[^]*pln sim list/],
    [["sim", "run"], 2, /scenario/],
    [["sim", "run", "chaos", "--nodes", "1"], 2, /takes 3 to 200 nodes/],
    [["sim", "run", "chaos", "--nodes", "201"], 2, /from 1 to 200/],
    [["sim", "run", "chaos", "--seed", "x"], 2, /--seed takes a whole number/],
  ];
  for (const [words, expected, says] of refused) {
    const { code, out, err } = await new CliWorld().run(...words);
    assert.deepEqual([code, out], [expected, ""], err);
    assert.match(err, says);
  }
});
