// What the storm of joins is judged by: the most that one node carried at one
// moment. In comes a small cluster, out come counts that are known beforehand.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { type Burdens, BurdenWatch } from "../../src/sim/burdens.ts";
import { runScenario } from "../../src/sim/mod.ts";
import { signer } from "./lab.ts";

Deno.test("BurdenWatch keeps the most that one node had at once", async () => {
  const seen: Burdens[] = [];
  await runScenario({
    ...{ name: "watched", about: "Three nodes", nodesDefault: 3, nodesMin: 3 },
    run: async (stage) => {
      using watch = new BurdenWatch(stage.cluster);
      const [, ...others] = await stage.raise();
      await stage.pause(1_000);
      const { most } = watch;
      for (const other of others) await other.stop();
      await stage.pause(1_000);
      assert.deepEqual(watch.most, most, "what was, was");
      seen.push(most);
    },
  }, { seed: 1, signer, turn: openTurn() });
  const [most] = seen;
  assert.ok(most !== undefined && most.sessions >= 2);
  assert.equal(most.documents, 2);
  assert.ok(most.streams >= most.sessions && most.journalBytes > 0);
  assert.ok(most.heldBytes >= 0);
});
