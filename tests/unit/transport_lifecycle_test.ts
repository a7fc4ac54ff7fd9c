// What becomes of links: pings, loss, clones, restarts, renewal, revocation,
// farewells. In the simulator, so that weeks and partitions cost nothing.

import assert from "node:assert/strict";
import { clockToleranceMs } from "../../src/identity/mod.ts";
import { dialError } from "../../src/transport/link_end.ts";
import { closeCodes, type Link } from "../../src/transport/mod.ts";
import {
  ask,
  closeAll,
  connect,
  type Lab,
  never,
  onlyLink,
  openRogue,
  scenario,
} from "./transport_lab.ts";

const sessionIdleMs = 10_000;

/** Resolves when the condition holds, in virtual time. */
async function until(
  lab: Lab,
  withinMs: number,
  condition: () => boolean,
): Promise<void> {
  const endMs = lab.world.nowMs + withinMs;
  while (!condition()) {
    assert.ok(lab.world.nowMs < endMs, "it happens in time");
    await lab.pause(10);
  }
}

scenario(
  "round trips are the path's, smoothed from pings every two seconds",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    lab.network.setPath("a", "b", { latencyMs: 40 });
    const link = await connect(a, b);
    assert.equal(link.rttMs, undefined);
    await lab.pause(1_000);
    assert.equal(link.rttMs, 80);
    assert.equal(onlyLink(b).rttMs, 80);
    assert.equal(await link.ping(never), 80);
    lab.network.setPath("a", "b", { latencyMs: 120 });
    await lab.pause(4_500);
    const { rttMs = 0 } = link;
    assert.ok(rttMs > 100 && rttMs < 200, `${rttMs} ms`);
    await closeAll(a, b);
  },
);

scenario(
  "a peer behind a cut is suspected first and lost after the idle time, at both ends",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const link = await connect(a, b);
    const back = onlyLink(b);
    await lab.pause(1_000);
    lab.network.partition(["a"], ["b"]);
    const startMs = lab.world.nowMs;
    await until(lab, 9_500, () => link.isSuspect);
    assert.ok(lab.world.nowMs - startMs > 5_000, "not after one lost ping");
    const [end, other] = await Promise.all([link.ended, back.ended]);
    assert.equal(end.type, "lost");
    assert.equal(other.type, "lost");
    const tookMs = lab.world.nowMs - startMs;
    assert.ok(tookMs <= 2 * sessionIdleMs, `${tookMs} ms`);
    assert.equal(a.transport.links.size, 0);
    lab.network.heal();
    assert.equal(await ask(await connect(b, a), "back"), "back");
    await closeAll(a, b);
  },
);

scenario("a suspicion ends with the next answer", async (lab) => {
  const a = await lab.node("a");
  const b = await lab.node("b");
  const link = await connect(a, b);
  await lab.pause(1_000);
  b.clock.freeze();
  await until(lab, 9_500, () => link.isSuspect);
  b.clock.thaw();
  await until(lab, 3_000, () => !link.isSuspect);
  assert.equal(await ask(link, "still here"), "still here");
  await closeAll(a, b);
});

scenario(
  "a second process with the same identity is closed as a clone, the first stays",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const clone = await lab.node("clone", { key: a.key });
    const link = await connect(a, b);
    const doubled = await connect(clone, b);
    const end = await doubled.ended;
    assert.ok(end.type === "closed");
    assert.equal(end.code, closeCodes.clone);
    assert.match(dialError(b.peer, end).hint ?? "", /purge --include-keys/);
    assert.equal(await ask(link, "unharmed"), "unharmed");
    assert.equal(onlyLink(b).id, link.id);
    const { refusals, lastRefusals } = b.transport.report();
    assert.equal(refusals.clone, 1);
    assert.match(lastRefusals.at(-1)?.error.message ?? "", /Two processes/);
    await closeAll(a, b, clone);
  },
);

scenario(
  "a killed peer that comes back is taken within two seconds, its old link is dropped",
  async (lab) => {
    const first = await lab.node("a");
    const b = await lab.node("b");
    const old = await connect(b, first);
    await lab.pause(1_000);
    first.host.kill();
    first.clock.kill();
    const again = await lab.node("a", { key: first.key, machine: "a2" });
    const startMs = lab.world.nowMs;
    const link = await connect(again, b);
    assert.equal(await ask(link, "I am back"), "I am back");
    assert.ok(lab.world.nowMs - startMs < 2_000, "long before the idle time");
    assert.equal(onlyLink(b).id, link.id);
    const end = await old.ended;
    assert.ok(end.type === "closed" && end.code === closeCodes.upgraded);
    await closeAll(again, b);
  },
);

scenario(
  "a link that only one end has lost is replaced by its next dial",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    // The larger id dials, so that the old link would win by rank.
    const [dialer, other] = a.peer < b.peer ? [a, b] : [b, a];
    const old = await connect(dialer, other);
    const stale = onlyLink(other);
    lab.network.cutOneWay([other.name], [dialer.name]);
    assert.equal((await old.ended).type, "lost");
    lab.network.heal();
    assert.equal(onlyLink(other).id, stale.id, "the other end has not noticed");
    const link = await connect(dialer, other);
    assert.equal(await ask(link, "new"), "new");
    assert.equal(onlyLink(other).id, link.id);
    await closeAll(a, b);
  },
);

scenario(
  "a renewed credential replaces the one before and the link stays",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const link = await connect(a, b);
    const back = onlyLink(b);
    const renewed = lab.credential(a.key, { issue: 2 });
    a.transport.setCredential(renewed);
    await until(lab, 1_000, () => back.facts.issue === 2);
    assert.deepEqual(back.credential.member.der, renewed.member.der);
    assert.equal(await ask(link, "same link"), "same link");
    await closeAll(a, b);
  },
);

scenario(
  "a credential that is another node's is ignored and counted",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const link = await connect(a, b);
    const back = onlyLink(b);
    const before = back.credential;
    a.transport.setCredential(lab.credential(lab.newKey()));
    await until(lab, 1_000, () => b.transport.report().refusals.renewal === 1);
    assert.equal(back.credential, before);
    assert.equal(await ask(link, "still"), "still");
    await closeAll(a, b);
  },
);

scenario(
  "a peer whose rights are taken is closed as revoked by the next recheck",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const link = await connect(a, b);
    b.transport.recheck();
    assert.equal(await ask(link, "still welcome"), "still welcome");
    b.gatekeeper.denied.add(a.peer);
    const startMs = lab.world.nowMs;
    b.transport.recheck();
    const end = await link.ended;
    assert.ok(lab.world.nowMs - startMs < 100, "at once");
    assert.ok(end.type === "closed");
    assert.equal(end.code, closeCodes.revoked);
    assert.match(end.reason, /was denied/);
    await assert.rejects(connect(a, b), { code: "PLN_DENIED" });
    assert.equal(b.transport.report().refusals.denied, 2);
    await closeAll(a, b);
  },
);

scenario(
  "S16 a link ends when its peer's credential does, unless that was renewed",
  async (lab) => {
    const a = await lab.node("a");
    const late = await lab.node("late");
    const b = await lab.node("b");
    const weekMs = 7 * 24 * 3_600_000;
    const links = await Promise.all([connect(a, b), connect(late, b)]);
    lab.setWallOffset(weekMs * 2 / 3);
    for (const node of [a, b]) {
      node.transport.setCredential(lab.credential(node.key, { issue: 2 }));
    }
    await lab.pause(1_000);
    lab.setWallOffset(weekMs + clockToleranceMs - 1_200_000);
    await lab.pause(900_000);
    assert.equal(b.transport.links.size, 2, "within the tolerance");
    const end = await links[1].ended;
    assert.ok(end.type === "closed" && end.code === closeCodes.revoked);
    assert.match(end.reason, /expired/);
    assert.equal(await ask(links[0], "the very same"), "the very same");
    await closeAll(a, b, late);
  },
);

scenario("a link ends at its peer's access deadline", async (lab) => {
  const b = await lab.node("b");
  const accessDeadlineMs = b.clock.wallMs() + 300_000;
  const a = await lab.node("a", { claims: { accessDeadlineMs } });
  const link = await connect(a, b);
  await lab.pause(299_000);
  assert.equal(b.transport.links.size, 1);
  const end = await link.ended;
  assert.ok(end.type === "closed" && end.code === closeCodes.revoked);
  assert.ok(b.clock.wallMs() - accessDeadlineMs < 100);
  await closeAll(a, b);
});

scenario("a node that leaves says so, and both ends know", async (lab) => {
  const a = await lab.node("a");
  const b = await lab.node("b");
  const link = await connect(a, b);
  const back = onlyLink(b);
  const startMs = lab.world.nowMs;
  await a.transport.leave();
  assert.ok(lab.world.nowMs - startMs < 100, "the peer has answered");
  for (const end of await Promise.all([link.ended, back.ended])) {
    assert.ok(end.type === "closed");
    assert.equal(end.code, closeCodes.left);
  }
  await closeAll(a, b);
});

scenario(
  "leaving ends within a second when a peer hears nothing",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    await connect(a, b);
    lab.network.partition(["a"], ["b"]);
    const startMs = lab.world.nowMs;
    await a.transport.leave();
    assert.ok(lab.world.nowMs - startMs <= 1_000);
    assert.equal(a.transport.links.size, 0);
    await closeAll(a, b);
  },
);

scenario("a node that stops tells its peers at once", async (lab) => {
  const a = await lab.node("a");
  const b = await lab.node("b");
  const link = await connect(a, b);
  const startMs = lab.world.nowMs;
  await closeAll(b);
  const end = await link.ended;
  assert.ok(end.type === "closed" && end.code === closeCodes.shutdown);
  assert.ok(lab.world.nowMs - startMs < 1_000);
  await assert.rejects(ask(link, "hello?"), { code: "PLN_UNREACHABLE" });
  await closeAll(a);
});

scenario(
  "peers tell each other who they are and where they are seen",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b", {
      hello: () => ({
        name: "Bee 2",
        addresses: [{ ip: "10.0.0.9", port: 1 }],
      }),
    });
    const heard: Link[] = [];
    a.transport.onHello((link) => heard.push(link));
    const link = await connect(a, b);
    await until(lab, 1_000, () => link.observed !== undefined);
    assert.equal(link.hello?.name, "bee-2", "a name that every peer takes");
    assert.deepEqual(link.hello?.addresses, [{ ip: "10.0.0.9", port: 1 }]);
    assert.deepEqual(link.observed, a.address);
    b.transport.sayHello();
    await until(lab, 1_000, () => heard.length === 2);
    assert.ok(heard.every((one) => one === link));
    await closeAll(a, b);
  },
);

scenario(
  "a peer whose program is stuck is lost though its system answers",
  async (lab) => {
    const b = await lab.node("b");
    const rogue = await openRogue(lab, "rogue");
    const { session } = await rogue.member(b);
    await lab.pause(100);
    const link = onlyLink(b);
    const end = await link.ended;
    assert.equal(end.type, "lost");
    assert.match(end.reason, /answers no ping/);
    await session.ended;
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);

scenario(
  "nothing stays behind after links came, crossed, were lost and closed",
  async (lab) => {
    const before = lab.world.timerCount;
    const nodes = await Promise.all(
      ["a", "b", "c"].map((name) => lab.node(name)),
    );
    const [a, b, c] = nodes;
    assert.ok(a && b && c);
    await Promise.all([connect(a, b), connect(b, a), connect(b, c)]);
    await lab.pause(700);
    lab.network.partition(["c"], ["b"]);
    await lab.pause(25_000);
    lab.network.heal();
    await connect(c, a);
    const waiting = a.transport.dial(b.peer, { ip: "10.7.7.7", port: 1 }, {
      signal: never,
    });
    await waiting;
    await closeAll(...nodes);
    await lab.pause(10_000);
    assert.equal(lab.world.timerCount, before);
  },
  { seeds: 10 },
);
