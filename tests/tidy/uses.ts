// How a global is used: the members it is asked for, and what happens to it.
// In: an unbound identifier of the syntax tree. Out: one Use for each member
// path, so `(globalThis as T).Date?.now` is the path Date, now.
// It must never decide whether a use is fine; ambient.ts and exit.ts do.

import { type Node, parentOf } from "./scope.ts";
import { literalText } from "./specifiers.ts";

/** One use of a global value. */
export interface Use {
  readonly node: Deno.lint.Identifier;
  /** Names from the global on, without a leading `globalThis`. */
  readonly path: readonly string[];
  /**
   * What is done with the end of the path: "alias" gives it another name or
   * asks for a computed member, "bare" is a `new` without arguments.
   */
  readonly as: "call" | "bare" | "alias" | "value";
}

const WRAPPERS: ReadonlySet<string> = new Set([
  ...["ChainExpression", "TSAsExpression", "TSSatisfiesExpression"],
  ...["TSNonNullExpression", "TSTypeAssertion", "TSInstantiationExpression"],
]);

/** Lists the uses that one identifier makes; destructuring makes several. */
export function usesOf(identifier: Deno.lint.Identifier): Use[] {
  let node: Node = unwrapped(identifier);
  const path = [identifier.name];
  for (;;) {
    const parent = parentOf(node);
    if (parent?.type !== "MemberExpression" || parent.object !== node) break;
    const name = memberName(parent.property, parent.computed);
    if (name === undefined) return [use(identifier, path, "alias")];
    path.push(name);
    node = unwrapped(parent);
  }
  const pattern = patternOf(node);
  if (pattern?.type !== "ObjectPattern") {
    return [use(identifier, path, pattern ? "alias" : roleOf(node))];
  }
  return [...patternPaths(pattern)].map(({ names, isWhole }) =>
    use(identifier, [...path, ...names], isWhole ? "alias" : "value")
  );
}

/** The outermost node that is only a cast of this one. */
export function unwrapped(node: Node): Node {
  const parent = parentOf(node);
  return parent && WRAPPERS.has(parent.type) ? unwrapped(parent) : node;
}

function use(
  node: Use["node"],
  path: Use["path"],
  as: Use["as"],
): Use {
  const start = path.findIndex((name) => name !== "globalThis");
  return { node, path: start < 0 ? [] : path.slice(start), as };
}

function roleOf(node: Node): Use["as"] {
  const parent = parentOf(node);
  if (parent?.type === "CallExpression" && parent.callee === node) {
    return "call";
  }
  const isNew = parent?.type === "NewExpression" && parent.callee === node;
  return isNew && parent.arguments.length === 0 ? "bare" : "value";
}

/** Where a value is stored: `to` in `to = value`, or in a default. */
function patternOf(node: Node): Node | undefined {
  const parent = parentOf(node);
  switch (parent?.type) {
    case "VariableDeclarator":
      return parent.id;
    case "AssignmentExpression":
    case "AssignmentPattern":
      return parent.right === node ? parent.left : undefined;
    default:
      return undefined;
  }
}

interface PatternPath {
  readonly names: readonly string[];
  /** True if the pattern takes all that is left, or a computed member. */
  readonly isWhole: boolean;
}

function* patternPaths(
  pattern: Deno.lint.ObjectPattern,
): Generator<PatternPath> {
  for (const property of pattern.properties) {
    const name = property.type === "Property"
      ? memberName(property.key, property.computed)
      : undefined;
    if (property.type !== "Property" || name === undefined) {
      yield { names: [], isWhole: true };
      continue;
    }
    const { value } = property;
    const inner = value.type === "AssignmentPattern" ? value.left : value;
    if (inner.type !== "ObjectPattern") {
      yield { names: [name], isWhole: true };
      continue;
    }
    for (const { names, isWhole } of patternPaths(inner)) {
      yield { names: [name, ...names], isWhole };
    }
  }
}

function memberName(key: Node, isComputed: boolean): string | undefined {
  if (!isComputed && key.type === "Identifier") return key.name;
  return literalText(key);
}
