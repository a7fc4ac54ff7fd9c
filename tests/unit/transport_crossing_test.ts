// Dials that cross, are shared, given up and overtaken, in the simulator.

import assert from "node:assert/strict";
import { closeCodes } from "../../src/transport/mod.ts";
import {
  ask,
  closeAll,
  connect,
  type Lab,
  type LabNode,
  onlyLink,
  scenario,
} from "./transport_lab.ts";

/** Asks the peer again and again, over whatever link there is. */
async function keepAsking(
  lab: Lab,
  from: LabNode,
  options: { readonly to: LabNode; readonly isOver: () => boolean },
): Promise<number> {
  let answered = 0;
  while (!options.isOver()) {
    const link = from.transport.links.get(options.to.peer);
    if (link !== undefined) {
      const text = `${from.name} ${answered}`;
      assert.equal(await ask(link, text), text);
      answered++;
    }
    await lab.pause(3);
  }
  return answered;
}

scenario(
  "both ends keep the same connection when they dial at once, and lose no request",
  async (lab) => {
    const random = lab.world.random.fork("crossing");
    const a = await lab.node("a");
    const b = await lab.node("b");
    lab.network.setPath("a", "b", {
      latencyMs: 1 + random.integer(80),
      jitterMs: random.integer(40),
      lossPercent: random.integer(3) * 5,
    });
    let isOver = false;
    const asking = [
      keepAsking(lab, a, { to: b, isOver: () => isOver }),
      keepAsking(lab, b, { to: a, isOver: () => isOver }),
    ];
    const dial = async (from: LabNode, to: LabNode) => {
      await lab.pause(random.integer(150));
      const link = await connect(from, to);
      assert.equal(link.peer, to.peer);
    };
    await Promise.all([dial(a, b), dial(b, a)]);
    await lab.pause(3_000);
    isOver = true;
    const answered = await Promise.all(asking);
    assert.ok(answered.every((count) => count > 5), `${answered} requests`);
    assert.equal(onlyLink(a).id, onlyLink(b).id);
    await closeAll(a, b);
  },
  { seeds: 100 },
);

scenario(
  "the loser of two crossing dials is closed as a duplicate after half a second",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const links = [a, b].map(({ transport }) =>
      new Promise<string[]>((resolve) => {
        const seen: string[] = [];
        transport.onLink((link) => seen.push(link.id));
        lab.world.after(2_000, () => resolve(seen));
      })
    );
    await Promise.all([connect(a, b), connect(b, a)]);
    const [ofA = [], ofB = []] = await Promise.all(links);
    assert.ok(ofA.length + ofB.length > 2, "the dials have crossed");
    const closed = [a, b].flatMap(({ log }) =>
      log.records.filter(({ event }) => event === "link.closed")
    );
    assert.equal(closed.length, 2);
    for (const { fields } of closed) {
      assert.equal(fields.code, closeCodes.duplicate);
    }
    assert.equal(ofA.at(-1), ofB.at(-1));
    await closeAll(a, b);
  },
);

scenario(
  "who dials one address of a peer at once shares one session",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const [one, other] = await Promise.all([connect(a, b), connect(a, b)]);
    assert.equal(one, other);
    assert.equal(await connect(a, b), one);
    const opened = b.log.records.filter(({ event }) => event === "link.open");
    assert.equal(opened.length, 1);
    await closeAll(a, b);
  },
);

scenario(
  "a dial ends when the last who waits for it gives up, and not before",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    lab.network.setPath("a", "b", { latencyMs: 100 });
    const [first, second] = [new AbortController(), new AbortController()];
    const dial = ({ signal }: AbortController) =>
      a.transport.dial(b.peer, b.address, { signal });
    const given = dial(first);
    const kept = dial(second);
    await lab.pause(10);
    first.abort(new Error("enough"));
    await assert.rejects(given, /enough/);
    assert.equal((await kept).peer, b.peer);
    (await kept).close(closeCodes.shutdown, "");
    await lab.pause(500);
    const alone = new AbortController();
    const third = dial(alone);
    await lab.pause(10);
    alone.abort(new Error("enough"));
    await assert.rejects(third, /enough/);
    await lab.pause(5_000);
    assert.equal(a.transport.links.size, 0);
    assert.equal((await connect(a, b)).peer, b.peer, "later dials work");
    await closeAll(a, b);
  },
);

scenario(
  "two addresses of one peer dialled at once end in one link",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    lab.network.setIps("b", [b.address.ip, "10.9.0.1"]);
    const other = { ...b, address: { ...b.address, ip: "10.9.0.1" } };
    const [one, two] = await Promise.all([connect(a, b), connect(a, other)]);
    assert.equal(one.peer, two.peer);
    await lab.pause(2_000);
    assert.equal(onlyLink(a).id, onlyLink(b).id);
    await closeAll(a, b);
  },
  { seeds: 10 },
);

scenario(
  "a dial that the peer's own dial overtakes makes no second connection",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    lab.network.setPath("a", "b", { latencyMs: 50 });
    // b is linked at a after three half round trips, a challenged after two.
    const theirs = connect(b, a);
    await lab.pause(75);
    const [mine] = await Promise.all([connect(a, b), theirs]);
    await lab.pause(2_000);
    assert.equal(mine.isDialer, false);
    for (const { log } of [a, b]) {
      const events = log.records.map(({ event }) => event);
      assert.equal(events.filter((one) => one === "link.open").length, 1);
      assert.ok(!events.includes("link.closed"));
    }
    await closeAll(a, b);
  },
);
