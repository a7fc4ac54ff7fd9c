// Foreign entries, read safely. A text and its reader go in; a typed value or
// the reason against it comes out. A text on which a reader breaks in a way that
// nobody planned is set aside by its digest: logged once, never read again,
// and the others go on.

import {
  type Digest,
  digestOf,
  type JsonValue,
  limits,
  parseJson,
  type PeerId,
  PlnError,
  utf8,
} from "../kernel/mod.ts";
import type { Log, Signer } from "../ports/mod.ts";
import type { LeftRecord, NodeRecord } from "./node_entries.ts";
import {
  type Reading,
  readLeft,
  readNodeRecord,
  readSeed,
  type SeedSpec,
} from "./schema.ts";

/** How values of each kind are read. */
export type Readers = {
  readonly seed: (key: string, value: JsonValue) => Reading<SeedSpec>;
  readonly node: (key: string, value: JsonValue) => Reading<NodeRecord>;
  readonly left: (key: string, value: JsonValue) => Reading<LeftRecord>;
};

/** Those of this version. */
const ownReaders: Readers = {
  seed: readSeed,
  node: (_, value) => readNodeRecord(value),
  left: (_, value) => readLeft(value),
};

/** Where an entry stands, and what it says. */
export type StoredEntry = {
  readonly owner: PeerId;
  readonly section: string;
  readonly key: string;
  readonly text: string;
};

/** Remembers what broke its reader. */
export class EntryReader {
  readonly readers: Readers;
  readonly #needs: { readonly signer: Signer; readonly log: Log };
  readonly #setAside = new Set<Digest>();

  constructor(
    needs: { readonly signer: Signer; readonly log: Log },
    readers: Partial<Readers> = {},
  ) {
    this.#needs = needs;
    this.readers = { ...ownReaders, ...readers };
  }

  /** Whatever `read` does, this gives a reading. */
  read<T>(
    entry: StoredEntry,
    read: (key: string, value: JsonValue) => Reading<T>,
  ): Reading<T> {
    const { key, text } = entry;
    if (this.#setAside.size > 0 && this.#setAside.has(this.#digest(text))) {
      return { reason: brokenText };
    }
    try {
      return read(key, parseJson(text, "Its value"));
    } catch (cause) {
      if (cause instanceof PlnError) return { reason: cause.message };
      this.#setEntryAside(entry, cause);
      return { reason: brokenText };
    }
  }

  #setEntryAside(entry: StoredEntry, cause: unknown): void {
    const { owner, section, key } = entry;
    const digest = this.#digest(entry.text);
    const fields = { owner, section, key, digest, cause };
    this.#needs.log.error("state.entry_set_aside", fields);
    this.#setAside.add(digest);
    const [oldest] = this.#setAside;
    if (this.#setAside.size > limits.entriesSetAsideMax && oldest) {
      this.#setAside.delete(oldest);
    }
  }

  #digest(text: string): Digest {
    return digestOf(this.#needs.signer.sha256(utf8(text)));
  }
}

const brokenText = "this version cannot read it, and set it aside";
