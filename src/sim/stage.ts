// What a scenario acts on: a cluster that it raises, faults and publishes as
// calls, and a report of what happened when. Everything that it does is drawn
// from the world's randomness; nothing here decides what is right: that is the
// invariants' part and the scenario's own.

import type { Random } from "../ports/mod.ts";
import type { SimCluster, SimInvite } from "./cluster.ts";
import { unequallyAlive, unequalViews, unlinked } from "./cluster_checks.ts";
import { ClusterInvariants } from "./invariants.ts";
import type { SimMember } from "./member.ts";
import { SeedLedger } from "./seed_ledger.ts";
import { SimulationError } from "./world.ts";

/** One line of a report; `atMs` is virtual. */
export type StageLine = { readonly atMs: number; readonly text: string };

/** Of all scenarios: how soon views are equal once faults have ended. */
export const convergedMsMax = 10_000;
/** Peers that were lost are dialled that often, at worst. */
export const relinkedMsMax = 90_000;

/** For one run of one scenario. */
export class Stage implements Disposable {
  /** Break it here. */
  readonly cluster: SimCluster;
  /** How many were asked for. */
  readonly nodes: number;
  /** The scenario's own. */
  readonly random: Random;
  /** Publish through it, so that views can be judged. */
  readonly ledger: SeedLedger;
  /** Looks at all members from the start. */
  readonly invariants: ClusterInvariants;
  readonly #lines: StageLine[] = [];
  readonly #figures = new Map<string, number>();
  readonly #work: Promise<unknown>[] = [];

  /** Nothing runs yet. */
  constructor(cluster: SimCluster, options: { readonly nodes: number }) {
    this.cluster = cluster;
    this.nodes = options.nodes;
    this.random = cluster.world.random.fork("scenario");
    this.ledger = new SeedLedger(cluster.signer);
    this.invariants = new ClusterInvariants(cluster, this.ledger);
  }

  /** What was told so far. */
  get lines(): readonly StageLine[] {
    return this.#lines;
  }

  /** What was measured, in the unit that each name ends with. */
  get figures(): ReadonlyMap<string, number> {
    return this.#figures;
  }

  /** Members whose node runs. */
  get running(): readonly SimMember[] {
    return this.cluster.members.filter(({ isUp }) => isUp);
  }

  /** For people, and for the trace. */
  tell(text: string): void {
    const { world } = this.cluster;
    world.trace.note("scenario.told", { text });
    this.#lines.push({ atMs: world.nowMs, text });
  }

  /** A measurement; the largest of one name is kept. */
  measure(name: string, value: number): void {
    const before = this.#figures.get(name) ?? -Infinity;
    this.#figures.set(name, Math.max(before, Math.round(value)));
  }

  /** One founder and publishers, `nodes` of them, all linked and equal. */
  async raise(invite: SimInvite = {}): Promise<readonly SimMember[]> {
    const { cluster, nodes } = this;
    const founder = await cluster.found("n1");
    for (let number = 2; number <= nodes; number++) {
      const terms = { tier: "publisher", ...invite } as const;
      await cluster.admit(`n${number}`, founder, terms);
    }
    await this.linked();
    await this.converged("the cluster was raised");
    return cluster.members;
  }

  /** Waits until these, or all that run, are linked with each other. */
  async linked(
    members: readonly SimMember[] = this.running,
    { withinMs = relinkedMsMax }: { readonly withinMs?: number } = {},
  ): Promise<number> {
    const tookMs = await this.cluster.until(
      "all are linked",
      () => unlinked(members),
      { withinMs },
    );
    this.tell(`${members.length} nodes are linked, after ${seconds(tookMs)}`);
    return tookMs;
  }

  /** Waits until these, or all that run, have equal views. */
  async converged(
    what: string,
    { members = this.running, withinMs = convergedMsMax }: {
      readonly members?: readonly SimMember[];
      readonly withinMs?: number;
    } = {},
  ): Promise<number> {
    const tookMs = await this.cluster.until(
      `all views are equal (${what})`,
      () => unequalViews(members),
      { withinMs },
    );
    this.tell(`Views are equal ${seconds(tookMs)} after ${what}`);
    this.measure("convergedMs", tookMs);
    return tookMs;
  }

  /** Waits until each of these, or of all that run, shows each other alive. */
  async allAlive(
    members: readonly SimMember[] = this.running,
    { withinMs = relinkedMsMax }: { readonly withinMs?: number } = {},
  ): Promise<number> {
    const tookMs = await this.cluster.until(
      "each shows each other alive",
      () => unequallyAlive(members),
      { withinMs },
    );
    this.tell(`Each is alive to each other, after ${seconds(tookMs)}`);
    return tookMs;
  }

  /** As SIGSTOP, or a machine that is too busy: packets wait for it. */
  async starve({ process }: SimMember, durationMs: number): Promise<void> {
    process.clock.freeze();
    await this.pause(durationMs);
    process.clock.thaw();
  }

  /** As `pause` of the cluster. */
  async pause(delayMs: number): Promise<void> {
    await this.cluster.pause(delayMs);
  }

  /** Publishes or takes back a seed at random; false when it was cut short. */
  async change(member: SimMember): Promise<boolean> {
    const { ledger, random } = this;
    const name = `seed-${random.integer(4)}`;
    if (!member.isUp || ledger.isBusy(member, name)) return false;
    const isThere = ledger.acknowledgedOf(member, name) !== undefined;
    const attempted = isThere && random.integer(2) === 0
      ? await ledger.unpublish(member, name)
      : await ledger.publish(member, name);
    return attempted === "acknowledged";
  }

  /** Each of these changes so many times, with random pauses between. */
  async changeAll(
    members: readonly SimMember[],
    { times, everyMs }: { readonly times: number; readonly everyMs: number },
  ): Promise<void> {
    await Promise.all(members.map(async (member) => {
      for (let time = 0; time < times; time++) {
        await this.pause(this.random.integer(2 * everyMs + 1));
        await this.change(member);
      }
    }));
  }

  /** Goes on beside the scenario; `settled` waits for it. */
  spawn(work: () => Promise<unknown>): void {
    const promise = work();
    promise.catch(() => undefined); // `settled` hears of it
    this.#work.push(promise);
  }

  /** Waits for what was spawned. @throws Its first failure. */
  async settled(): Promise<void> {
    await Promise.all(this.#work.splice(0));
  }

  /** What the scenario demands. @throws {SimulationError} It does not hold. */
  expect(holds: boolean, what: string): void {
    if (!holds) throw new SimulationError(`It does not hold: ${what}`);
  }

  /** One of several. */
  any<T>(items: readonly T[]): T {
    const item = items[this.random.integer(items.length)];
    if (item === undefined) throw new SimulationError("There is none to pick");
    return item;
  }

  /** In random order, cut in two; neither side is empty. */
  split<T>(items: readonly T[]): readonly [readonly T[], readonly T[]] {
    const left = [...items];
    const one: T[] = [];
    const size = 1 + this.random.integer(left.length - 1);
    while (one.length < size) {
      one.push(...left.splice(this.random.integer(left.length), 1));
    }
    return [one, left];
  }

  /** Ends the looking. */
  [Symbol.dispose](): void {
    this.invariants[Symbol.dispose]();
  }
}

/** Virtual time for people. */
export function seconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}

/** Of machines, for the network's cuts. */
export function namesOf(members: readonly SimMember[]): readonly string[] {
  return members.map(({ name }) => name);
}
