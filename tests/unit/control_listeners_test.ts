// HTTP listeners that settings open and close. In come plans, one after the
// other or at once; out come open ports and alarms. A listener is never lost:
// after disposal every port is free.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import { Listeners } from "../../src/control/mod.ts";
import { ClosedError, UnreachableError } from "../../src/kernel/mod.ts";
import type { Web, WebHandler } from "../../src/ports/mod.ts";
import { openSimMachine, openWorld, type World } from "../../src/sim/mod.ts";

type Lab = {
  readonly world: World;
  readonly web: Web;
  readonly listeners: Listeners;
};

function test(name: string, run: (lab: Lab) => Promise<void>): void {
  const fn = async () => {
    const world = openWorld(1, { turn: openTurn() });
    const machine = openSimMachine(world, { name: "m", signer: openSigner() });
    const { web, log } = machine.boot().ports;
    const listeners = new Listeners({ log, web });
    await world.complete(run({ world, web, listeners }));
  };
  Deno.test({ name, permissions: "none", fn });
}

const ip = "127.0.0.1";
const says = (text: string): WebHandler => () =>
  Promise.resolve(new Response(text));
const plan = (port: number | undefined, text = "x") => ({
  ip,
  port,
  handle: says(text),
});

async function ask(web: Web, port: number): Promise<string> {
  const address = { type: "tcp", ip, port } as const;
  const answer = await web.request(
    address,
    new Request(`http://${ip}:${port}`),
  );
  return await answer.text();
}

test("Listeners.apply() opens, moves and closes", async (lab) => {
  const { web, listeners } = lab;
  await listeners.apply("http", plan(8081, "first"));
  assert.equal(await ask(web, 8081), "first");
  assert.deepEqual(listeners.ports, { http: 8081 });
  await listeners.apply("http", plan(8081, "the same port stays"));
  assert.equal(await ask(web, 8081), "first");
  await listeners.apply("http", plan(8082, "second"));
  assert.equal(await ask(web, 8082), "second");
  await assert.rejects(ask(web, 8081), UnreachableError);
  await listeners.apply("http", plan(undefined));
  await assert.rejects(ask(web, 8082), UnreachableError);
  assert.deepEqual(listeners.ports, {});
  assert.deepEqual(listeners.alarms, []);
});

test("Listeners.apply() raises an alarm for a port in use", async (lab) => {
  const { web, listeners } = lab;
  const address = { type: "tcp", ip, port: 80 } as const;
  const other = await web.serve(address, says("other"));
  await listeners.apply("http", plan(80));
  assert.deepEqual(listeners.alarms, [{
    message: "http cannot listen: Address 127.0.0.1:80 is in use",
    hint: "Choose another port: pln set http <port>",
  }]);
  assert.equal(listeners.hasFailed("http"), true);
  assert.equal(listeners.hasFailed("static-http"), false);
  assert.deepEqual(listeners.ports, {});
  await other[Symbol.asyncDispose]();
  await listeners.apply("http", plan(80, "mine"));
  assert.equal(await ask(web, 80), "mine");
  assert.deepEqual(listeners.alarms, []);
});

test("Listeners.apply() drops the alarm of what is off", async (lab) => {
  const { web, listeners } = lab;
  await web.serve({ type: "tcp", ip, port: 80 }, says("other"));
  await listeners.apply("http", plan(80));
  assert.equal(listeners.alarms.length, 1);
  await listeners.apply("http", plan(undefined));
  assert.deepEqual(listeners.alarms, []);
  assert.equal(await ask(web, 80), "other");
});

test("Listeners.apply() takes changes at once in their order", async (lab) => {
  const { web, listeners } = lab;
  await Promise.all([
    listeners.apply("http", plan(8081)),
    listeners.apply("http", plan(8082)),
    listeners.apply("http", plan(8082)),
    listeners.apply("http", plan(8083)),
    listeners.apply("static-http", plan(8080)),
  ]);
  assert.deepEqual(listeners.ports, { "http": 8083, "static-http": 8080 });
  assert.deepEqual(listeners.alarms, []);
  for (const port of [8081, 8082]) {
    await assert.rejects(ask(web, port), UnreachableError);
  }
  assert.equal(await ask(web, 8083), "x");
});

test("Listeners close every port, one being opened too", async (lab) => {
  const { web, listeners } = lab;
  const opening = listeners.apply("http", plan(8081));
  for (let turn = 0; turn < 4; turn++) await undefined; // it has begun
  await listeners[Symbol.asyncDispose]();
  await opening;
  await assert.rejects(ask(web, 8081), UnreachableError);
  await assert.rejects(listeners.apply("http", plan(8081)), ClosedError);
  await listeners[Symbol.asyncDispose]();
  assert.deepEqual(listeners.ports, {});
});

test("Listeners.drain() lets a request under way end", async (lab) => {
  const { web, listeners, world } = lab;
  const handle = () =>
    new Promise<Response>((resolve) => {
      world.after(50, () => resolve(new Response("late")));
    });
  await listeners.apply("http", { ip, port: 80, handle });
  const asked = ask(web, 80);
  const drained = new Promise<void>((resolve, reject) => {
    world.after(10, () => listeners.drain().then(resolve, reject));
  });
  assert.equal(await asked, "late");
  await drained;
  assert.ok(world.nowMs >= 50);
});
