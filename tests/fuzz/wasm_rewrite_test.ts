// The rewriter against modules that were tampered with: whatever the bytes are,
// it gives a module or a refusal, and nothing else. What the engine accepted
// before, it accepts after, with the same imports and exports; and what it did
// not accept before stays refused, however well it rewrites.

import assert from "node:assert/strict";
import type { Bytes } from "../../src/kernel/mod.ts";
import {
  hidden,
  ModuleRefusal,
  prepareModule,
  rewriteModule,
  type RewrittenModule,
} from "../../src/wasm/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { guestWasm, text, userImports, wasm } from "../fixtures/seeds/wat.ts";
import { fuzzRuns } from "./runs.ts";
import { mutantOf } from "./wasm_mutants.ts";

const caps = { memoryPagesMax: 64 };

const hello = text(1024, "hello");

/** With a little of everything that the rewriter looks at. */
const rich = wasm(`(module
  (type $t (func (param i32) (result i32)))
  (type $pair (func (param i32 i32) (result i32 i32)))
  (import "a" "b" (func $host (param i32)))
  (table $t 4 9 funcref) (table externref (elem))
  (memory (export "m") 1 3)
  (tag $e (param i32))
  (global $g (mut i32) (i32.const 1)) (global $h (mut v128)
    (v128.const i32x4 1 2 3 4)) (global i64 (i64.const -1))
  (elem (table $t) (i32.const 0) func $one $two) (elem $p func $one)
  (data (i32.const 0) "abc") (data $d "def")
  (func $start (global.set $g (i32.const 2))) (start $start)
  (func $one (type $t) (i32.add (local.get 0) (i32.const 1)))
  (func $two (export "two") (type $t) (local i64 f32)
    (block $out (result i32)
      (loop $next
        (br_if $next (i32.eqz (memory.grow (i32.const 1))))
        (block $on (br_table $next $on $next (i32.const 1))))
      (call_indirect (type $t) (memory.size) (i32.const 0))
      (br_if $out (i32.const 0))))
  (func (export "bulk") (param i32)
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 3))
    (memory.copy (i32.const 0) (i32.const 1) (i32.const 3))
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3))
    (data.drop $d) (elem.drop $p)
    (call $host (table.size $t))
    (table.set $t (i32.const 0) (table.get $t (i32.const 1)))
    (drop (table.grow $t (ref.func $one) (i32.const 1))))
  (func (export "throws") (param i32) (result i32)
    (try $try (result i32)
      (do (throw $e (local.get 0)))
      (catch $e (if (param i32) (result i32) (local.get 0)
        (then (i32.const 1) (i32.add)) (else (drop) (rethrow $try))))
      (catch_all (return_call $one (i32.const 1)))))
  (func (export "vector") (result i32)
    (i32x4.extract_lane 1 (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
      (global.get $h) (v128.load32_lane 1 (i32.const 0) (global.get $h)))))
  (func (param i32 i32) (result i32 i32)
    (local.get 0) (local.get 1) (block (type $pair)
      (select (result i32) (i32.const 1))
      (i32.trunc_sat_f64_u (f64.const 3)))))`);

const guest = guestWasm(
  `${hello.data}
  (table 2 funcref) (elem (i32.const 0) $block $out)
  (global $g (mut i64) (i64.const 5))
  (func (export "_initialize") (global.set $g (i64.const 6)))
  (func (export "f") (result i32)
    (call $log (i64.const 1) ${hello.block})
    (call $give (call $caller_info))
    (i32.const 0))`,
  userImports,
);

const examples = ["hello/hello", "shout/shout", "upper/upper", "vowels/vowels"]
  .map((name) =>
    Deno.readFileSync(new URL(`../../examples/${name}.wasm`, import.meta.url))
  );

/** Small modules more often: their changes meet more of what matters. */
const modules = [rich, rich, rich, rich, guest, ...examples];

/** The rewritten module, or the refusal; nothing else may come. */
function tryRewrite(bytes: Bytes): RewrittenModule | ModuleRefusal {
  try {
    return rewriteModule(bytes, caps);
  } catch (cause) {
    assert.ok(cause instanceof ModuleRefusal, String(cause));
    assert.ok(cause.message.length < 400, cause.message);
    return cause;
  }
}

function isPrepared(bytes: Bytes): boolean {
  try {
    prepareModule(bytes, caps);
    return true;
  } catch (cause) {
    assert.ok(cause instanceof ModuleRefusal, String(cause));
    return false;
  }
}

/** What the module offers and needs, without what was added. */
function own(bytes: Bytes) {
  const module = new WebAssembly.Module(bytes);
  return {
    imports: WebAssembly.Module.imports(module).filter((item) =>
      !item.module.startsWith(hidden.mark)
    ),
    exports: WebAssembly.Module.exports(module).filter((item) =>
      !item.name.startsWith(hidden.mark)
    ),
  };
}

Deno.test("the modules to tamper with are run as they are", () => {
  for (const bytes of modules) assert.ok(isPrepared(bytes));
});

const mutants = fuzzRuns(6_000);

Deno.test("rewriteModule() of mutants gives a module or a refusal", () => {
  const random = openSimRandom(4711);
  const counts = { kept: 0, refused: 0, invalid: 0, notRun: 0 };
  for (let run = 0; run < mutants; run++) {
    const bytes = mutantOf(modules, random);
    const isValid = WebAssembly.validate(bytes);
    const result = tryRewrite(bytes);
    const isRewritten = !(result instanceof ModuleRefusal);
    assert.equal(isPrepared(bytes), isValid && isRewritten, `run ${run}`);
    if (isRewritten) {
      assert.ok(result.bytes.length < 8 * bytes.length + 4096, `run ${run}`);
    }
    if (isRewritten && isValid) {
      counts.kept++;
      assert.ok(WebAssembly.validate(result.bytes), `run ${run}`);
      assert.deepEqual(own(result.bytes), own(bytes), `run ${run}`);
    } else if (isRewritten) counts.invalid++;
    else if (isValid) counts.notRun++;
    else counts.refused++;
  }
  const seen = JSON.stringify(counts);
  assert.ok(counts.kept > mutants / 20, seen);
  assert.ok(counts.refused > mutants / 10, seen);
  assert.ok(counts.invalid > mutants / 20, seen);
  assert.ok(counts.notRun > 0, seen);
});

Deno.test("rewriteModule() of random bytes behind a header refuses", () => {
  const random = openSimRandom(4712);
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  for (let run = 0; run < mutants; run++) {
    const id = 1 + random.integer(13);
    const body = random.bytes(random.integer(60));
    tryRewrite(Uint8Array.from([...header, id, body.length, ...body]));
    tryRewrite(random.bytes(random.integer(40)));
  }
});

Deno.test("rewriteModule() of random code refuses or goes on", () => {
  const random = openSimRandom(4713);
  const isInstruction = [0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0b, 0x0c, 0x0e];
  let rewritten = 0;
  for (let run = 0; run < mutants; run++) {
    const code = [...random.bytes(1 + random.integer(40))].map((byte) =>
      random.integer(2) === 0
        ? byte
        : isInstruction[byte % isInstruction.length] ?? 0
    );
    const body = [0, ...code, 0x0b];
    const result = tryRewrite(Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0],
      ...[3, 2, 1, 0, 5, 3, 1, 0, 1],
      ...[10, body.length + 2, 1, body.length, ...body],
    ]));
    if (!(result instanceof ModuleRefusal)) rewritten++;
  }
  assert.ok(rewritten > 0);
});
