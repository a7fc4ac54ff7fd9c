// Honest nodes and one member that lies, and what must hold of the honest ones
// after each lie: they are equal and linked, what they said stays, and what they
// say now reaches everybody. In comes a lie; it fails where honesty suffers.

import { type Bytes, type PeerId, UnreachableError } from "../../kernel/mod.ts";
import type { Batch } from "../../state/mod.ts";
import { unequalRights, unequalViews, unlinked } from "../cluster_checks.ts";
import type { SimCluster } from "../cluster.ts";
import type { SimMember } from "../member.ts";
import type { Stage } from "../stage.ts";
import { SimulationError } from "../world.ts";
import { entry } from "./forged_body.ts";
import { type Forgery, Liar } from "./liar.ts";

/** Of no module that anybody has. */
export const digest = "ab".repeat(32);
/** What no honest node publishes. */
export const lie = entry("seeds", "lie", {
  value: { digest, sizeBytes: 100, publishedMs: 1 },
});

/** One class of lies. */
export type Lie = readonly [
  name: string,
  tell: (court: Court) => Promise<void>,
  /** What honest nodes log of it; unless it is no batch at all. */
  reason?: RegExp,
];

const afterMs = 500;
const agreedMsMax = 10_000;
const floodFrames = 2_000;
const floodMsMax = 5_000;

/** Honest nodes, the first one an admin, and a member that lies. */
export class Court {
  readonly stage: Stage;
  readonly honest: readonly SimMember[];
  /** As long as it was honest. */
  readonly mal: SimMember;
  readonly liar: Liar;
  /** The newest generation that lies have used. */
  #generation = 100;
  #decisions = 0;

  private constructor(
    stage: Stage,
    honest: readonly SimMember[],
    liar: { readonly mal: SimMember; readonly liar: Liar },
  ) {
    this.stage = stage;
    this.honest = honest;
    this.mal = liar.mal;
    this.liar = liar.liar;
  }

  /** Raises the cluster; the last that joined becomes the liar. */
  static async open(stage: Stage): Promise<Court> {
    const members = await stage.raise();
    const mal = members.at(-1);
    if (mal === undefined) throw new SimulationError("Nobody is there to lie");
    const honest = members.slice(0, -1);
    for (const member of honest) {
      await stage.ledger.publish(member, member.name);
    }
    await stage.converged("each published a seed");
    await mal.stop();
    stage.ledger.distrust(mal.peer);
    const liar = await Liar.open(mal);
    await liar.meet(...honest);
    stage.tell(`${mal.name} runs a program that lies`);
    return new Court(stage, honest, { mal, liar });
  }

  get cluster(): SimCluster {
    return this.stage.cluster;
  }

  /** The admin. */
  get admin(): SimMember {
    return this.#at(0);
  }

  /** Any honest one that is no admin. */
  get victim(): SimMember {
    return this.#at(1);
  }

  /** A generation that no lie has used. */
  fresh(): number {
    return ++this.#generation;
  }

  /** A base that tells the lie, in a generation of its own. */
  base(forgery: Forgery = {}): Batch {
    return this.liar.base([lie], { generation: this.fresh(), ...forgery });
  }

  /** Tells all honest nodes a batch that it signed. */
  async tell(batch: Batch): Promise<void> {
    await this.liar.tell(this.honest, this.liar.signed(batch));
  }

  /** What an honest node holds of an owner, in signed form. */
  async copyOf(owner: PeerId): Promise<readonly Bytes[]> {
    return await this.liar.copyOf(this.admin, owner);
  }

  /** Tells a lie, and looks at everybody a while later. */
  async hear([name, tell, reason]: Lie): Promise<void> {
    const { stage, honest, liar } = this;
    const before = this.#said();
    const refusedBefore = this.refusals.length;
    for (const member of honest) {
      if (liar.linkTo(member) === undefined) await liar.meet(member);
    }
    try {
      await tell(this);
    } catch (cause) {
      // A link that was closed in the middle of a lie is an answer, too.
      if (!(cause instanceof UnreachableError)) throw cause;
    }
    await stage.pause(afterMs);
    await this.#honestChange(name);
    stage.expect(this.#said() === before, `${name}: honest words stay`);
    const fault = unlinked(honest);
    stage.expect(fault === undefined, `${name}: ${fault}`);
    const why = this.refusals.slice(refusedBefore);
    const given = why.find((one) => reason?.test(one));
    const isRight = reason === undefined || given !== undefined;
    stage.expect(isRight, `${name}: refused for a reason, not for "${why}"`);
    stage.tell(given === undefined ? name : `${name}: ${given}`);
  }

  /** Says one thing to the victim until the link ends, or it is tired of it. */
  async flood(frame: { readonly kind: number; readonly body: Bytes }) {
    let isStuck = false;
    const flood = async () => {
      for (let index = 0; index < floodFrames; index++) {
        if (isStuck || this.liar.linkTo(this.victim) === undefined) return;
        await this.liar.say(this.victim, frame);
        if (index % 50 === 0) await this.cluster.pause(10);
      }
    };
    // Who is not read waits: that is as good an answer as a closed link.
    await Promise.race([flood(), this.cluster.pause(floodMsMax)]);
    isStuck = true;
    await this.liar.fallSilent(this.victim);
  }

  /** Why the victim refused batches, the newest last. */
  get refusals(): readonly string[] {
    return this.victim.machine.log.records
      .filter(({ event }) => event === "state.batch_refused")
      .map(({ fields }) => String(fields["reason"]));
  }

  /** Generations that any honest node holds for void. */
  get forks(): number {
    return this.honest.reduce(
      (sum, { node }) => sum + node.stateReport().forks,
      0,
    );
  }

  /** Whether anybody takes the liar's word for a seed. */
  get isBelieved(): boolean {
    return this.honest.some(({ node }) =>
      node.view.seedsOf(this.liar.peer).length > 0
    );
  }

  #at(index: number): SimMember {
    const member = this.honest[index];
    if (member === undefined) throw new SimulationError("Too few are honest");
    return member;
  }

  /** All that honest owners say, at each honest node. */
  #said(): string {
    const owners = this.honest.map(({ peer }) => peer);
    const texts = this.honest.map(({ node }) =>
      owners.flatMap((owner) => node.view.seedsOf(owner))
        .map(({ name, owner, spec }) => `${owner} ${name} ${spec.digest}`)
        .join("\n")
    );
    this.stage.expect(new Set(texts).size === 1, "all hold the same");
    return texts[0] ?? "";
  }

  async #honestChange(name: string): Promise<void> {
    const properties = new Map([["n", String(++this.#decisions)]]);
    await this.admin.node.members.grant(this.victim.peer, { properties });
    await this.cluster.until(
      `${name}: honest nodes agree`,
      () => unequalRights(this.honest) ?? unequalViews(this.honest),
      { withinMs: agreedMsMax },
    );
  }
}
