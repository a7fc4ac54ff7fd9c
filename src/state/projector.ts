// The projection of all owners' documents into one view. Changes of entries and
// of rights go in, in any order; out comes the view of the moment. A change
// costs what it touches: what it may have altered is marked, and worked out when
// somebody reads it. No entry can make it fail.

import type { Digest, PeerId } from "../kernel/mod.ts";
import {
  type ClusterRoot,
  type MemberFacts,
  projectRights,
  type Rights,
} from "../identity/mod.ts";
import type { Log, Signer } from "../ports/mod.ts";
import type { EntryChange } from "./changes.ts";
import { EntryReader, type Readers } from "./entry_reader.ts";
import {
  type EntrySum,
  joinSums,
  noEntries,
  sumAfter,
  sumDigest,
  withoutSum,
} from "./entry_sum.ts";
import { isNameSection, NameHolders, sortHolders } from "./name_holders.ts";
import { credentialKeys, readOwnerFacts } from "./owner_credential.ts";
import { type OwnerStanding, OwnerView } from "./owner_view.ts";
import { ProjectedView, type ViewSource } from "./projected_view.ts";
import type { NameSection, NodeEntry, SeedEntry, View } from "./views.ts";

/** What a projection stands on. */
export type ProjectorNeeds = { readonly signer: Signer; readonly log: Log };

/** Whose view it is, and how entries are believed. */
export type ProjectorConfig = {
  /** Whose record and own seeds the view shows. */
  readonly self: PeerId;
  readonly root: ClusterRoot;
  /**
   * What an owner's credential was found to prove; default: the projection
   * reads and verifies the one in its document.
   */
  readonly factsOf?: (owner: PeerId) => MemberFacts | undefined;
  /** In the place of this version's. */
  readonly readers?: Partial<Readers>;
};

/** Of an own document that does not say yet who it is of. */
const unproven: OwnerStanding = { tier: "publisher", properties: new Map() };

/** One a node; holds nothing to dispose. */
export class Projector implements ViewSource {
  /** As configured: for its views. */
  readonly self: PeerId;
  readonly #needs: ProjectorNeeds;
  readonly #config: ProjectorConfig;
  readonly #reader: EntryReader;
  readonly #owners = new Map<PeerId, OwnerView>();
  readonly #names = new NameHolders();
  /** What is to be worked out anew before anything is read. */
  readonly #oldOwners = new Set<OwnerView>();
  readonly #oldSeeds = new Set<string>();
  readonly #nodes = new Map<PeerId, NodeEntry>();
  readonly #seeds = new Map<string, SeedEntry>();
  /** Of those that count; all of them add up to `#sum`. */
  readonly #counted = new Map<PeerId, EntrySum>();
  #sum: EntrySum = noEntries;
  #rights: Rights;
  #admins: ReadonlySet<PeerId> = new Set();
  #nodesShown: ReadonlyMap<PeerId, NodeEntry> | undefined;
  #seedsShown: ReadonlyMap<string, SeedEntry> | undefined;
  #view: View | undefined;

  /** Of no documents and no rights at first. */
  constructor(needs: ProjectorNeeds, config: ProjectorConfig) {
    this.#needs = needs;
    this.#config = config;
    this.self = config.self;
    this.#reader = new EntryReader(needs, config.readers);
    this.#rights = projectRights(needs, { root: config.root, documents: [] });
  }

  /** The same object until something has changed. */
  view(): View {
    this.#view ??= new ProjectedView(this, this.#rights);
    return this.#view;
  }

  /** Takes changes of an owner's effective document, each of one entry. */
  apply(owner: PeerId, changes: readonly EntryChange[]): void {
    if (changes.length === 0) return;
    const known = this.#owners.get(owner);
    const entries = known ?? new OwnerView(owner, this.#reader);
    if (known === undefined) this.#owners.set(owner, entries);
    const { signer } = this.#needs;
    for (const change of changes) {
      entries.sum = sumAfter(entries.sum, change, { signer, owner });
      entries.set(change);
      this.#note(entries, change);
    }
    this.#oldOwners.add(entries);
    this.#view = undefined;
  }

  /** Takes what all admins' documents add up to now. */
  setRights(rights: Rights): void {
    if (rights === this.#rights) return;
    this.#rights = rights;
    this.#admins = new Set(rights.admins.map(({ peer }) => peer));
    for (const entries of this.#owners.values()) this.#oldOwners.add(entries);
    for (const name of this.#names.contested("seeds")) this.#oldSeeds.add(name);
    this.#view = undefined;
  }

  /** Forgets an owner and all its entries. */
  drop(owner: PeerId): void {
    const entries = this.#owners.get(owner);
    if (entries === undefined) return;
    this.#owners.delete(owner);
    this.#oldOwners.delete(entries);
    for (const section of ["seeds", "services", "sites"] as const) {
      for (const name of entries.keys(section)) {
        const isThere = false;
        this.#names.note(section, name, { owner: entries, isThere });
        if (section === "seeds") this.#oldSeeds.add(name);
      }
    }
    this.#count(owner, noEntries);
    this.#showNode(owner, undefined);
    this.#view = undefined;
  }

  /** For its views. */
  nodes(): ReadonlyMap<PeerId, NodeEntry> {
    this.#refresh();
    this.#nodesShown ??= sortedMap(this.#nodes);
    return this.#nodesShown;
  }

  /** For its views. */
  seeds(): ReadonlyMap<string, SeedEntry> {
    this.#refresh();
    this.#seedsShown ??= sortedMap(this.#seeds);
    return this.#seedsShown;
  }

  /** For its views: sorted by id, those of which nothing counts left out. */
  owners(): readonly OwnerView[] {
    this.#refresh();
    return [...this.#owners.values()]
      .filter(({ standing }) => standing !== undefined)
      .sort((left, right) => left.owner < right.owner ? -1 : 1);
  }

  /** For its views: also one of which nothing shows. */
  owner(peer: PeerId): OwnerView | undefined {
    this.#refresh();
    return this.#owners.get(peer);
  }

  /** For its views. */
  holders(section: NameSection, name: string): readonly OwnerView[] {
    this.#refresh();
    return this.#holdersOf(section, name);
  }

  /** For its views. */
  digest(): Digest {
    this.#refresh();
    return sumDigest(this.#needs.signer, this.#sum);
  }

  #note(entries: OwnerView, { section, key, after }: EntryChange): void {
    if (section === "node" && credentialKeys.has(key)) {
      entries.areFactsRead = false;
    }
    if (!isNameSection(section)) return;
    const isThere = after !== undefined;
    this.#names.note(section, key, { owner: entries, isThere });
    if (section === "seeds") this.#oldSeeds.add(key);
  }

  #refresh(): void {
    for (const entries of this.#oldOwners) {
      const before = entries.standing?.tier;
      entries.standing = this.#standingOf(entries);
      if (entries.standing?.tier !== before) {
        for (const name of entries.keys("seeds")) this.#oldSeeds.add(name);
      }
      const { owner } = entries;
      const isCounted = entries.standing !== undefined ||
        this.#admins.has(owner);
      this.#count(owner, isCounted ? entries.sum : noEntries);
      this.#showNode(owner, nodeOf(entries));
    }
    this.#oldOwners.clear();
    for (const name of this.#oldSeeds) this.#showSeed(name);
    this.#oldSeeds.clear();
  }

  #standingOf(entries: OwnerView): OwnerStanding | undefined {
    const { owner } = entries;
    if (!entries.areFactsRead) {
      entries.facts = this.#factsOf(entries);
      entries.areFactsRead = true;
    }
    const { facts } = entries;
    if (facts === undefined) return owner === this.self ? unproven : undefined;
    const tier = this.#rights.tierOf(facts);
    if (tier === undefined) return undefined;
    return { tier, properties: this.#rights.propertiesOf(facts) };
  }

  #factsOf(entries: OwnerView): MemberFacts | undefined {
    const { owner } = entries;
    const textOf = (key: string) => entries.textOf("node", key);
    const { root, factsOf } = this.#config;
    const { signer, log } = this.#needs;
    try {
      return factsOf === undefined
        ? readOwnerFacts({ signer, root }, owner, { textOf })
        : factsOf(owner);
    } catch (cause) { // a mistake of this program: the others still show
      log.error("state.credential_set_aside", { owner, cause });
      return undefined;
    }
  }

  #count(owner: PeerId, sum: EntrySum): void {
    const before = this.#counted.get(owner) ?? noEntries;
    if (before === sum) return;
    this.#sum = joinSums(withoutSum(this.#sum, before), sum);
    if (sum === noEntries) this.#counted.delete(owner);
    else this.#counted.set(owner, sum);
  }

  #showNode(owner: PeerId, node: NodeEntry | undefined): void {
    if (node === undefined && !this.#nodes.has(owner)) return;
    this.#nodesShown = undefined;
    if (node === undefined) this.#nodes.delete(owner);
    else this.#nodes.set(owner, node);
  }

  #showSeed(name: string): void {
    const [winner] = this.#holdersOf("seeds", name);
    const seed = winner?.seed(name);
    if (seed === this.#seeds.get(name)) return;
    this.#seedsShown = undefined;
    if (seed === undefined) this.#seeds.delete(name);
    else this.#seeds.set(name, seed);
  }

  #holdersOf(section: NameSection, name: string): readonly OwnerView[] {
    const owners = [...this.#names.of(section, name)].filter((one) =>
      one.mayPublish &&
      (section === "seeds"
        ? one.seed(name) !== undefined
        : one.raw(section, name) !== undefined)
    );
    const rights = this.#rights;
    const bound = owners.length < 2
      ? undefined
      : rights.bindingOf(section, name);
    return sortHolders(owners, bound, { rights });
  }
}

/** Undefined for who has shown no credential, and who may not be here. */
function nodeOf(entries: OwnerView): NodeEntry | undefined {
  const { owner: peer, standing, record, hasLeft, facts } = entries;
  if (standing === undefined || facts === undefined) return undefined;
  return { peer, ...record, ...standing, hasLeft };
}

/** Keys are unique, and compared by code units. */
function sortedMap<Key extends string, T>(
  map: ReadonlyMap<Key, T>,
): ReadonlyMap<Key, T> {
  return new Map(
    [...map].sort(([left], [right]) => left < right ? -1 : 1),
  );
}
