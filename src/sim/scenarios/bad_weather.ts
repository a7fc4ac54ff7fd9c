// Networks that lose, delay, reorder and double packets, from one in a hundred
// lost to one in three, and one with 300 ms round trips. Links hold, changes of
// everybody reach everybody, in the same time as on a good day up to 10 % loss.

import type { PathOptions } from "../network_wire.ts";
import type { ClusterScenario } from "../scenario.ts";
import { convergedMsMax, type Stage } from "../stage.ts";

type Weather = { readonly name: string; readonly path: PathOptions };

const weathers: readonly Weather[] = [
  { name: "1 % loss", path: { lossPercent: 1 } },
  {
    name: "10 % loss, reordered and doubled",
    path: { lossPercent: 10, jitterMs: 30, duplicatePercent: 10 },
  },
  { name: "30 % loss", path: { lossPercent: 30, jitterMs: 10 } },
  {
    name: "300 ms round trips with 1 % loss",
    path: { latencyMs: 150, jitterMs: 50, lossPercent: 1 },
  },
];

const clear: PathOptions = {
  ...{ lossPercent: 0, latencyMs: 1, jitterMs: 0, duplicatePercent: 0 },
};

/** One weather after the other. */
export const badWeather: ClusterScenario = {
  name: "bad-weather",
  about: "Loss up to 30 %, 300 ms round trips, reordered and doubled packets",
  nodesDefault: 6,
  nodesMin: 2,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  const { network } = stage.cluster;
  for (const { name, path } of weathers) {
    network.setEverywhere({ ...clear, ...path });
    stage.tell(name);
    await stage.changeAll(members, { times: 6, everyMs: 2_000 });
    await stage.converged(name, { withinMs: convergedMsMax });
  }
  network.setEverywhere(clear);
  await stage.linked();
  await stage.converged("the weather cleared");
}
