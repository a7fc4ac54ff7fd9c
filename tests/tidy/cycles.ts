// The import graph of src and main.ts, and the cycles in it.
// In: the repository's root, or any graph. Out: the shortest cycle through
// each file that begins one; `import type` and dynamic imports do not count.
// It must never run outside `deno test`: Deno.lint.runPlugin, which parses
// the files, exists only there.

import { isRelative, resolveSpecifier, visitSpecifiers } from "./specifiers.ts";

/** Paths from the root, each with the paths it imports at run time. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Reads main.ts and src; a missing one is left out. */
export async function readImportGraph(root: URL): Promise<ImportGraph> {
  const graph = new Map<string, readonly string[]>();
  for await (const path of sourceFiles(root)) {
    const source = await Deno.readTextFile(new URL(path, root));
    graph.set(path, runtimeImports(path, source));
  }
  return graph;
}

/** Lists the relative modules that load before this one runs. */
export function runtimeImports(path: string, source: string): string[] {
  const imports: string[] = [];
  const visitor = visitSpecifiers(({ text, kind }) => {
    if (kind !== "static" || text === undefined) return;
    if (isRelative(text)) imports.push(resolveSpecifier(path, text));
  });
  const rules = { imports: { create: () => visitor } };
  Deno.lint.runPlugin({ name: "cycles", rules }, path, source);
  return imports;
}

/**
 * Finds import cycles by a breadth-first search from each file, in order of
 * names, that visits only later names: a cycle is found from its first name.
 *
 * @returns Cycles such as ["a.ts", "b.ts", "a.ts"]; empty if there is none.
 */
export function findCycles(graph: ImportGraph): string[][] {
  return [...graph.keys()].sort().flatMap((first) => {
    const cycle = cycleFrom(graph, first);
    return cycle === undefined ? [] : [cycle];
  });
}

function cycleFrom(graph: ImportGraph, first: string): string[] | undefined {
  const seen = new Set<string>();
  const paths = [[first]];
  for (const path of paths) {
    for (const next of graph.get(path.at(-1) ?? first) ?? []) {
      if (next === first) return [...path, first];
      if (next < first || seen.has(next)) continue;
      seen.add(next);
      paths.push([...path, next]);
    }
  }
  return undefined;
}

/** Lists the TypeScript files of src, and main.ts, from the root. */
export async function* sourceFiles(root: URL): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(root)) {
    if (entry.isFile && entry.name === "main.ts") yield entry.name;
    if (entry.isDirectory && entry.name === "src") yield* filesIn(root, "src/");
  }
}

async function* filesIn(root: URL, folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(new URL(folder, root))) {
    const path = folder + entry.name;
    if (entry.isDirectory) yield* filesIn(root, `${path}/`);
    else if (/\.[cm]?[jt]sx?$/.test(entry.name)) yield path;
  }
}
