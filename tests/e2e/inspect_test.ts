// Settings of a seed with real processes: as they were given to `pln seed` they
// hold, are shown by `pln inspect`, and survive a restart. What a call may not
// do by them it cannot.

import assert from "node:assert/strict";
import { wasm } from "../fixtures/seeds/wat.ts";
import { example, Lab } from "./lab.ts";

/** Traps unless its memory can grow from 1 page to 17, over 1 MiB. */
const grow = `(module (memory 1)
  (func (export "grow") (result i32)
    (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1))
      (then unreachable))
    (i32.const 0))
  (func (export "trap") (result i32) unreachable))`;

async function details(lab: Lab, name: string) {
  return JSON.parse(await lab.must(["inspect", name, "--json"]));
}

Deno.test("pln seed and pln inspect show a seed's settings, restarts or not", async () => {
  await using lab = await Lab.open();
  await lab.must(["up", "-d"]);
  const seeded = await lab.must([
    ...["seed", example("hello"), "--memory", "2MiB", "--cpu", "2s"],
    ...["--isolation", "fresh", "--allow-host", "*.example.org"],
    ...["--config", "tone=kind", "--timeout", "5s"],
  ]);
  assert.deepEqual(seeded.split("\n").slice(1), [
    "timeout 5s; cpu 2s; memory 2.0 MiB; isolation fresh; " +
    "may reach *.example.org",
    "",
  ]);
  const before = await details(lab, "hello");
  assert.deepEqual([before.calls, before.errorsByReason], [0, {}]);
  assert.equal(before.p50Ms, undefined);
  assert.ok(before.functions.includes("greet"));
  assert.deepEqual(before.configKeys, ["tone"]);
  await lab.must(["restart"]);
  const { usage, ...after } = await details(lab, "hello");
  assert.deepEqual({ ...after, usage: before.usage }, before);
  assert.equal(usage.threads, 1, "the module was loaded to look into it");
  assert.deepEqual(after.limits, {
    timeoutMs: 5_000,
    memoryBytes: 2 * 1024 * 1024,
    cpuMs: 2_000,
  });
  assert.deepEqual(after.isolation, { asked: "fresh", inEffect: "fresh" });
  assert.deepEqual(after.allowHosts, ["*.example.org"]);
  const text = await lab.must(["inspect", "hello"]);
  assert.match(text, /^memory limit +2\.0 MiB$/m);
  assert.match(text, /^config +tone$/m);
  assert.doesNotMatch(text, /kind/, "values stay with the seed");
  await lab.must(["down"]);
});

Deno.test("pln inspect counts calls and errors by their reason", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  await Deno.writeFile(lab.path("grow.wasm"), wasm(grow));
  await lab.must(["seed", lab.path("grow.wasm")]);
  await lab.must(["call", "grow", "grow"]);
  await lab.mustFail(["call", "grow", "trap"], { code: 1 });
  await lab.mustFail(["call", "grow", "nothing"], { code: 3 });
  await lab.mustFail(["call", "grow", "trap"], { code: 1 });
  const after = await details(lab, "grow");
  assert.deepEqual(
    [after.calls, after.errors, after.running],
    [4, 3, 0],
  );
  assert.deepEqual(after.errorsByReason, { "trap": 2, "no-function": 1 });
  assert.ok(after.p50Ms <= after.p99Ms);
  assert.ok(after.usage.peakBytes >= 17 * 65_536, `${after.usage.peakBytes}`);
  assert.match(
    await lab.must(["inspect", "grow"]),
    /^errors +3: 2 trap, 1 no-function$/m,
  );
});

Deno.test("S36 pln seed --memory caps what an instance may have", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  await Deno.writeFile(lab.path("grow.wasm"), wasm(grow));
  await lab.must(["seed", lab.path("grow.wasm"), "--memory", "1MiB"]);
  await lab.refused(["call", "grow", "grow"], {
    code: 1,
    says: /was refused more memory/,
    next: /--memory/,
  });
  await lab.must(["seed", lab.path("grow.wasm"), "--memory", "2MiB"]);
  await lab.must(["call", "grow", "grow"]);
});

Deno.test("pln inspect of what there is not says what may be meant", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  await lab.must(["seed", example("hello")]);
  await lab.refused(["inspect", "helo"], {
    code: 3,
    says: /There is no seed and no node "helo"/,
    next: /Did you mean "hello"\?/,
  });
  await lab.refused(["inspect", "orchard"], {
    code: 3,
    says: /There is no seed and no node "orchard"/,
    next: /pln status/,
  });
  await lab.refused(["inspect", "orchard", "--seed"], {
    code: 3,
    says: /There is no seed "orchard"/,
    next: /There is: /,
  });
  await lab.refused(["inspect", ".."], {
    code: 2,
    says: /no name of a seed or a node/,
    next: /\S/,
  });
});
