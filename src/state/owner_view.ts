// One owner's entries as the view works with them: those of sections that show,
// read when somebody asks, once for as long as their text stays. Changes go in;
// typed entries come out, and why others do not count. What the owner may show
// is the projector's to say.

import { isName, type JsonValue, type PeerId } from "../kernel/mod.ts";
import type { MemberFacts, Properties, Tier } from "../identity/mod.ts";
import type { EntryChange } from "./changes.ts";
import type { EntryReader } from "./entry_reader.ts";
import { type EntrySum, noEntries } from "./entry_sum.ts";
import { leftKey, type NodeRecord, nodeRecordKey } from "./node_entries.ts";
import type { Reading } from "./schema.ts";
import type { IgnoredEntry, RawEntry, SeedEntry } from "./views.ts";

/** Sections that are kept here; of others only the sum is. */
const keptSections: ReadonlySet<string> = new Set([
  ...["node", "services", "seeds", "sites", "blobs", "claims"],
]);

/** Sections whose keys people type. */
const namedSections: ReadonlySet<string> = new Set(["services", "sites"]);

/** What an owner is by its credential and the admins' word. */
export type OwnerStanding = {
  readonly tier: Tier;
  readonly properties: Properties;
};

export class OwnerView {
  readonly owner: PeerId;
  /** Over all its entries. */
  sum: EntrySum = noEntries;
  /** Of the newest rights; undefined: nothing of it shows. */
  standing: OwnerStanding | undefined;
  /** What its credential proves; undefined: nothing, or not read yet. */
  facts: MemberFacts | undefined;
  areFactsRead = false;
  readonly #reader: EntryReader;
  readonly #texts = new Map<string, Map<string, string>>();
  readonly #readings = new Map<string, Reading<unknown>>();

  constructor(owner: PeerId, reader: EntryReader) {
    this.owner = owner;
    this.#reader = reader;
  }

  /** A leaf's seeds, services, sites and blobs do not show. */
  get mayPublish(): boolean {
    return this.standing !== undefined && this.standing.tier !== "leaf";
  }

  /** Forgets what was read of the entry before. */
  set({ section, key, after }: EntryChange): void {
    if (!keptSections.has(section)) return;
    this.#readings.delete(placeOf(section, key));
    const texts = this.#texts.get(section);
    if (after === undefined) {
      if (texts?.delete(key) === true && texts.size === 0) {
        this.#texts.delete(section);
      }
    } else if (texts === undefined) {
      this.#texts.set(section, new Map([[key, after]]));
    } else texts.set(key, after);
  }

  /** Canonical JSON; undefined when there is no such entry. */
  textOf(section: string, key: string): string | undefined {
    return this.#texts.get(section)?.get(key);
  }

  /** In no order that means anything. */
  keys(section: string): Iterable<string> {
    return this.#texts.get(section)?.keys() ?? [];
  }

  /** Undefined when there is none that fits. */
  seed(name: string): SeedEntry | undefined {
    const { owner } = this;
    return this.#value("seeds", name, {
      read: (key, value) => {
        const reading = this.#reader.readers.seed(key, value);
        if ("reason" in reading) return reading;
        return { value: { name, owner, spec: reading.value } };
      },
    });
  }

  /** What it says of itself, as far as it fits. */
  get record(): NodeRecord | undefined {
    const read = this.#reader.readers.node;
    return this.#value("node", nodeRecordKey, { read });
  }

  /** Whether it says that it has gone for good. */
  get hasLeft(): boolean {
    const read = this.#reader.readers.left;
    return this.#value("node", leftKey, { read }) !== undefined;
  }

  /** Of a section whose values nobody checks yet. */
  raw(section: string, key: string): RawEntry | undefined {
    const { owner } = this;
    return this.#value(section, key, {
      read: (_, value): Reading<RawEntry> =>
        namedSections.has(section) && !isName(key)
          ? { reason: "its key is no name" }
          : { value: { owner, key, value } },
    });
  }

  /** Reads everything, and says what does not fit. */
  ignored(): readonly IgnoredEntry[] {
    const { owner } = this;
    this.#readAll();
    const found: IgnoredEntry[] = [];
    for (const [section, texts] of this.#texts) {
      for (const key of texts.keys()) {
        const reading = this.#readings.get(placeOf(section, key));
        if (reading === undefined || "value" in reading) continue;
        found.push({ owner, section, key, reason: reading.reason });
      }
    }
    return found.sort((left, right) =>
      placeOf(left.section, left.key) < placeOf(right.section, right.key)
        ? -1
        : 1
    );
  }

  #readAll(): void {
    void this.record;
    void this.hasLeft;
    for (const section of this.#texts.keys()) {
      for (const key of this.keys(section)) {
        if (section === "seeds") this.seed(key);
        else if (section !== "node") this.raw(section, key);
      }
    }
  }

  #value<T>(
    section: string,
    key: string,
    { read }: {
      readonly read: (key: string, value: JsonValue) => Reading<T>;
    },
  ): T | undefined {
    const text = this.textOf(section, key);
    if (text === undefined) return undefined;
    const place = placeOf(section, key);
    const { owner } = this;
    const known = this.#readings.get(place) as Reading<T> | undefined;
    const reading = known ??
      this.#reader.read({ owner, section, key, text }, read);
    if (known === undefined) this.#readings.set(place, reading);
    return "value" in reading ? reading.value : undefined;
  }
}

/** Neither may hold a space. */
function placeOf(section: string, key: string): string {
  return `${section} ${key}`;
}
