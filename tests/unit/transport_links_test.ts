// The simplest life of a link in the simulator: dialled, used, closed, gone.

import assert from "node:assert/strict";
import { ask, closeAll, connect, onlyLink, scenario } from "./transport_lab.ts";

scenario(
  "a dialled peer is linked on both ends, and streams go both ways",
  async (lab) => {
    const before = lab.world.timerCount;
    const a = await lab.node("a");
    const b = await lab.node("b");
    const link = await connect(a, b);
    assert.equal(link.peer, b.peer);
    assert.equal(await ask(link, "hello"), "hello");
    const back = onlyLink(b);
    assert.equal(back.peer, a.peer);
    assert.equal(back.id, link.id);
    assert.equal(await ask(back, "again"), "again");
    await closeAll(a, b);
    await lab.pause(20_000);
    assert.equal(lab.world.timerCount, before);
  },
);
