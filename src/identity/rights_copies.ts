// Copies of the root's statements: every admin keeps those that count in its own
// document, so that they outlive whoever published them first, and a denied
// admin cannot take them away. Rights and an own document go in, the entries
// that are missing come out. An own entry in their place gives way: what the
// root signed counts before it anyhow.

import { canonicalJson } from "../kernel/mod.ts";
import type { Rights, RightsSection } from "./rights.ts";

/** An entry that an own document should have. */
export type RootCopy = {
  readonly section: "grants" | "denies";
  readonly key: string;
  readonly value: { readonly root: string };
};

/**
 * The statements that an admin's own document lacks.
 *
 * @param textOf The text of an own entry; undefined when there is none.
 */
export function missingRootStatements(
  rights: Pick<Rights, "rootStatements">,
  textOf: (section: RightsSection, key: string) => string | undefined,
): readonly RootCopy[] {
  return rights.rootStatements
    .map(({ section, subject: key, text: root }) => ({
      ...{ section, key },
      value: { root },
    }))
    .filter(({ section, key, value }) =>
      textOf(section, key) !== canonicalJson(value)
    );
}
