// The view as its readers hold it. Questions come in; the projection is asked
// for each part when that is first read, and what it said then is kept. Nothing
// is decided here.

import { type Digest, limits, type PeerId } from "../kernel/mod.ts";
import type { Rights } from "../identity/mod.ts";
import type { NodeRecord } from "./node_entries.ts";
import type { OwnerView } from "./owner_view.ts";
import { seedAt } from "./seed_address.ts";
import type {
  IgnoredEntry,
  NameSection,
  NodeEntry,
  RawEntry,
  RawSection,
  SeedEntry,
  View,
} from "./views.ts";

/** What a view is read from. */
export interface ViewSource {
  readonly self: PeerId;
  nodes(): ReadonlyMap<PeerId, NodeEntry>;
  seeds(): ReadonlyMap<string, SeedEntry>;
  /** Those of whom something counts, by id. */
  owners(): readonly OwnerView[];
  owner(peer: PeerId): OwnerView | undefined;
  holders(section: NameSection, name: string): readonly OwnerView[];
  digest(): Digest;
}

export class ProjectedView implements View {
  readonly rights: Rights;
  readonly #source: ViewSource;
  #nodes: ReadonlyMap<PeerId, NodeEntry> | undefined;
  #seeds: ReadonlyMap<string, SeedEntry> | undefined;
  #ownSeeds: ReadonlyMap<string, SeedEntry> | undefined;
  #ignored: readonly IgnoredEntry[] | undefined;
  #digest: Digest | undefined;
  readonly #entries = new Map<RawSection, readonly RawEntry[]>();

  constructor(source: ViewSource, rights: Rights) {
    this.#source = source;
    this.rights = rights;
  }

  get nodes(): ReadonlyMap<PeerId, NodeEntry> {
    return this.#nodes ??= this.#source.nodes();
  }

  get seeds(): ReadonlyMap<string, SeedEntry> {
    return this.#seeds ??= this.#source.seeds();
  }

  get ownSeeds(): ReadonlyMap<string, SeedEntry> {
    const own = this.#source.owner(this.#source.self);
    return this.#ownSeeds ??= new Map(
      seedsIn(own).map((seed) => [seed.name, seed]),
    );
  }

  get node(): NodeRecord | undefined {
    return this.#source.owner(this.#source.self)?.record;
  }

  get digest(): Digest {
    return this.#digest ??= this.#source.digest();
  }

  get ignored(): readonly IgnoredEntry[] {
    return this.#ignored ??= this.#source.owners()
      .flatMap((owner) => owner.ignored().slice(0, limits.viewIgnoredMax));
  }

  seedsOf(peer: PeerId): readonly SeedEntry[] {
    const owner = this.#source.owner(peer);
    return owner === undefined || !owner.mayPublish ? [] : seedsIn(owner);
  }

  holders(section: NameSection, name: string): readonly PeerId[] {
    return this.#source.holders(section, name).map(({ owner }) => owner);
  }

  seed(text: string): SeedEntry {
    return seedAt({
      holding: (name) =>
        this.#source.holders("seeds", name)
          .map((owner) => owner.seed(name))
          .filter((seed) => seed !== undefined),
      names: () => this.seeds.keys(),
    }, text);
  }

  entries(section: RawSection): readonly RawEntry[] {
    const known = this.#entries.get(section);
    if (known !== undefined) return known;
    const entries = this.#source.owners()
      .filter((owner) => section === "claims" || owner.mayPublish)
      .flatMap((owner) => rawIn(owner, section));
    this.#entries.set(section, entries);
    return entries;
  }
}

function sortedKeys(owner: OwnerView, section: string): readonly string[] {
  return [...owner.keys(section)].sort();
}

function seedsIn(owner: OwnerView | undefined): readonly SeedEntry[] {
  if (owner === undefined) return [];
  return sortedKeys(owner, "seeds").map((name) => owner.seed(name))
    .filter((seed) => seed !== undefined);
}

function rawIn(owner: OwnerView, section: RawSection): readonly RawEntry[] {
  return sortedKeys(owner, section).map((key) => owner.raw(section, key))
    .filter((entry) => entry !== undefined);
}
