// The rule tidy/packages: each npm package has one importing place.
// In: a file of src or main.ts and its specifiers that are not relative. Out:
// a report for each package imported elsewhere than by its owner, and for
// each specifier that the import map does not name.
// It must never grow exemptions: a new dependency is a row in OWNERS.

import { sourceRule } from "./location.ts";
import { OWNERS } from "./order.ts";
import { isRelative, visitSpecifiers } from "./specifiers.ts";

/** Keeps each dependency behind one folder. */
export const packages = sourceRule((at, context) =>
  visitSpecifiers(({ node, text }) => {
    if (text === undefined || isRelative(text)) return;
    const owner = OWNERS.get(packageOf(text));
    if (owner === undefined) {
      context.report({
        node,
        message: `"${text}" is no package that src may import`,
        hint: "Use a bare name of deno.json that order.ts gives an owner",
      });
    } else if (owner !== at.place) {
      context.report({
        node,
        message: `Only "${owner}" imports "${text}", not "${at.place}"`,
        hint: `Use what "${owner}" exports, or a port`,
      });
    }
  })
);

/** "@a/b/c" is of "@a/b"; "node:fs" is of "node:"; "npm:a" stays whole. */
function packageOf(specifier: string): string {
  if (specifier.startsWith("node:")) return "node:";
  return specifier.match(/^(?:@[^/]+\/)?[^/@:]+(?=\/|$)/)?.[0] ?? specifier;
}
