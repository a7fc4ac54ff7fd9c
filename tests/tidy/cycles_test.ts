// Import cycles, in made-up graphs and in the real src and main.ts.
// In: the repository that this file stands in. Out: a failure for each cycle,
// and for each directive that would switch a rule of the plugin off.
// It must never have a list of cycles that are fine.

import { deepStrictEqual, ok } from "node:assert/strict";
import {
  findCycles,
  readImportGraph,
  runtimeImports,
  sourceFiles,
} from "./cycles.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("findCycles() finds none in a graph without one", () => {
  const graph = { a: ["b", "c"], b: ["d"], c: ["d"], d: ["elsewhere"] };
  deepStrictEqual(findCycles(new Map(Object.entries(graph))), []);
});

Deno.test("findCycles() names the files of each cycle in order", () => {
  const graph = { e: ["a"], a: ["b"], b: ["c"], c: ["d", "a"], d: ["b"] };
  deepStrictEqual(findCycles(new Map(Object.entries(graph))), [
    ["a", "b", "c", "a"],
    ["b", "c", "d", "b"],
  ]);
});

Deno.test("findCycles() finds a file that imports itself", () => {
  deepStrictEqual(findCycles(new Map([["a", ["a"]]])), [["a", "a"]]);
});

Deno.test("runtimeImports() leaves out types, packages and import()", () => {
  const source = `
    import { a } from "./a.ts"; import "../b/mod.ts"; export * from "./c.ts";
    export { d } from "./d.ts"; import { type E, f } from "./f.ts";
    import type { G } from "./g.ts"; import { type H } from "./h.ts";
    export type { I } from "./i.ts"; export type * from "./j.ts";
    import("./k.ts"); import "cborg"; type L = import("./l.ts").L;
  `;
  deepStrictEqual(runtimeImports("src/x/y.ts", source), [
    ...["src/x/a.ts", "src/b/mod.ts", "src/x/c.ts", "src/x/d.ts"],
    "src/x/f.ts",
  ]);
});

Deno.test("readImportGraph() reads main.ts and src from the disk", async () => {
  const folder = await Deno.makeTempDir();
  const root = new URL(`file://${folder}/`);
  try {
    await Deno.mkdir(new URL("src/a", root), { recursive: true });
    await write(root, {
      "main.ts": 'import "./src/a/mod.ts";',
      "other.ts": 'import "./main.ts";',
      "src/a/mod.ts": 'export * from "./b.ts";',
      "src/a/b.ts": 'import { c } from "./mod.ts"; c();',
    });
    const graph = await readImportGraph(root);
    deepStrictEqual([...graph.keys()].sort(), [
      ...["main.ts", "src/a/b.ts", "src/a/mod.ts"],
    ]);
    deepStrictEqual(findCycles(graph), [
      ["src/a/b.ts", "src/a/mod.ts", "src/a/b.ts"],
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("src and main.ts have no import cycle", async () => {
  const graph = await readImportGraph(ROOT);
  ok(graph.size > 0, `There are no source files in ${ROOT}`);
  const cycles = findCycles(graph).map((cycle) => cycle.join(" -> "));
  deepStrictEqual(cycles, []);
});

Deno.test("no directive in src switches a tidy rule off", async () => {
  const directive = /deno-lint-ignore(?:(?:-file)?\s*(?:--.*)?$|.*\btidy\/)/m;
  ok(directive.test("// deno-lint-ignore-file"));
  ok(directive.test("// deno-lint-ignore -- for all rules"));
  ok(directive.test("// deno-lint-ignore no-explicit-any tidy/size"));
  ok(!directive.test("// deno-lint-ignore no-explicit-any"));
  for await (const path of sourceFiles(ROOT)) {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    ok(!directive.test(text), `"${path}" switches a tidy rule off`);
  }
});

async function write(root: URL, files: Readonly<Record<string, string>>) {
  for (const [path, text] of Object.entries(files)) {
    await Deno.writeTextFile(new URL(path, root), text);
  }
}
