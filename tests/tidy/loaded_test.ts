// What the daemon's main thread loads with `pln up`: never the program of seed
// threads, which every one of them loads for itself. The imports as they are go
// in; types cost nothing and are not followed.

import assert from "node:assert/strict";

type Graph = {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly isDynamic?: boolean;
      readonly code?: { readonly specifier?: string };
    }[];
  }[];
};

const root = new URL("../../", import.meta.url);

Deno.test("pln up loads no program of seed threads on the main thread", async () => {
  const verb = await loadedWith("src/cli/commands/up.ts");
  const loaded = verb.union(await loadedWith("src/daemon/mod.ts"));
  assert.ok(loaded.has("src/seeds/pool.ts"), "the pool lives there");
  const needless = [...loaded].filter((path) =>
    /^src\/(?:guest|wasm|sim)\//.test(path)
  );
  assert.deepEqual(needless, []);
});

/** Paths from the root of all that `entry` imports before it runs. */
async function loadedWith(entry: string): Promise<ReadonlySet<string>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
  }).output();
  const { modules }: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const byName = new Map(modules.map((one) => [one.specifier, one]));
  const seen = new Set<string>();
  const waiting = [new URL(entry, root).href];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const module = byName.get(name);
    if (module === undefined || seen.has(name)) continue;
    seen.add(name);
    for (const { isDynamic, code } of module.dependencies ?? []) {
      if (isDynamic !== true && code?.specifier !== undefined) {
        waiting.push(code.specifier);
      }
    }
  }
  return new Set([...seen].map((name) => name.replace(root.href, "")));
}
