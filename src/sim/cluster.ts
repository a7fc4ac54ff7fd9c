// A cluster of production nodes in one world: machines, the first node, members
// by real invites over the simulated network, and the root's signatures. In
// come names and faults; out come members. At its end every node is closed and
// nothing may be left: no session, no stream, no timer, no thread.

import {
  parseRootRequest,
  readRootKey,
  signRootStatement,
} from "../identity/mod.ts";
import type { Signer } from "../ports/mod.ts";
import type { Decision, Node } from "../node/mod.ts";
import { leftOver, loggedBug } from "./cluster_checks.ts";
import { SimMember } from "./member.ts";
import { openSimNetwork, type SimNetwork } from "./network.ts";
import type { SimMachineOptions } from "./node.ts";
import { signerOf } from "./signer_cache.ts";
import { SimulationError, type World } from "./world.ts";

/** What an invite of a scenario says; as `pln invite`. */
export type SimInvite = Omit<
  Parameters<Node["members"]["invite"]>[0],
  "subject"
>;

/** What may differ from machine to machine. */
export type SimMemberOptions = Omit<SimMachineOptions, "name" | "signer">;

/** `signer` is the real one: the simulator forges no signatures. */
export type SimClusterOptions = {
  readonly signer: Signer;
  /** Of all machines that are not told otherwise. */
  readonly disk?: SimMemberOptions["disk"];
};

const lookMsMin = 50;
const untilMsMax = 60_000;
const leftOverMsMax = 20_000; // idle sessions are noticed after 10 s

/** One cluster of a world. */
export class SimCluster {
  /** Whose time passes. */
  readonly world: World;
  /** Break its paths here. */
  readonly network: SimNetwork;
  /** In the order in which they were made. */
  readonly members: SimMember[] = [];
  /** Events of the log that are no bugs here, although they are errors. */
  readonly expectedErrors = new Set<string>();
  readonly #options: SimClusterOptions;
  #skippedMs = 0;

  /** Empty; see `SimClusterOptions`. */
  constructor(world: World, options: SimClusterOptions) {
    this.world = world;
    this.network = openSimNetwork(world);
    const signer = signerOf(world, options.signer);
    this.#options = { ...options, signer };
  }

  /** Of all its machines. */
  get signer(): Signer {
    return this.#options.signer;
  }

  /** A machine that is in no cluster. */
  machine(name: string, options: SimMemberOptions = {}): SimMember {
    const { signer, disk } = this.#options;
    const member = new SimMember(this.world, {
      disk,
      ...options,
      ...{ name, signer },
    });
    member.setWallOffset(this.#skippedMs);
    this.members.push(member);
    return member;
  }

  /** The first node, which keeps the root's key. */
  async found(name: string, options?: SimMemberOptions): Promise<SimMember> {
    const member = this.machine(name, options);
    await member.found();
    return member;
  }

  /** A new machine joins by an invite of `by`, and starts. */
  async admit(
    name: string,
    by: SimMember,
    invite: SimInvite = {},
  ): Promise<SimMember> {
    const member = this.machine(name);
    const { token } = await by.node.members.invite(invite);
    await member.join(token);
    await member.start();
    return member;
  }

  /** Another machine with a copy of the disk of a member, and so its keys. */
  async clone(name: string, of: SimMember): Promise<SimMember> {
    const twin = this.machine(name);
    twin.restore(of.machine.disk.backUp());
    await twin.start();
    return twin;
  }

  /** Several, one after the other. */
  async admitAll(
    names: readonly string[],
    by: SimMember,
    invite: SimInvite = {},
  ): Promise<readonly SimMember[]> {
    const members: SimMember[] = [];
    for (const name of names) members.push(await this.admit(name, by, invite));
    return members;
  }

  /**
   * What only the root may say: `founder` signs it, `at` publishes it.
   *
   * @throws {SimulationError} It was no matter for the root.
   */
  async rootSays(
    founder: SimMember,
    decision: Decision,
    at: SimMember = founder,
  ): Promise<Decision> {
    if (decision.type !== "needs-root") {
      throw new SimulationError("An admin could decide that alone");
    }
    const request = parseRootRequest(decision.request);
    const { root } = at.node.identity;
    const { text } = await founder.once(async ({ ports }) => {
      const rootKey = await readRootKey(ports);
      return signRootStatement(ports, { request, rootKey, root });
    });
    return await at.node.members.applyStatement(text);
  }

  /** Makes an admin of a member that runs, with the root's key. */
  async promote(
    member: SimMember,
    founder: SimMember,
    at: SimMember = founder,
  ): Promise<void> {
    const { peer } = member;
    const decision = await at.node.members.grant(peer, { tier: "admin" });
    await this.rootSays(founder, decision, at);
    await this.until(
      `${member.name} is an admin`,
      () => member.node.identity.authority !== undefined,
    );
  }

  /**
   * Moves the wall clocks of all machines, those of later ones too: days pass
   * for certificates, while links and timers live on. Wait an hour after it:
   * that is how often renewers look.
   */
  skip(durationMs: number): void {
    this.#skippedMs += durationMs;
    for (const member of this.members) {
      member.setWallOffset(member.wallOffsetMs + durationMs);
    }
  }

  /** Resolves `delayMs` from now, whatever becomes of machines. */
  async pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.world.after(delayMs, resolve);
    await promise;
  }

  /**
   * Waits until it is so. `fault` says why it is not, or whether it is.
   *
   * @returns How long that took, in virtual milliseconds.
   * @throws {SimulationError} It is not so in time.
   */
  async until(
    what: string,
    fault: () => boolean | string | undefined,
    { withinMs = untilMsMax }: { readonly withinMs?: number } = {},
  ): Promise<number> {
    const startMs = this.world.nowMs;
    while (true) {
      const said = fault();
      if (said === true || said === undefined) break;
      const passedMs = this.world.nowMs - startMs;
      if (passedMs >= withinMs) {
        const why = said === false ? "" : `: ${said}`;
        throw new SimulationError(`Not within ${withinMs} ms: ${what}${why}`);
      }
      // What took long is looked at more rarely.
      const delayMs = Math.max(lookMsMin, Math.ceil(passedMs / 100));
      await this.pause(Math.min(delayMs, withinMs - passedMs));
    }
    const tookMs = this.world.nowMs - startMs;
    this.world.trace.note("cluster.until", { what, tookMs });
    return tookMs;
  }

  /**
   * Closes every node that runs, one after the other.
   *
   * @throws {SimulationError} Something of them is left 20 s later, or a node
   * has logged an error: that is a bug, whatever the network did.
   */
  async end(): Promise<void> {
    const up = this.members.filter(({ isUp }) => isUp);
    for (const member of up) await member.close();
    await this.until("nothing is left", () => leftOver(up), {
      withinMs: leftOverMsMax,
    });
    for (const { process } of up) process.end();
    const expected = this.expectedErrors;
    const bug = loggedBug(this.members, { expected });
    if (bug !== undefined) throw new SimulationError(bug);
  }
}
