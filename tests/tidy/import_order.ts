// The rule tidy/import-order: who may import whom.
// In: a file of src or main.ts and its relative specifiers. Out: a report for
// each import against ORDER, past another folder's mod.ts, through the own
// mod.ts, or computed at run time.
// It must never look at package names; the rule tidy/packages does.

import { type Location, placeOf, sourceRule } from "./location.ts";
import { ORDER } from "./order.ts";
import { isRelative, resolveSpecifier, visitSpecifiers } from "./specifiers.ts";

/** Keeps the folders of src in one order. */
export const importOrder = sourceRule((at, context) => ({
  ...visitSpecifiers(({ node, text }) => {
    const problem = problemOf(at, text);
    if (problem !== undefined) context.report({ node, ...problem });
  }),
  Program(node) {
    if (at.place !== undefined) return;
    context.report({
      node,
      message: `"${at.path}" is in no known folder of src`,
      hint: "Move it, or add its folder to the design and to order.ts",
    });
  },
}));

interface Problem {
  readonly message: string;
  readonly hint: string;
}

function problemOf(
  at: Location,
  specifier: string | undefined,
): Problem | undefined {
  if (specifier === undefined) {
    return {
      message: "An import must name its module by a literal",
      hint: 'Write import("./file.ts"), or a table of such calls',
    };
  }
  if (!isRelative(specifier)) return undefined;
  const target = resolveSpecifier(at.path, specifier);
  const place = placeOf(target);
  if (place === undefined) {
    return {
      message: `"${target}" is in no known folder of src`,
      hint: "Import only from the places that order.ts lists",
    };
  }
  return place === at.place
    ? problemInside(at.path, target)
    : problemAcross(at, { place, target });
}

function problemInside(path: string, target: string): Problem | undefined {
  const entry = ORDER.get(placeOf(path) ?? "")?.entry;
  const sibling = path.replace(/[^/]*$/, "mod.ts");
  if (target !== entry && target !== sibling) return undefined;
  return {
    message: `"${path}" imports its own folder's entry "${target}"`,
    hint: "Import the file that declares the name",
  };
}

function problemAcross(
  at: Location,
  { place, target }: { place: string; target: string },
): Problem | undefined {
  const own = ORDER.get(at.place ?? "");
  const entry = ORDER.get(place)?.entry;
  if (own !== undefined && !own.imports.has(place)) {
    const allowed = [...own.imports].join(", ") || "nothing";
    return {
      message: `"${at.place}" must not import "${place}"`,
      hint: `It may import ${allowed}; declare what you need as an interface`,
    };
  }
  if (target === entry) return undefined;
  return {
    message: `"${target}" is private to "${place}"`,
    hint: `Import "${entry}"`,
  };
}
