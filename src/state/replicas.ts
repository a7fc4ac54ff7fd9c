// The replicas of all other owners' documents. In come replicas that took
// something, and rights that say who belongs here; out go documents and what
// became of them. Stored are admins, by an authority of the root, and owners whom
// rights name; others wait in memory, unseen. Never shows a document of somebody
// whom nobody named.

import { asPlnError, limits, type PeerId } from "../kernel/mod.ts";
import type { AdminDocument, Rights } from "../identity/mod.ts";
import { type AuthorityTrust, isOwnAuthority } from "./admin_entries.ts";
import { type EntryChange, mergedChanges } from "./changes.ts";
import {
  allAdded,
  allRemoved,
  Replica,
  type ReplicaNeeds,
  type ReplicaStep,
} from "./replica.ts";
import { ReplicaLog } from "./replica_log.ts";
import { RecordReader, recordsOf, recordsOfAll } from "./replica_records.ts";
import type { NewDocument } from "./state_document.ts";
import { WaitingOwners } from "./waiting_owners.ts";

export type ReplicasConfig = {
  /** Whose own document is not kept here. */
  readonly self: PeerId;
  readonly trust: AuthorityTrust;
  readonly newDocument: NewDocument;
  /** Of this moment. */
  readonly rights: () => Rights;
  /** Called with what others may see of a replica now; `step` led to it. */
  readonly onApplied: (replica: Replica, step: ReplicaStep) => void;
};

const nothing: Omit<ReplicaStep, "changes" | "isRights"> = {
  fresh: [],
  forks: [],
};

/** Disposing ends what is being stored first. */
export class Replicas implements AsyncDisposable {
  readonly #needs: ReplicaNeeds;
  readonly #config: ReplicasConfig;
  readonly #stored = new Map<PeerId, Replica>();
  readonly #waiting: WaitingOwners;
  readonly #log: ReplicaLog;
  #isClosed = false;
  /** Generations that were found void since the start. */
  forks = 0;

  /** Empty until `load`. */
  constructor(needs: ReplicaNeeds, config: ReplicasConfig) {
    this.#needs = needs;
    this.#config = config;
    this.#waiting = new WaitingOwners((replica) => this.#discard(replica));
    this.#log = new ReplicaLog(needs, {
      snapshot: () =>
        [...this.#stored.values()]
          .flatMap(({ generations }) => recordsOfAll(generations)),
    });
  }

  /** How many are in memory only: nobody has named their owners. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * What the disk has; nothing of it shows before `review`.
   *
   * @throws {NewerFormatError | DiskError} The directory cannot be read.
   */
  async load(): Promise<void> {
    const { signer, root: { cluster } } = this.#config.trust;
    const { records, isDamaged } = await this.#log.load();
    const reader = new RecordReader({ signer, cluster });
    reader.read(records);
    for (const [owner, generations] of reader.owners) {
      if (owner === this.#config.self || generations.isEmpty) continue;
      const replica = this.open(owner);
      replica.isStored = true;
      replica.load(generations);
      this.#stored.set(owner, replica);
    }
    if (!isDamaged && reader.lost === 0) return;
    const owners = this.#stored.size;
    const { lost } = reader;
    this.#needs.log.error("state.replicas_damaged", { owners, lost });
  }

  /** An empty one, which is nowhere yet. */
  open(owner: PeerId): Replica {
    return new Replica(this.#needs, {
      ...this.#config,
      owner,
      note: (items) => this.#log.note(items.flatMap(recordsOf)),
      write: (items) => this.#log.write(items.flatMap(recordsOf)),
      onApplied: (replica, step) => this.#stepped(replica, step),
    });
  }

  /** Those that others may see, in no order that means anything. */
  *all(): Generator<Replica> {
    for (const replica of this.#stored.values()) {
      if (replica.isShown) yield replica;
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Also one that waits, or that others may not see. */
  find(owner: PeerId): Replica | undefined {
    return this.#stored.get(owner) ?? this.#waiting.get(owner);
  }

  /** Undefined too when others may not see it. */
  get(owner: PeerId): Replica | undefined {
    const replica = this.#stored.get(owner);
    return replica?.isShown === true ? replica : undefined;
  }

  adminDocuments(): readonly AdminDocument[] {
    return [...this.#stored.values()]
      .map(({ adminDocument }) => adminDocument)
      .filter((document) => document !== undefined);
  }

  /**
   * Compares what is held with rights that have changed: who is named now is
   * shown, who is not any more is hidden, and what is forgotten goes.
   *
   * @param owners Of whom rights may say something else; all unless told.
   */
  review(owners: Iterable<PeerId> = this.#stored.keys()): void {
    const rights = this.#config.rights();
    for (const owner of [...owners]) {
      const replica = this.#stored.get(owner);
      if (replica !== undefined) this.#reviewStored(replica, rights);
    }
    for (const replica of this.#waiting.all()) {
      const { owner } = replica;
      if (this.#forget(replica, rights)) this.#waiting.take(owner);
      else if (isNamed(rights, owner) && this.hasRoom()) {
        this.#waiting.take(owner);
        this.#store(replica);
      }
    }
  }

  #reviewStored(replica: Replica, rights: Rights): void {
    const { owner, isAdmin } = replica;
    replica.isNamed = isNamed(rights, owner);
    if (replica.generations.isEmpty) { // its first batch is being written
      replica.forgotten = rights.forgetOf(owner, { isAdmin });
      return;
    }
    if (!this.#forget(replica, rights)) this.#show(replica);
  }

  /** One that waited is named. */
  #store(replica: Replica): void {
    replica.isNamed = true;
    replica.isStored = true;
    this.#stored.set(replica.owner, replica);
    this.#log.note(recordsOfAll(replica.generations));
    this.#show(replica);
  }

  /** True when nothing is left of it. */
  #forget(replica: Replica, rights: Rights): boolean {
    const { owner, isAdmin } = replica;
    const place = rights.forgetOf(owner, { isAdmin });
    replica.forgotten = place;
    const step = replica.keepAfter(place);
    if (!replica.generations.isEmpty) {
      if (step !== undefined) this.#stepped(replica, step);
      return false;
    }
    this.#needs.log.info("state.forgotten", { owner });
    this.#stored.delete(owner);
    this.#hide(replica, step?.changes ?? []);
    this.#discard(replica);
    return true;
  }

  /** Shows or hides it, by what is known of it now. */
  #show(replica: Replica, step?: ReplicaStep): void {
    const wasShown = replica.isShown;
    const isShown = replica.isStored &&
      (replica.isNamed || replica.isAdmin || replica.isVoidAdmin);
    if (!isShown) {
      if (wasShown) {
        const removed = allRemoved(replica.document);
        this.#hide(replica, mergedChanges([step?.changes ?? [], removed]));
      }
      return;
    }
    replica.isShown = true;
    if (wasShown) {
      if (step !== undefined) this.#config.onApplied(replica, step);
      return;
    }
    const { batches: fresh, forks } = replica.generations;
    const changes = allAdded(replica.document);
    const { isAdmin: isRights } = replica;
    this.#config.onApplied(replica, { fresh, forks, changes, isRights });
  }

  #hide(replica: Replica, changes: readonly EntryChange[]): void {
    if (!replica.isShown) return;
    replica.isShown = false;
    const isRights = changes.some(isOwnAuthority);
    this.#config.onApplied(replica, { ...nothing, changes, isRights });
  }

  #stepped(replica: Replica, step: ReplicaStep): void {
    for (const { owner, generation } of step.forks) {
      this.forks++;
      this.#needs.log.warn("state.fork", { owner, generation });
    }
    this.#show(replica, step);
  }

  /** It took something, or was heard of again. */
  keep(replica: Replica): void {
    if (!replica.isStored) this.#waiting.put(replica);
  }

  /** Puts in one that is about to take its first batch. */
  add(replica: Replica): void {
    if (replica.isStored) this.#stored.set(replica.owner, replica);
    else this.#waiting.put(replica);
  }

  /**
   * Its first batch was taken, or not: then nothing is left of it. One that
   * waited gives way.
   */
  async settle(replica: Replica): Promise<void> {
    const { owner } = replica;
    await replica.idle(); // others may have sent a better base
    if (replica.generations.isEmpty) {
      if (this.#stored.get(owner) === replica) this.#stored.delete(owner);
      if (this.#waiting.get(owner) === replica) this.#waiting.take(owner);
      await replica[Symbol.asyncDispose]();
    } else if (replica.isStored) {
      const waited = this.#waiting.take(owner);
      if (waited !== undefined) this.#discard(waited);
    } else this.#waiting.put(replica);
  }

  get adminCount(): number {
    let count = 0;
    for (const { isAdmin } of this.#stored.values()) if (isAdmin) count++;
    return count;
  }

  /** Whether one more can be stored; of the hidden ones one gives way. */
  hasRoom(): boolean {
    if (this.#stored.size < limits.replicasMax) return true;
    for (const [owner, replica] of this.#stored) {
      if (replica.isShown) continue;
      this.#stored.delete(owner);
      this.#discard(replica);
      return true;
    }
    return false;
  }

  /** Nothing is being stored of it: it was not stored, or is not any more. */
  #discard(replica: Replica): void {
    void this.#dispose(replica);
  }

  async #dispose(closing: AsyncDisposable): Promise<void> {
    try {
      await closing[Symbol.asyncDispose]();
    } catch (cause) {
      this.#needs.log.error("state.replicas_close_failed", {
        reason: asPlnError(cause).message,
      });
    }
  }

  /** Harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const replicas = [...this.#stored.values(), ...this.#waiting.all()];
    for (const replica of replicas) await replica.idle();
    await this.#dispose(this.#log);
    for (const replica of replicas) await this.#dispose(replica);
  }
}

/** Whether an admin says that somebody belongs here, denied or not. */
export function isNamed(rights: Rights, owner: PeerId): boolean {
  return rights.grantOf(owner) !== undefined ||
    rights.redemptionsOf(owner).length > 0;
}
