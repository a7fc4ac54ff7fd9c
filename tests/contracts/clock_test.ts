// The clock's promises, kept by the machine's clock and the simulated one.

import { openClock } from "../../src/adapters/clock.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import { openSimClock } from "../../src/sim/clock.ts";
import { openWorld } from "../../src/sim/world.ts";
import { clockContract } from "./clock_contract.ts";

clockContract("openClock()", () => {
  const clock = openClock();
  return {
    clock,
    elapse: (durationMs) =>
      clock.sleep(durationMs, new AbortController().signal),
  };
});

clockContract("openSimClock()", () => {
  const world = openWorld(1, { turn: openTurn() });
  return {
    clock: openSimClock(world),
    elapse: (durationMs) => world.run(world.nowMs + durationMs),
  };
});
