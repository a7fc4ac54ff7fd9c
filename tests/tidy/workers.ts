// The rule tidy/workers: one file makes threads, so that each has no right.
// In: a file of src or main.ts. Out: a report for each use of Worker, for each
// way to get at it under another name, and for each module that makes threads
// or processes of this program, elsewhere than in that file.
// It must never look at tests: one of them shows what a Worker inherits.

import { sourceRule } from "./location.ts";
import { type Node, parentOf, visitGlobals } from "./scope.ts";
import { visitSpecifiers } from "./specifiers.ts";
import { unwrapped, type Use, usesOf } from "./uses.ts";

const MAKER = "src/adapters/sandbox.ts";
/** Names of the global object. */
const SCOPES: ReadonlySet<string> = new Set([
  ...["globalThis", "self", "window", "global"],
]);
const NAMES: ReadonlySet<string> = new Set([...SCOPES, "Worker", "process"]);
/** They make threads or processes, or give any module by its name. */
const MODULES = /^(?:node:)?(?:worker_threads|cluster|module|process)$/;
/** It starts programs, and with fork() this one: one file may. */
const CHILDREN = /^(?:node:)?child_process$/;
const LAUNCHER = "src/adapters/detached_process.ts";

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
      for (const use of usesOf(identifier)) {
        if (isRefused(use)) report(use.node);
      }
    }),
    ...visitSpecifiers(({ node, text, kind }) => {
      if (kind === "type") return;
      const isLaunch = at.path !== LAUNCHER && CHILDREN.test(text ?? "");
      // A computed one may be any.
      const isThreads = text === undefined || MODULES.test(text);
      if (isLaunch || isThreads) report(node);
    }),
  };
});

function isRefused(use: Use): boolean {
  const start = use.path.findIndex((name) => !SCOPES.has(name));
  const [name, member] = start < 0 ? [] : use.path.slice(start);
  if (name === undefined) return isHandedOn(use.node);
  if (name === "Worker") return true;
  return name === "process" &&
    (member === undefined || member === "getBuiltinModule");
}

/**
 * Whether the global object itself goes to where no rule follows. As a type of
 * ours it may: that says which members are used.
 */
function isHandedOn(node: Node): boolean {
  const whole = unwrapped(node);
  const parent = parentOf(whole);
  if (parent?.type === "CallExpression") return !isDefinition(parent, whole);
  return parent?.type === "MemberExpression" ||
    whole.type !== "TSAsExpression" ||
    whole.typeAnnotation.type !== "TSTypeReference";
}

/** Object.defineProperty only gives it a member. */
function isDefinition(
  { callee, arguments: [first] }: Deno.lint.CallExpression,
  scope: Node,
): boolean {
  return first === scope && callee.type === "MemberExpression" &&
    callee.object.type === "Identifier" && callee.object.name === "Object" &&
    callee.property.type === "Identifier" &&
    callee.property.name === "defineProperty";
}
