// Admins' documents as the projection works with them: an entry is read when it
// is asked for, once for as long as its text stays. Sections go in; typed
// entries come out, with those left out that do not fit, and why. Never fatal: a
// foreign entry costs its owner that entry, and costs this node nothing while
// nobody asks for it.

import { parseJson, type PeerId, PlnError } from "../kernel/mod.ts";
import type { Certificate } from "./certificate.ts";
import type {
  AdminDocument,
  IgnoredRight,
  InviteEntry,
  RightsSection,
  RightsText,
} from "./rights.ts";
import {
  type DenyRight,
  type ForgetRight,
  type GrantRight,
  type NameRight,
  type Place,
  type Read,
  readDeny,
  readForget,
  readGrant,
  type ReadingNeeds,
  readInvite,
  readName,
} from "./rights_reading.ts";
import { readRedemption } from "./rights_redemption.ts";
import { RedemptionSection } from "./rights_redemption_section.ts";

type Reading<T> = {
  readonly text: string;
  readonly value?: T;
  readonly reason?: string;
};

function readingOf<T>(
  read: Read<T>,
  text: string,
  { place }: { readonly place: Place },
): Reading<T> {
  try {
    return { text, value: read(place, parseJson(text, "It")) };
  } catch (cause) {
    if (cause instanceof PlnError) return { text, reason: cause.message };
    // A mistake of this program: it must not stop the others' entries.
    return { text, reason: `it cannot be read: ${String(cause)}` };
  }
}

type Reader<T> = { readonly section: RightsSection; readonly read: Read<T> };

/** A section of one document. */
export class SectionReading<T> {
  /** What is read; the same array is not read twice. */
  readonly source: readonly RightsText[];
  readonly #owner: PeerId;
  readonly #reader: Reader<T>;
  readonly #readings = new Map<string, Reading<T>>();
  #texts: ReadonlyMap<string, string> | undefined;

  /** Keeps what `previous` has read of entries that have not changed. */
  constructor(
    document: AdminDocument,
    reader: Reader<T>,
    { previous }: { readonly previous: SectionReading<T> | undefined },
  ) {
    this.source = document.entries(reader.section);
    this.#owner = document.owner;
    this.#reader = reader;
    if (previous === undefined) return;
    for (const [key, reading] of previous.#readings) {
      if (this.textOf(key) === reading.text) this.#readings.set(key, reading);
    }
  }

  /** As the document has it; undefined when there is no such entry. */
  textOf(key: string): string | undefined {
    this.#texts ??= new Map(this.source.map(({ key, text }) => [key, text]));
    return this.#texts.get(key);
  }

  /** Undefined too when it does not fit. */
  get(key: string): T | undefined {
    return this.#reading(key)?.value;
  }

  #reading(key: string): Reading<T> | undefined {
    const known = this.#readings.get(key);
    if (known !== undefined) return known;
    const text = this.textOf(key);
    if (text === undefined) return undefined;
    const place = { owner: this.#owner, key };
    const reading = readingOf(this.#reader.read, text, { place });
    this.#readings.set(key, reading);
    return reading;
  }

  /** All that fit, in no order that means anything. */
  *all(): Generator<T> {
    for (const { key } of this.source) {
      const value = this.get(key);
      if (value !== undefined) yield value;
    }
  }

  /** All that do not fit. */
  allFaults(): readonly IgnoredRight[] {
    const { section } = this.#reader;
    const owner = this.#owner;
    return this.source.flatMap(({ key }) => {
      const reason = this.#reading(key)?.reason;
      return reason === undefined ? [] : [{ owner, section, key, reason }];
    });
  }

  /** Of those that were read so far. */
  get faultCount(): number {
    return [...this.#readings.values()]
      .filter(({ reason }) => reason !== undefined).length;
  }

  /** What was read so far and fits. */
  get known(): readonly T[] {
    return [...this.#readings.values()].map(({ value }) => value)
      .filter((value) => value !== undefined);
  }
}

/** An admin's document. */
export type DocumentReading = {
  readonly owner: PeerId;
  readonly authority: Certificate;
  readonly grants: SectionReading<GrantRight>;
  readonly denies: SectionReading<DenyRight>;
  readonly redemptions: RedemptionSection;
  readonly invites: SectionReading<InviteEntry>;
  readonly names: SectionReading<NameRight>;
  readonly forgets: SectionReading<ForgetRight>;
};

/** All sections of a document, as entries. */
export function sectionsOf(
  { grants, denies, redemptions, invites, names, forgets }: DocumentReading,
): readonly SectionReading<unknown>[] {
  return [grants, denies, redemptions.entries, invites, names, forgets];
}

/** A cheap look before an entry is read: most are no statements of the root. */
function isStatementText(text: string | undefined): boolean {
  return text !== undefined && text.includes('"root":');
}

/** The root's statement about a subject, when the section holds a good one. */
export function statementIn<T extends GrantRight | DenyRight>(
  section: SectionReading<T>,
  subject: PeerId,
): T | undefined {
  if (!isStatementText(section.textOf(subject))) return undefined;
  const entry = section.get(subject);
  return entry?.by === "root" ? entry : undefined;
}

/** All good statements of the root in a section. */
export function statementsIn<T extends GrantRight | DenyRight>(
  section: SectionReading<T>,
): readonly T[] {
  return section.source
    .filter(({ text }) => isStatementText(text))
    .map(({ key }) => section.get(key))
    .filter((entry) => entry !== undefined)
    .filter(({ by }) => by === "root");
}

/** Reads documents; keeps nothing but what the root has signed. */
export class DocumentReader {
  readonly #needs: ReadingNeeds;

  constructor(needs: Omit<ReadingNeeds, "statements">) {
    this.#needs = { ...needs, statements: new Map() };
  }

  /** `previous` itself when nothing has changed since. */
  read(document: AdminDocument, previous?: DocumentReading): DocumentReading {
    const { owner, ownAuthority: authority } = document;
    const reading = {
      ...{ owner, authority },
      ...this.#decided(document, previous),
      ...this.#joined(document, previous),
      ...named(document, previous),
    };
    const isSame = previous !== undefined && previous.authority === authority &&
      previous.grants === reading.grants &&
      previous.denies === reading.denies &&
      previous.redemptions === reading.redemptions &&
      previous.invites === reading.invites &&
      previous.names === reading.names && previous.forgets === reading.forgets;
    return isSame ? previous : reading;
  }

  #decided(document: AdminDocument, previous: DocumentReading | undefined) {
    const needs = this.#needs;
    return {
      grants: sectionOf(document, {
        reader: { section: "grants", read: readGrant(needs) },
        previous: previous?.grants,
      }),
      denies: sectionOf(document, {
        reader: { section: "denies", read: readDeny(needs) },
        previous: previous?.denies,
      }),
    };
  }

  #joined(document: AdminDocument, previous: DocumentReading | undefined) {
    const before = previous?.redemptions;
    const entries = sectionOf(document, {
      reader: { section: "redemptions", read: readRedemption(this.#needs) },
      previous: before?.entries,
    });
    return {
      redemptions: before?.entries === entries
        ? before
        : new RedemptionSection(entries),
      invites: sectionOf(document, {
        reader: { section: "invites", read: readInvite },
        previous: previous?.invites,
      }),
    };
  }
}

function named(
  document: AdminDocument,
  previous: DocumentReading | undefined,
) {
  return {
    names: sectionOf(document, {
      reader: { section: "names", read: readName },
      previous: previous?.names,
    }),
    forgets: sectionOf(document, {
      reader: { section: "forgets", read: readForget },
      previous: previous?.forgets,
    }),
  };
}

function sectionOf<T>(
  document: AdminDocument,
  { reader, previous }: {
    readonly reader: Reader<T>;
    readonly previous: SectionReading<T> | undefined;
  },
): SectionReading<T> {
  if (previous?.source === document.entries(reader.section)) return previous;
  return new SectionReading(document, reader, { previous });
}
