// Every way in which a file can name another module, seen as one list.
// In: the syntax tree of a file. Out: a call for each module specifier, with
// its text and whether it stays at run time.
// It must never judge a specifier; import_order, packages and cycles do that.

import type { LintVisitor } from "./location.ts";
import type { Node } from "./scope.ts";

/** One mention of a module. */
export interface Specifier {
  readonly node: Deno.lint.Node;
  /** Undefined if a dynamic import computes it. */
  readonly text: string | undefined;
  /**
   * "type" is erased before running. Deno also erases `import { type A }`,
   * without running the module (seen with Deno 2.9.6).
   */
  readonly kind: "static" | "type" | "dynamic";
}

/** Visits every module specifier of a file, in source order. */
export function visitSpecifiers(
  visit: (specifier: Specifier) => void,
): LintVisitor {
  return {
    ImportDeclaration(node) {
      const isType = node.importKind === "type" ||
        isAllTypes(
          node.specifiers.map((one) =>
            one.type === "ImportSpecifier" ? one.importKind : "value"
          ),
        );
      visit(declared(node.source, isType));
    },
    ExportNamedDeclaration(node) {
      if (!node.source) return;
      const isType = node.exportKind === "type" ||
        isAllTypes(node.specifiers.map((one) => one.exportKind));
      visit(declared(node.source, isType));
    },
    ExportAllDeclaration(node) {
      visit(declared(node.source, node.exportKind === "type"));
    },
    ImportExpression(node) {
      visit({ node, text: literalText(node.source), kind: "dynamic" });
    },
    TSImportType(node) {
      const { argument } = node;
      const text = argument.type === "TSLiteralType"
        ? literalText(argument.literal)
        : undefined;
      visit({ node, text, kind: "type" });
    },
    TSExternalModuleReference(node) {
      visit(declared(node.expression, false));
    },
  };
}

/** The path from the root that a relative specifier in `path` names. */
export function resolveSpecifier(path: string, specifier: string): string {
  const { pathname } = new URL(specifier, `file:///${path}`);
  return decodeURIComponent(pathname).slice(1);
}

/** Tells relative specifiers from package names and addresses. */
export function isRelative(specifier: string): boolean {
  return /^\.{1,2}(?:\/|$)/.test(specifier);
}

/** The string that an expression surely is: "a", `a`, "a" as string. */
export function literalText(node: Node): string | undefined {
  if (node.type === "Literal" && typeof node.value === "string") {
    return node.value;
  }
  // A cast is erased.
  if (node.type === "TSAsExpression") return literalText(node.expression);
  if (node.type !== "TemplateLiteral") return undefined;
  return node.expressions.length === 0 ? node.quasis[0]?.cooked : undefined;
}

function declared(source: Deno.lint.StringLiteral, isType: boolean): Specifier {
  return {
    node: source,
    text: source.value,
    kind: isType ? "type" : "static",
  };
}

function isAllTypes(kinds: readonly string[]): boolean {
  return kinds.length > 0 && kinds.every((kind) => kind === "type");
}
