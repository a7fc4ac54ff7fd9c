// The rule tidy/header: every file begins by saying what it is for.
// In: the text of a file of src or main.ts. Out: a report if it does not start
// with a comment of 3 to 8 lines that hold text.
// It must never take directives such as deno-lint-ignore for a header.

import { sourceRule } from "./location.ts";

const LINES_MIN = 3;
const LINES_MAX = 8;
const DIRECTIVE = /^(?:\/|\s*(?:deno-|@ts-))/;

/** Keeps a readable introduction in every file. */
export const header = sourceRule((at, context) => ({
  Program(node) {
    const lines = headerLines(context.sourceCode.text);
    if (lines >= LINES_MIN && lines <= LINES_MAX) return;
    const range = `${LINES_MIN} to ${LINES_MAX}`;
    context.report({
      node,
      message: `"${at.path}" has ${lines} header lines, not ${range}`,
      hint: "Say what comes in, what goes out, and what it must never do",
    });
  },
}));

/** Counts the lines with text of the comment that a file starts with. */
function headerLines(source: string): number {
  const text = source.replace(/^#!.*\n/, "");
  const block = text.match(/^\/\*([^]*?)\*\//)?.[1];
  const lines = block === undefined
    ? lineComments(text)
    : block.split("\n").map((line) => line.replace(/^\s*\*/, ""));
  return lines.filter((line) => line.trim() !== "").length;
}

function lineComments(text: string): string[] {
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("//"));
  return lines.slice(0, end < 0 ? lines.length : end)
    .map((line) => line.slice(2))
    .filter((line) => !DIRECTIVE.test(line));
}
