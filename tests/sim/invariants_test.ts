// What watches every scenario, watched itself: each invariant is broken once,
// and says so with the seed and the command. A watcher that never fails would
// prove nothing.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { PlnError } from "../../src/kernel/mod.ts";
import type { Node } from "../../src/node/mod.ts";
import {
  type ClusterScenario,
  runScenario,
  type SimMember,
  type Stage,
} from "../../src/sim/mod.ts";
import { sampleModule } from "../fixtures/seeds/sample.ts";
import { signer } from "./lab.ts";

const turn = openTurn();

/** Why a scenario of two nodes ends. */
async function failureOf(run: ClusterScenario["run"]): Promise<PlnError> {
  const scenario: ClusterScenario = {
    ...{ name: "broken", about: "It breaks", nodesDefault: 2, nodesMin: 2 },
    run,
  };
  try {
    await runScenario(scenario, { seed: 5, signer, turn });
  } catch (cause) {
    assert.ok(cause instanceof PlnError);
    assert.equal(
      cause.hint,
      "Run it again: pln sim run broken --seed 5 --nodes 2",
    );
    return cause;
  }
  throw new Error("It held");
}

async function pair(stage: Stage): Promise<[SimMember, SimMember]> {
  const [one, other] = await stage.raise();
  assert.ok(one !== undefined && other !== undefined);
  return [one, other];
}

Deno.test("an invariant: a view shows only what its owner published", async () => {
  const { message } = await failureOf(async (stage) => {
    const [one] = await pair(stage);
    await one.node.publishSeed("secret", sampleModule(1), { config: {} });
    await stage.pause(5_000);
  });
  assert.match(message, /seed 5 .*shows seed "secret" .* never published/);
});

Deno.test("an invariant: what was acknowledged is in the owner's view", async () => {
  const { message } = await failureOf(async (stage) => {
    const [one] = await pair(stage);
    await stage.ledger.publish(one, "lasting");
    await one.node.unpublishSeed("lasting");
    await stage.pause(5_000);
  });
  assert.match(message, /"lasting" is not there, and \w+ was acknowledged/);
});

Deno.test("an invariant: nothing logs an error", async () => {
  const { message } = await failureOf(async (stage) => {
    const [one] = await pair(stage);
    one.process.ports.log.error("test.broken", { why: "a test" });
    await stage.pause(5_000);
  });
  assert.match(message, /n1: it logged test.broken: \{"why":"a test"\}/);
});

Deno.test("an invariant: places of documents never go back", async () => {
  const { message } = await failureOf(async (stage) => {
    const [one, other] = await pair(stage);
    const { peer } = other;
    await stage.pause(2_000);
    const { node } = one;
    const places: Node["places"] =
      () => [{ owner: peer, generation: 0, seq: 1 }];
    Object.assign(node, { places });
    await stage.pause(5_000);
  });
  assert.match(message, /document of \w{8} went back from generation 1/);
});

Deno.test("an invariant broken in both runs ends them at the same time", async () => {
  const at: number[] = [];
  for (let time = 0; time < 2; time++) {
    await failureOf(async (stage) => {
      const [one] = await pair(stage);
      await one.node.publishSeed("secret", sampleModule(1), { config: {} });
      at.push(stage.cluster.world.nowMs);
      await stage.pause(5_000);
      at.push(-1);
    });
  }
  assert.equal(at.length, 2);
  assert.equal(at[0], at[1]);
});

Deno.test("a scenario whose two runs differ fails", async () => {
  let runs = 0;
  const { message } = await failureOf(async (stage) => {
    await pair(stage);
    stage.tell(`run ${runs++}`);
  });
  assert.match(message, /Two runs of seed 5 differ: .*run 0.*run 1/);
});

Deno.test("a scenario that does not hold says what does not", async () => {
  const { message } = await failureOf((stage) => {
    stage.expect(false, "water is dry");
    return Promise.resolve();
  });
  assert.match(message, /broken: .*seed 5 at 0 ms: .*water is dry/);
});

Deno.test("work that a scenario left behind fails it", async () => {
  const { message } = await failureOf(async (stage) => {
    await pair(stage);
    stage.spawn(() => Promise.reject(new Error("left behind")));
  });
  assert.match(message, /left behind/);
});
