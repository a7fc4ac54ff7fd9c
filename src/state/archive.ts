// What the state said in the past: the history of changes, and the view as it
// was at a moment. The documents of now are lent by whoever holds them; pages
// of records and views of their own come out. Nothing that is asked here
// changes anything.

import type { ClusterRoot } from "../identity/mod.ts";
import type { PeerId } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import {
  History,
  type HistoryNeeds,
  type HistoryQuery,
  type NotedChange,
} from "./history.ts";
import type { HistoryPage } from "./history_page.ts";
import { pastView } from "./history_view.ts";
import type { Operation } from "./schema.ts";
import type { OwnerEntries, View } from "./views.ts";

/** The state as it was. */
export type PastState = {
  readonly view: View;
  /** False when changes since then may be missing from the log. */
  readonly isExact: boolean;
};

/** What an archive takes of the world: `disk` is the node's own directory. */
export type ArchiveNeeds = HistoryNeeds & Pick<Ports, "signer">;

/** Whose archive it is. */
export type ArchiveConfig = {
  readonly self: PeerId;
  readonly root: ClusterRoot;
};

/** What it follows. */
export interface ArchivedState {
  /** The effective documents of now, the own one too. */
  documents(): Iterable<OwnerEntries>;
  /** Tells of each change, in order. */
  onDocument(handle: (change: NotedChange) => void): Disposable;
}

/** One a directory. Disposing writes what waits. */
export class Archive implements AsyncDisposable {
  readonly #needs: ArchiveNeeds;
  readonly #config: ArchiveConfig;
  readonly #history: History;
  #state: ArchivedState | undefined;

  /** Opens nothing before something is noted or asked. */
  constructor(needs: ArchiveNeeds, config: ArchiveConfig) {
    this.#needs = needs;
    this.#config = config;
    this.#history = new History(needs);
  }

  /**
   * Notes what changes from now on. Whoever opens both disposes the state
   * first, so that its last changes are noted too.
   */
  follow(state: ArchivedState): void {
    this.#state = state;
    state.onDocument((change) => this.#history.note(change));
  }

  /** Why nothing can be kept at the moment; undefined: it can. */
  get fault(): string | undefined {
    return this.#history.fault;
  }

  /** What an owner says in effect now; empty when nothing of it is stored. */
  document(owner: PeerId): readonly Operation[] {
    for (const document of this.#documents()) {
      if (document.owner === owner) return document.operations();
    }
    return [];
  }

  /**
   * The newest batches that fit, the newest last.
   *
   * @throws {DiskError | NewerFormatError} The files cannot be read.
   */
  page(query: HistoryQuery): Promise<HistoryPage> {
    return this.#history.page(query);
  }

  /**
   * The view at a moment of this node's wall clock, with the rights of then.
   *
   * @throws {InputError} The moment is yet to come.
   * @throws {NotFoundError} The log does not reach that far back.
   * @throws {DiskError | NewerFormatError} The files cannot be read.
   */
  async at(wallMs: number): Promise<PastState> {
    const past = await this.#history.at(wallMs, () => this.#documents());
    const view = pastView(this.#needs, past.documents, this.#config);
    return { view, isExact: past.isExact };
  }

  #documents(): Iterable<OwnerEntries> {
    return this.#state?.documents() ?? [];
  }

  /** Harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#history[Symbol.asyncDispose]();
  }
}
