// A member with a true credential that lies, one class of lie after the other.
// Whatever it says: no view shows anything of an honest owner that it did not
// publish, honest nodes stay linked and equal, and what they publish goes on
// reaching everybody.

import { Court } from "../hostile/court.ts";
import { endlessWork } from "../hostile/endless_work.ts";
import { harmlessLies } from "../hostile/harmless_lies.ts";
import { protocolLies } from "../hostile/protocol_lies.ts";
import { refusedLies } from "../hostile/refused_lies.ts";
import type { ClusterScenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

/** In what it publishes. */
export const hostile: ClusterScenario = {
  name: "hostile",
  about: "A member publishes lies of every class; no view shows any of them",
  nodesDefault: 4,
  nodesMin: 4,
  run: (stage) =>
    inCourt(stage, async (court) => {
      for (const one of refusedLies) {
        await court.hear(one);
        stage.expect(!court.isBelieved, `nobody believes ${one[0]}`);
      }
      for (const one of harmlessLies) await court.hear(one);
      stage.measure("lies", refusedLies.length + harmlessLies.length);
    }),
};

/** In what it asks for and tells of others. */
export const hostileFrames: ClusterScenario = {
  name: "hostile-frames",
  about: "A member lies about who has what, and asks without end",
  nodesDefault: 4,
  nodesMin: 4,
  run: (stage) =>
    inCourt(stage, async (court) => {
      for (const one of protocolLies) await court.hear(one);
      stage.measure("lies", protocolLies.length);
    }),
};

/** In what it makes others do. */
export const hostileWork: ClusterScenario = {
  name: "hostile-work",
  about: "A member makes work without end; others hear each other in time",
  nodesDefault: 4,
  nodesMin: 4,
  run: (stage) =>
    inCourt(stage, async (court) => {
      for (const one of endlessWork) await court.hear(one);
      stage.measure("lies", endlessWork.length);
    }),
};

async function inCourt(
  stage: Stage,
  run: (court: Court) => Promise<void>,
): Promise<void> {
  const court = await Court.open(stage);
  await run(court);
  await court.liar.end();
  stage.tell("The liar has ended");
}
