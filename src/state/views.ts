// The view: what the owners' documents say, read as one. A pure projection:
// equal documents give equal views on every node, in whatever order they come.
// In come documents, out goes a view with the entries that had to be ignored.
// Reads no clock, and no entry can make it fail.

import {
  type Digest,
  digestOf,
  encodeCbor,
  idBytes,
  type JsonValue,
  parseJson,
  type PeerId,
} from "../kernel/mod.ts";
import type { Signer } from "../ports/mod.ts";
import type { Rights } from "../identity/mod.ts";
import { type NodeRecord, nodeRecordKey } from "./node_entries.ts";
import {
  type Operation,
  type Reading,
  readNodeRecord,
  readSeed,
  type SeedSpec,
} from "./schema.ts";

/** `owner` published it; only the owner can remove it. */
export type SeedEntry = {
  readonly name: string;
  readonly owner: PeerId;
  readonly spec: SeedSpec;
};

/** An entry that is stored, but does not fit what this version reads. */
export type IgnoredEntry = {
  readonly owner: PeerId;
  readonly section: string;
  readonly key: string;
  readonly reason: string;
};

/** What entries other than those of rights add up to. */
export type EntriesView = {
  /** By name; of several owners of a name the lowest id holds it. */
  readonly seeds: ReadonlyMap<string, SeedEntry>;
  /** This node's own record, once it was published. */
  readonly node?: NodeRecord;
  readonly ignored: readonly IgnoredEntry[];
  /** Over everything in these documents, what is ignored included. */
  readonly digest: Digest;
};

/** Never changes: a change of state makes another view. */
export type View = EntriesView & {
  /** Of all admins' documents that this node holds. */
  readonly rights: Rights;
  /** What the other admins say of themselves, as far as it fits. */
  readonly adminRecords: ReadonlyMap<PeerId, NodeRecord>;
};

/** What a projection reads of an owner's document. */
export interface OwnerEntries {
  /** Decides between owners of one name: the lowest id wins. */
  readonly owner: PeerId;
  /** Sorted by key. */
  entries(section: string): readonly Operation[];
  /** The canonical text; undefined when absent or deleted. */
  get(section: string, key: string): string | undefined;
  /** Over all sections, those this version does not read included. */
  digest(): Digest;
}

type Reader<T> = (key: string, value: JsonValue) => Reading<T>;
type Cached<T> = { readonly text: string; readonly reading: Reading<T> };

/** Readings by text: an entry that did not change is not read again. */
class ReadingCache<T> {
  readonly #read: Reader<T>;
  #used = new Map<string, Cached<T>>();
  #last = new Map<string, Cached<T>>();

  constructor(read: Reader<T>) {
    this.#read = read;
  }

  /** Forgets what the projection before this one did not use. */
  start(): void {
    this.#last = this.#used;
    this.#used = new Map();
  }

  reading(owner: PeerId, { key, text }: Operation): Reading<T> {
    if (text === undefined) return { reason: "it is deleted" };
    const place = `${owner} ${key}`;
    const last = this.#last.get(place);
    const cached = last?.text === text
      ? last
      : { text, reading: this.#read(key, parseJson(text, "A value")) };
    this.#used.set(place, cached);
    return cached.reading;
  }
}

/** Keeps readings, so that a projection costs what has changed. */
export class Projector {
  readonly #self: PeerId;
  readonly #signer: Signer;
  readonly #seeds = new ReadingCache(readSeed);

  /** `self` is the peer whose `node` record the view shows. */
  constructor(self: PeerId, signer: Signer) {
    this.#self = self;
    this.#signer = signer;
  }

  /** Whatever the order of the documents, the view is the same. */
  project(documents: readonly OwnerEntries[]): EntriesView {
    const sorted = documents.toSorted((left, right) =>
      left.owner < right.owner ? -1 : 1
    );
    const ignored: IgnoredEntry[] = [];
    const seeds = this.#readSeeds(sorted, ignored);
    const node = this.#readNode(sorted, ignored);
    return {
      seeds,
      ...(node === undefined ? {} : { node }),
      ignored,
      digest: this.#digest(sorted),
    };
  }

  #readSeeds(
    documents: readonly OwnerEntries[],
    ignored: IgnoredEntry[],
  ): ReadonlyMap<string, SeedEntry> {
    this.#seeds.start();
    const seeds = new Map<string, SeedEntry>();
    for (const document of documents) {
      const { owner } = document;
      for (const operation of document.entries("seeds")) {
        const { section, key } = operation;
        const reading = this.#seeds.reading(owner, operation);
        if ("reason" in reading) {
          ignored.push({ owner, section, key, reason: reading.reason });
        } else if (!seeds.has(key)) {
          seeds.set(key, { name: key, owner, spec: reading.value });
        }
      }
    }
    return seeds;
  }

  #readNode(
    documents: readonly OwnerEntries[],
    ignored: IgnoredEntry[],
  ): NodeRecord | undefined {
    const own = documents.find((document) => document.owner === this.#self);
    const text = own?.get("node", nodeRecordKey);
    if (text === undefined) return undefined;
    const reading = readNodeRecord(parseJson(text, "A value"));
    if ("value" in reading) return reading.value;
    ignored.push({
      owner: this.#self,
      section: "node",
      key: nodeRecordKey,
      reason: reading.reason,
    });
    return undefined;
  }

  #digest(documents: readonly OwnerEntries[]): Digest {
    const parts = documents.map((document) => [
      idBytes(document.owner),
      idBytes(document.digest()),
    ]);
    return digestOf(this.#signer.sha256(encodeCbor(parts)));
  }
}
