// A scenario over a whole cluster, as data and one function, and the runner that
// plays it twice in two worlds of one seed. In come a scenario, a seed and a
// number of nodes; out comes what happened, or the first invariant that broke
// with the command that breaks it again. It knows no real clock and no process.

import { asPlnError, InputError } from "../kernel/mod.ts";
import type { Signer } from "../ports/mod.ts";
import { SimCluster } from "./cluster.ts";
import { replay } from "./replay.ts";
import { Stage, type StageLine } from "./stage.ts";
import { SimulationError, type Turn, type World } from "./world.ts";

/** What is shipped, and what `pln sim run` runs. */
export type ClusterScenario = {
  /** As it is typed. */
  readonly name: string;
  /** One line: what happens, and what has to hold. */
  readonly about: string;
  readonly nodesDefault: number;
  /** Fewer make no sense. */
  readonly nodesMin: number;
  /** Throws when something does not hold. */
  readonly run: (stage: Stage) => Promise<void>;
};

/** What a run needs and cannot make itself. */
export type RunOptions = {
  readonly seed: number;
  /** The scenario's own number unless told. */
  readonly nodes?: number | undefined;
  /** The real one: the simulator forges no signatures. */
  readonly signer: Signer;
  /** See `World`. */
  readonly turn: Turn;
};

/** How a run went. */
export type ScenarioOutcome = {
  readonly scenario: string;
  readonly seed: number;
  readonly nodes: number;
  /** How long the world's time ran. */
  readonly virtualMs: number;
  /** Of the trace, 16 hex digits; equal wherever this is run again. */
  readonly hash: string;
  /** Events in the trace. */
  readonly events: number;
  readonly lines: readonly StageLine[];
  /** Measurements by name; the unit ends the name. */
  readonly figures: Readonly<Record<string, number>>;
};

/** More take too long. */
export const scenarioNodesMax = 200;
const withinMs = 90 * 86_400_000;
/** Of each step of a disk, at most. */
const stepMsMax = 2;

/**
 * Plays a scenario twice and compares the traces.
 *
 * @throws {SimulationError} Something does not hold, or the two runs differ;
 * its hint is the command that runs it again.
 * @throws {InputError} The scenario cannot have so many nodes.
 */
export async function runScenario(
  scenario: ClusterScenario,
  options: RunOptions,
): Promise<ScenarioOutcome> {
  const { seed, signer, turn } = options;
  const { name, nodesMin, nodesDefault } = scenario;
  const nodes = options.nodes ?? nodesDefault;
  if (nodes < nodesMin || nodes > scenarioNodesMax) {
    throw new InputError(
      `Scenario "${name}" takes ${nodesMin} to ${scenarioNodesMax} nodes`,
      { hint: `Without a number it takes ${nodesDefault}` },
    );
  }
  let outcome: Omit<ScenarioOutcome, "hash"> | undefined;
  const whole = async (world: World) => {
    const cluster = new SimCluster(world, { signer, disk: { stepMsMax } });
    using stage = new Stage(cluster, { nodes });
    const played = Promise.race([play(scenario, stage), broken(stage)]);
    await world.complete(played, { withinMs });
    outcome = {
      ...{ scenario: name, seed, nodes },
      virtualMs: Math.round(world.nowMs),
      events: world.trace.length,
      lines: [...stage.lines],
      figures: Object.fromEntries(stage.figures),
    };
  };
  const again = `pln sim run ${name} --seed ${seed} --nodes ${nodes}`;
  try {
    const hash = await replay(whole, { seed, turn });
    if (outcome === undefined) throw new SimulationError("Nothing was played");
    return { ...outcome, hash };
  } catch (cause) {
    const { message } = asPlnError(cause);
    const hint = `Run it again: ${again}`;
    throw new SimulationError(`${name}: ${message}`, { cause, hint });
  }
}

async function play(scenario: ClusterScenario, stage: Stage): Promise<void> {
  await scenario.run(stage);
  await stage.settled();
  await stage.cluster.end();
}

async function broken(stage: Stage): Promise<never> {
  return await stage.invariants.broken;
}
