// A node that goes away under calls, with real processes: told to, killed, or
// asked while it drains. Each caller hears what became of its call, and whoever
// asks meanwhile which process is still there.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { wasm } from "../fixtures/seeds/wat.ts";
import { Lab, type Outcome } from "./lab.ts";

const loop = `(module
  (func (export "spin") (result i32) (loop (br 0)) (i32.const 0))
  (func (export "ok") (result i32) (i32.const 0)))`;

/** A daemon with the seed "loop", of which a call runs. */
async function withCall(
  run: (
    lab: Lab,
    running: {
      readonly daemon: Deno.ChildProcess;
      readonly call: Promise<Outcome>;
    },
  ) => Promise<void>,
): Promise<void> {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  await Deno.writeFile(lab.path("loop.wasm"), wasm(loop));
  const seed = ["seed", lab.path("loop.wasm"), "--cpu", "1h"];
  await lab.must([...seed, "--timeout", "1h"]);
  const call = lab.run(["call", "loop", "spin", "--retries", "3"]);
  await lab.until(async () => {
    const { seeds: [known] } = await lab.client.status();
    return known?.running === 1;
  });
  await run(lab, { daemon, call });
}

Deno.test("pln down: a call that does not end hears that the node stopped", async () => {
  await withCall(async (lab, { daemon, call }) => {
    const down = lab.run(["down"]);
    await lab.until(async () =>
      (await lab.run(["status"])).stderr.includes("stopping")
    );
    await lab.refused(["call", "loop", "ok"], {
      code: 6,
      says: new RegExp(`The node is stopping \\(process ${daemon.pid}\\)`),
      next: /Wait until it has ended/,
    });
    assert.deepEqual(
      [(await call).code, (await call).stderr],
      [
        6,
        "pln: The node stopped before the call ended\n" +
        "  Call again when it is up\n",
      ],
    );
    assert.equal((await down).code, 0, (await down).stderr);
    assert.equal((await daemon.status).code, 0);
    await lab.refused(["status"], {
      code: 6,
      says: /No daemon answers/,
      next: /pln up/,
    });
  });
});

Deno.test("S07 kill -9: what became of a call is not known, and said so", async () => {
  await withCall(async (lab, { daemon, call }) => {
    await lab.kill(daemon);
    const { code, stderr } = await call;
    assert.equal(code, 6);
    assert.match(
      stderr,
      /middle of the call: its outcome is unknown\n {2}Look/,
    );
  });
});

Deno.test("pln unseed cancels the seed's calls", async () => {
  await withCall(async (lab, { call }) => {
    await lab.must(["unseed", "loop"]);
    const { code, stderr } = await call;
    assert.equal(code, 1);
    assert.match(stderr, /^pln: Seed "loop" was taken back\n {2}\S/);
    await lab.must(["seed", lab.path("loop.wasm")]);
    assert.equal(await lab.must(["call", "loop", "ok"]), "");
  });
});

Deno.test("S36 full of calls of one seed, the node can still be told", async () => {
  await withCall(async (lab, { call }) => {
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const target = { seed: "loop", function: "spin" };
    const calls = Array.from(
      { length: 1_100 },
      () => lab.client.call(target, new Uint8Array(0), { signal }),
    );
    const ends = Promise.allSettled(calls);
    await lab.until(async () => {
      const { seeds } = await lab.client.status();
      const loop = seeds.find(({ name }) => name === "loop");
      return (loop?.running ?? 0) >= limits.controlCallsPerSeedMax;
    });
    await lab.refused(["call", "loop", "ok"], {
      code: 6,
      says: /Seed "loop" has \d+ calls under way already/,
      next: /Try again/,
    });
    await lab.must(["status"]);
    await lab.must(["unseed", "loop"]);
    await ends;
    assert.equal((await call).code, 1);
    await lab.must(["down"]);
  });
});
