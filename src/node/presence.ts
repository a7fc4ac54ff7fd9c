// How this node shows that it is alive, and how it sees that others are: its
// own record, the records of others, and the liveness of all members. In come
// the links, the state and what there is to do here; out go records for gossip
// and states to show. It decides nothing about anybody.

import { type Bytes, idBytes, type PeerId } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { NodeIdentity, OriginClock } from "../identity/mod.ts";
import type { Transport } from "../transport/mod.ts";
import {
  type ExpectedMember,
  type Liveness,
  MembersWatch,
  type PeerBook,
} from "../mesh/mod.ts";
import {
  type NodeLoad,
  recordPeriodMs,
  RecordPublisher,
  type RecordRtt,
  RecordStore,
  type SeedLoad,
  type Situation,
} from "../gossip/mod.ts";
import type { OwnerState } from "../state/mod.ts";

/** What there is to do on this node. */
export type NodeWork = {
  readonly callsUnderWay: number;
  /** Of this node's own seeds. */
  readonly seeds: readonly SeedLoad[];
};

/** How another node is, as this one sees it. */
export type NodeLiveness = {
  readonly state: Liveness;
  /** For how long it has been so. */
  readonly forMs: number;
  /** Since the newest sign of life; undefined: none since this node started. */
  readonly silentMs: number | undefined;
};

/** Records of this cluster, none yet. */
export function openRecords(
  { signer }: Pick<Ports, "signer">,
  { identity, state }: {
    readonly identity: NodeIdentity;
    readonly state: OwnerState;
  },
): RecordStore {
  const { peer: self, cluster, key } = identity;
  return new RecordStore({
    ...{ signer, cluster, key, self },
    isTaken: (owner) =>
      state.placeOf(owner) !== undefined &&
      state.view().rights.denialOf(owner) === undefined,
    generation: () => state.placeOf(self)?.generation,
  });
}

/** What it joins. */
export type PresenceConfig = {
  readonly self: PeerId;
  readonly records: RecordStore;
  readonly transport: Transport;
  readonly state: OwnerState;
  readonly book: PeerBook;
  readonly work: () => NodeWork;
};

/** One per node. Disposing ends the speaking and the looking. */
export class Presence implements Disposable {
  readonly #needs: Pick<Ports, "clock" | "host">;
  readonly #config: PresenceConfig;
  readonly #watch: MembersWatch;
  readonly #scope = new DisposableStack();

  /** Starts to speak and to look. */
  constructor(
    needs: Pick<Ports, "clock" | "host" | "log" | "random">,
    config: PresenceConfig,
  ) {
    const { self, records, state, transport } = config;
    this.#needs = needs;
    this.#config = config;
    const random = needs.random.fork("records");
    this.#scope.use(
      new RecordPublisher({ ...needs, random }, {
        store: records,
        nodes: () => Math.max(1, state.view().nodes.size),
        situation: () => this.#situation(),
      }),
    );
    this.#watch = this.#scope.use(
      new MembersWatch({
        ...needs,
        transport,
        onRecord: (handle) =>
          records.onRecord((peer, { heardMs, record: { periodMs } }) =>
            handle(peer, { heardMs, periodMs })
          ),
      }, {
        self,
        periodMs: recordPeriodMs,
        expected: () => this.#expected(),
      }),
    );
    this.#scope.use(state.onChange(() => this.#watch.refresh()));
  }

  /** Undefined for strangers, and for this node itself. */
  livenessOf(peer: PeerId): NodeLiveness | undefined {
    const seen = this.#watch.stateOf(peer);
    if (seen === undefined) return undefined;
    const nowMs = this.#needs.clock.nowMs();
    const { state, sinceMs, heardMs } = seen;
    return {
      state,
      forMs: Math.max(0, nowMs - sinceMs),
      silentMs: heardMs && Math.max(0, nowMs - heardMs),
    };
  }

  /** As its newest record says, or as this node itself is. */
  loadOf(peer: PeerId): NodeLoad | undefined {
    const { self, records } = this.#config;
    if (peer === self) return this.#situation().load;
    return records.get(peer, this.#needs.clock.nowMs())?.record.load;
  }

  /** What is known of the clock of whoever a call is from. */
  clockOf(peer: PeerId): OriginClock {
    const { records, self, transport } = this.#config;
    const { clock } = this.#needs;
    // A call may come back to where it began.
    if (peer === self) return { type: "told", wallMs: clock.wallMs() };
    const wallMs = records.wallMsOf(peer, clock.nowMs());
    if (wallMs !== undefined) return { type: "told", wallMs };
    return { type: transport.links.has(peer) ? "linked" : "unknown" };
  }

  /** Harmless twice. */
  [Symbol.dispose](): void {
    this.#scope.dispose();
  }

  #situation(): Situation {
    const { host } = this.#needs;
    const { callsUnderWay, seeds } = this.#config.work();
    return {
      load: { ...host.load(), ...host.memory(), callsUnderWay },
      seeds,
      rtts: this.#rtts(),
    };
  }

  #rtts(): readonly RecordRtt[] {
    const links = [...this.#config.transport.links.values()];
    return links.flatMap(({ peer, rttMs }) =>
      rttMs === undefined
        ? []
        : [{ prefix: prefixOf(peer), ms: Math.max(0, Math.round(rttMs)) }]
    );
  }

  /**
   * Who has a document here, and who has just been let in. Who left says so
   * itself, or else its last link did.
   */
  *#expected(): Iterable<ExpectedMember> {
    const { book, state } = this.#config;
    const { nodes, rights } = state.view();
    for (const { peer, hasLeft } of nodes.values()) yield { peer, hasLeft };
    const subjects = [
      ...rights.redemptions.map(({ joiner }) => joiner),
      ...rights.grants.map(({ subject }) => subject),
    ];
    for (const peer of new Set(subjects)) {
      if (nodes.has(peer) || rights.denialOf(peer) !== undefined) continue;
      yield { peer, hasLeft: book.get(peer)?.hasLeft ?? false };
    }
  }
}

function prefixOf(peer: PeerId): Bytes {
  return idBytes(peer).slice(0, 8);
}
