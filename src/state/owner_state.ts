// The durable state of this node: its own document, its journal and its view.
// In come changes, out goes a promise that they survive a power loss. Reading
// needs no writable disk. Never publishes over lost records of its own until
// somebody accepted the loss (peers would take the rest for deletions).

import {
  asPlnError,
  type ClusterId,
  CorruptError,
  peerIdOf,
} from "../kernel/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import { sessionBytes } from "./batches.ts";
import { HybridClock } from "./hybrid_clock.ts";
import { Journal } from "./journal.ts";
import { Publisher } from "./publisher.ts";
import { recover, type Recovered } from "./recovery.ts";
import { type Change, checkChangeCount, parseChange } from "./schema.ts";
import { type IgnoredEntry, Projector, type View } from "./views.ts";

/** `disk` is the node's own directory, with its lock held. */
export type StateNeeds = Pick<
  Ports,
  "clock" | "disk" | "log" | "random" | "signer"
>;

/** `key` signs; its public half is the owner. */
export type StateConfig = {
  readonly key: PrivateKey;
  readonly cluster: ClusterId;
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
  /** Entries that are stored but do not fit this version. */
  readonly ignoredEntries: readonly IgnoredEntry[];
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
  readonly #scope: AsyncDisposableStack;
  readonly #generation: number;
  readonly #handlers = new Set<(view: View) => void>();
  #view: View | undefined;
  #isLossy: boolean;

  private constructor(
    needs: StateNeeds,
    config: StateConfig,
    options: {
      readonly recovered: Recovered;
      readonly scope: AsyncDisposableStack;
    },
  ) {
    const { recovered, scope } = options;
    const { document } = recovered;
    this.#needs = needs;
    this.#recovered = recovered;
    this.#isLossy = recovered.isLossy;
    this.#scope = scope;
    this.#generation = recovered.generation + 1;
    this.#projector = new Projector(document.owner, needs.signer);
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
        onApplied: () => this.#changed(),
      }, {
        ...config,
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
    const recovered = await recover(needs, {
      owner: peerIdOf(config.key.publicKey),
      cluster: config.cluster,
    });
    scope.use(recovered.document);
    const isMissing = config.expectsJournal === true &&
      recovered.newest.number === 0;
    const isLossy = recovered.isLossy || isMissing;
    const state = new OwnerState(needs, config, {
      recovered: { ...recovered, isLossy },
      scope: scope.move(),
    });
    const { ignoredEntries, ...facts } = state.report();
    needs.log.info("state.opened", {
      ...facts,
      ignored: ignoredEntries.length,
    });
    return state;
  }

  /** What the document says now; computed when it changed, then kept. */
  view(): View {
    this.#view ??= this.#projector.project([this.#recovered.document]);
    return this.#view;
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

  /** Calls `handle` with the view after each change, until disposed. */
  onChange(handle: (view: View) => void): Disposable {
    const own = (view: View) => handle(view); // one handle may be set twice
    this.#handlers.add(own);
    return { [Symbol.dispose]: () => void this.#handlers.delete(own) };
  }

  /** Of this moment; cheap enough for every status request. */
  report(): StateReport {
    const fault = this.#fault();
    return {
      generation: this.#generation,
      seq: this.#publisher.seq,
      entries: this.#recovered.document.entryCount,
      journalBytes: this.#journal.sizeBytes,
      droppedTailBytes: this.#recovered.droppedTailBytes,
      corruptRecords: this.#recovered.corruptRecords,
      ignoredEntries: this.view().ignored,
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
