// A large cluster in steps of virtual time: every node has its state and its
// gossip engine, and 14 links to others at random; each changes something every
// ten seconds and speaks of itself. In: how many nodes and how long. Out: bytes
// a second and node, and how long changes took to reach everybody.

import type { PeerId } from "../../src/kernel/mod.ts";
import { recordPeriodMs } from "../../src/gossip/mod.ts";
import type { Random } from "../../src/ports/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { rememberingSigner } from "../../src/sim/signer_cache.ts";
import type { Frame } from "../../src/transport/mod.ts";
import { signer } from "./lab.ts";
import { thousandMembers } from "./thousand_cluster.ts";
import { roundMs, type ThousandLink, ThousandNode } from "./thousand_node.ts";
import { SteppedClock } from "./thousand_ports.ts";

const stepMs = 10;
const linksEach = 14;
const changeEveryMs = 10_000;
const restMs = 3_000;

export type ThousandFigures = {
  readonly nodes: number;
  readonly virtualMs: number;
  readonly changes: number;
  /**
   * Sent by a node in a second: of all on average; and the most that one has
   * sent or heard.
   */
  readonly stateBytesPerSecond: number;
  readonly stateBytesPerSecondMax: number;
  readonly recordBytesPerSecond: number;
  readonly recordBytesPerSecondMax: number;
  /** Until 99 % of the nodes have a change: the median, and the worst. */
  readonly spreadMs: number;
  readonly spreadMsMax: number;
};

/** How many of those that make 99 % have not got it yet. */
type Spread = { readonly startMs: number; left: number };

/** Set up with every document at every node. */
export class Thousand {
  readonly clock = new SteppedClock();
  readonly nodes: ThousandNode[] = [];
  readonly #random: Random;
  #under: [ThousandLink, Frame][] = [];
  #open: Promise<unknown>[] = [];
  readonly #spreads = new Map<PeerId, Spread>();
  readonly #took: number[] = [];
  #changes = 0;
  #isResting = false;

  private constructor(seed: number) {
    this.#random = openSimRandom(seed);
  }

  /** @param options.isWhole With documents, journals and projections. */
  static async open(
    size: number,
    { isWhole, seed = 1 }: {
      readonly isWhole: boolean;
      readonly seed?: number;
    },
  ): Promise<Thousand> {
    const thousand = new Thousand(seed);
    await thousand.#raise(size, isWhole);
    return thousand;
  }

  async #raise(size: number, isWhole: boolean): Promise<void> {
    const { clock } = this;
    const random = this.#random;
    const cached = rememberingSigner(signer);
    const cluster = thousandMembers({ clock, random, signer: cached }, size);
    const world = {
      ...{ clock, random, signer: cached, root: cluster.root },
      ...{ size, isWhole },
      carry: (link: ThousandLink, frame: Frame) =>
        void this.#under.push([link, frame]),
      onNew: (owner: PeerId) => this.#arrived(owner),
    };
    for (const member of cluster.members) {
      const node = await ThousandNode.open(world, member);
      if (this.nodes.length === 0) await node.state.say(cluster.grants);
      this.nodes.push(node);
    }
    await this.#introduce();
    for (const [index, node] of this.nodes.entries()) {
      // A ring, so that it is one cluster, and chords at random.
      const next = this.nodes[(index + 1) % size];
      if (next !== undefined && next !== node) node.join(next);
      const isFull = () => node.links.length >= linksEach;
      for (let tries = 0; tries < size && !isFull(); tries++) {
        const other = this.nodes[random.integer(size)];
        if (other === undefined || other === node) continue;
        if (other.links.length < linksEach) node.join(other);
      }
    }
  }

  /** Everybody's document to everybody, by hand. */
  async #introduce(): Promise<void> {
    const rows = this.nodes.map(({ state, member: { peer } }) =>
      state.gossip.batchesSince(peer, { generation: 0, seq: 0 })
    );
    for (const [index, node] of this.nodes.entries()) {
      for (const [owner, row] of rows.entries()) {
        if (owner !== index) await node.take(row);
      }
    }
  }

  /** Lets that much time pass, with changes and records of everybody. */
  async run(durationMs: number): Promise<ThousandFigures> {
    const { nodes, clock } = this;
    const startMs = clock.nowMs();
    for (const node of nodes) {
      node.stateBytes = node.recordBytes = 0;
      node.stateBytesHeard = node.recordBytesHeard = 0;
      this.#plan(node);
    }
    while (clock.nowMs() - startMs < durationMs) await this.#step();
    return this.#figures(durationMs);
  }

  /** Nobody changes or says anything until all have heard. */
  async rest(): Promise<void> {
    this.#isResting = true;
    const untilMs = this.clock.nowMs() + restMs;
    while (this.clock.nowMs() < untilMs) await this.#step();
  }

  /** What a node does again and again, from a random moment on. */
  #plan(node: ThousandNode): void {
    const random = this.#random;
    const periodMs = recordPeriodMs(this.nodes.length);
    const repeat = (everyMs: () => number, run: () => void) => {
      const again = () => {
        if (!this.#isResting) run();
        this.clock.after(everyMs(), again);
      };
      this.clock.after(random.integer(Math.ceil(everyMs())), again);
    };
    repeat(() => changeEveryMs, () => this.#open.push(this.#change(node)));
    repeat(() => periodMs, () => node.speak());
    repeat(() => roundMs(random), () => node.beginRound());
  }

  async #change(node: ThousandNode): Promise<void> {
    const { peer } = node.member;
    const left = Math.ceil(this.nodes.length * 0.99);
    const startMs = this.clock.nowMs();
    this.#spreads.set(peer, { startMs, left });
    this.#changes++;
    await node.publish();
  }

  #arrived(owner: PeerId): void {
    const spread = this.#spreads.get(owner);
    if (spread === undefined || --spread.left !== 0) return;
    this.#took.push(this.clock.nowMs() - spread.startMs);
  }

  async #step(): Promise<void> {
    this.clock.step(stepMs);
    await Promise.all(this.#open.splice(0));
    const { nodes } = this;
    for (const node of nodes) node.send();
    const frames = this.#under;
    this.#under = [];
    for (const [link, frame] of frames) {
      if (link.back !== undefined) link.back.node.receive(link.back, frame);
    }
    for (const node of nodes) await node.settled();
  }

  #figures(durationMs: number): ThousandFigures {
    const { nodes } = this;
    const seconds = durationMs / 1_000;
    const perSecond = (sent: readonly number[], heard: readonly number[]) => ({
      mean: sent.reduce((sum, one) => sum + one, 0) / sent.length / seconds,
      max: Math.max(...sent, ...heard) / seconds,
    });
    const state = perSecond(
      nodes.map(({ stateBytes }) => stateBytes),
      nodes.map(({ stateBytesHeard }) => stateBytesHeard),
    );
    const records = perSecond(
      nodes.map(({ recordBytes }) => recordBytes),
      nodes.map(({ recordBytesHeard }) => recordBytesHeard),
    );
    const took = this.#took.toSorted((one, other) => one - other);
    return {
      nodes: nodes.length,
      virtualMs: durationMs,
      changes: this.#changes,
      stateBytesPerSecond: Math.round(state.mean),
      stateBytesPerSecondMax: Math.round(state.max),
      recordBytesPerSecond: Math.round(records.mean),
      recordBytesPerSecondMax: Math.round(records.max),
      spreadMs: took[took.length >> 1] ?? -1,
      spreadMsMax: took.at(-1) ?? -1,
    };
  }
}
