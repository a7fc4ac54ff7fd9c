// The proof that a scenario is repeatable. In, a scenario and a seed; out, the
// hash of its trace. The scenario runs twice, each time in a new world; unequal
// traces mean that something read a real clock, real randomness or the order
// of a hash table. Every failure names the seed that brings it back.

import { SimulationError, type Turn, World } from "./world.ts";

/** Throws when the world is not as it should be. */
export type Scenario = (world: World) => Promise<void>;

/**
 * Runs the scenario twice and compares the traces.
 *
 * @returns The hash of the trace, 16 hex digits.
 * @throws {SimulationError} The scenario failed (see the cause), or its two
 * runs differ; the message holds the seed.
 */
export async function replay(
  scenario: Scenario,
  options: { readonly seed: number; readonly turn: Turn },
): Promise<string> {
  const first = await play(scenario, options);
  const second = await play(scenario, options);
  const hash = first.trace.hash();
  if (hash === second.trace.hash()) return hash;
  throw new SimulationError(
    `Two runs of seed ${options.seed} differ: ${
      firstDifference(first, second)
    }`,
    { hint: "Look for a real clock, real randomness or an unordered map" },
  );
}

/**
 * Runs the scenario once, for worlds beyond those that prove it repeatable.
 *
 * @throws {SimulationError} The scenario failed: see the cause; the message
 * holds the seed.
 */
export async function play(
  scenario: Scenario,
  options: { readonly seed: number; readonly turn: Turn },
): Promise<World> {
  const world = new World(options.seed, { turn: options.turn });
  try {
    await scenario(world);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new SimulationError(
      `Scenario failed with seed ${options.seed} at ${world.nowMs} ms: ${text}`,
      { cause, hint: `Run it again with seed ${options.seed}` },
    );
  }
  return world;
}

function firstDifference(first: World, second: World): string {
  const left = first.trace.lines;
  const right = second.trace.lines;
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    if (left[index] === right[index]) continue;
    return `event ${index + 1} is ${quoted(left[index])}, then ` +
      quoted(right[index]);
  }
  return `after the first ${left.length} events, which are equal`;
}

function quoted(line: string | undefined): string {
  return line === undefined ? "missing" : `"${line}"`;
}
