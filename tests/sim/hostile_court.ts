// Honest nodes and one member that lies, and what must hold of the honest ones
// after each lie: they are equal and linked, what they said stays, and what they
// say now reaches everybody. In comes a lie; it fails where honesty suffers.

import assert from "node:assert/strict";
import {
  type Bytes,
  type PeerId,
  UnreachableError,
} from "../../src/kernel/mod.ts";
import type { Batch } from "../../src/state/mod.ts";
import {
  type SimCluster,
  type SimMember,
  unequalRights,
  unlinked,
} from "../../src/sim/mod.ts";
import { logged, meshed, publish } from "./cluster_lab.ts";
import { entry, type Forgery, Liar } from "./hostile_lab.ts";

export const digest = "ab".repeat(32);
/** What no honest node publishes. */
export const lie = entry("seeds", "lie", {
  value: { digest, sizeBytes: 100, publishedMs: 1 },
});

/** Honest nodes, one of them an admin, and a member that lies. */
export class Court {
  readonly cluster: SimCluster;
  readonly honest: readonly SimMember[];
  readonly mal: SimMember;
  readonly liar: Liar;
  /** The newest generation that lies have used. */
  #generation = 100;
  #decisions = 0;

  constructor(
    cluster: SimCluster,
    honest: readonly SimMember[],
    liar: { readonly mal: SimMember; readonly liar: Liar },
  ) {
    this.cluster = cluster;
    this.honest = honest;
    this.mal = liar.mal;
    this.liar = liar.liar;
  }

  static async open(cluster: SimCluster): Promise<Court> {
    const ann = await cluster.found("ann");
    const others = await cluster.admitAll(["bob", "cleo"], ann, {
      tier: "publisher",
    });
    const mal = await cluster.admit("mal", ann, { tier: "publisher" });
    const honest = [ann, ...others];
    await meshed(cluster, [...honest, mal]);
    for (const member of honest) await publish(member, member.name);
    await cluster.until("all see all seeds", () => unequalViews(honest));
    await mal.stop();
    const liar = await Liar.open(mal);
    await liar.meet(...honest);
    return new Court(cluster, honest, { mal, liar });
  }

  /** Any honest one. */
  get victim(): SimMember {
    const [, victim] = this.honest;
    assert.ok(victim !== undefined);
    return victim;
  }

  /** A generation that no lie has used. */
  fresh(): number {
    return ++this.#generation;
  }

  /** A base that tells the lie, in a generation of its own. */
  base(forgery: Forgery = {}): Batch {
    return this.liar.base([lie], { generation: this.fresh(), ...forgery });
  }

  /** What an honest node holds of an owner, in signed form. */
  async copyOf(owner: PeerId): Promise<readonly Bytes[]> {
    const [ann] = this.honest;
    assert.ok(ann !== undefined);
    return await this.liar.copyOf(ann, owner);
  }

  /** Tells a lie, and looks at everybody a while later. */
  async hear(name: string, tell: (court: Court) => Promise<void>) {
    const before = this.#said();
    for (const member of this.honest) {
      if (this.liar.linkTo(member) === undefined) await this.liar.meet(member);
    }
    try {
      await tell(this);
    } catch (cause) {
      // A link that was closed in the middle of a lie is an answer, too.
      if (!(cause instanceof UnreachableError)) throw cause;
    }
    await this.cluster.pause(500);
    await this.#honestChange(name);
    assert.equal(this.#said(), before, `${name}: honest words stay`);
    assert.equal(unlinked(this.honest), undefined, name);
  }

  /** All that honest owners say, at each honest node. */
  #said(): string {
    const owners = this.honest.map(({ peer }) => peer);
    const texts = this.honest.map(({ node }) =>
      owners.flatMap((owner) => node.view.seedsOf(owner))
        .map(({ name, owner, spec }) => `${owner} ${name} ${spec.digest}`)
        .join("\n")
    );
    assert.equal(new Set(texts).size, 1, "all hold the same");
    return texts[0] ?? "";
  }

  async #honestChange(name: string): Promise<void> {
    const [ann] = this.honest;
    assert.ok(ann !== undefined);
    const properties = new Map([["n", String(++this.#decisions)]]);
    await ann.node.members.grant(this.victim.peer, { properties });
    await this.cluster.until(
      `${name}: honest nodes agree`,
      () => unequalRights(this.honest) ?? unequalViews(this.honest),
      { withinMs: 10_000 },
    );
  }

  /** Says one thing to the victim until the link ends, or it is tired of it. */
  async flood(frame: { readonly kind: number; readonly body: Bytes }) {
    let isStuck = false;
    const flood = async () => {
      for (let index = 0; index < 2_000; index++) {
        if (isStuck || this.liar.linkTo(this.victim) === undefined) return;
        await this.liar.say(this.victim, frame);
        if (index % 50 === 0) await this.cluster.pause(10);
      }
    };
    // Who is not read waits: that is as good an answer as a closed link.
    await Promise.race([flood(), this.cluster.pause(5_000)]);
    isStuck = true;
    await this.liar.fallSilent(this.victim);
  }

  /** Why the victim refused batches, the newest last. */
  get refusals(): readonly string[] {
    return logged(this.victim, "state.batch_refused")
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
}

function unequalViews(members: readonly SimMember[]): string | undefined {
  const digests = members.map(({ name, node }) =>
    `${name} ${node.view.digest.slice(0, 8)}`
  );
  const isEqual = new Set(digests.map((text) => text.split(" ")[1])).size === 1;
  return isEqual ? undefined : digests.join(", ");
}

export type Lie = readonly [
  name: string,
  tell: (court: Court) => Promise<void>,
  /** What honest nodes log of it; unless it is no batch at all. */
  reason?: RegExp,
];
