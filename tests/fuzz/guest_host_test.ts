// Every function that a guest may import, called with whatever a hostile guest
// can pass. Each call must end as bytes or as a SeedError that blames the
// guest; the host must never fail, and the thread must serve on.

import assert from "node:assert/strict";
import { utf8 } from "../../src/kernel/mod.ts";
import type { Random } from "../../src/ports/mod.ts";
import { hostFunctions } from "../../src/guest/signatures.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { type Ending, endingOf, SeedLab } from "../fixtures/seeds/seed_lab.ts";
import { wasm } from "../fixtures/seeds/wat.ts";

type HostFunction = {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly parameters: string;
  readonly result: string;
};

const all: readonly HostFunction[] = [...hostFunctions].flatMap((
  [namespace, functions],
) =>
  Object.entries(functions).map(([name, signature]) => {
    const [parameters = "", result = ""] = signature.split(":");
    return { id: `$${name}`, namespace, name, parameters, result };
  })
);

const type = (letter: string) => letter === "i" ? "i32" : "i64";

const imports = all.map((fn) => {
  const parameters = [...fn.parameters].map((at) => `(param ${type(at)})`);
  const results = [...fn.result].map((at) => `(result ${type(at)})`);
  return `(import "${fn.namespace}" "${fn.name}"
    (func ${fn.id} ${parameters.join(" ")} ${results.join(" ")}))`;
}).join("\n");

/** Code that calls `fn` with what `value` says for each parameter. */
function calling(fn: HostFunction, value: (letter: string) => bigint): string {
  const values = [...fn.parameters].map((letter) => {
    const bits = letter === "i" ? 32 : 64;
    return `(${type(letter)}.const ${BigInt.asIntN(bits, value(letter))})`;
  });
  const call = `(call ${fn.id} ${values.join(" ")})`;
  return fn.result === "" ? call : `(drop ${call})`;
}

// proc_exit by any code, and what the table below cannot avoid.
const fair: readonly Ending[] = [
  ...["ok", "trap", "exit", "memory", "egress", "variables"] as const,
  ...["seed", "output", "timeout"] as const,
];

const special = [
  ...[0n, 1n, -1n, 8n, 16n, 255n, 256n, 272n, 288n, 65_528n, 65_535n, 65_536n],
  ...[1n << 31n, (1n << 31n) - 1n, (1n << 32n) - 8n, 1n << 32n],
  ...[(1n << 53n) + 1n, (1n << 63n) - 1n, -(1n << 63n)],
];

Deno.test("each host function takes each special value without harm", async () => {
  await using lab = new SeedLab();
  const exports = all.flatMap((fn) =>
    special.map((value, index) =>
      `(func (export "${fn.name} ${index}") ${calling(fn, () => value)})`
    )
  );
  const seed = lab.add(
    "s",
    wasm(`(module ${imports} (memory (export "memory") 1)
      ${exports.join("\n")} (func (export "fine")))`),
  );
  for (const fn of all) {
    for (const index of special.keys()) {
      const call = `${fn.name} ${index}`;
      const ending = await endingOf(lab.run(seed, call, { timeoutMs: 1_000 }));
      assert.ok(fair.includes(ending), `${call}: ${ending}`);
    }
  }
  assert.equal(await endingOf(lab.run(seed, "fine")), "ok");
  assert.equal(lab.pool.threadCounts.lost, 0);
  assert.deepEqual(lab.log.records, []);
});

Deno.test("functions of WASI take bad pointers of a guest without memory", async () => {
  await using lab = new SeedLab();
  const exports = all.map((fn) =>
    `(func (export "${fn.name}") ${calling(fn, () => 64n)})`
  );
  const seed = lab.add("s", wasm(`(module ${imports} ${exports.join("\n")})`));
  for (const fn of all) {
    const ending = await endingOf(lab.run(seed, fn.name, { timeoutMs: 1_000 }));
    assert.ok(fair.includes(ending), `${fn.name}: ${ending}`);
  }
});

/** Near a block, near the end of memory, special or anything. */
function anyValue(random: Random): bigint {
  const near = BigInt(random.integer(64)) - 32n;
  switch (random.integer(5)) {
    case 0:
      return special[random.integer(special.length)] ?? 0n;
    case 1:
      return 272n + 16n * BigInt(random.integer(40)) + near / 8n;
    case 2:
      return 65_536n + near;
    case 3:
      return BigInt(random.integer(512));
    default:
      return random.bytes(8).reduce(
        (sum, byte) => (sum << 8n) | BigInt(byte),
        0n,
      );
  }
}

Deno.test("random sequences of host calls harm nobody", async () => {
  await using lab = new SeedLab();
  const random = openSimRandom(4711);
  const usable = all.filter(({ name }) =>
    name !== "proc_exit" && name !== "http_request"
  );
  const endings = new Map<Ending, number>();
  for (let run = 0; run < 300; run++) {
    const steps = Array.from({ length: 30 }, () => {
      const fn = usable[random.integer(usable.length)];
      assert.ok(fn);
      return calling(fn, () => anyValue(random));
    });
    const module = wasm(`(module ${imports} (memory (export "memory") 1)
      (data (i32.const 0) "${"\\20\\00\\00\\00\\10\\00\\00\\00".repeat(20)}")
      (func (export "f") ${steps.join("\n")}))`);
    const seed = lab.add(`s${run}`, module);
    const ending = await endingOf(lab.run(seed, "f", {
      timeoutMs: 1_000,
      input: "input",
      onRequest: () => Promise.resolve(utf8("answer")),
    }));
    assert.ok(fair.includes(ending), `run ${run}: ${ending}`);
    endings.set(ending, (endings.get(ending) ?? 0) + 1);
  }
  assert.ok((endings.get("ok") ?? 0) > 20, JSON.stringify([...endings]));
  assert.equal(lab.pool.threadCounts.lost, 0);
  assert.deepEqual(lab.log.records, []);
});
