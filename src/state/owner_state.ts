// The durable state of this node: its own document, its journal, the replicas
// of all others' documents, and the view of all that. In come changes and
// batches, out goes a promise that they survive a power loss. Reading needs no
// writable disk. Never publishes over lost records of its own until a peer has
// shown a copy or somebody accepted the loss (peers would take the rest for
// deletions).

import {
  asPlnError,
  type Bytes,
  type PeerId,
  peerIdOf,
} from "../kernel/mod.ts";
import type { ClusterRoot, RootCopy } from "../identity/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import { placeInBatch } from "./batch_head.ts";
import type { RowPlace } from "./batch_row.ts";
import { addedChanges } from "./entry_changes.ts";
import { OwnerDocument } from "./document.ts";
import { PlainDocument } from "./plain_document.ts";
import type { NewDocument } from "./state_document.ts";
import type { ForkProof } from "./fork.ts";
import { OwnSide } from "./own_side.ts";
import { OwnPace } from "./owner_rate.ts";
import type { OwnerHead, OwnerPlace } from "./places.ts";
import { Projector } from "./projector.ts";
import { recover, type Recovered } from "./recovery.ts";
import type { Acceptance } from "./arrivals.ts";
import type { BatchHandler } from "./listeners.ts";
import {
  type AdminHead,
  type DocumentChange,
  Replication,
} from "./replication.ts";
import { type Change, checkChangeCount, parseChange } from "./schema.ts";
import type { StateReport } from "./state_report.ts";
import type { OwnerEntries, View } from "./views.ts";

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
  /**
   * Resolves when reachable peers have shown what they have of the own
   * document, or after a bounded time. Called once, before the first publish.
   */
  readonly askCopies?: () => Promise<void>;
  /** What holds documents; "plain" has no history, and takes less memory. */
  readonly documents?: "loro" | "plain";
};

type Parts = {
  readonly recovered: Recovered;
  readonly own: OwnSide;
  readonly replication: Replication;
  readonly scope: AsyncDisposableStack;
};

/** What is different in the view. */
export type StateChange = {
  /** Whose documents have changed. */
  readonly owners: ReadonlySet<PeerId>;
  /** Whether rights may be others. */
  readonly isRights: boolean;
};

/** One a directory. Disposing ends the publishes under way first. */
export class OwnerState implements AsyncDisposable {
  readonly #needs: StateNeeds;
  readonly #recovered: Recovered;
  readonly #own: OwnSide;
  readonly #projector: Projector;
  readonly #replication: Replication;
  readonly #scope: AsyncDisposableStack;
  readonly #pace = new OwnPace();
  readonly #handlers = new Set<(change: StateChange) => void>();
  readonly #followers = new Set<(change: DocumentChange) => void>();
  readonly #cloneHandlers = new Set<() => void>();

  private constructor(
    needs: StateNeeds,
    config: StateConfig,
    { recovered, own, replication, scope }: Parts,
  ) {
    this.#needs = needs;
    this.#recovered = recovered;
    this.#own = own;
    this.#replication = replication;
    this.#scope = scope;
    const self = own.owner;
    this.#projector = new Projector(needs, { self, root: config.root });
    for (const document of [own.document, ...replication.documents()]) {
      const { owner } = document;
      this.#projector.apply(owner, addedChanges(document.operations()));
    }
    replication.watch((change) => this.#changed(change));
    own.connect({
      onApplied: (fresh, changes) => replication.published(fresh, changes),
      wantsBase: (sizeBytes) => this.#wantsBase(sizeBytes),
      onClone: () => this.#cloned(),
    });
    // Released in reverse: the last view is kept before the document is freed.
    scope.defer(() => void this.view());
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
    const newDocument: NewDocument = (one) =>
      config.documents === "plain"
        ? new PlainDocument(one)
        : new OwnerDocument(one, { isLazy: one !== owner });
    const found = await recover(needs, { owner, cluster, newDocument });
    const isMissing = config.expectsJournal === true &&
      found.newest.number === 0;
    const recovered = { ...found, isLossy: found.isLossy || isMissing };
    const { key, askCopies } = config;
    const own = scope.use(
      new OwnSide(needs, { key, root, recovered, askCopies }),
    );
    const replication = scope.use(
      await Replication.open(needs, {
        self: owner,
        trust: { signer: needs.signer, root },
        row: recovered.row,
        operations: recovered.document.operations(),
        copies: own.copies,
        onTime: (time) => own.observe(time),
        newDocument,
      }),
    );
    scope.use(own); // ends before the replicas do; twice is harmless
    const parts = { recovered, own, replication, scope: scope.move() };
    const state = new OwnerState(needs, config, parts);
    const { ignoredEntries, ...facts } = state.report();
    needs.log.info("state.opened", {
      ...facts,
      ignored: ignoredEntries.length,
    });
    return state;
  }

  /** What the documents say now; computed when one changed, then kept. */
  view(): View {
    this.#projector.setRights(this.#replication.rights());
    return this.#projector.view();
  }

  /** How far each stored document reaches; the own one once it was published. */
  places(): Iterable<OwnerHead> {
    return this.#replication.places();
  }

  /** As `places`, of one owner; undefined when nothing of it is stored. */
  placeOf(owner: PeerId): OwnerHead | undefined {
    return this.#replication.placeOf(owner);
  }

  /** The owner of a stored document by the first 16 hex digits of its id. */
  ownerOf(prefix: string): PeerId | undefined {
    return this.#replication.ownerOf(prefix);
  }

  /**
   * `limits.stateBuckets` digests of 8 bytes over all places: equal buckets
   * hold equal documents. A bucket is the owners whose first 6 bits are its
   * number.
   */
  buckets(): readonly Bytes[] {
    return this.#replication.buckets();
  }

  /** The places of the owners of one bucket. */
  placesOfBucket(index: number): readonly OwnerHead[] {
    return this.#replication.placesOfBucket(index);
  }

  /** Why an owner's newest generation is void; undefined when it is not. */
  forkOf(owner: PeerId): ForkProof | undefined {
    return this.#replication.forkOf(owner);
  }

  /** Of all void generations that are kept, the newest first. */
  forksOf(owner: PeerId): readonly ForkProof[] {
    return this.#replication.forksOf(owner);
  }

  /** How far the admins' documents reach here, the own one first. */
  heads(): readonly AdminHead[] {
    return this.#replication.heads();
  }

  /**
   * The signed batches of a stored document, the own one too, that somebody
   * lacks who is at `place`; from the newest base on when that is what it
   * takes. Empty when there are none.
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
   * Takes a signed batch of any owner from whomever; it is in the view when
   * this says "new". Permanent facts decide alone, so that all nodes hold the
   * same. What is refused is counted and logged. What costs something is paid
   * by the batch's owner, who has a limit; above it the answer is "later",
   * until there is room. Own batches of an earlier start are taken too: they
   * are how a node learns what its disk has lost.
   *
   * @param said Whose batch its sender says it is; another's is refused.
   * @returns "gap" when something before it is missing: ask for that; "later"
   * to ask for this one again; "waiting" when nobody has named its owner yet.
   * @throws {DiskError | ClosedError} Not stored; safe to retry.
   */
  accept(bytes: Bytes, said?: PeerId): Promise<Acceptance> {
    return this.#replication.accept(bytes, said);
  }

  /** Whose a signed batch says it is; undefined when it is none. */
  placeIn(bytes: Bytes): OwnerPlace | undefined {
    return placeInBatch(bytes);
  }

  /**
   * Takes the proof that an owner signed two batches that contradict each
   * other: its generation is void then.
   *
   * @throws {DiskError | ClosedError} Not stored; safe to retry.
   */
  acceptFork(proof: ForkProof, said?: PeerId): Promise<Acceptance> {
    return this.#replication.acceptFork(proof, said);
  }

  /** Calls `handle` with each owner whose generation became void here. */
  onFork(handle: (owner: PeerId) => void): Disposable {
    return this.#replication.onFork(handle);
  }

  /**
   * Calls `handle` with each batch that is new here, until disposed: own ones,
   * and those that `accept` took, with the very bytes it was given.
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
   * @throws {ConflictError} Another node publishes with this node's key.
   * @throws {DiskError} Not acknowledged; safe to retry.
   */
  async publish(changes: readonly Change[]): Promise<void> {
    checkChangeCount(changes.length);
    await this.#own.publish(changes.map(parseChange));
  }

  /**
   * Where to ask a peer from that shows this place of the own document;
   * undefined when this node knows all of it.
   */
  wantsOwn(shown: RowPlace): RowPlace | undefined {
    return this.#own.copies.wants(shown);
  }

  /** Calls `handle` when another node is found to publish with this key. */
  onClone(handle: () => void): Disposable {
    const own = () => handle();
    this.#cloneHandlers.add(own);
    return { [Symbol.dispose]: () => void this.#cloneHandlers.delete(own) };
  }

  /** JSON of an entry of the own document; undefined: there is none. */
  ownText(section: string, key: string): string | undefined {
    return this.#own.document.get(section, key);
  }

  /** Calls `handle` after each change, until disposed; the view shows it. */
  onChange(handle: (change: StateChange) => void): Disposable {
    const own = (change: StateChange) => handle(change); // set twice, maybe
    this.#handlers.add(own);
    return { [Symbol.dispose]: () => void this.#handlers.delete(own) };
  }

  /** What each stored document says in effect, the own one first. */
  *documents(): Iterable<OwnerEntries> {
    yield this.#own.document;
    yield* this.#replication.documents();
  }

  /** As `onChange`, with what has changed of each document, in order. */
  onDocument(handle: (change: DocumentChange) => void): Disposable {
    const own = (change: DocumentChange) => handle(change);
    this.#followers.add(own);
    return { [Symbol.dispose]: () => void this.#followers.delete(own) };
  }

  /** Of this moment; cheap enough for every status request. */
  report(): StateReport {
    const { owner: self, fault, copies, generation, seq } = this.#own;
    const { refused, deferred, ...counts } = this.#replication.counts;
    const { rights } = this.view();
    return {
      ...{ generation, seq },
      entries: this.#own.document.entryCount,
      journalBytes: this.#own.journalBytes,
      droppedTailBytes: this.#recovered.droppedTailBytes,
      corruptRecords: this.#recovered.corruptRecords,
      ...counts,
      ...{ refusedBatches: refused, deferredBatches: deferred },
      ignoredEntries: [
        ...this.#projector.owner(self)?.ignored() ?? [],
        ...rights.ignoredOf(self),
      ],
      get ignoredOfOthers() { // a walk, which few readers need
        return rights.ignoredCount({ without: self });
      },
      isCloned: copies.isClone,
      ...(fault === undefined ? {} : { fault: fault.text }),
      ...(fault?.hint === undefined ? {} : { faultHint: fault.hint }),
    };
  }

  /**
   * Takes what is left of a damaged journal as the state, durably; the damaged
   * files stay beside it as `.damaged`. Harmless when nothing was lost.
   *
   * @throws {DiskError} Still damaged; safe to retry.
   */
  acceptLoss(): Promise<void> {
    return this.#own.acceptLoss();
  }

  /** Others put off what comes too fast: then a base helps them. */
  #wantsBase(sizeBytes: number): boolean {
    return this.#pace.wantsBase(sizeBytes, this.#needs.clock.nowMs());
  }

  #changed(change: DocumentChange): void {
    const { owner, changes, isRights } = change;
    this.#projector.apply(owner, changes);
    const isGone = change.place === undefined && owner !== this.#own.owner;
    if (isGone) this.#projector.drop(owner);
    for (const handle of [...this.#followers]) {
      this.#call(() => handle(change));
    }
    const owners = new Set([owner]);
    for (const handle of [...this.#handlers]) {
      this.#call(() => handle({ owners, isRights }));
    }
  }

  #cloned(): void {
    for (const handle of [...this.#cloneHandlers]) this.#call(handle);
  }

  #call(handle: () => void): void {
    try {
      handle();
    } catch (cause) {
      const reason = asPlnError(cause).message;
      this.#needs.log.error("state.listener_failed", { reason });
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
