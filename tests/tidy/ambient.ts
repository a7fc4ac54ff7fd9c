// The rules tidy/ambient and tidy/no-floating-exit: the world is behind ports.
// In: a file of src or main.ts. Out: a report for each use of the clock, of
// randomness, timers, network, console or process outside of src/adapters, and
// for each Deno.exit outside of main.ts.
// It must never mistake a property or a local name for the global.

import { type LintVisitor, type Location, sourceRule } from "./location.ts";
import { visitGlobals } from "./scope.ts";
import { type Use, usesOf } from "./uses.ts";

/** Globals that are refused whole. */
const WHOLE: ReadonlySet<string> = new Set([
  ...["Deno", "process", "global", "window", "self", "navigator", "console"],
  ...["setTimeout", "setInterval", "setImmediate"],
  ...["clearTimeout", "clearInterval", "clearImmediate", "performance"],
  ...["crypto", "Worker", "prompt", "alert", "confirm"],
  ...["fetch", "WebSocket", "WebSocketStream", "EventSource"],
  ...["XMLHttpRequest", "BroadcastChannel"],
  ...["localStorage", "sessionStorage", "caches", "indexedDB"],
]);

/** Globals that are fine but for some members. */
const MEMBERS: ReadonlyMap<string, string> = new Map([
  ["AbortSignal", "timeout"],
  ["Date", "now"],
  ["Math", "random"],
  ["Temporal", "Now"],
]);

const WATCHED = new Set([...WHOLE, ...MEMBERS.keys(), "globalThis"]);
const EXITING = new Set(["Deno", "process", "globalThis"]);

/** Keeps everything that is not a computation in src/adapters. */
export const ambient = sourceRule((at, context) => {
  if (at.place === "adapters") return {};
  return {
    ...visitUses(WATCHED, (use) => {
      if (!isRefused(use) || isExit(at, use)) return;
      const name = use.path.slice(0, 2).join(".") || "globalThis";
      context.report({
        node: use.node,
        message: `"${name}" is ambient; only src/adapters may use it`,
        hint: "Take it from a port in src/ports",
      });
    }),
    MetaProperty(node) {
      if (at.area === "main" || node.meta.name !== "import") return;
      context.report({
        node,
        message: "Only main.ts and src/adapters know where their code lies",
        hint: "Take the address from main.ts as an argument",
      });
    },
  };
});

/** Keeps the end of the process where the exit code is decided. */
export const noFloatingExit = sourceRule((at, context) => {
  if (at.area === "main") return {};
  return visitUses(EXITING, ({ node, path }) => {
    if (path[1] !== "exit") return;
    context.report({
      node,
      message: `Only main.ts ends the process, not "${at.path}"`,
      hint: "Return an exit code, or throw",
    });
  });
});

function visitUses(
  names: ReadonlySet<string>,
  visit: (use: Use) => void,
): LintVisitor {
  return visitGlobals(names, (identifier) => {
    for (const use of usesOf(identifier)) {
      const [first] = use.path;
      if (first === undefined || names.has(first)) visit(use);
    }
  });
}

function isRefused({ path, as }: Use): boolean {
  const [name, member] = path;
  if (name === undefined || WHOLE.has(name)) return true;
  if (member !== undefined) return member === MEMBERS.get(name);
  if (as === "alias") return true;
  return name === "Date" && (as === "call" || as === "bare");
}

function isExit(at: Location, { path }: Use): boolean {
  return at.area === "main" && path.join(".") === "Deno.exit";
}
