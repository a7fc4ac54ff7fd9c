// What a start loads: a quick command must not pay for the daemon, and a thread
// not for the command line. In comes Deno's own graph of the modules; the times
// themselves are in `deno task bench processes`.

import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);

type Dependency = {
  readonly code?: { readonly specifier?: string };
  readonly isDynamic?: boolean;
};
type Module = {
  readonly specifier: string;
  readonly dependencies?: readonly Dependency[];
};

/** Folders of src, and npm packages, to which a file's imports lead. */
async function placesBehind(
  entry: string,
  { follows }: { readonly follows: "static" | "all" },
): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(entry, root).pathname],
    cwd: root,
  }).output();
  const graph: readonly Module[] =
    JSON.parse(new TextDecoder().decode(stdout)).modules;
  const modules = new Map(graph.map((one) => [one.specifier, one]));
  const found = new Set([new URL(entry, root).href]);
  for (const next of found) {
    for (const { code, isDynamic } of modules.get(next)?.dependencies ?? []) {
      // Without code it is a type's import.
      if (code?.specifier === undefined) continue;
      if (follows === "all" || isDynamic !== true) found.add(code.specifier);
    }
  }
  return placesOf([...found]);
}

function placesOf(specifiers: readonly string[]): readonly string[] {
  const source = new URL("src/", root).href;
  const places = specifiers.map((one) =>
    one.startsWith(source)
      ? one.slice(source.length).split("/")[0] ?? ""
      : one.match(/^npm:\/?((?:@[^@/]+\/)?[^@/]+)/)?.[1] ?? "main.ts"
  );
  return [...new Set(places)].sort();
}

Deno.test("a quick command loads the command line, and nothing of the daemon", async () => {
  const packages = ["@stricli/core", "canonicalize", "valibot"];
  assert.deepEqual(
    await placesBehind("src/cli/mod.ts", { follows: "static" }),
    [...packages, ...["cli", "kernel", "ports", "version.ts"]].sort(),
  );
});

// Deno reads what a dynamic import names before it starts a thread.
Deno.test("a thread reads no module of the command line and the daemon", async () => {
  const places = await placesBehind("main.ts", { follows: "all" });
  assert.ok(places.includes("guest"), "the program of seed threads is there");
  const outside = ["cli", "daemon", "identity", "node", "state", "transport"];
  assert.deepEqual(places.filter((one) => outside.includes(one)), []);
});
