// S35, wall part: seeds that never end, in a daemon of their own, since their
// threads cannot be stopped. Their callers are answered at the deadline, other
// seeds go on, and after two lost threads the seed is refused.

import assert from "node:assert/strict";
import { wasm } from "../fixtures/seeds/wat.ts";
import { example, Lab } from "./lab.ts";

const loop = `(module
  (func (export "spin") (result i32) (loop (br 0)) (i32.const 0))
  (func (export "ok") (result i32) (i32.const 0)))`;

Deno.test("S35 a seed that loops costs its caller the deadline only", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  await Deno.writeFile(lab.path("loop.wasm"), await wasm(loop));
  await lab.must(["seed", lab.path("loop.wasm")]);
  await lab.must(["seed", example("hello")]);
  const greet = ["call", "hello", "greet", '{"name":"world"}'];
  for (let lost = 1; lost <= 2; lost++) {
    const spin = lab.mustFail(["call", "loop", "spin", "--timeout", "1s"], {
      code: 1,
    });
    const greeting = await lab.must([...greet, "--timeout", "10s"]);
    assert.equal(greeting, '{"greeting":"Hello, world!"}');
    assert.match(await spin, /did not end by its deadline/);
    await untilAbandoned(lab, lost);
  }
  const refused = await lab.mustFail(["call", "loop", "ok"], { code: 1 });
  assert.match(refused, /never ended/);
  assert.match(refused, /pln restart/);
  await lab.must(greet);
  await lab.must(["down"]);
  assert.equal((await daemon.status).code, 0, "stuck threads end with it");
});

Deno.test("R13 a start function that loops is refused at publish", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  const text = `(module (func $spin (loop (br 0))) (start $spin)
    (func (export "ok") (result i32) (i32.const 0)))`;
  await Deno.writeFile(lab.path("start.wasm"), await wasm(text));
  await lab.must(["seed", example("hello")]);
  const seeding = lab.mustFail(["seed", lab.path("start.wasm")], { code: 1 });
  await lab.must(["call", "hello", "greet", '{"name":"x"}']);
  assert.match(await seeding, /start/);
  const status = JSON.parse(await lab.must(["status", "--json"]));
  assert.deepEqual(
    status.seeds.map(({ name }: { name: string }) => name),
    ["hello"],
  );
});

async function untilAbandoned(lab: Lab, count: number): Promise<void> {
  for (;;) {
    const { threads } = await lab.client.status();
    if (threads.abandoned === count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
