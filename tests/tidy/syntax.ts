// The rules tidy/no-enum, tidy/no-default-export and tidy/no-null.
// In: a file of src or main.ts. Out: a report for each piece of syntax that
// the house style does without.
// It must never judge meaning; each rule here is one look at one node.

import { type LintVisitor, sourceRule } from "./location.ts";

/** Unions of string literals instead. */
export const noEnum = sourceRule((_at, context) => ({
  TSEnumDeclaration(node) {
    context.report({
      node,
      message: `"${node.id.name}" is an enum`,
      hint: "Write a union of string literals",
    });
  },
}));

/** One name for one thing, wherever it is imported. */
export const noDefaultExport = sourceRule((_at, context) => {
  const report = (node: Deno.lint.Node) =>
    context.report({
      node,
      message: "A default export has no name to search for",
      hint: "Export it by its name",
    });
  return {
    ExportDefaultDeclaration: report,
    TSExportAssignment: report,
    ExportAllDeclaration(node) {
      if (node.exported?.name === "default") report(node);
    },
    ExportSpecifier(node) {
      if (nameOf(node.exported) === "default") report(node);
    },
  };
});

/** Only kernel and adapters meet foreign null, and turn it away. */
export const noNull = sourceRule((at, context): LintVisitor => {
  if (at.place === "kernel" || at.place === "adapters") return {};
  const report = (node: Deno.lint.Node) =>
    context.report({
      node,
      message: "null is for src/kernel and src/adapters only",
      hint: "Write undefined, or leave the property out",
    });
  return {
    TSNullKeyword: report,
    Literal(node) {
      if (node.raw === "null") report(node);
    },
  };
});

function nameOf(node: Deno.lint.Identifier | Deno.lint.StringLiteral): string {
  return node.type === "Identifier" ? node.name : node.value;
}
