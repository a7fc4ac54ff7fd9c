// The import order of the project, as data: which folder may import which,
// and which folder owns which npm package. It mirrors section 3 of the design.
// In: nothing. Out: ORDER and OWNERS, which the rules and their tests read.
// It must never hold logic or exemptions: a new folder is a new row here.

/** One folder of src, or one single file, with what it may import. */
export interface Place {
  /** The only file of this place that other places import. */
  readonly entry: string;
  /** Names of the other places it may import. */
  readonly imports: ReadonlySet<string>;
}

/** The places by name; each imports only those to the right of its entry. */
export const ORDER: ReadonlyMap<string, Place> = table([
  ["kernel", "src/kernel/mod.ts", []],
  ["ports", "src/ports/mod.ts", ["kernel"]],
  ["identity", "src/identity/mod.ts", ["kernel", "ports", "version"]],
  ["transport", "src/transport/mod.ts", ["kernel", "ports", "identity"]],
  ["mesh", "src/mesh/mod.ts", ["kernel", "ports", "identity", "transport"]],
  ["state", "src/state/mod.ts", ["kernel", "ports", "identity"]],
  [
    "gossip",
    "src/gossip/mod.ts",
    ["kernel", "ports", "identity", "transport", "mesh"],
  ],
  [
    "admission",
    "src/admission/mod.ts",
    ["kernel", "ports", "identity", "transport", "mesh"],
  ],
  [
    "calls",
    "src/calls/mod.ts",
    ["kernel", "ports", "identity", "transport"],
  ],
  ["blobs", "src/blobs/mod.ts", ["kernel", "ports", "transport"]],
  ["placement", "src/placement/mod.ts", ["kernel", "ports"]],
  ["wasm", "src/wasm/mod.ts", ["kernel"]],
  ["threads", "src/threads/mod.ts", ["kernel", "ports", "wasm"]],
  ["guest", "src/guest/mod.ts", ["kernel", "ports", "wasm", "threads"]],
  ["egress", "src/egress/mod.ts", ["kernel", "ports"]],
  [
    "seeds",
    "src/seeds/mod.ts",
    [
      ...["kernel", "ports", "identity", "transport", "blobs", "placement"],
      ...["threads", "egress"],
    ],
  ],
  [
    "services",
    "src/services/mod.ts",
    ["kernel", "ports", "identity", "transport", "placement"],
  ],
  [
    "sites",
    "src/sites/mod.ts",
    ["kernel", "ports", "transport", "blobs", "placement"],
  ],
  ["control", "src/control/mod.ts", ["kernel", "ports"]],
  ["adapters", "src/adapters/mod.ts", ["kernel", "ports"]],
  ["config", "src/config/mod.ts", ["kernel", "ports"]],
  ["version", "src/version.ts", []],
  [
    "node",
    "src/node/mod.ts",
    [
      ...["kernel", "ports", "identity", "transport", "mesh", "state"],
      ...["gossip", "admission", "calls", "blobs", "placement", "egress"],
      ...["seeds", "services", "sites", "config", "version"],
    ],
  ],
  [
    "daemon",
    "src/daemon/mod.ts",
    ["kernel", "ports", "control", "config", "node", "version"],
  ],
  [
    "cli",
    "src/cli/mod.ts",
    [
      ...["kernel", "ports", "identity", "transport", "mesh", "admission"],
      ...["control", "config", "node", "daemon", "sim", "version"],
    ],
  ],
  [
    "sim",
    "src/sim/mod.ts",
    [
      ...["kernel", "ports", "identity", "transport", "config", "node"],
      ...["guest", "seeds", "state", "gossip", "admission"],
    ],
  ],
  ["main", "main.ts", ["cli", "adapters", "guest", "kernel", "ports"]],
]);

/** Each npm package's one importing place; "node:" stands for `node:*`. */
export const OWNERS: ReadonlyMap<string, string> = new Map([
  ["@stricli/core", "cli"],
  ["canonicalize", "kernel"],
  ["cborg", "kernel"],
  ["js-yaml", "config"],
  ["loro-crdt", "state"],
  ["node:", "adapters"],
  ["valibot", "kernel"],
]);

type Row = readonly [name: string, entry: string, imports: readonly string[]];

function table(rows: readonly Row[]): ReadonlyMap<string, Place> {
  return new Map(
    rows.map(([name, entry, imports]) => [
      name,
      { entry, imports: new Set(imports) },
    ]),
  );
}
