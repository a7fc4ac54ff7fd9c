// The addresses that seeds ask: pln://seed/<name>/<function> and
// pln://service/<name>. Only the canonical form is accepted; the same rules for
// names hold here as where they were given (SCENARIOS.md R05).

import { InputError, isFunctionName, isName, limits } from "../kernel/mod.ts";

/** Canonical names; whether they exist is not said. */
export type SeedTarget = { readonly seed: string; readonly function: string };

export type RequestTarget =
  | ({ readonly type: "seed" } & SeedTarget)
  | { readonly type: "service"; readonly service: string };

/** @throws {InputError} Not a pln:// address. */
export function parseRequestUri(uri: string): RequestTarget {
  if (uri.length <= limits.uriCharactersMax) {
    const [, kind, name = "", rest] =
      /^pln:\/\/(seed|service)\/([^/]+)(?:\/([^/]+))?$/.exec(uri) ?? [];
    if (kind === "seed" && isName(name) && isFunctionName(rest)) {
      return { type: "seed", seed: name, function: rest };
    }
    if (kind === "service" && isName(name) && rest === undefined) {
      return { type: "service", service: name };
    }
  }
  throw new InputError(
    `${JSON.stringify(uri.slice(0, 80))} is no address of a seed or service`,
    { hint: "Write pln://seed/<name>/<function> or pln://service/<name>" },
  );
}

export function formatTarget(target: SeedTarget): string {
  return `${target.seed}/${target.function}`;
}

/** As much of any address as people are shown. */
export function shownUri(uri: string): string {
  return uri.slice(0, 200);
}
