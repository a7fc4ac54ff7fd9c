// The addresses that seeds ask: pln://seed/<name>/<function> for the seed of the
// node that holds the name, the same with ?on=<node> for that of a certain node,
// <node> being its name or at least 4 digits of its id; and pln://service/<name>.
// Nothing is escaped: only what follows the last "?on=" means a node. Only the
// canonical form is accepted, by the same rules for names as where they were
// given (SCENARIOS.md R05).

import { InputError, isFunctionName, isName, limits } from "../kernel/mod.ts";

/** Canonical names; whether they exist is not said. */
export type SeedTarget = { readonly seed: string; readonly function: string };

export type RequestTarget =
  /** `on` names a node, whether it exists or not; undefined: who holds it. */
  | ({ readonly type: "seed"; readonly on?: string } & SeedTarget)
  | { readonly type: "service"; readonly service: string };

/** @throws {InputError} Not a pln:// address. */
export function parseRequestUri(uri: string): RequestTarget {
  if (uri.length <= limits.uriCharactersMax) {
    const [, kind, name = "", rest] =
      /^pln:\/\/(seed|service)\/([^/]+)(?:\/([^/]+))?$/.exec(uri) ?? [];
    const [, fn = rest, on] = /^(.*)\?on=(.*)$/.exec(rest ?? "") ?? [];
    const isNode = on === undefined || isNodeText(on);
    if (kind === "seed" && isName(name) && isFunctionName(fn) && isNode) {
      const target = { type: "seed", seed: name, function: fn } as const;
      return on === undefined ? target : { ...target, on };
    }
    if (kind === "service" && isName(name) && rest === undefined) {
      return { type: "service", service: name };
    }
  }
  throw new InputError(
    `${JSON.stringify(uri.slice(0, 80))} is no address of a seed or service`,
    {
      hint: "Write pln://seed/<name>/<function>, with ?on=<node> for one of " +
        "another node, or pln://service/<name>",
    },
  );
}

/** A name, or digits of an id: a whole one is longer than a name. */
function isNodeText(text: string): boolean {
  return isName(text) || /^[0-9a-f]{64}$/.test(text);
}

export function formatTarget(target: SeedTarget): string {
  return `${target.seed}/${target.function}`;
}

/** As much of any address as people are shown. */
export function shownUri(uri: string): string {
  return uri.slice(0, 200);
}
