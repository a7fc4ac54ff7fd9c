// Examples of what tidy/import-order and tidy/packages accept and refuse.
// In: made-up files that never touch the disk. Out: one test per example, and
// checks of the tables in order.ts.
// It must never depend on the files that src really has.

import { deepStrictEqual, ok } from "node:assert/strict";
import { findCycles } from "./cycles.ts";
import { testsOf } from "./examples.ts";
import { ORDER, OWNERS } from "./order.ts";

const order = testsOf("import-order");
const npm = testsOf("packages");

order.accepts("a file of the own folder", {
  file: "src/cli/commands/up.ts",
  source: 'import { run } from "../run.ts"; export * from "./down.ts";',
});

order.accepts("the mod.ts of a folder that comes earlier", {
  file: "src/mesh/members.ts",
  source: 'import type { Id } from "../kernel/mod.ts";' +
    'export { x } from "../transport/mod.ts";',
});

order.accepts("single files by their own path", {
  file: "src/node/node.ts",
  source: 'import { version } from "../version.ts";',
});

order.accepts("what main.ts may import", {
  file: "main.ts",
  source: 'import { run } from "./src/cli/mod.ts";' +
    'import { openPorts } from "./src/adapters/mod.ts";',
});

order.accepts("any import in a file outside src", {
  file: "tests/unit/kernel_test.ts",
  source: 'import { x } from "../../src/kernel/ids.ts"; import(x);',
});

order.refuses("a folder that comes later, in every form of import", {
  file: "src/kernel/ids.ts",
  source: 'import { a } from "../ports/mod.ts";' +
    'import type { B } from "../ports/mod.ts";' +
    'export * from "../ports/mod.ts"; export { c } from "../node/mod.ts";' +
    'const d = import("../ports/mod.ts"); import(`../cli/mod.ts`);' +
    'type E = import("../ports/mod.ts").E; import("../sim/mod.ts" as string);',
  says: [
    /"kernel" must not import "ports"/,
    /"kernel" must not import "ports"/,
    /"kernel" must not import "ports"/,
    /"kernel" must not import "node"/,
    /"kernel" must not import "ports"/,
    /"kernel" must not import "cli"/,
    /"kernel" must not import "ports"/,
    /"kernel" must not import "sim"/,
  ],
});

order.refuses("files of another folder that are not its mod.ts", {
  file: "src/gossip/engine.ts",
  source: 'import { a } from "../kernel/ids.ts";' +
    'import { b } from "../mesh/deep/mod.ts";',
  says: [/"src\/kernel\/ids.ts" is private/, /deep\/mod.ts" is private/],
});

order.refuses("the own folder's mod.ts", {
  file: "src/cli/commands/up.ts",
  source: 'import { a } from "../mod.ts"; import { b } from "./mod.ts";',
  says: [/own folder's entry "src\/cli\/mod/, /entry "src\/cli\/commands\/mod/],
});

order.refuses("places outside the table", {
  file: "src/cli/run.ts",
  source: 'import { a } from "../extras/mod.ts";' +
    'import { b } from "../../tests/tidy/order.ts"; import { c } from "..";',
  says: [/src\/extras/, /tests\/tidy/, /known folder/],
});

order.refuses("a file in an unknown folder", {
  file: "src/extras/thing.ts",
  source: 'import { a } from "./other.ts";',
  says: [/"src\/extras\/thing.ts" is in no known/, /src\/extras\/other.ts/],
});

order.refuses("an unknown single file in src", {
  file: "src/start.ts",
  source: "export const a = 1;",
  says: [/"src\/start.ts" is in no known folder/],
});

order.refuses("computed dynamic imports", {
  file: "main.ts",
  source: "const name = './src/cli/mod.ts'; import(name); import(`./${name}`);",
  says: [/by a literal/, /by a literal/],
});

order.refuses("a computed import in the middle of an adapter", {
  file: "/somewhere/src/else/src/adapters/sandbox.ts",
  source: "export const load = (path: string) => import(path);",
  says: [/by a literal/],
});

Deno.test("the order is free of cycles and names only its own places", () => {
  const graph = new Map(
    [...ORDER].map(([name, { imports }]) => [name, [...imports]]),
  );
  deepStrictEqual(findCycles(graph), []);
  for (const owner of [...graph.values()].flat()) ok(ORDER.has(owner), owner);
  for (const owner of OWNERS.values()) ok(ORDER.has(owner), owner);
});

npm.accepts("each package in its owner", {
  file: "src/kernel/codec.ts",
  source: 'import { encode } from "cborg"; import "cborg/length";' +
    'import * as v from "valibot"; import("canonicalize");',
});

npm.accepts("scoped packages and their parts in their owner", {
  file: "src/cli/app.ts",
  source: 'import "@stricli/core"; import { x } from "@stricli/core/x";',
});

npm.accepts("node: modules in adapters", {
  file: "src/adapters/sockets.ts",
  source: 'import { connect } from "node:net"; import("node:fs/promises");',
});

npm.accepts("js-yaml in src/config", {
  file: "src/config/file.ts",
  source: 'import { load } from "js-yaml"; import "./kernel/mod.ts";',
});

npm.refuses("a package outside its owner, even as a type", {
  file: "src/gossip/messages.ts",
  source: 'import type { Doc } from "loro-crdt"; import "node:assert";' +
    'export * from "cborg"; type A = import("valibot").A;' +
    'const b = import("@stricli/core");',
  says: [
    /Only "state" imports "loro-crdt"/,
    /Only "adapters" imports "node:assert"/,
    /Only "kernel" imports "cborg"/,
    /Only "kernel" imports "valibot"/,
    /Only "cli" imports "@stricli\/core"/,
  ],
});

npm.refuses("specifiers that are no bare names with an owner", {
  file: "src/kernel/codec.ts",
  source: 'import "npm:cborg@6"; import "jsr:@std/path"; import "fs";' +
    'import "https://deno.land/x/a.ts"; import "/src/kernel/ids.ts";' +
    'import "cborg-extra"; import "@peculiar/asn1"; import "data:text/js,1";',
  says: Array.from({ length: 8 }, () => /no package that src may import/),
});

npm.refuses("packages in main.ts", {
  file: "main.ts",
  source: 'import { run } from "@stricli/core";',
  says: [/Only "cli" imports "@stricli\/core", not "main"/],
});
