// The view: what the owners' documents say, read as one. These are its types;
// projector.ts makes it. Equal documents give equal views on every node, in
// whatever order they come, and no entry can make it fail: one that does not
// fit is left out and listed. It reads no clock.

import type { Digest, JsonValue, PeerId } from "../kernel/mod.ts";
import type { Properties, Rights, Tier } from "../identity/mod.ts";
import type { NodeRecord } from "./node_entries.ts";
import type { Operation, SeedSpec } from "./schema.ts";

/** A member of the cluster, as its own document and the admins have it. */
export type NodeEntry = {
  readonly peer: PeerId;
  /** As it calls itself; undefined while it says nothing that fits. */
  readonly name?: string;
  readonly version?: string;
  /** Its own wall clock. */
  readonly startedMs?: number;
  readonly tier: Tier;
  readonly properties: Properties;
  /** It said that it goes for good. */
  readonly hasLeft: boolean;
};

/** `owner` published it; only the owner can remove it. */
export type SeedEntry = {
  readonly name: string;
  readonly owner: PeerId;
  readonly spec: SeedSpec;
};

/** An entry of a section whose shape nobody checks yet. */
export type RawEntry = {
  readonly owner: PeerId;
  readonly key: string;
  readonly value: JsonValue;
};

/** Sections of entries that are shown as they are. */
export type RawSection = "services" | "sites" | "blobs" | "claims";

/** Sections in which several owners may want one name. */
export type NameSection = "seeds" | "services" | "sites";

/** An entry that is stored, but does not fit what this version reads. */
export type IgnoredEntry = {
  readonly owner: PeerId;
  readonly section: string;
  readonly key: string;
  readonly reason: string;
};

/**
 * What entries and rights add up to at a moment. A change of state makes
 * another one; large parts are put together when they are first read, so read
 * them before the state goes on.
 *
 * Of owners who are denied nothing shows, and of leaves neither seeds nor
 * services, sites and blobs.
 */
export interface View {
  /** Of all admins' documents that this node holds. */
  readonly rights: Rights;
  /** By peer id; denied nodes are not in it. */
  readonly nodes: ReadonlyMap<PeerId, NodeEntry>;
  /** By name; of several owners the one who holds the name. */
  readonly seeds: ReadonlyMap<string, SeedEntry>;
  /**
   * This node's own as its document has them, by name: also those that do not
   * show because another node holds the name, or because of its rights.
   */
  readonly ownSeeds: ReadonlyMap<string, SeedEntry>;
  /** All of an owner that show, by name, whoever holds the names. */
  seedsOf(owner: PeerId): readonly SeedEntry[];
  /**
   * Who has published something under a name, who holds it first: whom an
   * admin gave it to, then admins before publishers, then earlier members, then
   * the lowest id.
   */
  holders(section: NameSection, name: string): readonly PeerId[];
  /**
   * The seed that somebody means by "name", or by "name@" and at least 4 digits
   * of its owner's id.
   *
   * @throws {NotFoundError} There is none.
   * @throws {AmbiguousError} Several owners' ids start so.
   */
  seed(text: string): SeedEntry;
  /** By owner and key. */
  entries(section: RawSection): readonly RawEntry[];
  /** This node's own record, once it was published. */
  readonly node: NodeRecord | undefined;
  /** By owner, section and key; of each owner the first `viewIgnoredMax`. */
  readonly ignored: readonly IgnoredEntry[];
  /**
   * Over all entries of all who count, those of unknown sections included:
   * nodes with the same one have the same view.
   */
  readonly digest: Digest;
}

/** What a projection starts with of an owner's document. */
export interface OwnerEntries {
  /** Whose document it is. */
  readonly owner: PeerId;
  /** All that is there now. */
  operations(): readonly Operation[];
}
