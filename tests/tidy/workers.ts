// The rule tidy/workers: one file makes threads, so that each has no right.
// In: a file of src or main.ts. Out: a report for each use of Worker, and for
// each import of Node's, elsewhere than in that file.
// It must never look at tests: one of them shows what a Worker inherits.

import { sourceRule } from "./location.ts";
import { visitGlobals } from "./scope.ts";
import { visitSpecifiers } from "./specifiers.ts";
import { usesOf } from "./uses.ts";

const MAKER = "src/adapters/sandbox.ts";
const NAMES: ReadonlySet<string> = new Set(["Worker", "globalThis"]);
const MODULES = /^(?:node:)?worker_threads$/;

/** Keeps every thread narrowed: a Worker has its maker's rights by default. */
export const workers = sourceRule((at, context) => {
  if (at.path === MAKER) return {};
  const report = (node: Deno.lint.Node) =>
    context.report({
      node,
      message: `Only ${MAKER} makes threads`,
      hint: "Use the port Sandbox: its threads have no permission",
    });
  return {
    ...visitGlobals(NAMES, (identifier) => {
      for (const { node, path } of usesOf(identifier)) {
        if (path[0] === "Worker") report(node);
      }
    }),
    ...visitSpecifiers(({ node, text, kind }) => {
      if (kind !== "type" && MODULES.test(text ?? "")) report(node);
    }),
  };
});
