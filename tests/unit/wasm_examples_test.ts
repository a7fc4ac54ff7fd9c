// The rewriter over what toolchains really make: every module of the examples,
// in C, AssemblyScript and Go. The engine accepts what comes out, nothing of
// the module's own is lost, and nothing of it is unrestorable.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { hidden, prepareModule } from "../../src/wasm/mod.ts";

const pageBytes = 65_536;
const memoryPagesMax = limits.guestMemoryBytesDefault / pageBytes;
const examples = new URL("../../examples/", import.meta.url);

/** Modules of the examples that are built here; the Go one may be absent. */
function modulesOf(folder: URL): URL[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return modulesOf(new URL(`${name}/`, folder));
    return name.endsWith(".wasm") ? [new URL(name, folder)] : [];
  });
}

const modules = modulesOf(examples);

Deno.test("there are examples to rewrite", () => {
  assert.ok(modules.length >= 4, `${modules.length} modules`);
});

for (const url of modules) {
  const name = url.href.slice(examples.href.length);
  Deno.test(`the example ${name} is rewritten whole`, () => {
    const bytes = Deno.readFileSync(url);
    const rewritten = prepareModule(bytes, { memoryPagesMax });
    assert.equal(rewritten.plan.unrestorable, undefined);
    const before = new WebAssembly.Module(bytes);
    const after = new WebAssembly.Module(rewritten.bytes);
    const { imports, exports } = WebAssembly.Module;
    assert.deepEqual(
      imports(after).filter(({ module }) => module !== hidden.namespace),
      imports(before),
    );
    assert.deepEqual(
      exports(after).filter((item) => !item.name.startsWith(hidden.mark)),
      exports(before),
    );
    const grown = rewritten.bytes.length / bytes.length;
    assert.ok(grown < 2, `it became ${grown} times as long`);
  });
}
