// S35 with real processes: seeds that never end cost their callers the limit
// and nobody anything else. Their threads live on, other seeds answer beside
// them, and a module that does not even start is refused.

import assert from "node:assert/strict";
import { ReportedError, utf8 } from "../../src/kernel/mod.ts";
import { wasm } from "../fixtures/seeds/wat.ts";
import { example, Lab } from "./lab.ts";

const loop = `(module
  (func (export "spin") (result i32) (loop (br 0)) (i32.const 0))
  (func (export "ok") (result i32) (i32.const 0)))`;

const greet = ["call", "hello", "greet", '{"name":"world"}'];
const greeting = '{"greeting":"Hello, world!"}';

/** A daemon with the seeds "loop", as its flags say, and "hello". */
async function withLoop(
  flags: readonly string[],
  run: (lab: Lab) => Promise<void>,
): Promise<void> {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  await Deno.writeFile(lab.path("loop.wasm"), wasm(loop));
  await lab.must(["seed", lab.path("loop.wasm"), ...flags]);
  await lab.must(["seed", example("hello")]);
  await run(lab);
  const { node, threads, alarms } = await lab.client.status();
  assert.equal(node.processId, daemon.pid, "the daemon stayed up");
  assert.deepEqual([threads.lost, alarms], [0, []]);
  await lab.must(["down"]);
  assert.equal((await daemon.status).code, 0);
}

Deno.test("S35 a seed that loops is ended at its processor limit", async () => {
  await withLoop(["--cpu", "300ms"], async (lab) => {
    await lab.refused(["call", "loop", "spin"], {
      code: 1,
      says: /used more than 300 ms of processor time/,
      next: /--cpu/,
    });
    assert.equal(await lab.must(["call", "loop", "ok"]), "");
    const details = await lab.client.inspectSeed("loop");
    assert.deepEqual(details.errorsByReason, { timeout: 1 });
    assert.ok(details.usage.cpuMs >= 250, `${details.usage.cpuMs} ms`);
  });
});

Deno.test("S35 a seed that loops is ended at its caller's deadline", async () => {
  await withLoop([], async (lab) => {
    await lab.refused(["call", "loop", "spin", "--timeout", "200ms"], {
      code: 1,
      says: /deadline/,
      next: /--timeout/,
    });
    assert.equal(await lab.must(["call", "loop", "ok"]), "");
  });
});

Deno.test("S35 S36 beside 16 loops another seed answers, in bounded memory", async () => {
  await withLoop(["--cpu", "1h"], async (lab) => {
    const { client } = lab;
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const target = { seed: "loop", function: "spin" };
    const loops = Array.from(
      { length: 16 },
      () => client.call(target, utf8(""), { signal }),
    );
    const ends = Promise.allSettled(loops);
    await lab.until(async () => {
      const { seeds } = await client.status();
      return seeds.some(({ name, running }) =>
        name === "loop" && running === 16
      );
    });
    assert.equal(await lab.must(greet), greeting);
    const MiB = 1024 * 1024;
    const { residentBytes } = (await client.status()).node;
    assert.ok(residentBytes < 512 * MiB, `${residentBytes / MiB} MiB`);
    giveUp.abort(new Error("enough"));
    for (const end of await ends) assert.equal(end.status, "rejected");
    await lab.until(async () => {
      const { running, errorsByReason } = await client.inspectSeed("loop");
      return running === 0 && errorsByReason?.cancelled === 16;
    });
    assert.equal(await lab.must(["call", "loop", "ok"]), "");
  });
});

Deno.test("R13 a start function that loops is refused at publish", async () => {
  await withLoop([], async (lab) => {
    const text = `(module (func $spin (loop (br 0))) (start $spin)
      (func (export "ok") (result i32) (i32.const 0)))`;
    await Deno.writeFile(lab.path("start.wasm"), wasm(text));
    const seeding = lab.refused(["seed", lab.path("start.wasm")], {
      code: 1,
      says: /start/,
      next: /\S/,
    });
    assert.equal(await lab.must(greet), greeting);
    await seeding;
    const { seeds } = await lab.client.status();
    assert.deepEqual(seeds.map(({ name }) => name), ["hello", "loop"]);
    await assert.rejects(lab.client.inspectSeed("start"), ReportedError);
  });
});
