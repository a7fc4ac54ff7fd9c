// The rule tidy/size: files of 300 code lines, functions of 50.
// In: a file of src or main.ts. Out: a report for the file and for each
// function that is too long; blank lines and comments do not count.
// It must never count by hand-written parsing: comments come from the tree.

import { sourceRule } from "./location.ts";

const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 50;

type Func =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression;

/** Keeps files and functions small enough to read at once. */
export const size = sourceRule((at, context) => {
  const code = withoutComments(context.sourceCode);
  const checkFunction = (node: Func) => {
    const lines = countLines(code.slice(...node.range));
    if (lines <= FUNCTION_LINES_MAX) return;
    context.report({
      node,
      message: `This function has ${lines} of ${FUNCTION_LINES_MAX} code lines`,
      hint: "Name its steps as functions of their own",
    });
  };
  return {
    Program(node) {
      const lines = countLines(code);
      if (lines <= FILE_LINES_MAX) return;
      if (isGenerated(at.path, context.sourceCode.text)) return;
      context.report({
        node,
        message: `"${at.path}" has ${lines} of ${FILE_LINES_MAX} code lines`,
        hint: "Split it where its header comment says `and`",
      });
    },
    FunctionDeclaration: checkFunction,
    FunctionExpression: checkFunction,
    ArrowFunctionExpression: checkFunction,
  };
});

function isGenerated(path: string, text: string): boolean {
  return path.endsWith("_generated.ts") && /^\/\/ generated\b/.test(text);
}

/** The source with spaces for comments; offsets and lines stay the same. */
function withoutComments(source: Deno.lint.SourceCode): string {
  let code = "";
  let end = 0;
  for (const comment of source.getAllComments()) {
    const [from, to] = rangeOf(comment);
    code += source.text.slice(end, from);
    code += source.text.slice(from, to).replace(/[^\n]/g, " ");
    end = to;
  }
  return code + source.text.slice(end);
}

/** Comments carry a range at run time that Deno's types leave out. */
function rangeOf(
  comment: Deno.lint.LineComment | Deno.lint.BlockComment,
): Deno.lint.Range {
  if ("range" in comment && Array.isArray(comment.range)) {
    const [from, to] = comment.range;
    return [Number(from), Number(to)];
  }
  throw new Error(
    'Cannot count code lines: Deno gave a comment without "range"',
  );
}

function countLines(code: string): number {
  return code.split("\n").filter((line) => line.trim() !== "").length;
}
