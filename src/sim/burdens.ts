// How much each node of a cluster carries at once: sessions, streams, bytes that
// nobody has read yet, documents. Looked at ten times a virtual second, while
// nodes run; in come the members, out comes the most of each. It changes
// nothing, draws no randomness, and measures no process: bytes of that differ
// from run to run.

import type { SimCluster } from "./cluster.ts";

const lookMs = 100;

/** The most that one node had of each at one moment. */
export type Burdens = {
  readonly sessions: number;
  readonly streams: number;
  /** Arrived on streams, and not yet read. */
  readonly heldBytes: number;
  /** Documents of others, those of whom nobody has named included. */
  readonly documents: number;
  readonly journalBytes: number;
};

/** Looks from now on, until it is disposed. */
export class BurdenWatch implements Disposable {
  readonly #cluster: SimCluster;
  #most: Burdens = {
    ...{ sessions: 0, streams: 0, heldBytes: 0 },
    ...{ documents: 0, journalBytes: 0 },
  };
  #timer: Disposable | undefined;

  /** Of all members, those of later too. */
  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#arm();
  }

  /** Until now. */
  get most(): Burdens {
    return this.#most;
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = this.#cluster.world.after(lookMs, () => {
      const running = this.#cluster.members.filter(({ isUp }) => isUp);
      for (const { node, process } of running) {
        const { replicas, waiting, journalBytes } = node.stateReport();
        const documents = replicas + waiting;
        this.#add({ ...process.network.counts, documents, journalBytes });
      }
      this.#arm();
    });
  }

  #add(found: Burdens): void {
    const most = this.#most;
    this.#most = {
      sessions: Math.max(most.sessions, found.sessions),
      streams: Math.max(most.streams, found.streams),
      heldBytes: Math.max(most.heldBytes, found.heldBytes),
      documents: Math.max(most.documents, found.documents),
      journalBytes: Math.max(most.journalBytes, found.journalBytes),
    };
  }
}
