// How many function types a node shows the engine before it takes no new
// module: distinct modules count, refused ones too, and known ones always pass.

import assert from "node:assert/strict";
import {
  type Bytes,
  concatBytes,
  type Digest,
  digestOf,
  limits,
  utf8,
} from "../../src/kernel/mod.ts";
import { SeedError } from "../../src/threads/mod.ts";
import { TypeCount } from "../../src/seeds/type_count.ts";
import {
  endingOf,
  rejectsWith,
  SeedLab,
  signer,
} from "../fixtures/seeds/seed_lab.ts";
import { echoWasm, wasm } from "../fixtures/seeds/wat.ts";

function digest(number: number): Digest {
  return digestOf(signer.sha256(utf8(`module ${number}`)));
}

/** How many new modules pass when each is counted by `add`. */
function passing(
  add: (count: TypeCount, digest: Digest) => void,
  count = new TypeCount(),
): number {
  for (let passed = 0;; passed++) {
    try {
      count.check(digest(passed));
    } catch (cause) {
      assert.ok(cause instanceof SeedError && cause.reason === "invalid");
      assert.match(cause.hint ?? "", /pln restart/);
      return passed;
    }
    add(count, digest(passed));
  }
}

Deno.test("a million types are prepared, and no new module after that", () => {
  const count = new TypeCount();
  const add = (one: TypeCount, what: Digest) => one.add(what, 2_000);
  assert.equal(passing(add, count), 500);
  count.check(digest(0));
});

Deno.test("a module counts once, however often it is prepared", () => {
  const add = (one: TypeCount, what: Digest) => {
    for (let time = 0; time < 10; time++) one.add(what, 2_000);
    one.addRefused(what, 1_000_000);
  };
  assert.equal(passing(add), 500);
});

Deno.test("a refused module counts by the types that its bytes can hold", () => {
  const refused = (bytesLength: number) =>
    passing((one, what) => one.addRefused(what, bytesLength));
  assert.equal(refused(60 * 1024 * 1024), 500);
  assert.equal(refused(3_000), 1_000);
});

/** As many types as a module may have, the same in modules that differ. */
function manyTypes(): (number: number) => Bytes {
  const types = Array.from({ length: limits.moduleTypesMax }, (_, index) => {
    const bits = index.toString(2).padStart(11, "0");
    const values = [...bits].map((bit) => bit === "0" ? "i32" : "i64");
    return `(type (func (param ${values.join(" ")})))`;
  });
  types[0] = "(type (func (result i32)))";
  const module = wasm(`(module ${types.join("")}
    (func (export "f") (type 0) (i32.const 0)))`);
  return (number) => marked(module, number);
}

/** The same module with a custom section that nobody reads. */
function marked(module: Bytes, number: number): Bytes {
  const content = concatBytes(Uint8Array.of(1, 0x78), utf8(`${number}`));
  return concatBytes(module, Uint8Array.of(0, content.length), content);
}

Deno.test("a node that has prepared too many types still runs what it knows", async () => {
  await using lab = new SeedLab();
  const moduleOf = manyTypes();
  const known = lab.add("known", moduleOf(0));
  await lab.run(known, "f");
  for (let number = 1; number < 500; number++) {
    const seed = lab.add("s", moduleOf(number));
    await lab.world.complete(lab.pool.load(seed));
    lab.pool.unload(seed.key);
  }
  const late = lab.world.complete(lab.pool.load(lab.add("late", echoWasm)));
  const error = await rejectsWith(late, "invalid");
  assert.match(error.hint ?? "", /pln restart/);
  lab.pool.unload(known.key);
  assert.equal((await lab.run(known, "f")).length, 0);
});

Deno.test("modules that are refused count as well", async () => {
  await using lab = new SeedLab();
  const refused = wasm(`(module (import "env" "none" (func))
    (memory 1) (data (i32.const 0) "${"x".repeat(6_000)}"))`);
  const reasons = new Set<string>();
  for (let number = 0; number <= 500; number++) {
    const seed = lab.add("s", marked(refused, number));
    reasons.add(await lab.world.complete(endingOf(lab.pool.load(seed))));
    assert.equal(reasons.has("invalid"), number === 500);
  }
  assert.deepEqual(reasons, new Set(["link", "invalid"]));
});
