// What this node exchanges with others: its own row of batches and the replicas
// of admins. In come batches, out go rows for peers, the rights that all
// admins' documents add up to, and word of every batch that is new here. What
// is handed on is durable on this node before.

import { asPlnError, type Bytes, limits, type PeerId } from "../kernel/mod.ts";
import {
  missingRootStatements,
  type Rights,
  RightsProjector,
  type RootCopy,
} from "../identity/mod.ts";
import { AdminEntries, type AuthorityTrust } from "./admin_entries.ts";
import type { BatchRow, RowPlace, StoredBatch } from "./batch_row.ts";
import type { NodeRecord } from "./node_entries.ts";
import type { ReplicaNeeds } from "./replica.ts";
import { type Acceptance, type ReplicaCounts, Replicas } from "./replicas.ts";
import type { Operation } from "./schema.ts";

/** How far an admin's document reaches here. */
export type AdminHead = RowPlace & {
  readonly admin: PeerId;
  /** The seq of its newest batch that touched rights. */
  readonly rev: number;
};

/** Hears of a batch; `bytes` are those that were accepted. Must not throw. */
export type BatchHandler = (bytes: Bytes, owner: PeerId) => void;

export type ReplicationConfig = {
  readonly self: PeerId;
  readonly trust: AuthorityTrust;
  /** What the journal holds of this node, for peers. */
  readonly row: BatchRow;
  /** All that this node's document says. */
  readonly operations: readonly Operation[];
};

/** Disposing ends what is being stored; rights stay readable. */
export class Replication implements AsyncDisposable {
  readonly #needs: ReplicaNeeds;
  readonly #config: ReplicationConfig;
  readonly #replicas: Replicas;
  readonly #projector: RightsProjector;
  readonly #own: AdminEntries;
  readonly #handlers = new Set<BatchHandler>();
  #onChange = () => {};
  #row: BatchRow;
  #rights: Rights | undefined;

  private constructor(needs: ReplicaNeeds, config: ReplicationConfig) {
    const { self, trust, row, operations } = config;
    this.#needs = needs;
    this.#config = config;
    this.#row = row;
    this.#own = new AdminEntries(trust, self);
    this.#own.apply({ base: true, operations });
    this.#projector = new RightsProjector(needs, trust);
    this.#replicas = new Replicas(needs, {
      self,
      trust,
      onApplied: (fresh) => this.#applied(fresh),
    });
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

  /** What the other admins say of themselves. */
  adminRecords(): ReadonlyMap<PeerId, NodeRecord> {
    return new Map(this.#replicas.records());
  }

  /** Of all admins, the own one first when this node is one. */
  heads(): readonly AdminHead[] {
    const { self } = this.#config;
    const heads = this.#own.document === undefined
      ? []
      : headsOf(self, this.#row);
    for (const { owner, row } of this.#replicas.all()) {
      heads.push(...headsOf(owner, row));
    }
    return heads.slice(0, limits.rightsHeadsMax);
  }

  /** What somebody lacks of an admin's document who is at `place`. */
  batchesSince(owner: PeerId, place: RowPlace): readonly Bytes[] {
    if (owner !== this.#config.self) {
      return this.#replicas.rowOf(owner)?.since(place) ?? [];
    }
    return this.#own.document === undefined ? [] : this.#row.since(place);
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
    return this.#replicas.accept(bytes, said);
  }

  /** Calls `handle` after each change, before peers hear of it. */
  watch(handle: () => void): void {
    this.#onChange = handle;
  }

  onBatch(handle: BatchHandler): Disposable {
    const own: BatchHandler = (bytes, owner) => handle(bytes, owner);
    this.#handlers.add(own);
    return { [Symbol.dispose]: () => void this.#handlers.delete(own) };
  }

  get counts(): ReplicaCounts & { readonly replicas: number } {
    const replicas = [...this.#replicas.all()].length;
    return { replicas, ...this.#replicas.counts };
  }

  /** Whether others hold this node's document: an admin's. */
  get isShared(): boolean {
    return this.#own.document !== undefined;
  }

  /** This node has published; only an admin's batches are for others. */
  published(fresh: readonly StoredBatch[]): void {
    for (const stored of fresh) {
      this.#row = this.#row.with(stored);
      if (this.#own.apply(stored.batch)) this.#rights = undefined;
    }
    this.#onChange();
    if (this.#own.document !== undefined) this.#tell(fresh);
  }

  #applied(fresh: readonly StoredBatch[]): void {
    this.#rights = undefined;
    this.#onChange();
    this.#tell(fresh);
  }

  #tell(fresh: readonly StoredBatch[]): void {
    for (const { bytes, batch } of fresh) {
      for (const handle of [...this.#handlers]) {
        try {
          handle(bytes, batch.owner);
        } catch (cause) {
          const reason = asPlnError(cause).message;
          this.#needs.log.error("state.listener_failed", { reason });
        }
      }
    }
  }

  /** Harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replicas[Symbol.asyncDispose]();
  }
}

function headsOf(admin: PeerId, row: BatchRow): AdminHead[] {
  const { head } = row;
  if (head === undefined) return [];
  const { generation, seq, rev } = head;
  return [{ admin, generation, seq, rev }];
}
