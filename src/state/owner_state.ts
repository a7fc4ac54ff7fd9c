// The durable state of this node: its own document, its journal, the replicas
// of admins' documents, and the view of all that. In come changes and batches,
// out goes a promise that they survive a power loss. Reading needs no writable
// disk. Never publishes over lost records of its own until somebody accepted
// the loss (peers would take the rest for deletions).

import {
  asPlnError,
  type Bytes,
  CorruptError,
  type PeerId,
  peerIdOf,
} from "../kernel/mod.ts";
import type { ClusterRoot, RootCopy } from "../identity/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import type { RowPlace, StoredBatch } from "./batch_row.ts";
import { sessionBytes } from "./batches.ts";
import { HybridClock } from "./hybrid_clock.ts";
import { Journal } from "./journal.ts";
import { OwnPace } from "./owner_rate.ts";
import { Publisher } from "./publisher.ts";
import { recover, type Recovered } from "./recovery.ts";
import type { Acceptance } from "./replicas.ts";
import {
  type AdminHead,
  type BatchHandler,
  Replication,
} from "./replication.ts";
import { type Change, checkChangeCount, parseChange } from "./schema.ts";
import {
  type EntriesView,
  type IgnoredEntry,
  Projector,
  type View,
} from "./views.ts";

/** `disk` is the node's own directory, with its lock held. */
export type StateNeeds = Pick<
  Ports,
  "clock" | "disk" | "log" | "random" | "signer"
>;

/** `key` signs; its public half is the owner. */
export type StateConfig = {
  readonly key: PrivateKey;
  /** Admins' documents are verified up to it. */
  readonly root: ClusterRoot;
  /** The directory shows that there was a journal: none means loss. */
  readonly expectsJournal?: boolean;
};

/** Of this moment, or of this start where a member says so. */
export type StateReport = {
  /** Of this start; on the disk from its first publish on. */
  readonly generation: number;
  /** Batches of this generation; 0 before the first publish. */
  readonly seq: number;
  readonly entries: number;
  readonly journalBytes: number;
  /** Torn end that the start cut off: never acknowledged writes. */
  readonly droppedTailBytes: number;
  /** Damaged places that the start found in the journal. */
  readonly corruptRecords: number;
  /** Other admins' documents that are held. */
  readonly replicas: number;
  /** Batches of others that were refused since the start. */
  readonly refusedBatches: number;
  /** Of these: two of one owner with one number. */
  readonly forks: number;
  /** Put off: their owners sent more than is taken. */
  readonly deferredBatches: number;
  /** Entries of this node's own that are stored but do not fit this version. */
  readonly ignoredEntries: readonly IgnoredEntry[];
  /** Entries of other admins that were met and count for nothing. */
  readonly ignoredOfOthers: number;
  /** What an operator has to know: loss, or why the newest write failed. */
  readonly fault?: string;
  readonly faultHint?: string;
};

const lossHint = 'Run "pln recover --accept-loss"';
const lossText = "Own state records are damaged and missing";
const unsyncedText = "The journal could not be made durable at the start";

/** One a directory. Disposing ends the publishes under way first. */
export class OwnerState implements AsyncDisposable {
  readonly #needs: StateNeeds;
  readonly #recovered: Recovered;
  readonly #journal: Journal;
  readonly #publisher: Publisher;
  readonly #projector: Projector;
  readonly #replication: Replication;
  readonly #scope: AsyncDisposableStack;
  readonly #generation: number;
  readonly #pace = new OwnPace();
  readonly #handlers = new Set<(view: View) => void>();
  #entries: EntriesView | undefined;
  #view: View | undefined;
  #isLossy: boolean;

  private constructor(
    needs: StateNeeds,
    config: StateConfig,
    options: {
      readonly recovered: Recovered;
      readonly replication: Replication;
      readonly scope: AsyncDisposableStack;
    },
  ) {
    const { recovered, replication, scope } = options;
    const { document } = recovered;
    this.#needs = needs;
    this.#recovered = recovered;
    this.#isLossy = recovered.isLossy;
    this.#scope = scope;
    this.#generation = recovered.generation + 1;
    this.#projector = new Projector(document.owner, needs.signer);
    this.#replication = replication;
    replication.watch(() => this.#changed());
    // Released in reverse: the last view is kept before the document is freed.
    scope.defer(() => void this.view());
    this.#journal = scope.use(
      new Journal(needs, {
        ...recovered.newest,
        isDamaged: recovered.isLossy,
      }),
    );
    this.#publisher = scope.use(
      new Publisher({
        signer: needs.signer,
        log: needs.log,
        document,
        journal: this.#journal,
        clock: new HybridClock(needs.clock, recovered.time),
        wantsBase: (sizeBytes) => this.#wantsBase(sizeBytes),
        onApplied: (fresh) => this.#published(fresh),
      }, {
        key: config.key,
        cluster: config.root.cluster,
        generation: this.#generation,
        session: needs.random.bytes(sessionBytes),
        hash: recovered.hash,
        // After a failed sync before a kill, a sync of the same file now can
        // say yes without the bytes: only a new file settles an old one.
        isSettled: recovered.newest.number === 0,
      }),
    );
  }

  /** For `openOwnerState`, which states the errors. */
  static async open(
    needs: StateNeeds,
    config: StateConfig,
  ): Promise<OwnerState> {
    await using scope = new AsyncDisposableStack();
    const { root } = config;
    const owner = peerIdOf(config.key.publicKey);
    const { cluster } = root;
    const recovered = await recover(needs, { owner, cluster });
    const { document, row } = recovered;
    scope.use(document);
    const replication = scope.use(
      await Replication.open(needs, {
        self: owner,
        trust: { signer: needs.signer, root },
        row,
        operations: document.operations(),
      }),
    );
    const isMissing = config.expectsJournal === true &&
      recovered.newest.number === 0;
    const isLossy = recovered.isLossy || isMissing;
    const state = new OwnerState(needs, config, {
      recovered: { ...recovered, isLossy },
      replication,
      scope: scope.move(),
    });
    const { ignoredEntries, ...facts } = state.report();
    needs.log.info("state.opened", {
      ...facts,
      ignored: ignoredEntries.length,
    });
    return state;
  }

  /** What the documents say now; computed when one changed, then kept. */
  view(): View {
    this.#entries ??= this.#projector.project([this.#recovered.document]);
    this.#view ??= {
      ...this.#entries,
      rights: this.#replication.rights(),
      adminRecords: this.#replication.adminRecords(),
    };
    return this.#view;
  }

  /** How far the admins' documents reach here, the own one first. */
  heads(): readonly AdminHead[] {
    return this.#replication.heads();
  }

  /**
   * The signed batches of an admin's document that somebody lacks who is at
   * `place`; from the newest base on when that is what it takes. Empty for who
   * is no admin.
   */
  batchesSince(owner: PeerId, place: RowPlace): readonly Bytes[] {
    return this.#replication.batchesSince(owner, place);
  }

  /**
   * What an admin's node has to publish so that its own document holds all of
   * the root's statements; empty when it does, and for who is no admin.
   */
  missingRootStatements(): readonly RootCopy[] {
    return this.#replication.missingRootStatements();
  }

  /**
   * Takes a signed batch of another admin from whomever; it is durable and in
   * the view when this says "new". Permanent facts decide alone, so that all
   * nodes hold the same. What is refused is counted and logged. What costs
   * something is paid by the batch's owner, who has a limit; above it the
   * answer is "later", until there is room.
   *
   * @param said Whose batch its sender says it is; another's is refused.
   * @returns "gap" when something before it is missing: ask for that; "later"
   * to ask for this one again.
   * @throws {DiskError | ClosedError} Not stored; safe to retry.
   */
  accept(bytes: Bytes, said?: PeerId): Promise<Acceptance> {
    return this.#replication.accept(bytes, said);
  }

  /**
   * Calls `handle` with each batch that is new here, until disposed: own ones
   * of an admin, and those that `accept` took, with the very bytes it was given.
   */
  onBatch(handle: BatchHandler): Disposable {
    return this.#replication.onBatch(handle);
  }

  /**
   * Makes changes durable, all or none. Of two changes of one entry the last
   * wins. Publishes of one turn share a sync.
   *
   * @throws {InputError} A change does not fit; nothing was written.
   * @throws {LimitError} An entry or the document gets too large; nothing was
   * written.
   * @throws {CorruptError} Own records are lost; see `acceptLoss`.
   * @throws {DiskError} Not acknowledged; safe to retry.
   */
  async publish(changes: readonly Change[]): Promise<void> {
    if (this.#isLossy) {
      throw new CorruptError(`Cannot publish: ${lossText}`, {
        hint: lossHint,
      });
    }
    checkChangeCount(changes.length);
    await this.#publisher.publish(changes.map(parseChange));
  }

  /** JSON of an entry of the own document; undefined: there is none. */
  ownText(section: string, key: string): string | undefined {
    return this.#recovered.document.get(section, key);
  }

  /** Calls `handle` with the view after each change, until disposed. */
  onChange(handle: (view: View) => void): Disposable {
    const own = (view: View) => handle(view); // one handle may be set twice
    this.#handlers.add(own);
    return { [Symbol.dispose]: () => void this.#handlers.delete(own) };
  }

  /** Of this moment; cheap enough for every status request. */
  report(): StateReport {
    const fault = this.#fault();
    const { replicas, refused, forks, deferred } = this.#replication.counts;
    const { ignored, rights } = this.view();
    const self = this.#recovered.document.owner;
    return {
      generation: this.#generation,
      seq: this.#publisher.seq,
      entries: this.#recovered.document.entryCount,
      journalBytes: this.#journal.sizeBytes,
      droppedTailBytes: this.#recovered.droppedTailBytes,
      corruptRecords: this.#recovered.corruptRecords,
      ...{ replicas, refusedBatches: refused, forks },
      deferredBatches: deferred,
      ignoredEntries: [...ignored, ...rights.ignoredOf(self)],
      get ignoredOfOthers() { // a walk, which few readers need
        return rights.ignoredCount({ without: self });
      },
      ...(fault === undefined ? {} : { fault }),
      ...(fault === lossText ? { faultHint: lossHint } : {}),
    };
  }

  /**
   * Takes what is left of a damaged journal as the state, durably; the damaged
   * files stay beside it as `.damaged`. Harmless when nothing was lost.
   *
   * @throws {DiskError} Still damaged; safe to retry.
   */
  async acceptLoss(): Promise<void> {
    if (!this.#isLossy) return;
    await this.#publisher.publish([], { isBaseWanted: true });
    this.#isLossy = false;
    this.#needs.log.warn("state.loss_accepted", {
      entries: this.#recovered.document.entryCount,
    });
  }

  #fault(): string | undefined {
    if (this.#isLossy) return lossText;
    if (this.#publisher.fault !== undefined) return this.#publisher.fault;
    const isSynced = this.#recovered.isSynced || this.#publisher.seq > 0;
    return isSynced ? undefined : unsyncedText;
  }

  /** Others put off what comes too fast: then a base helps them. */
  #wantsBase(sizeBytes: number): boolean {
    return this.#replication.isShared &&
      this.#pace.wantsBase(sizeBytes, this.#needs.clock.nowMs());
  }

  #published(fresh: readonly StoredBatch[]): void {
    this.#entries = undefined;
    this.#replication.published(fresh);
  }

  #changed(): void {
    this.#view = undefined;
    for (const handle of [...this.#handlers]) {
      try {
        handle(this.view());
      } catch (cause) {
        this.#needs.log.error("state.listener_failed", {
          reason: asPlnError(cause).message,
        });
      }
    }
  }

  /** Ends the publishes under way, then closes; the view stays readable. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }
}

/**
 * Opens this node's state from `journal/`.
 *
 * @throws {NewerFormatError} A later program wrote the journal.
 * @throws {DiskError} The journal cannot be read.
 */
export function openOwnerState(
  needs: StateNeeds,
  config: StateConfig,
): Promise<OwnerState> {
  return OwnerState.open(needs, config);
}
