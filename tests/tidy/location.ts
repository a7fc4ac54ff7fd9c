// Where a linted file stands in the project.
// In: the file name that Deno gives a rule, absolute or relative. Out: the
// path from the repository's root, its area, and its place in the import order.
// It must never read the disk: lint plugins run without permissions.

import { ORDER } from "./order.ts";

/** A file of the project; other files are no business of the rules. */
export interface Location {
  /** Path from the repository's root, with forward slashes. */
  readonly path: string;
  readonly area: "src" | "main" | "tests" | "examples";
  /** Key of ORDER; undefined outside src, or for an unknown place. */
  readonly place: string | undefined;
}

const ROOT = slashes(
  decodeURIComponent(new URL("../../", import.meta.url).pathname),
);
const ANCHORS = ["/src/", "/tests/", "/examples/"];

/** Finds a file in the project; undefined for one that is not part of it. */
export function locate(filename: string): Location | undefined {
  const path = fromRoot(slashes(filename));
  if (path === "main.ts") return { path, area: "main", place: "main" };
  const area = path.split("/", 1)[0];
  if (area === "src") return { path, area, place: placeOf(path) };
  if (area !== "tests" && area !== "examples") return undefined;
  return { path, area, place: undefined };
}

/** Names the place that a path from the root belongs to. */
export function placeOf(path: string): string | undefined {
  for (const [name, { entry }] of ORDER) {
    if (path === entry) return name;
    const folder = entry.match(/^(.+\/)mod\.ts$/)?.[1];
    if (folder !== undefined && path.startsWith(folder)) return name;
  }
  return undefined;
}

/** Makes a rule that looks only at src and main.ts. */
export function sourceRule(
  visit: (at: Location, context: Deno.lint.RuleContext) => LintVisitor,
): Deno.lint.Rule {
  return {
    create(context) {
      const at = locate(context.filename);
      const isSource = at?.area === "src" || at?.area === "main";
      return isSource ? visit(at, context) : {};
    },
  };
}

export type LintVisitor = Deno.lint.LintVisitor;

function fromRoot(name: string): string {
  if (name.startsWith(ROOT)) return name.slice(ROOT.length);
  if (!/^(?:\/|[A-Za-z]:\/)/.test(name)) return name.replace(/^\.\//, "");
  for (const anchor of ANCHORS) {
    const start = name.lastIndexOf(anchor);
    if (start >= 0) return name.slice(start + 1);
  }
  return name;
}

function slashes(name: string): string {
  return name.replaceAll("\\", "/").replace(/^\/(?=[A-Za-z]:\/)/, "");
}
