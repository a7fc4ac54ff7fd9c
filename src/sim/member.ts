// One node of a simulated cluster, over all processes of its machine: it founds
// a cluster or joins one as `pln init` and `pln join` do, then starts, stops and
// dies. In come tokens and faults; out comes the production node. It must never
// reach past the ports of its processes.

import { enrol, type Joined, rememberCluster } from "../admission/mod.ts";
import {
  type InviteToken,
  isInitialised,
  openIdentity,
  parseInviteToken,
  prepareNodeKeys,
  replaceCredential,
  setMembershipAside,
  writeMembership,
} from "../identity/mod.ts";
import { assert, CorruptError, type PeerId, peerIdOf } from "../kernel/mod.ts";
import type { Node } from "../node/mod.ts";
import { DiskError } from "../ports/mod.ts";
import type { DiskTree } from "./disk_tree.ts";
import {
  initSimNode,
  openSimMachine,
  openSimNode,
  type SimMachine,
  type SimMachineOptions,
  type SimProcess,
} from "./node.ts";
import type { World } from "./world.ts";

const signal = new AbortController().signal;

/** As in the daemon: a node that cannot say who it is runs all the same. */
async function announce(node: Node): Promise<void> {
  try {
    await node.announce();
  } catch (cause) {
    const isOfDisk = cause instanceof CorruptError ||
      cause instanceof DiskError;
    if (!isOfDisk) throw cause;
  }
}

/** One machine and its node. */
export class SimMember {
  /** Of the machine, and of the node. */
  readonly name: string;
  /** Break its disk and read its log here. */
  readonly machine: SimMachine;
  #wallOffsetMs = 0;
  #peer: PeerId | undefined;
  #process: SimProcess | undefined;
  #node: Node | undefined;

  /** A machine with an empty disk. */
  constructor(world: World, options: SimMachineOptions) {
    this.name = options.name;
    this.machine = openSimMachine(world, options);
  }

  /** Known once it has keys. */
  get peer(): PeerId {
    assert(this.#peer !== undefined, `${this.name} has an identity`);
    return this.#peer;
  }

  /** The one that runs. */
  get node(): Node {
    assert(this.#node !== undefined, `${this.name} runs`);
    return this.#node;
  }

  /** Of the node that runs, or ran last. */
  get process(): SimProcess {
    assert(this.#process !== undefined, `${this.name} was started`);
    return this.#process;
  }

  /** Whether its node runs. */
  get isUp(): boolean {
    return this.#node !== undefined;
  }

  /** See `setWallOffset`. */
  get wallOffsetMs(): number {
    return this.#wallOffsetMs;
  }

  /** How far its wall clock is off, over restarts; negative is behind. */
  setWallOffset(offsetMs: number): void {
    this.#wallOffsetMs = offsetMs;
    this.#process?.clock.setWallOffset(offsetMs);
  }

  /** Makes a cluster and starts its first node. */
  async found(): Promise<Node> {
    const { peer } = await initSimNode(this.machine);
    this.#peer = peer;
    return await this.start();
  }

  /** Makes its keys if it has none; for invites that name it. */
  async prepare(): Promise<PeerId> {
    return await this.once(async ({ ports }) => {
      const { key } = await prepareNodeKeys(ports);
      return this.#peer = peerIdOf(key.publicKey);
    });
  }

  /**
   * Joins by an invite as the command line does, as the same node when it is
   * one already; nothing runs after.
   *
   * @param options.through Instead of the nodes that the token names.
   * @throws {PlnError} As `joinCluster`.
   */
  async join(
    token: string,
    { through }: { readonly through?: SimMember } = {},
  ): Promise<Joined> {
    return await this.once(async ({ ports }) => {
      const invite = tokenThrough(parseInviteToken(ports, token), through);
      const isAgain = await isInitialised(ports.disk);
      const keys = isAgain
        ? await openIdentity(ports)
        : await prepareNodeKeys(ports);
      const { key, authorityKey } = keys;
      const { name } = this;
      const joined = await enrol(ports, invite, { keys, name, signal });
      await rememberCluster(ports, invite, joined);
      if (isAgain) {
        const identity = await openIdentity(ports);
        await replaceCredential(ports, identity, joined.credential);
      } else await writeMembership(ports, { ...joined, key, authorityKey });
      this.#peer = peerIdOf(key.publicKey);
      return joined;
    });
  }

  /**
   * Starts its node, as the daemon does; killed before it is ready, it is down.
   *
   * @throws {PlnError} As `openSimNode`; nothing runs then.
   */
  async start(): Promise<Node> {
    const process = this.machine.boot();
    this.#process = process;
    process.clock.setWallOffset(this.#wallOffsetMs);
    try {
      const node = await openSimNode(process);
      this.#peer = node.identity.peer;
      this.#node = node;
      // Whoever is killed meanwhile never ends that.
      await Promise.race([announce(node), process.ended]);
      return node;
    } catch (cause) {
      process.end();
      throw cause;
    }
  }

  /** As a daemon stops: peers are told. Its process stays, to be looked at. */
  async close(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    await node?.[Symbol.asyncDispose]();
  }

  /** As `close`, and its process is gone. */
  async stop(): Promise<void> {
    await this.close();
    this.#process?.end();
  }

  /** As `pln leave`: peers hear of it, what made it a member is set aside. */
  async leave(): Promise<void> {
    const { cluster } = this.node.identity;
    await this.node.members.leave();
    await this.stop();
    await this.once(({ ports }) => setMembershipAside(ports.disk, cluster));
    this.#peer = undefined;
  }

  /** kill -9: what was written stays, peers notice when it is silent. */
  kill(): void {
    this.#node = undefined;
    this.machine.kill();
  }

  /** What was not synced may be gone. */
  losePower(): void {
    this.#node = undefined;
    this.machine.losePower();
  }

  /** Puts a backup of a disk in the place of its own; what runs is killed. */
  restore(backup: DiskTree): void {
    if (this.isUp) this.kill();
    this.machine.disk.restore(backup);
  }

  /** Runs a short process of its own, as a command line is one. */
  async once<T>(run: (process: SimProcess) => Promise<T>): Promise<T> {
    const process = this.machine.spawn();
    process.clock.setWallOffset(this.#wallOffsetMs);
    try {
      return await run(process);
    } finally {
      process.end();
    }
  }
}

function tokenThrough(
  token: InviteToken,
  through: SimMember | undefined,
): InviteToken {
  if (through === undefined) return token;
  const { peer, node, process } = through;
  const { port } = node.meshAddress;
  const addresses = process.network.localIps().slice(0, 1)
    .map((ip) => ({ ip, port }));
  const context = { ...token.context, bootstraps: [{ peer, addresses }] };
  return { ...token, context };
}
