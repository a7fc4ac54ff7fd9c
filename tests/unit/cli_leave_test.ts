// `pln leave` and `pln ping`: what they ask of the daemon, what they tell
// before and after, and what is left of a directory that has left its cluster.

import assert from "node:assert/strict";
import type { MemberHandlers, PeerStatus } from "../../src/control/mod.ts";
import {
  DeniedError,
  NotFoundError,
  UnreachableError,
  utf8,
} from "../../src/kernel/mod.ts";
import {
  CliWorld,
  directory,
  sampleMembers,
  samplePeers,
  sampleStatus,
} from "./cli_world.ts";

async function initialised(): Promise<CliWorld> {
  const world = new CliWorld();
  assert.equal((await world.run("init")).code, 0);
  await world.disk().writeAtomic("journal/00000001.log", utf8("PLNJ"));
  return world;
}

async function namesIn(world: CliWorld): Promise<readonly string[]> {
  return (await world.disk().list("")).map(({ name }) => name);
}

Deno.test("pln leave moves what the node was aside, and says where", async () => {
  const world = await initialised();
  const { peer, cluster } = JSON.parse((await world.run("id", "--json")).out);
  const ran = await world.run("leave", "--yes", "--json");
  const place = `${directory}/old/${cluster.slice(0, 8)}-1`;
  assert.deepEqual([ran.code, ran.err], [0, ""]);
  assert.deepEqual(JSON.parse(ran.out), { version: 1, peer, cluster, place });
  assert.deepEqual(await namesIn(world), ["lock", "old"]);
  const again = await world.run("leave", "--yes");
  assert.deepEqual([again.code, again.out], [3, ""]);
  assert.match(again.err, /There is no node in/);
  const next = await world.run("id");
  assert.notEqual(next.out.trim(), peer, "it comes back as another node");
  assert.equal((await world.run("init")).code, 0);
});

Deno.test("pln leave tells the daemon, and waits until it has gone", async () => {
  const world = await initialised();
  const lock = await world.disk().lock("lock");
  let told = 0;
  const leave = () => Promise.resolve(void told++);
  world.serve({ members: { ...sampleMembers, leave } });
  world.onSleep = async () => {
    world.stopServing();
    await lock?.[Symbol.asyncDispose]();
  };
  const ran = await world.run("leave", "--yes");
  assert.deepEqual([ran.code, told], [0, 1], ran.err);
  assert.match(
    ran.out,
    /^Left cluster [0-9a-f]{12}; what this node was is in /,
  );
});

Deno.test("pln leave changes nothing while the directory is held", async () => {
  const world = await initialised();
  const before = await namesIn(world);
  await using _lock = await world.disk().lock("lock");
  const ran = await world.run("leave", "--yes");
  assert.deepEqual([ran.code, ran.out], [1, ""]);
  assert.match(ran.err, /A daemon uses/);
  assert.deepEqual(await namesIn(world), before);
});

Deno.test("pln leave asks, and stays where nobody says yes", async () => {
  const world = await initialised();
  const unasked = await world.run("leave");
  assert.equal(unasked.code, 2);
  assert.match(
    unasked.err,
    /stays where it is: nobody can be asked\n {2}Add "/,
  );
  world.isTerminal = { ...world.isTerminal, stdin: true };
  for (const answer of ["", "no", "yep"]) {
    world.answers = [answer];
    const ran = await world.run("leave");
    assert.deepEqual([ran.code, ran.out], [2, ""]);
    assert.match(ran.err, /Leave cluster [0-9a-f]{12} for good\? \[y\/N\] /);
  }
  assert.equal((await world.run("id")).code, 0);
  world.answers = ["yes"];
  assert.equal((await world.run("leave")).code, 0);
});

Deno.test("pln leave warns the only admin, and whoever has the root key", async () => {
  const admin: PeerStatus = {
    ...samplePeers[1] as PeerStatus,
    tier: "admin",
  };
  const warned = async (nodes: readonly PeerStatus[] | undefined) => {
    const world = await initialised();
    await world.disk().remove("keys/root.pem");
    if (nodes !== undefined) {
      world.serve({ status: () => ({ ...sampleStatus, nodes }) });
    }
    const { err } = await world.run("leave");
    return /^No other admin is known here\./.test(err);
  };
  const [self] = samplePeers as readonly [PeerStatus];
  assert.equal(await warned(undefined), true);
  assert.equal(await warned([self]), true);
  assert.equal(await warned([self, { ...admin, state: "denied" }]), true);
  assert.equal(await warned([self, { ...admin, state: "left" }]), true);
  assert.equal(await warned([self, admin]), false);
  assert.equal(await warned([self, { ...admin, state: "unreachable" }]), false);
  const world = await initialised();
  const { err } = await world.run("leave");
  assert.match(
    err,
    /root key lies in \/home\/ann\/\.pln\/keys; it moves below/,
  );
});

function pinging(ping: MemberHandlers["ping"]): CliWorld {
  const world = new CliWorld();
  world.serve({ members: { ...sampleMembers, ping } });
  return world;
}

const answer = {
  peer: "b2".repeat(32),
  name: "bob",
  address: "192.0.2.2:60611",
};

Deno.test("pln ping shows each round trip and what they say together", async () => {
  const rtts = [1, 2, 30];
  const asked: string[] = [];
  const world = pinging((peer) => {
    asked.push(peer);
    return Promise.resolve({ ...answer, rttMs: rtts[asked.length - 1] ?? 0 });
  });
  const ran = await world.run("ping", "bob", "-c", "3");
  assert.deepEqual([ran.code, ran.err], [0, ""]);
  const node = "bob (b2b2b2b2b2b2) at 192.0.2.2:60611";
  assert.deepEqual(ran.out.split("\n"), [
    ...[`${node}: 1.0 ms`, `${node}: 2.0 ms`, `${node}: 30 ms`],
    "3 round trips: 1.0 ms at least, 11 ms on average, 30 ms at most",
    "",
  ]);
  assert.deepEqual(asked, ["bob", answer.peer, answer.peer]);
  assert.equal(world.nowMs, 500, "with pauses between them");
});

Deno.test("pln ping counts answers that do not come", async () => {
  let count = 0;
  const world = pinging(() =>
    ++count === 2
      ? Promise.reject(new UnreachableError("No answer\u001b[2J in 10 s"))
      : Promise.resolve({ ...answer, rttMs: 1 })
  );
  const ran = await world.run("ping", "bob", "--count", "3");
  assert.equal(ran.code, 0);
  assert.match(ran.out, /^no answer: No answer\ufffd\[2J in 10 s$/m);
  assert.match(ran.out, /^2 round trips: .*; 1 without an answer$/m);
  count = 0;
  const json = await world.run("ping", "bob", "--count", "3", "--json");
  assert.deepEqual(JSON.parse(json.out), {
    version: 1,
    ...answer,
    rttMs: [1, 1],
    lost: 1,
  });
});

Deno.test("pln ping without any answer keeps the reason's exit code", async () => {
  const reasons = [
    [6, new UnreachableError("bob can not be reached", { hint: "Look" })],
    [3, new NotFoundError("There is no node", { hint: "Look" })],
    [4, new DeniedError("bob is denied", { hint: "Allow it" })],
  ] as const;
  for (const [code, error] of reasons) {
    let asked = 0;
    const world = pinging(() => {
      asked++;
      return Promise.reject(error);
    });
    const ran = await world.run("ping", "bob");
    assert.deepEqual([ran.code, ran.out, asked], [code, "", 1]);
    assert.equal(ran.err, `pln: ${error.message}\n  ${error.hint}\n`);
  }
  assert.equal((await new CliWorld().run("ping", "bob")).code, 6);
  for (const count of ["0", "10001", "x", "-1"]) {
    const ran = await pinging(sampleMembers.ping).run(
      "ping",
      "b",
      `-c${count}`,
    );
    assert.equal(ran.code, 2, count);
  }
  const zero = await pinging(sampleMembers.ping).run("ping", "b", "-c", "0");
  assert.match(zero.err, /--count takes a whole number from 1 to 10000/);
});
