// One node of a large cluster: its state, its records and its gossip engine,
// without streams: frames are handed over as they are. In: frames of others and
// the time. Out: frames for others. What the production shell awaits, this one
// collects, so that a step of time ends when all of it has.

import { GossipEngine } from "../../src/gossip/gossip_engine.ts";
import {
  type GossipState,
  type RecordBody,
  recordPeriodMs,
  RecordStore,
} from "../../src/gossip/mod.ts";
import { kinds } from "../../src/gossip/messages.ts";
import type { Bytes, PeerId } from "../../src/kernel/mod.ts";
import { limits } from "../../src/kernel/mod.ts";
import type { Random, Signer } from "../../src/ports/mod.ts";
import {
  type Change,
  nodeRecordKey,
  openOwnerState,
} from "../../src/state/mod.ts";
import type { ClusterRoot } from "../../src/identity/mod.ts";
import { frameHeadBytes } from "../../src/transport/frames.ts";
import type { Frame } from "../../src/transport/mod.ts";
import { NewestState } from "./thousand_state.ts";
import type { ThousandMember } from "./thousand_cluster.ts";
import {
  ErrorLog,
  forgetfulDisk,
  type SteppedClock,
} from "./thousand_ports.ts";

/** As large as the smallest real ones are. */
const changeBytes = 265;

/** One end of a link, as its own node holds it. */
export class ThousandLink {
  /** Of the other end. */
  back: ThousandLink | undefined;
  readonly node: ThousandNode;
  /** Batches that came and are being stored. */
  accepts: Promise<unknown>[] = [];

  constructor(node: ThousandNode) {
    this.node = node;
  }
}

/** What a node of the lab has for a state. */
export type ThousandState = {
  readonly gossip: GossipState;
  /** One change of about the same size each time. */
  readonly publish: () => Promise<void>;
  readonly say: (changes: readonly Change[]) => Promise<void>;
  /** Equal for equal states. */
  readonly sum: () => string;
};

export type ThousandWorld = {
  /** Whether documents have entries, and are projected. */
  readonly isWhole: boolean;
  readonly clock: SteppedClock;
  readonly random: Random;
  readonly signer: Signer;
  readonly root: ClusterRoot;
  /** How many nodes. */
  readonly size: number;
  /** Takes a frame to the other end, in the next step. */
  readonly carry: (link: ThousandLink, frame: Frame) => void;
  /** Somebody's batch is new at a node. */
  readonly onNew: (owner: PeerId) => void;
};

const recordKinds: ReadonlySet<number> = new Set([
  ...[kinds.records, kinds.wantRecords, kinds.record, kinds.wantedRecords],
]);

const body: Omit<RecordBody, "periodMs" | "wallMs"> = {
  load: {
    ...{ permille: 420, cores: 4, freeBytes: 3_000_000_000 },
    ...{ totalBytes: 8_000_000_000, callsUnderWay: 3 },
  },
  seeds: Array.from({ length: 4 }, (_, index) => ({
    ...{ name: `seed-${index}`, calls: 12_345, saturationPermille: 100 },
  })),
  rtts: [],
};

export class ThousandNode {
  readonly member: ThousandMember;
  readonly state: ThousandState;
  readonly log: ErrorLog;
  readonly links: ThousandLink[] = [];
  /** Sent, in frames; what QUIC adds is not counted. */
  stateBytes = 0;
  recordBytes = 0;
  stateBytesHeard = 0;
  recordBytesHeard = 0;
  accepted = 0;
  refused = 0;
  readonly #world: ThousandWorld;
  readonly #records: RecordStore;
  readonly #engine: GossipEngine<ThousandLink>;
  readonly #ready = new Set<ThousandLink>();
  readonly #sources = new WeakMap<Bytes, ThousandLink>();
  #open: Promise<unknown>[] = [];

  private constructor(
    world: ThousandWorld,
    member: ThousandMember,
    { state, log }: { readonly state: ThousandState; readonly log: ErrorLog },
  ) {
    this.#world = world;
    this.member = member;
    this.state = state;
    const { gossip } = state;
    this.log = log;
    const { clock, signer, root: { cluster } } = world;
    const { key, peer: self } = member;
    this.#records = new RecordStore({
      ...{ signer, cluster, key, self },
      isTaken: (owner) => gossip.placeOf(owner) !== undefined,
      generation: () => gossip.placeOf(self)?.generation,
    });
    this.#engine = new GossipEngine<ThousandLink>({
      ...{ self, state: gossip, records: this.#records },
      sha256: (bytes) => signer.sha256(bytes),
      onReady: (link) => void this.#ready.add(link),
      isPutOff: () => false,
      nowMs: () => clock.nowMs(),
    });
    gossip.onBatch((batch, owner) => this.#changed(batch, owner));
    this.#records.onRecord((owner) => this.#engine.recordChanged(owner));
  }

  static async open(
    world: ThousandWorld,
    member: ThousandMember,
  ): Promise<ThousandNode> {
    const log = new ErrorLog();
    const state = world.isWhole
      ? await openWhole(world, member, { log })
      : await openNewest(world, member);
    return new ThousandNode(world, member, { state, log });
  }

  /** Both ends. */
  join(other: ThousandNode): void {
    const [here, there] = [new ThousandLink(this), new ThousandLink(other)];
    here.back = there;
    there.back = here;
    this.links.push(here);
    other.links.push(there);
    this.#engine.join(here, other.member.peer);
    other.#engine.join(there, this.member.peer);
  }

  /** As the production shell does at random times. */
  beginRound(): void {
    const link = this.links[this.#world.random.integer(this.links.length)];
    this.#engine.tick();
    if (link !== undefined) this.#engine.startRound(link);
  }

  speak(): void {
    const { clock, size } = this.#world;
    const nowMs = clock.nowMs();
    this.#records.expire(nowMs);
    const wallMs = Math.round(clock.wallMs());
    const periodMs = recordPeriodMs(size);
    this.#records.own({ ...body, periodMs, wallMs }, nowMs);
  }

  get recordsHeld(): number {
    return this.#records.size;
  }

  /** Hands out what is due or wants to be sent. */
  send(): void {
    const nowMs = this.#world.clock.nowMs();
    if ((this.#engine.nextDueMs ?? Infinity) <= nowMs) this.#engine.tick();
    for (const link of this.#ready) {
      this.#ready.delete(link);
      for (;;) {
        const frame = this.#engine.next(link);
        if (frame === undefined) break;
        this.#carry(link, frame);
      }
    }
  }

  receive(link: ThousandLink, frame: Frame): void {
    const sizeBytes = frameHeadBytes + frame.body.length;
    if (recordKinds.has(frame.kind)) this.recordBytesHeard += sizeBytes;
    else this.stateBytesHeard += sizeBytes;
    this.#ready.add(link); // it may have made a need
    if (frame.kind === kinds.batch) return this.#accept(link, frame.body);
    const effect = this.#engine.receive(link, frame);
    if (effect?.type === "close") throw new Error(effect.reason);
    if (effect?.type === "wanted") this.#later(this.#answered(link));
    if (effect?.type !== "reply") return;
    for (const reply of effect.frames) this.#carry(link, reply);
  }

  /** Until all that came was stored. */
  async settled(): Promise<void> {
    while (this.#open.length > 0) await Promise.all(this.#open.splice(0));
  }

  async publish(): Promise<void> {
    await this.state.publish();
  }

  /** By hand, without gossip. */
  async take(batches: readonly Bytes[]): Promise<void> {
    for (const batch of batches) {
      const outcome = await this.state.gossip.accept(batch);
      if (outcome !== "new") throw new Error(`It is ${outcome} at the set-up`);
    }
  }

  #carry(link: ThousandLink, frame: Frame): void {
    const sizeBytes = frameHeadBytes + frame.body.length;
    if (recordKinds.has(frame.kind)) this.recordBytes += sizeBytes;
    else this.stateBytes += sizeBytes;
    this.#world.carry(link, frame);
  }

  #changed(batch: Bytes, owner: PeerId): void {
    const place = this.state.gossip.placeOf(owner);
    if (place === undefined) return;
    const source = this.#sources.get(batch);
    this.#engine.changed(place, source);
    this.#world.onNew(owner);
  }

  #accept(link: ThousandLink, batch: Bytes): void {
    this.#engine.heard(link);
    this.#sources.set(batch, link);
    const accept = async () => {
      const outcome = await this.state.gossip.accept(batch);
      if (outcome === "new") this.accepted++;
      else if (outcome !== "known") this.refused++;
    };
    const open = accept();
    link.accepts.push(open);
    this.#later(open);
  }

  async #answered(link: ThousandLink): Promise<void> {
    await Promise.all(link.accepts.splice(0));
    this.#engine.answered(link);
    this.#ready.add(link);
  }

  #later(work: Promise<unknown>): void {
    this.#open.push(work);
  }
}

/** Plain documents, a journal and a projection, as a node has them. */
async function openWhole(
  { clock, random, signer, root }: ThousandWorld,
  { name, key, changes }: ThousandMember,
  { log }: { readonly log: ErrorLog },
): Promise<ThousandState> {
  const state = await openOwnerState({
    ...{ clock, disk: forgetfulDisk, log, signer },
    random: random.fork(name),
  }, { key, root, documents: "plain" });
  const say = (said: readonly Change[]) => state.publish(said);
  await say(changes);
  const publish = async () => {
    const startedMs = Math.round(clock.wallMs());
    const value = { name, version: "1.0.0", startedMs };
    await say([{ section: "node", key: nodeRecordKey, value }]);
  };
  return { gossip: state, publish, say, sum: () => state.view().digest };
}

async function openNewest(
  { signer }: ThousandWorld,
  { key }: ThousandMember,
): Promise<ThousandState> {
  const state = new NewestState(signer, key);
  const publish = () => state.publish(changeBytes);
  await publish();
  const sum = () => state.buckets().map((digest) => digest.toHex()).join();
  return { gossip: state, publish, say: () => Promise.resolve(), sum };
}

/** Between two rounds, at random. */
export function roundMs(random: Random): number {
  const { gossipRoundMs } = limits;
  return gossipRoundMs * 3 / 4 + random.integer(gossipRoundMs / 2);
}
