// The replicas of all other admins' documents. In come signed batches from
// anybody, out go the documents that rights are projected from and the rows
// that peers ask for. At most `adminsMax` owners are held: those that the root
// made admins. Never holds what its owner did not sign.

import {
  asPlnError,
  type Bytes,
  ClosedError,
  limits,
  type PeerId,
  PlnError,
} from "../kernel/mod.ts";
import type { AdminDocument } from "../identity/mod.ts";
import type { AuthorityTrust } from "./admin_entries.ts";
import { type BatchHead, readBatchHead } from "./batch_head.ts";
import type { BatchRow, Judgement, Refusal, StoredBatch } from "./batch_row.ts";
import { BatchError, checkSignature, readSignedBatch } from "./batches.ts";
import type { NodeRecord } from "./node_entries.ts";
import { Replica, type ReplicaNeeds } from "./replica.ts";
import { listReplicas, ReplicaFile } from "./replica_file.ts";

/**
 * What became of a batch: "gap" when something before it is missing, "later"
 * when its owner sends more than is taken. Both were not stored.
 */
export type Acceptance = "new" | "known" | "gap" | "later" | "refused";

export type ReplicasConfig = {
  /** Whose own document is not kept here. */
  readonly self: PeerId;
  readonly trust: AuthorityTrust;
  /** Called with batches of one owner that are durable and applied. */
  readonly onApplied: (fresh: readonly StoredBatch[]) => void;
};

/** Counts since the start. */
export type ReplicaCounts = {
  readonly refused: number;
  /** Of these: two batches of one number. */
  readonly forks: number;
  /** Put off: their owners sent more than is taken. */
  readonly deferred: number;
};

/** Disposing ends what is being stored first. */
export class Replicas implements AsyncDisposable {
  readonly #needs: ReplicaNeeds;
  readonly #config: ReplicasConfig;
  readonly #replicas = new Map<PeerId, Replica>();
  readonly #scope = new AsyncDisposableStack();
  #refused = 0;
  #forks = 0;
  #deferred = 0;

  /** Empty until `load`. */
  constructor(needs: ReplicaNeeds, config: ReplicasConfig) {
    this.#needs = needs;
    this.#config = config;
  }

  /** @throws {NewerFormatError | DiskError} The directory cannot be read. */
  async load(): Promise<void> {
    const owners = await listReplicas(this.#needs);
    for (const owner of owners) {
      const isWanted = owner !== this.#config.self &&
        this.#replicas.size < limits.adminsMax;
      if (!isWanted) {
        await new ReplicaFile(this.#needs, owner).remove();
        continue;
      }
      const replica = this.#open(owner);
      if (await replica.load((record) => this.#readRecord(record))) {
        this.#scope.use(replica);
        this.#replicas.set(owner, replica);
      } else await replica[Symbol.asyncDispose]();
    }
  }

  #open(owner: PeerId): Replica {
    return new Replica(this.#needs, { ...this.#config, owner });
  }

  #readRecord(record: Uint8Array): StoredBatch | undefined {
    const { signer, root: { cluster } } = this.#config.trust;
    try {
      const bytes = new Uint8Array(record);
      const signed = readSignedBatch(bytes, { signer });
      checkSignature({ owner: signed.batch.owner, bytes }, { signer, cluster });
      return { ...signed, bytes };
    } catch (cause) {
      if (cause instanceof PlnError) return undefined;
      throw cause;
    }
  }

  get counts(): ReplicaCounts {
    return {
      refused: this.#refused,
      forks: this.#forks,
      deferred: this.#deferred,
    };
  }

  /** In no order that means anything. */
  all(): Iterable<Replica> {
    return this.#replicas.values();
  }

  adminDocuments(): readonly AdminDocument[] {
    return [...this.#replicas.values()]
      .map(({ adminDocument }) => adminDocument)
      .filter((document) => document !== undefined);
  }

  /** What admins say of themselves; without those that say nothing that fits. */
  *records(): Iterable<readonly [owner: PeerId, record: NodeRecord]> {
    for (const { owner, record } of this.#replicas.values()) {
      if (record !== undefined) yield [owner, record];
    }
  }

  rowOf(owner: PeerId): BatchRow | undefined {
    return this.#replicas.get(owner)?.row;
  }

  /** As `OwnerState.accept`; `bytes` are passed on as they are. */
  async accept(bytes: Bytes, said?: PeerId): Promise<Acceptance> {
    if (this.#scope.disposed) throw new ClosedError("Cannot store: closing");
    const head = this.#unlessFaulty(() => headOf(bytes, said));
    if (head === undefined) return "refused";
    const { owner } = head;
    if (owner === this.#config.self) return "known";
    const known = this.#replicas.get(owner);
    const early = known === undefined
      ? this.#judgeStranger(head)
      : known.judgeHead(head, bytes.length);
    // No pause before this: the next batch of this turn builds on this one.
    if (early !== undefined) return this.#outcome(await early, owner);
    const replica = this.#replicas.get(owner);
    const stored = this.#unlessFaulty(() =>
      this.#read(bytes, head, { replica })
    );
    return stored === undefined
      ? "refused"
      : this.#outcome(await this.#store(stored), owner);
  }

  /** What a base of an unknown owner is before it is read. */
  #judgeStranger({ base }: BatchHead): Judgement | undefined {
    if (!base) return "gap";
    if (this.#replicas.size < limits.adminsMax) return undefined;
    const reason = `more than ${limits.adminsMax} owners claim to be admins`;
    return { reason, isFork: false };
  }

  /** The signature first: it is cheap, and who did not sign pays nothing. */
  #read(
    bytes: Bytes,
    head: BatchHead,
    { replica }: { readonly replica: Replica | undefined },
  ): StoredBatch {
    const { signer, root: { cluster } } = this.#config.trust;
    const { owner } = head;
    checkSignature({ owner, bytes }, { signer, cluster });
    replica?.charge(head, bytes.length);
    const signed = readSignedBatch(bytes, { signer });
    const { batch } = signed;
    const isSame = batch.owner === owner && batch.base === head.base &&
      batch.generation === head.generation && batch.seq === head.seq;
    if (!isSame) throw new BatchError("A batch's head is not what it says");
    return { ...signed, bytes };
  }

  async #store(stored: StoredBatch): Promise<Judgement> {
    const { owner } = stored.batch;
    const known = this.#replicas.get(owner);
    if (known !== undefined) return await known.accept(stored);
    const replica = this.#open(owner);
    this.#replicas.set(owner, replica);
    try {
      return await replica.accept(stored);
    } finally {
      await this.#settle(replica);
    }
  }

  #outcome(judgement: Judgement | "later", owner: PeerId): Acceptance {
    if (typeof judgement !== "string") return this.#refuse(judgement, owner);
    if (judgement === "later") this.#deferred++;
    return judgement;
  }

  /** Undefined, and counted, when foreign bytes are to blame. */
  #unlessFaulty<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      this.#refuse({ reason: cause.message, isFork: false });
      return undefined;
    }
  }

  /** A first base that was refused, or could not be stored, leaves nothing. */
  async #settle(replica: Replica): Promise<void> {
    await replica.idle(); // others may have sent a better base
    if (replica.row.head !== undefined) {
      this.#scope.use(replica);
      return;
    }
    this.#replicas.delete(replica.owner);
    await replica[Symbol.asyncDispose]();
  }

  #refuse({ reason, isFork }: Refusal, owner?: PeerId): "refused" {
    this.#refused++;
    if (isFork) this.#forks++;
    const event = isFork ? "state.fork_refused" : "state.batch_refused";
    this.#needs.log.warn(event, { owner, reason });
    return "refused";
  }

  /** Harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#scope.disposeAsync();
    } catch (cause) {
      this.#needs.log.error("state.replicas_close_failed", {
        reason: asPlnError(cause).message,
      });
    }
  }
}

/** `said` is whose batch its sender says it is. */
function headOf(bytes: Bytes, said: PeerId | undefined): BatchHead {
  const head = readBatchHead(bytes);
  if (said === undefined || said === head.owner) return head;
  throw new BatchError("A batch is of another owner than its sender says");
}
