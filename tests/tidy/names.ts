// The rule tidy/names: file names say what is inside, in one style.
// In: the path of a file of src, tests or examples. Out: a report for a name
// that is not snake_case TypeScript, or that is a dumping ground.
// It must never look into the file.

import { locate } from "./location.ts";

const DUMPING_GROUNDS: ReadonlySet<string> = new Set([
  ...["utils", "helpers", "helper", "util"],
  ...["common", "shared", "misc", "types"],
]);
const FILE = /^([a-z][a-z0-9]*(?:_[a-z0-9]+)*)(?:\.d)?\.ts$/;

/** Keeps names searchable and free of dumping grounds. */
export const names: Deno.lint.Rule = {
  create(context) {
    const path = locate(context.filename)?.path;
    if (path === undefined) return {};
    return {
      Program(node) {
        const [message, hint] = problemOf(path);
        if (message !== undefined) context.report({ node, message, hint });
      },
    };
  },
};

function problemOf(path: string): [message?: string, hint?: string] {
  const folders = path.split("/");
  const file = folders.pop() ?? "";
  const stem = file.match(FILE)?.[1];
  if (stem === undefined) {
    return [`"${file}" is no snake_case .ts name`, 'Write "like_this.ts"'];
  }
  const subject = stem.replace(/_test$/, "");
  const bad = [...folders, subject].find((name) => DUMPING_GROUNDS.has(name));
  if (bad === undefined) return [];
  return [
    `"${bad}" in "${path}" is a dumping ground`,
    "Name it after what it does, or put the code by its only caller",
  ];
}
