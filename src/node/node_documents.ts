// The documents of all owners as people ask about them: what changed in them
// and when, how they were, how a peer's copies differ, and dropping a lost
// node's for good. Texts that people type come in; what is known, or was done,
// goes out. It decides over nobody: that is checked by the admins' part.

import {
  ConflictError,
  type Digest,
  formatDurationMs,
  InputError,
  LimitError,
  type PeerId,
  type PlnError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { Difference } from "../gossip/mod.ts";
import {
  type Archive,
  comparePlace,
  type HistoryPage,
  type OwnerHead,
  type OwnerState,
  type PastState,
} from "../state/mod.ts";
import { runInTime } from "./late.ts";
import type { NodeMesh } from "./node_mesh.ts";

/** What people ask of the history. */
export type HistoryWish = {
  readonly sinceMs?: number | undefined;
  /** As typed: an id, its start, or a name. */
  readonly owner?: string | undefined;
  readonly limit?: number | undefined;
};

/** One owner's document here and at a peer. */
export type DocumentDifference = {
  /** Its id; its first 16 digits where nothing of it is here. */
  readonly owner: string;
  /** Of this node against the peer. */
  readonly state: "ahead" | "behind" | "forked";
  readonly here: Omit<OwnerHead, "owner"> | undefined;
  readonly there: Omit<OwnerHead, "owner"> | undefined;
};

/** Where two nodes' copies differ. */
export type NodeDifference = {
  readonly peer: PeerId;
  /** How many documents this node has. */
  readonly documents: number;
  /** Only those that differ, by owner. */
  readonly owners: readonly DocumentDifference[];
};

/** What was dropped, or would be. */
export type ForgottenNode = {
  readonly peer: PeerId;
  /** Afterwards nobody knows it any more. */
  readonly name: string | undefined;
  readonly isChanged: boolean;
  /** Entries of its document, by section. */
  readonly entries: Readonly<Record<string, number>>;
  readonly seeds: readonly string[];
};

/** How this node's copies are. */
export type DocumentsReport = {
  /** Over all that counts; nodes whose views are equal share it. */
  readonly digest: Digest;
  /** The own one too. */
  readonly documents: number;
  /** Documents that peers told of and did not bring when they were asked. */
  readonly unfilled: number;
  /** Owners whose newest generation is void. */
  readonly forks: readonly PeerId[];
};

const historyDefault = 50;
const differenceMsMax = 10_000;
const againMs = 500;

/** Of one node; holds nothing to dispose. */
export class NodeDocuments {
  readonly #clock: Ports["clock"];
  readonly #state: OwnerState;
  readonly #archive: Archive;
  readonly #mesh: NodeMesh;

  /** For the node. */
  constructor(
    clock: Ports["clock"],
    state: OwnerState,
    { archive, mesh }: { readonly archive: Archive; readonly mesh: NodeMesh },
  ) {
    this.#clock = clock;
    this.#state = state;
    this.#archive = archive;
    this.#mesh = mesh;
  }

  /** Of this moment; a walk over all documents. */
  report(): DocumentsReport {
    const places = [...this.#state.places()];
    return {
      digest: this.#state.view().digest,
      documents: places.length,
      unfilled: this.#mesh.gossip.report().unfilled,
      forks: places
        .filter(({ owner }) => this.#state.forkOf(owner) !== undefined)
        .map(({ owner }) => owner),
    };
  }

  /** Why no history can be kept at the moment; undefined: it can. */
  get historyFault(): string | undefined {
    return this.#archive.fault;
  }

  /**
   * The newest batches that fit, the newest last.
   *
   * @throws {NotFoundError | AmbiguousError} Whose they should be.
   * @throws {DiskError} The log cannot be read.
   */
  async history({ sinceMs, owner, limit }: HistoryWish): Promise<HistoryPage> {
    const peer = owner === undefined
      ? undefined
      : this.#mesh.peers.resolve(owner);
    return await this.#archive.page({
      sinceMs,
      owner: peer,
      limit: limit ?? historyDefault,
    });
  }

  /**
   * The view as it was at a moment of this node's wall clock.
   *
   * @throws {InputError} The moment is yet to come.
   * @throws {NotFoundError} The log does not reach that far back.
   * @throws {DiskError} The log cannot be read.
   */
  async past(wallMs: number): Promise<PastState> {
    return await this.#archive.at(wallMs);
  }

  /**
   * Compares all documents with a peer's; dials when there is no link.
   *
   * @throws {InputError} It is this node.
   * @throws {NotFoundError | AmbiguousError} No such peer.
   * @throws {UnreachableError} No answer within 10 s.
   */
  async diff(text: string, signal: AbortSignal): Promise<NodeDifference> {
    const peer = this.#mesh.peers.resolve(text);
    if (peer === this.#mesh.identity.peer) {
      throw new InputError("A node can not differ from itself", {
        hint: 'Name another one: see "pln status nodes"',
      });
    }
    const differences = await runInTime(
      this.#clock,
      (either) => this.#compare(peer, either),
      {
        ms: differenceMsMax,
        signal,
        late: () => {
          const after = formatDurationMs(differenceMsMax);
          return this.#silent(peer, `gave no answer in ${after}`);
        },
      },
    );
    const owners = differences.map(differenceOf)
      .sort((left, right) => left.owner < right.owner ? -1 : 1);
    return { peer, documents: [...this.#state.places()].length, owners };
  }

  /**
   * Has all nodes drop a lost node's document; durable when it resolves.
   *
   * @param options.isForced Also while it is connected.
   * @param options.isDryRun Changes nothing.
   * @throws {DeniedError} This node is no admin.
   * @throws {ConflictError} It is connected, or an undenied admin.
   * @throws {InputError | NotFoundError | AmbiguousError} No other node.
   */
  async forget(
    text: string,
    { isForced = false, isDryRun = false }: {
      readonly isForced?: boolean;
      readonly isDryRun?: boolean;
    } = {},
  ): Promise<ForgottenNode> {
    const { peers, transport, admins } = this.#mesh;
    const peer = peers.resolve(text);
    const name = peers.peer(peer)?.name;
    if (transport.links.has(peer) && !isForced && !isDryRun) {
      const who = name ?? peer.slice(0, 12);
      throw new ConflictError(`Node ${who} is connected: it is not lost`, {
        hint: `Stop it first, or add --force; to keep it out: pln deny ${who}`,
      });
    }
    const entries = this.#archive.document(peer);
    const seeds = entries.filter(({ section }) => section === "seeds")
      .map(({ key }) => key).sort();
    const place = this.#state.placeOf(peer);
    const isChanged = await admins.forget(peer, { place, isDryRun });
    const counts = [...Map.groupBy(entries, ({ section }) => section)]
      .map(([section, list]) => [section, list.length] as const)
      .sort();
    const all = Object.fromEntries(counts);
    return { peer, name, isChanged, entries: all, seeds };
  }

  #silent(peer: PeerId, what: string, options?: ErrorOptions): PlnError {
    const name = this.#mesh.peers.peer(peer)?.name ?? peer.slice(0, 12);
    return new UnreachableError(`Node ${name} ${what}`, {
      ...options,
      hint: 'See "pln status nodes"',
    });
  }

  /** Waits for its turn when the peer was compared with just now. */
  async #compare(
    peer: PeerId,
    signal: AbortSignal,
  ): Promise<readonly Difference[]> {
    for (;;) {
      const link = await this.#mesh.peers.connect(peer, signal);
      try {
        return await this.#mesh.gossip.compare(link, signal);
      } catch (cause) {
        if (cause instanceof UnreachableError) {
          throw this.#silent(peer, "went away before it answered", {
            cause,
          });
        }
        if (!(cause instanceof LimitError)) throw cause;
      }
      await this.#clock.sleep(againMs, signal);
    }
  }
}

function differenceOf({ owner, here, there }: Difference): DocumentDifference {
  const none = { generation: 0, seq: 0 };
  const order = comparePlace(here ?? none, there ?? none);
  const state = order === 0 ? "forked" : order > 0 ? "ahead" : "behind";
  return { owner, state, here, there };
}
