// What this node exchanges with others: its own row of batches and the replicas
// of all other owners. In come batches and proofs, out go rows for peers, the
// rights that all admins' documents add up to, and word of everything that is
// new here. What touches rights is durable on this node before it is handed on.

import { type Bytes, limits, type PeerId } from "../kernel/mod.ts";
import {
  missingRootStatements,
  type Rights,
  RightsProjector,
  type RootCopy,
} from "../identity/mod.ts";
import { AdminEntries, type AuthorityTrust } from "./admin_entries.ts";
import { type Acceptance, type ArrivalCounts, Arrivals } from "./arrivals.ts";
import type { BatchRow, RowPlace, StoredBatch } from "./batch_row.ts";
import { Buckets } from "./buckets.ts";
import type { EntryChange } from "./changes.ts";
import type { ForkProof } from "./fork.ts";
import type { Generations } from "./generations.ts";
import { type BatchHandler, type ForkHandler, Listeners } from "./listeners.ts";
import { OwnRow, type ShownCopies } from "./own_row.ts";
import type { OwnerHead, OwnerPlace } from "./places.ts";
import type { Replica, ReplicaNeeds, ReplicaStep } from "./replica.ts";
import { Replicas } from "./replicas.ts";
import { joinScopes, type RightsScope, scopeOf } from "./rights_scope.ts";
import type { Operation } from "./schema.ts";
import type { NewDocument, StateDocument } from "./state_document.ts";

/** How far an admin's document reaches here. */
export type AdminHead = RowPlace & {
  readonly admin: PeerId;
  /** The seq of its newest batch that touched rights. */
  readonly rev: number;
};

/** What became of a document, for all that follow its entries. */
export type DocumentChange = {
  readonly owner: PeerId;
  /** Where it is now; undefined when it is held no more. */
  readonly place: OwnerPlace | undefined;
  /** Of what counts of it; all its entries when it is new, or gone. */
  readonly changes: readonly EntryChange[];
  /** Whether rights may differ. */
  readonly isRights: boolean;
};

export type ReplicationConfig = {
  readonly self: PeerId;
  readonly trust: AuthorityTrust;
  /** What the journal holds of this node, for peers. */
  readonly row: BatchRow;
  /** All that this node's document says. */
  readonly operations: readonly Operation[];
  /** Hears the times of others' batches. */
  readonly onTime?: (time: StoredBatch["batch"]["hlc"]) => void;
  /** Hears what peers show of this node's own batches. */
  readonly copies?: ShownCopies;
  /** Of what kind documents of others are. */
  readonly newDocument: NewDocument;
};

/** Counts since the start. */
export type ReplicationCounts = ArrivalCounts & {
  /** Documents of others that are held now. */
  readonly replicas: number;
  /** Generations that were found void. */
  readonly forks: number;
  /** In memory, of owners whom nobody has named. */
  readonly waiting: number;
};

/** Disposing ends what is being stored; rights stay readable. */
export class Replication implements AsyncDisposable {
  readonly #needs: ReplicaNeeds;
  readonly #config: ReplicationConfig;
  readonly #replicas: Replicas;
  readonly #arrivals: Arrivals;
  readonly #buckets: Buckets;
  readonly #projector: RightsProjector;
  readonly #ownRow: OwnRow;
  readonly #own: AdminEntries;
  readonly #listeners: Listeners;
  #onChange: (change: DocumentChange) => void = () => {};
  #rights: Rights | undefined;
  /** Whom rights may say something else of, since they were compared. */
  #scope: RightsScope = new Set<PeerId>();
  #isReviewing = false;

  private constructor(needs: ReplicaNeeds, config: ReplicationConfig) {
    const { self, trust, row, operations, copies } = config;
    this.#needs = needs;
    this.#config = config;
    this.#listeners = new Listeners(needs.log);
    this.#own = new AdminEntries(trust, self);
    this.#own.apply(operations.map(({ section, key, text }) => ({
      ...{ section, key, before: undefined, after: text },
    })));
    this.#projector = new RightsProjector(needs, trust);
    this.#ownRow = new OwnRow({
      ...{ owner: self, row, copies },
      onShown: (stored) => this.#shown(stored),
      onFork: () => this.#ownForked(),
    });
    const rights = () => this.rights();
    this.#replicas = new Replicas(needs, {
      ...{ self, trust, rights, newDocument: config.newDocument },
      onApplied: (replica, step) => this.#applied(replica, step),
    });
    const [replicas, own] = [this.#replicas, this.#ownRow];
    this.#arrivals = new Arrivals(needs, {
      ...{ self, trust, replicas, own, rights },
    });
    this.#buckets = new Buckets(needs.signer, (owner) => this.placeOf(owner));
    this.#mark(self);
  }

  /**
   * Opens the replicas of the disk.
   *
   * @throws {NewerFormatError | DiskError} The directory cannot be read.
   */
  static async open(
    needs: ReplicaNeeds,
    config: ReplicationConfig,
  ): Promise<Replication> {
    await using scope = new AsyncDisposableStack();
    const replication = scope.use(new Replication(needs, config));
    await replication.#replicas.load();
    replication.#review("all");
    scope.move();
    return replication;
  }

  /** Of all admins' documents, the own one among them when it is one. */
  rights(): Rights {
    this.#rights ??= this.#projector.project(
      this.#own.document === undefined
        ? this.#replicas.adminDocuments()
        : [this.#own.document, ...this.#replicas.adminDocuments()],
    );
    return this.#rights;
  }

  /** The effective documents of others that are shown. */
  *documents(): Generator<StateDocument> {
    for (const { document } of this.#replicas.all()) yield document;
  }

  /** Of all admins, the own one first when this node is one. */
  heads(): readonly AdminHead[] {
    const { self } = this.#config;
    const heads = this.#own.document === undefined
      ? []
      : headsOf(self, this.#ownRow.generations);
    for (const { owner, isAdmin, generations } of this.#replicas.all()) {
      if (isAdmin) heads.push(...headsOf(owner, generations));
    }
    return heads.slice(0, limits.rightsHeadsMax);
  }

  #generationsOf(owner: PeerId): Generations | undefined {
    return owner === this.#config.self
      ? this.#ownRow.generations
      : this.#replicas.get(owner)?.generations;
  }

  /** Of every stored document, the own one too; not of waiting ones. */
  *places(): Generator<OwnerHead> {
    const own = this.placeOf(this.#config.self);
    if (own !== undefined) yield own;
    for (const { owner } of this.#replicas.all()) {
      const place = this.placeOf(owner);
      if (place !== undefined) yield place;
    }
  }

  /** As `places`, of one owner. */
  placeOf(owner: PeerId): OwnerHead | undefined {
    const generations = this.#generationsOf(owner);
    const place = generations?.place;
    if (generations === undefined || place === undefined) return undefined;
    const { generation, seq } = place;
    const digest = generations.digest(this.#needs.signer);
    return { owner, generation, seq, digest };
  }

  /** By the first 16 hex digits of its id. */
  ownerOf(prefix: string): PeerId | undefined {
    return this.#buckets.ownerOf(prefix);
  }

  /** `stateBuckets` digests of 8 bytes over owners and their digests. */
  buckets(): readonly Bytes[] {
    return this.#buckets.digests();
  }

  /** By owner. */
  placesOfBucket(index: number): readonly OwnerHead[] {
    return this.#buckets.headsOf(index);
  }

  /** What somebody lacks of a stored document who is at `place`. */
  batchesSince(owner: PeerId, place: RowPlace): readonly Bytes[] {
    return this.#generationsOf(owner)?.since(place) ?? [];
  }

  /** Of the newest void generation that is kept. */
  forkOf(owner: PeerId): ForkProof | undefined {
    return this.#generationsOf(owner)?.forks[0]?.proof;
  }

  /** Of all void generations that are kept, the newest first. */
  forksOf(owner: PeerId): readonly ForkProof[] {
    return this.#generationsOf(owner)?.forks.map(({ proof }) => proof) ?? [];
  }

  /** As `OwnerState.missingRootStatements`. */
  missingRootStatements(): readonly RootCopy[] {
    if (this.#own.document === undefined) return [];
    return missingRootStatements(
      this.rights(),
      (section, key) => this.#own.get(section, key),
    );
  }

  /** As `OwnerState.accept`. */
  accept(bytes: Bytes, said?: PeerId): Promise<Acceptance> {
    return this.#arrivals.accept(bytes, said);
  }

  /** As `OwnerState.acceptFork`. */
  acceptFork(proof: ForkProof, said?: PeerId): Promise<Acceptance> {
    return this.#arrivals.acceptFork(proof, said);
  }

  /** Calls `handle` after each change, before peers hear of it. */
  watch(handle: (change: DocumentChange) => void): void {
    this.#onChange = handle;
  }

  /** As `OwnerState.onBatch`. */
  onBatch(handle: BatchHandler): Disposable {
    return this.#listeners.onBatch(handle);
  }

  /** Calls `handle` when an owner is proven to have forked. */
  onFork(handle: ForkHandler): Disposable {
    return this.#listeners.onFork(handle);
  }

  get counts(): ReplicationCounts {
    const replicas = [...this.#replicas.all()].length;
    const { forks, waiting } = this.#replicas;
    return { replicas, forks, waiting, ...this.#arrivals.counts };
  }

  /** Whether this node's document decides rights. */
  get #isAdmin(): boolean {
    return this.#own.document !== undefined;
  }

  /** This node has published. */
  published(
    fresh: readonly StoredBatch[],
    changes: readonly EntryChange[],
  ): void {
    const { self } = this.#config;
    for (const stored of fresh) this.#ownRow.published(stored);
    const isRights = this.#own.apply(changes);
    this.#tellChange({ owner: self, changes, isRights });
    this.#listeners.tellBatches(fresh, { isAdmin: this.#isAdmin });
    if (isRights) this.#review(this.#scopeOf(changes));
  }

  /** A peer has shown an own batch: others may lack it. */
  #shown(stored: StoredBatch): void {
    this.#mark(this.#config.self);
    this.#listeners.tellBatches([stored], { isAdmin: this.#isAdmin });
  }

  #ownForked(): void {
    const { self } = this.#config;
    this.#mark(self);
    this.#listeners.tellFork(self);
  }

  #applied(replica: Replica, step: ReplicaStep): void {
    const { owner, isAdmin } = replica;
    const { fresh, forks, changes, isRights } = step;
    for (const { batch } of fresh) this.#config.onTime?.(batch.hlc);
    this.#tellChange({ owner, changes, isRights });
    if (replica.isShown) {
      this.#listeners.tellBatches(fresh, { isAdmin: isAdmin || isRights });
      if (forks.length > 0) this.#listeners.tellFork(owner);
    }
    if (isRights) this.#review(this.#scopeOf(changes));
  }

  #scopeOf(changes: readonly EntryChange[]): RightsScope {
    const { self } = this.#config;
    return scopeOf(changes, {
      isAdmin: (peer) =>
        peer === self || this.#replicas.get(peer as PeerId)?.isAdmin === true,
    });
  }

  #takeScope(): RightsScope {
    const scope = this.#scope;
    this.#scope = new Set<PeerId>();
    return scope;
  }

  /** What comes of it may change rights again: that is taken up in turn. */
  #review(scope: RightsScope): void {
    this.#rights = undefined;
    this.#scope = joinScopes(this.#scope, scope);
    if (this.#isReviewing) return;
    this.#isReviewing = true;
    try {
      let owners = this.#takeScope();
      do {
        this.#replicas.review(owners === "all" ? undefined : owners);
        this.#forgetOwn();
        owners = this.#takeScope();
      } while (owners === "all" || owners.size > 0);
    } finally {
      this.#isReviewing = false;
    }
  }

  /** The own document is forgotten like others', but for who reads it here. */
  #forgetOwn(): void {
    const { self } = this.#config;
    const isAdmin = this.#isAdmin;
    const place = this.rights().forgetOf(self, { isAdmin });
    if (this.#ownRow.forget(place)) this.#mark(self);
  }

  #mark(owner: PeerId): void {
    const isHeld = this.#generationsOf(owner)?.isEmpty === false;
    this.#buckets.mark(owner, { isHeld });
  }

  #tellChange(change: Omit<DocumentChange, "place">): void {
    const { owner, isRights } = change;
    if (isRights) this.#rights = undefined;
    this.#mark(owner);
    const found = this.#generationsOf(owner)?.place;
    const place = found &&
      { owner, generation: found.generation, seq: found.seq };
    this.#onChange({ ...change, place });
  }

  /** Harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replicas[Symbol.asyncDispose]();
  }
}

function headsOf(admin: PeerId, { row, place }: Generations): AdminHead[] {
  if (place === undefined) return [];
  const { generation, seq } = place;
  return [{ admin, generation, seq, rev: row.head?.rev ?? seq }];
}
