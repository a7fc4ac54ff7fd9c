// The names that traps show, as foreign bytes: what of the section "name" is
// kept, and that no section of it can make a trap cost more than a trap.

import assert from "node:assert/strict";
import { type Bytes, concatBytes, limits, utf8 } from "../../src/kernel/mod.ts";
import { prepareModule } from "../../src/wasm/mod.ts";
import { wasm } from "../fixtures/seeds/wat.ts";
import { RewrittenGuest } from "./wasm_lab.ts";

/** Functions 0 (traps) and 1, "f", which calls it; without names. */
const trapping = wasm(
  `(module (func unreachable) (func (export "f") (call 0)))`,
  { names: false },
);

function leb(value: number): Bytes {
  const bytes: number[] = [];
  do {
    bytes.push(value % 128 + (value >= 128 ? 128 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return Uint8Array.from(bytes);
}

function sized(...parts: readonly Uint8Array[]): Bytes {
  const bytes = concatBytes(...parts);
  return concatBytes(leb(bytes.length), bytes);
}

function subsection(id: number, ...parts: readonly Uint8Array[]): Bytes {
  return concatBytes(Uint8Array.of(id), sized(...parts));
}

type Entry = readonly [index: number, name: string | Bytes];

function functionNames(...entries: readonly Entry[]): Bytes {
  const bytes = entries.map(([index, name]) =>
    concatBytes(leb(index), sized(typeof name === "string" ? utf8(name) : name))
  );
  return subsection(1, leb(entries.length), joined(bytes));
}

/** So many that they are too many arguments. */
function joined(parts: readonly Uint8Array[]): Bytes {
  const groups: Bytes[] = [];
  for (let at = 0; at < parts.length; at += 1000) {
    groups.push(concatBytes(...parts.slice(at, at + 1000)));
  }
  return concatBytes(...groups);
}

function named(...subsections: readonly Uint8Array[]): Bytes {
  const content = sized(sized(utf8("name")), ...subsections);
  return concatBytes(trapping, Uint8Array.of(0), content);
}

/** Content of the rewritten module's section, behind its own name. */
function keptOf(bytes: Bytes): Uint8Array | undefined {
  const rewritten = prepareModule(bytes, { memoryPagesMax: 1 });
  const module = new WebAssembly.Module(rewritten.bytes);
  const [section] = WebAssembly.Module.customSections(module, "name");
  return section && new Uint8Array(section);
}

function stackOf(bytes: Bytes): string {
  const guest = new RewrittenGuest(bytes);
  try {
    guest.call("f");
  } catch (cause) {
    assert.ok(cause instanceof Error);
    return cause.stack ?? "";
  }
  assert.fail("it did not trap");
}

Deno.test("of the name section only the names of functions stay", () => {
  const functions = functionNames([0, "culprit"], [1, "accomplice"]);
  const bytes = named(
    subsection(0, sized(utf8("module name"))),
    functions,
    subsection(2, Uint8Array.of(1, 0, 1, 0), sized(utf8("local"))),
    subsection(9, Uint8Array.of(0)),
  );
  assert.deepEqual(keptOf(bytes), new Uint8Array(functions));
  assert.match(stackOf(bytes), /culprit[^]*accomplice/);
  assert.doesNotMatch(stackOf(bytes), /module name/);
});

Deno.test("names over 255 bytes are left out, the others stay", () => {
  const long = "x".repeat(limits.moduleFunctionNameBytesMax);
  const kept = (name: string) =>
    keptOf(named(functionNames([0, name], [1, "b"])));
  assert.deepEqual(
    kept(long),
    new Uint8Array(functionNames([0, long], [1, "b"])),
  );
  assert.deepEqual(
    kept(`${long}x`),
    new Uint8Array(functionNames([1, "b"])),
  );
});

Deno.test("a name of many megabytes makes no trap larger", () => {
  const huge = new Uint8Array(27 * 1024 * 1024).fill(0x61);
  const modules = [
    named(functionNames([0, huge], [1, "f"])),
    named(subsection(0, sized(huge))),
  ];
  for (const bytes of modules) assert.ok(stackOf(bytes).length < 10_000);
});

const malformed: Readonly<Record<string, Bytes>> = {
  "is twice": named(functionNames([0, "a"]), functionNames([1, "b"])),
  "comes before a smaller one": named(
    subsection(2, Uint8Array.of(0)),
    functionNames([0, "a"]),
  ),
  "is longer than the section": named(Uint8Array.of(1, 100, 0)),
  "ends in a name": named(subsection(1, Uint8Array.of(1, 0, 9, 97))),
  "ends before its count": named(subsection(1, Uint8Array.of(2, 0, 1, 97))),
  "goes on behind its count": named(
    subsection(1, Uint8Array.of(1, 0, 1, 97, 1, 1, 98)),
  ),
  "names a function twice": named(functionNames([0, "a"], [0, "b"])),
  "names functions in no order": named(functionNames([1, "a"], [0, "b"])),
  "names a function there is not": named(functionNames([0, "a"], [2, "b"])),
  "has too long an integer": named(
    subsection(1, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0x01)),
  ),
};

for (const [how, bytes] of Object.entries(malformed)) {
  Deno.test(`no names stay when their part ${how}`, () => {
    assert.equal(keptOf(bytes), undefined);
  });
}

Deno.test("a section without names of functions is left out", () => {
  assert.equal(keptOf(named()), undefined);
  assert.equal(keptOf(named(subsection(0, sized(utf8("m"))))), undefined);
});

Deno.test("names of more than 8 MiB together are left out", () => {
  const text = `(module ${"(func)".repeat(40_000)})`;
  const many = wasm(text, { names: false });
  const kept = (bytesEach: number) => {
    const name = new Uint8Array(bytesEach).fill(0x61);
    const entries = Array.from(
      { length: 40_000 },
      (_, index): Entry => [index, name],
    );
    const names = functionNames(...entries);
    const section = sized(sized(utf8("name")), names);
    return keptOf(concatBytes(many, Uint8Array.of(0), section));
  };
  assert.ok(kept(200) !== undefined);
  assert.ok(kept(230) === undefined);
});
