// What `pln call` meets when seeds and callers misbehave: unknown names, traps,
// endless calls, bytes that are no text, input over the limit, many callers at
// once. The caller learns why and what to do; the daemon and other seeds go on.

import assert from "node:assert/strict";
import { wasm } from "../fixtures/seeds/wat.ts";
import { example, Lab } from "./lab.ts";

const oddText = `(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "bytes") (result i32) (local $at i64)
    (local.set $at (call $alloc (i64.const 8)))
    (call $store (local.get $at) (i64.const 0x000aff80fe0d00ff))
    (call $output (local.get $at) (i64.const 8))
    (i32.const 0))
  (func (export "crash") (result i32) unreachable)
  (func (export "quiet") (result i32) (i32.const 0))
  (func $deep (export "deep") (result i32) (call $deep))
  (func (export "spin") (result i32) (loop (br 0)) (i32.const 0)))`;
const oddBytes = new Uint8Array([0xff, 0, 0x0d, 0xfe, 0x80, 0xff, 0x0a, 0]);

/** A daemon with seeds "odd", "hello" and "upper". */
async function withSeeds(run: (lab: Lab) => Promise<void>): Promise<void> {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  await Deno.writeFile(lab.path("odd.wasm"), wasm(oddText));
  await lab.must(["seed", lab.path("odd.wasm")]);
  await lab.must(["seed", example("hello")]);
  await lab.must(["seed", example("upper")]);
  await run(lab);
  const { node, seeds } = await lab.client.status();
  assert.equal(node.processId, daemon.pid, "the daemon stayed up");
  assert.equal(seeds.length, 3);
  assert.equal(await lab.must(["call", "upper", "handle", "on"]), "ON");
}

Deno.test("pln call says which seed or function there is not", async () => {
  await withSeeds(async (lab) => {
    await lab.refused(["call", "nope", "greet", "{}"], {
      code: 3,
      says: /There is no seed "nope"/,
      next: /hello/,
    });
    await lab.refused(["call", "hello", "nope", "{}"], {
      code: 3,
      says: /Seed "hello" has no function "nope"/,
      next: /\S/,
    });
    await lab.refused(["unseed", "nope"], {
      code: 3,
      says: /There is no seed "nope"/,
      next: /hello/,
    });
    for (const words of [["HELLO", "greet"], ["..", "x"], ["", "x"]]) {
      await lab.refused(["call", ...words], {
        code: 2,
        says: /is no seed name/,
        next: /\S/,
      });
    }
    for (const fn of ["", "f".repeat(300)]) {
      await lab.refused(["call", "hello", fn], {
        code: 2,
        says: /name has 1 to 255 characters/,
        next: /pln call hello greet/,
      });
    }
  });
});

Deno.test("S36 pln call: a trap and endless recursion end one call", async () => {
  await withSeeds(async (lab) => {
    await lab.refused(["call", "odd", "crash"], {
      code: 1,
      says: /trapped: unreachable/,
      next: /\S/,
    });
    await lab.refused(["call", "odd", "deep"], {
      code: 1,
      says: /overflowed its stack/,
      next: /\S/,
    });
    assert.equal(await lab.must(["call", "odd", "quiet"]), "");
  });
});

Deno.test("pln call hands a seed's own complaint to its caller", async () => {
  await withSeeds(async (lab) => {
    await lab.refused(["call", "hello", "greet", "no json"], {
      code: 1,
      says: /not valid JSON/,
      next: /\S/,
    });
    await lab.refused(["call", "hello", "greet"], {
      code: 1,
      says: /input is empty/,
      next: /\S/,
    });
  });
});

Deno.test("pln call: a timeout ends the call only", async () => {
  await withSeeds(async (lab) => {
    await lab.refused(["call", "odd", "spin", "--timeout", "200ms"], {
      code: 1,
      says: /deadline/,
      next: /--timeout/,
    });
    assert.equal(await lab.must(["call", "odd", "quiet"]), "");
    const bad = { code: 2, says: /./, next: /\S/ };
    await lab.refused(["call", "odd", "quiet", "--timeout", "x"], bad);
    await lab.refused(["call", "odd", "quiet", "--retries", "x"], bad);
    await lab.refused(["call", "odd", "quiet", "--retries", "11"], bad);
    await lab.refused(["call", "odd", "quiet", "in", "more"], bad);
  });
});

Deno.test("pln call writes bytes that are no text unchanged", async () => {
  await withSeeds(async (lab) => {
    const raw = await lab.run(["call", "odd", "bytes"]);
    assert.deepEqual(raw.bytes, oddBytes);
    assert.deepEqual(
      JSON.parse(await lab.must(["call", "odd", "bytes", "--json"])),
      { version: 1, encoding: "base64", output: oddBytes.toBase64() },
    );
    assert.deepEqual(
      JSON.parse(await lab.must(["call", "upper", "handle", "é", "--json"])),
      { version: 1, encoding: "utf8", output: "É" },
    );
  });
});

Deno.test("pln call refuses input over 4 MiB, takes it up to there", async () => {
  await withSeeds(async (lab) => {
    const MiB = 1024 * 1024;
    const upper = ["call", "upper", "handle"];
    await lab.refused(upper, {
      stdin: new Uint8Array(5 * MiB).fill(0x61),
      code: 1,
      says: /input is over 4\.0 MiB/,
      next: /\S/,
    });
    const stdin = new Uint8Array(4 * MiB).fill(0x61);
    const { code, bytes } = await lab.run(upper, { stdin });
    assert.equal(code, 0);
    assert.deepEqual(bytes, new Uint8Array(4 * MiB).fill(0x41));
    assert.equal(await lab.must(upper), "", "no input is empty input");
    assert.equal(await lab.must([...upper, "-"], { stdin: "x" }), "X");
  });
});

Deno.test("pln call: 50 callers at once are all answered", async () => {
  await withSeeds(async (lab) => {
    const names = Array.from({ length: 50 }, (_, index) => `n${index}`);
    const answers = await Promise.all(names.map((name) => {
      const input = JSON.stringify({ name });
      return lab.must(["call", "hello", "greet", input]);
    }));
    const greetings = names.map((name) => `{"greeting":"Hello, ${name}!"}`);
    assert.deepEqual(answers, greetings);
  });
});

Deno.test("--json: a refusal is one line of JSON, whoever refuses", async () => {
  await withSeeds(async (lab) => {
    const refusals = [
      { args: ["call", "nope", "f"], code: 3, error: "PLN_NOT_FOUND" },
      { args: ["call", "odd", "crash"], code: 1, error: "PLN_SEED_TRAP" },
      { args: ["call", "..", "f"], code: 2, error: "PLN_INPUT" },
      { args: ["seed", "/"], code: 2, error: "PLN_INPUT" },
      { args: ["sede"], code: 2, error: "PLN_INPUT" },
      { args: ["set", "http", "abc"], code: 2, error: "PLN_INPUT" },
      { args: ["up"], code: 1, error: "PLN_CONFLICT" },
      { args: ["up", "-d"], code: 1, error: "PLN_CONFLICT" },
    ];
    for (const { args, ...expected } of refusals) {
      const outcome = await lab.run([...args, "--json"]);
      assert.equal(outcome.code, expected.code, outcome.stderr);
      assert.equal(outcome.stdout, "");
      assert.match(outcome.stderr, /^[^\n]+\n$/);
      const { error } = JSON.parse(outcome.stderr);
      assert.equal(error.code, expected.error);
      assert.ok(error.message.length > 0);
      assert.ok(error.hint?.length > 0, `a next step: ${outcome.stderr}`);
    }
  });
});
