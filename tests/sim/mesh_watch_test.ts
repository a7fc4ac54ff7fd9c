// Who watches the members over a mesh of links: what it makes of links that
// come, go and fall silent, of records and of farewells. In: one seed a world.
// Out: states, events and lines of the log. The engine alone is tested in
// tests/unit/mesh_liveness_test.ts.

import assert from "node:assert/strict";
import { limits, type PeerId } from "../../src/kernel/mod.ts";
import {
  type ExpectedMember,
  MembersWatch,
  type SignHandler,
} from "../../src/mesh/members_watch.ts";
import { closeCodes } from "../../src/transport/mod.ts";
import { type MeshLab, type MeshNode, meshScenario } from "./mesh_lab.ts";

/** The watch of one node, and what it is told by hand. */
class Watched implements Disposable {
  readonly watch: MembersWatch;
  readonly changes: string[] = [];
  readonly #signs = new Set<SignHandler>();
  readonly #node: MeshNode;
  expected: readonly ExpectedMember[];

  constructor(node: MeshNode, others: readonly MeshNode[]) {
    this.#node = node;
    this.expected = others.map(({ peer }) => ({ peer, hasLeft: false }));
    const { clock, transport, log } = node;
    assert.ok(clock !== undefined && transport !== undefined);
    this.watch = new MembersWatch({
      ...{ clock, log, transport },
      onRecord: (handle) => {
        this.#signs.add(handle);
        return { [Symbol.dispose]: () => void this.#signs.delete(handle) };
      },
    }, {
      self: node.peer,
      periodMs: () => limits.recordPeriodMsMin,
      expected: () => this.expected,
    });
    const nameOf = (peer: PeerId) =>
      others.find((other) => other.peer === peer)?.name;
    this.watch.onChange((changes) => {
      for (const { peer, before, state } of changes) {
        this.changes.push(`${nameOf(peer)} ${before} ${state}`);
      }
    });
  }

  state(of: MeshNode) {
    return this.watch.stateOf(of.peer)?.state;
  }

  record(of: MeshNode): void {
    const heardMs = this.#node.clock?.nowMs() ?? 0;
    for (const handle of this.#signs) {
      handle(of.peer, { heardMs, periodMs: limits.recordPeriodMsMin });
    }
  }

  [Symbol.dispose](): void {
    this.watch[Symbol.dispose]();
    assert.equal(this.#signs.size, 0, "it listens to nobody any more");
  }
}

/** Two nodes, the first of which watches the second. */
async function pair(lab: MeshLab) {
  const [one, other] = await lab.join(2);
  assert.ok(one !== undefined && other !== undefined);
  const watched = new Watched(one, [other]);
  await lab.until("they are linked", () => one.linkCount === 1, {
    withinMs: 10_000,
  });
  await lab.pause(1_000);
  assert.equal(watched.state(other), "alive");
  return { one, other, watched };
}

const events = ({ log }: MeshNode) =>
  log.records.map(({ event }) => event).filter((event) =>
    event.startsWith("member.")
  );

meshScenario(
  "a node that dies is lost in 20 s, and back when it starts",
  async (lab) => {
    const { one, other, watched } = await pair(lab);
    await lab.pause(60_000);
    other.kill();
    const diedMs = lab.world.nowMs;
    await lab.until("it is lost", () => watched.state(other) === "lost", {
      withinMs: 20_000,
    });
    assert.ok(lab.world.nowMs - diedMs >= 5_000, "not at once");
    await other.start();
    await lab.until("it is back", () => watched.state(other) === "alive", {
      withinMs: 70_000,
    });
    assert.deepEqual(watched.changes.slice(-2), [
      `${other.name} suspect lost`,
      `${other.name} lost alive`,
    ]);
    assert.deepEqual(events(one), ["member.lost", "member.back"]);
    watched[Symbol.dispose]();
    await lab.end();
  },
);

meshScenario(
  "a node that leaves is no loss, and says so by its link",
  async (lab) => {
    const { one, other, watched } = await pair(lab);
    for (const link of other.transport?.links.values() ?? []) {
      link.close(closeCodes.left, "left");
    }
    await other.stop();
    await lab.pause(60_000);
    assert.equal(watched.state(other), "left");
    assert.deepEqual(events(one), ["member.left"]);
    watched[Symbol.dispose]();
    await lab.end();
  },
);

meshScenario(
  "what the state says of leavers counts once, a link more",
  async (lab) => {
    const { other, watched } = await pair(lab);
    const say = async (hasLeft: boolean) => {
      watched.expected = [{ peer: other.peer, hasLeft }];
      watched.watch.refresh();
      await lab.pause(1_000);
    };
    await say(true);
    assert.equal(watched.state(other), "left");
    for (const link of other.transport?.links.values() ?? []) {
      link.close(0, "restart");
    }
    await lab.until("it is linked again", () => other.linkCount === 1, {
      withinMs: 90_000,
    });
    await lab.pause(1_000);
    assert.equal(watched.state(other), "alive");
    await say(true); // its document is still the old one
    assert.equal(watched.state(other), "alive");
    await say(false);
    assert.equal(watched.state(other), "alive");
    await say(true);
    assert.equal(watched.state(other), "left");
    watched[Symbol.dispose]();
    await lab.end();
  },
);

meshScenario(
  "a silent link is suspected, then its peer is lost",
  async (lab) => {
    const { other, watched, one } = await pair(lab);
    const link = one.transport?.links.get(other.peer);
    assert.ok(link !== undefined);
    link.isSuspect = true;
    await lab.pause(1_000);
    assert.equal(watched.state(other), "suspect");
    await lab.pause(13_000);
    assert.equal(watched.state(other), "suspect");
    await lab.pause(2_000);
    assert.equal(watched.state(other), "lost");
    watched.record(other); // it comes by another way
    await lab.pause(1_000);
    assert.equal(watched.state(other), "suspect");
    link.isSuspect = false;
    await lab.pause(1_000);
    assert.equal(watched.state(other), "alive");
    watched[Symbol.dispose]();
    await lab.end();
  },
);

meshScenario("a member without a link lives by its records", async (lab) => {
  const { one, other, watched } = await pair(lab);
  lab.network.cut((from, to) => from === to);
  await lab.until("the link is gone", () => one.linkCount === 0, {
    withinMs: 20_000,
  });
  for (let round = 0; round < 10; round++) {
    watched.record(other);
    await lab.pause(5_000);
    assert.equal(watched.state(other), "alive");
  }
  await lab.pause(11_000);
  assert.equal(watched.state(other), "lost");
  lab.network.heal();
  watched[Symbol.dispose]();
  await lab.end();
});

meshScenario(
  "S05 S06 a node that was stopped marks nobody lost",
  async (lab) => {
    const { one, other, watched } = await pair(lab);
    for (const stoppedMs of [5_000, 30_000, 60_000]) {
      one.clock?.freeze();
      const link = one.transport?.links.get(other.peer);
      link?.close(0, "idle"); // its peer gave up
      await lab.pause(stoppedMs);
      one.clock?.thaw();
      await lab.pause(12_000);
      assert.deepEqual(events(one), [], `after ${stoppedMs} ms`);
      await lab.until("it is alive", () => watched.state(other) === "alive", {
        withinMs: 60_000,
      });
    }
    watched[Symbol.dispose]();
    await lab.end();
  },
);

meshScenario("whoever listens badly harms nobody else", async (lab) => {
  const { one, other, watched } = await pair(lab);
  const { changes } = watched;
  changes.length = 0;
  const bad = watched.watch.onChange(() => {
    throw new Error("A bug");
  });
  const last: string[] = [];
  watched.watch.onChange(() => last.push("told"));
  other.kill();
  await lab.pause(30_000);
  assert.equal(changes.length, last.length);
  assert.ok(last.length >= 2);
  assert.ok(events(one).includes("member.listener_failed"));
  bad[Symbol.dispose]();
  watched[Symbol.dispose]();
  await lab.end();
});
