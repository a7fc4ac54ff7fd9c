// Which names admins gave to whom, and whose documents are to be dropped.
// Documents that count go in; out come bindings and forgets that are in force,
// by the order of all rights. What an owner says of its own is not looked at
// here. Reads no clock and never changes.

import type { PeerId } from "../kernel/mod.ts";
import type { Forget, NameBinding } from "./rights.ts";
import { bestOf, compareTexts } from "./rights_order.ts";
import type { ForgetRight, NameRight } from "./rights_reading.ts";
import type { DocumentReading, SectionReading } from "./rights_section.ts";
import { nameKey } from "./rights_shapes.ts";

/** What is known of whom a forget is about. */
type SubjectFacts = {
  readonly isAuthority: (peer: PeerId) => boolean;
  /** What the root says; undefined: nothing. */
  readonly rootVerdict: (peer: PeerId) => "deny" | "allow" | undefined;
};

/** One state of all documents that count. */
export class NameDecisions {
  readonly #documents: readonly DocumentReading[];
  readonly #facts: SubjectFacts;
  #names: readonly NameBinding[] | undefined;
  #forgets: readonly Forget[] | undefined;

  constructor(documents: readonly DocumentReading[], facts: SubjectFacts) {
    this.#documents = documents;
    this.#facts = facts;
  }

  /** All that compete for a key of a section. */
  entriesOf(
    section: "names" | "forgets",
    key: string,
  ): readonly (NameRight | ForgetRight)[] {
    return section === "names" ? this.#bindings(key) : this.#forgetsOf(key);
  }

  bindingOf(section: string, name: string): PeerId | undefined {
    return bestOf(this.#bindings(nameKey(section, name)))?.owner;
  }

  /** An admin of whom the root says nothing, or "allow", is not forgotten. */
  forgetOf(
    subject: PeerId,
    { isAdmin = false }: { readonly isAdmin?: boolean } = {},
  ): ForgetRight | undefined {
    const best = bestOf(this.#forgetsOf(subject));
    if (best === undefined) return undefined;
    // The same here whether or not its document is still held.
    const verdict = this.#facts.rootVerdict(subject);
    if (verdict !== undefined) return verdict === "deny" ? best : undefined;
    return isAdmin || this.#facts.isAuthority(subject) ? undefined : best;
  }

  get names(): readonly NameBinding[] {
    this.#names ??= keysOf(this.#documents.map(({ names }) => names))
      .map((key) => bestOf(this.#bindings(key)))
      .filter((binding) => binding !== undefined)
      .map(({ text: _, ...binding }) => binding);
    return this.#names;
  }

  get forgets(): readonly Forget[] {
    const subjects = () =>
      this.#documents.flatMap(({ forgets }) => [...forgets.all()])
        .map(({ subject }) => subject);
    this.#forgets ??= [...new Set(subjects())].sort(compareTexts)
      .map((subject) => this.forgetOf(subject))
      .filter((forget) => forget !== undefined)
      .map(({ text: _, ...forget }) => forget);
    return this.#forgets;
  }

  #bindings(key: string): readonly NameRight[] {
    return this.#documents.map(({ names }) => names.get(key))
      .filter((binding) => binding !== undefined);
  }

  #forgetsOf(key: string): readonly ForgetRight[] {
    return this.#documents.map(({ forgets }) => forgets.get(key))
      .filter((forget) => forget !== undefined);
  }
}

/** Sorted, each once. */
function keysOf(
  sections: readonly SectionReading<unknown>[],
): readonly string[] {
  const keys = sections.flatMap(({ source }) => source.map(({ key }) => key));
  return [...new Set(keys)].sort(compareTexts);
}
