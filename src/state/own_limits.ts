// How large the own document may be: others take no more than the tier in its
// credential allows, so more is refused before it is written. A draft and the
// operations on top of it go in; nothing comes out, or an error that says what
// to do. The tier is read from the document as everybody reads it, without a
// clock.

import { LimitError } from "../kernel/mod.ts";
import type { Tier } from "../identity/mod.ts";
import { documentLimits, type Draft, type Excess } from "./draft.ts";
import {
  type IntakeConfig,
  isCredential,
  noShowing,
  showingOf,
  tierOf,
} from "./intake.ts";
import type { Operation } from "./schema.ts";

/** Of one owner's document. */
export class OwnLimits {
  readonly #config: IntakeConfig;
  #showing = noShowing;

  constructor(config: IntakeConfig) {
    this.#config = config;
  }

  /** @throws {LimitError} The document would grow over what its tier may. */
  check(draft: Draft, operations: readonly Operation[]): void {
    const shown = operations.filter(isCredential);
    const texts = new Map(shown.map(({ key, text }) => [key, text]));
    const textOf = (key: string) =>
      texts.has(key) ? texts.get(key) : draft.textOf({ section: "node", key });
    const known = this.#showing;
    this.#showing = showingOf(this.#config, textOf, { known });
    const tier = tierOf(this.#showing);
    const isWhole = shown.length > 0;
    const excess = draft.excess(operations, documentLimits(tier), { isWhole });
    if (excess !== undefined) throw tooLarge(excess, tier);
  }
}

function tooLarge(excess: Excess, tier: Tier | undefined): LimitError {
  const { entriesMax, bytesMax } = documentLimits(tier);
  const who = tier === undefined || tier === "admin" ? "" : ` of a ${tier}`;
  const isMember = who !== "";
  const hint = 'Remove what is not needed with "pln unseed"' +
    (isMember
      ? `, or ask an admin: pln grant <this node> --${next(tier)}`
      : "");
  const message = "entryCount" in excess
    ? `This node would own ${excess.entryCount} entries, more than the ` +
      `${entriesMax}${who}`
    : `This node's entries would take ${excess.sizeBytes} bytes, more than ` +
      `the ${bytesMax}${who}`;
  return new LimitError(message, { hint });
}

function next(tier: Tier | undefined): Tier {
  return tier === "leaf" ? "publisher" : "admin";
}
