// `pln sim run`: one scenario over whole clusters of this version's nodes, in
// this process and in virtual time. Out come what happened when, what was
// measured, and the trace's hash; a broken invariant ends it with the command
// that breaks it again. It touches no disk, no network and no daemon.

import { NotFoundError } from "../../kernel/mod.ts";
import {
  type ClusterScenario,
  clusterScenarios,
  runScenario,
  scenarioNodesMax,
  type ScenarioOutcome,
} from "../../sim/mod.ts";
import type { Run } from "../loaders.ts";
import { parseCount } from "../numbers.ts";
import { pairsText } from "../render.ts";

const seedMax = 999_999_999;

export const run: Run<"sim run"> = async (invocation, { flags, args }) => {
  const scenario = find(args[0] ?? "");
  const seed = flags.seed === undefined
    ? 1
    : parseCount(flags.seed, "--seed", { max: seedMax });
  const nodes = flags.nodes === undefined
    ? undefined
    : parseCount(flags.nodes, "--nodes", { min: 1, max: scenarioNodesMax });
  const { platform } = invocation;
  const [signer, turn] = await Promise.all([
    platform.openSigner(),
    platform.openTurn(),
  ]);
  const outcome = await runScenario(scenario, { seed, nodes, signer, turn });
  const text = textOf(outcome, scenario);
  await invocation.answer({ version: 1, ...outcome }, text);
};

/** @throws {NotFoundError} Nothing of that name is shipped. */
function find(name: string): ClusterScenario {
  const found = clusterScenarios.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new NotFoundError(
    `There is no scenario ${JSON.stringify(name.slice(0, 40))}`,
    { hint: '"pln sim list" lists them' },
  );
}

function textOf(
  outcome: ScenarioOutcome,
  { about }: ClusterScenario,
): string {
  const { scenario, seed, nodes, virtualMs, hash, events } = outcome;
  const lines = outcome.lines
    .map(({ atMs, text }) => [`  ${secondsText(atMs)}`, text] as const);
  const figures = Object.entries(outcome.figures)
    .map(([name, value]) => [`  ${wordsOf(name)}`, String(value)] as const);
  return `Scenario ${scenario}, ${nodes} nodes, seed ${seed}\n${about}\n` +
    `${pairsText(lines)}Measured\n${pairsText(figures)}` +
    `All held, twice, for ${secondsText(virtualMs)} of virtual time\n` +
    `Trace ${hash}, ${events} events\n`;
}

/** Of a figure: "spreadMsMax" is "spread ms max". */
function wordsOf(name: string): string {
  return name.replaceAll(/([a-z])([A-Z0-9])/g, "$1 $2").toLowerCase();
}

function secondsText(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}
