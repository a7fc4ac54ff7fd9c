// The faults of the simulated network: what latency, loss, cuts, frozen and
// killed machines and wrong clocks do to sessions, in virtual time. The port's
// own promises are in tests/contracts.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { ConflictError, UnreachableError } from "../../src/kernel/mod.ts";
import type { Session } from "../../src/ports/mod.ts";
import { openWorld, replay, type World } from "../../src/sim/mod.ts";
import {
  Arrivals,
  type Ends,
  openRoute,
  openTalk,
  pattern,
  protocols,
  type Route,
  type Talk,
} from "../contracts/network_lab.ts";
import {
  openSimulatedLab,
  type SimulatedLab,
} from "../contracts/network_subjects.ts";

const turn = openTurn();

type Scene = SimulatedLab & {
  readonly world: World;
  readonly route: Route;
  readonly ends: Ends;
  /** A stream that ann has opened. */
  readonly talk: readonly [Talk, Talk];
  pause(delayMs: number): Promise<void>;
};

function scene(name: string, run: (scene: Scene) => Promise<void>): void {
  const fn = async () => {
    for (const seed of [1, 2, 3]) {
      const world = openWorld(seed, { turn });
      await world.complete(play(world, run));
    }
  };
  Deno.test({ name: `SimNetwork: ${name}`, permissions: "none", fn });
}

async function play(
  world: World,
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  const lab = openSimulatedLab(world);
  const route = await openRoute(lab);
  const ends = await route.connect();
  const talk = await openTalk(ends.ours, new Arrivals(ends.theirs));
  const pause = (delayMs: number) =>
    new Promise<void>((resolve) => void world.after(delayMs, resolve));
  await pause(1_000);
  await run({ ...lab, world, route, ends, talk, pause });
}

/** One byte there and back. */
async function exchange([here, there]: readonly [Talk, Talk]): Promise<void> {
  await here.write(Uint8Array.of(1));
  assert.deepEqual(await there.read(), Uint8Array.of(1));
  await there.write(Uint8Array.of(2));
  assert.deepEqual(await here.read(), Uint8Array.of(2));
}

/** How long a session lasts from now on, and that it is lost then. */
async function lostAfterMs(world: World, session: Session): Promise<number> {
  const startMs = world.nowMs;
  assert.equal((await session.ended).type, "lost");
  return world.nowMs - startMs;
}

function assertWithin(ms: number, [min, max]: readonly [number, number]) {
  assert.ok(ms >= min && ms <= max, `${ms} ms is not from ${min} to ${max}`);
}

scene("a round trip takes both latencies", async ({ world, network, talk }) => {
  network.setOneWay("ann", "bob", { latencyMs: 40 });
  network.setOneWay("bob", "ann", { latencyMs: 10 });
  const startMs = world.nowMs;
  await exchange(talk);
  assert.equal(world.nowMs - startMs, 50);
});

scene("streams lose nothing on a path that does", async (scene) => {
  const { world, network, talk: [here, there] } = scene;
  network.setPath("ann", "bob", { lossPercent: 30, jitterMs: 20 });
  const startMs = world.nowMs;
  const sent = pattern(3_000_000);
  const [received] = await Promise.all([there.readAll(), here.writeAll(sent)]);
  assert.deepEqual(received, sent);
  assert.ok(world.nowMs - startMs > 100);
});

scene("a process counts the bytes that it has not read", async (scene) => {
  const { bob, talk: [here, there], pause } = scene;
  const before = bob.host.counts.heldBytes;
  await here.write(pattern(5_000));
  await pause(1_000);
  assert.equal(bob.host.counts.heldBytes, before + 5_000);
  let readBytes = 0;
  while (readBytes < 5_000) readBytes += (await there.read())?.length ?? 5_000;
  assert.equal(bob.host.counts.heldBytes, 0);
});

scene("datagrams get lost and overtake each other", async (scene) => {
  const { network, ends: { ours, theirs }, pause } = scene;
  network.setPath("ann", "bob", { lossPercent: 30, jitterMs: 50 });
  const received: number[] = [];
  const receive = async () => {
    for await (const [number = -1] of theirs.incomingDatagrams()) {
      received.push(number);
    }
  };
  const receiving = receive();
  for (let number = 0; number < 200; number++) {
    assert.equal(await ours.sendDatagram(Uint8Array.of(number)), true);
    await pause(1);
  }
  await pause(1_000);
  theirs.close(0, "");
  await receiving;
  assertWithin(received.length, [110, 170]);
  assert.notDeepEqual(received, received.toSorted((a, b) => a - b));
});

scene("a third of all packets lost ends no session", async (scene) => {
  const { network, talk, pause } = scene;
  network.setPath("ann", "bob", { lossPercent: 35, latencyMs: 50 });
  await pause(600_000);
  await exchange(talk);
});

scene("dials get through a lossy path", async ({ network, route }) => {
  network.setPath("ann", "bob", { lossPercent: 40 });
  for (let index = 0; index < 10; index++) await route.connect();
});

scene("a short partition only delays", async ({ network, talk, pause }) => {
  const [here, there] = talk;
  network.partition(["ann"], ["bob"]);
  await here.write(Uint8Array.of(7));
  await pause(8_000);
  network.heal();
  assert.deepEqual(await there.read(), Uint8Array.of(7));
  await exchange(talk);
});

scene("a long partition ends sessions at both ends", async (scene) => {
  const { world, network, ends, talk: [here] } = scene;
  network.partition(["ann"], ["bob"]);
  const failing = assert.rejects(here.writeForEver());
  const lasted = await Promise.all([
    lostAfterMs(world, ends.ours),
    lostAfterMs(world, ends.theirs),
  ]);
  for (const ms of lasted) assertWithin(ms, [10_000, 13_000]);
  await failing;
});

scene("who is not heard is lost first, by the other", async (scene) => {
  const { world, network, ends } = scene;
  network.cutOneWay(["ann"], ["bob"]);
  const [ours, theirs] = await Promise.all([
    lostAfterMs(world, ends.ours),
    lostAfterMs(world, ends.theirs),
  ]);
  assertWithin(theirs, [10_000, 13_000]);
  assertWithin(ours, [20_000, 26_000]);
});

scene("who lost a session tells a peer that did not", async (scene) => {
  const { world, network, ends } = scene;
  network.cutOneWay(["ann"], ["bob"]);
  await ends.theirs.ended;
  network.heal();
  assertWithin(await lostAfterMs(world, ends.ours), [0, 3_100]);
});

scene("a killed machine is noticed by its silence", async (scene) => {
  const { world, bob, ends } = scene;
  let hasEnded = false;
  void ends.theirs.ended.then(() => hasEnded = true);
  bob.clock.kill();
  bob.host.kill();
  assertWithin(await lostAfterMs(world, ends.ours), [10_000, 13_000]);
  assert.equal(hasEnded, false);
});

scene("a port is free when its process was killed", async (scene) => {
  const { network, signer, bob, route } = scene;
  const { local } = route.listener;
  const identity = route.identity.leaf();
  const reopen = (clock = bob.clock) =>
    network.host("bob", { clock, signer }).open(local, { identity, protocols });
  await route.listener[Symbol.asyncDispose]();
  await assert.rejects(reopen(), ConflictError);
  bob.host.kill();
  assert.deepEqual((await reopen()).local, local);
});

scene("a machine that stands still for 5 s loses nobody", async (scene) => {
  const { bob, talk, pause } = scene;
  bob.clock.freeze();
  await pause(5_000);
  bob.clock.thaw();
  await exchange(talk);
});

scene("one that stands still for 30 s is told when it wakes", async (scene) => {
  const { world, bob, ends, pause } = scene;
  bob.clock.freeze();
  const [lasted] = await Promise.all([
    lostAfterMs(world, ends.ours),
    pause(30_000),
  ]);
  assertWithin(lasted, [10_000, 13_000]);
  bob.clock.thaw();
  assertWithin(await lostAfterMs(world, ends.theirs), [0, 10_000]);
});

scene("a dial finds out by waiting that nobody listens", async (scene) => {
  const { world, route, network } = scene;
  const dial = async (ip: string, port: number) => {
    const startMs = world.nowMs;
    const options = route.identity.dialOptions();
    const dialling = route.dialler.dial({ ip, port }, options);
    await assert.rejects(dialling, UnreachableError);
    assert.equal(world.nowMs - startMs, 10_000);
  };
  const { ip, port } = route.address;
  await dial(ip, 9);
  await dial("10.9.9.9", port);
  network.partition(["ann"], ["bob"]);
  await dial(ip, port);
});

scene("a dial meets a listener that comes meanwhile", async (scene) => {
  const { bob, route, pause } = scene;
  const local = { ip: "::", port: 4_000 };
  const to = { ip: route.address.ip, port: local.port };
  const dialling = route.dialler.dial(to, route.identity.dialOptions());
  await pause(5_000);
  const identity = route.identity.leaf();
  const late = await bob.host.open(local, { identity, protocols });
  for await (const incoming of late.incomingSessions()) {
    assert.ok(incoming.accept());
    break;
  }
  assert.deepEqual((await dialling).remote, to);
});

scene("a dial that waits to be accepted comes once", async (scene) => {
  const { route, pause } = scene;
  const dialling = route.dial();
  await pause(5_000);
  assert.equal(await (await route.accept()).established, true);
  const ours = await dialling;
  const next = route.incoming.next();
  await pause(5_000);
  ours.close(0, "");
  await route.listener[Symbol.asyncDispose]();
  assert.equal((await next).done, true);
});

scene("a wrong wall clock refuses fresh certificates", async (scene) => {
  const { ann, route } = scene;
  const dayMs = 86_400_000;
  for (const offsetMs of [-2 * dayMs, 2 * dayMs]) {
    ann.clock.setWallOffset(offsetMs);
    const refused = assert.rejects(route.dial(), UnreachableError);
    await (await route.accept()).ended;
    await refused;
  }
  ann.clock.setWallOffset(3_600_000);
  await route.connect();
});

scene("sessions follow a machine to other addresses", async (scene) => {
  const { network, route, ends, talk } = scene;
  network.setIps("ann", ["10.7.0.1", "fd00::7"]);
  await exchange(talk);
  assert.equal(ends.theirs.remote.ip, "10.7.0.1");
  const before = route.address;
  network.setIps("bob", ["fd00::8"]);
  const options = route.identity.dialOptions();
  await assert.rejects(route.dialler.dial(before, options), UnreachableError);
  const to = { ip: "fd00::8", port: before.port };
  const dialling = route.dialler.dial(to, options);
  const theirs = await route.accept();
  await dialling;
  assert.equal(theirs.remote.ip, "fd00::7");
});

scene("loopback is each machine's own", async ({ bob, route }) => {
  const identity = route.identity.leaf();
  const bind = { ip: "127.0.0.1", port: 4_000 };
  await bob.host.open(bind, { identity, protocols });
  for (const ip of [bind.ip, route.address.ip]) {
    await assert.rejects(
      route.dialler.dial({ ...bind, ip }, route.identity.dialOptions()),
      UnreachableError,
    );
  }
});

Deno.test({
  name: "SimNetwork: two runs of a seed are one, two seeds are two",
  permissions: "none",
  fn: async () => {
    const run = (world: World) =>
      world.complete(play(world, async (scene) => {
        const { network, route, talk: [here, there] } = scene;
        network.setPath("ann", "bob", { lossPercent: 20, jitterMs: 30 });
        for (let index = 0; index < 5; index++) {
          const { ours } = await route.connect();
          world.trace.note("dialled", { index });
          ours.close(index, "");
        }
        const sent = pattern(500_000);
        const [received] = await Promise.all([
          there.readAll(),
          here.writeAll(sent),
        ]);
        world.trace.note("received", { bytes: received.length });
      }));
    const hashes = new Set<string>();
    for (const seed of [1, 2, 3]) hashes.add(await replay(run, { seed, turn }));
    assert.equal(hashes.size, 3);
  },
});
