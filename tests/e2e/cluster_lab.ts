// Several real daemons on loopback that make one cluster, each in a lab of its
// own, driven by the command line as people do. In come verbs, out go what they
// print; disposing ends every daemon.

import assert from "node:assert/strict";
import type { PeerStatus, StatusReport } from "../../src/control/mod.ts";
import { Lab, type RunOptions } from "./lab.ts";

/** One machine of the cluster. */
export class ClusterNode implements AsyncDisposable {
  readonly lab: Lab;
  readonly name: string;
  readonly #options: RunOptions;
  #port: string | undefined;

  constructor(lab: Lab, name: string, { options }: { options: RunOptions }) {
    this.lab = lab;
    this.name = name;
    this.#options = options;
  }

  /** @param options Of everything that runs there. */
  static async open(
    name: string,
    options: RunOptions = {},
  ): Promise<ClusterNode> {
    const node = new ClusterNode(await Lab.open(), name, { options });
    node.lab.onCleanUp(async () => {
      await node.lab.run(["down"]);
    });
    return node;
  }

  must(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const env = { PLN_NAME: this.name, ...this.#options.env, ...options.env };
    return this.lab.must(args, { ...this.#options, ...options, env });
  }

  /** The port of its mesh, which it keeps. */
  get port(): number {
    return Number(this.#port);
  }

  /** Makes a cluster and starts its first node. */
  async init(): Promise<void> {
    await this.must(["init"]);
    await this.up();
  }

  /** Starts it on the port that it had, as a node with a fixed one does. */
  async up(): Promise<void> {
    const port = this.#port ?? "0";
    await this.must(["up", "-d"], { env: { PLN_PORT: port } });
    this.#port = `${(await this.status()).listeners["mesh"]}`;
  }

  /** Joins by standard input. */
  async join(token: string): Promise<void> {
    await this.must(["join", "-"], { stdin: token });
    this.#port = `${(await this.status()).listeners["mesh"]}`;
  }

  async invite(...flags: readonly string[]): Promise<string> {
    return (await this.must(["invite", ...flags])).trim();
  }

  async status(): Promise<StatusReport> {
    return await this.lab.client.status();
  }

  async peer(name: string): Promise<PeerStatus | undefined> {
    const { nodes } = await this.status();
    return nodes.find((node) => node.name === name);
  }

  /** Waits until this node has links to all of these. */
  async sees(...names: readonly string[]): Promise<void> {
    await this.lab.until(async () => {
      const { nodes } = await this.status();
      return names.every((name) =>
        nodes.some((node) => node.name === name && node.state === "connected")
      );
    });
  }

  /** Waits until this node shows another in a state. */
  async shows(name: string, state: PeerStatus["state"]): Promise<void> {
    await this.lab.until(async () => (await this.peer(name))?.state === state);
  }

  /** Waits until this node has a tier. */
  async becomes(tier: PeerStatus["tier"]): Promise<void> {
    await this.lab.until(async () => (await this.status()).node.tier === tier);
  }

  /** The answer of a call, as text. */
  async call(
    target: readonly [seed: string, fn: string, input: string],
    on: string,
  ): Promise<string> {
    return await this.must(["call", ...target, "--on", on]);
  }

  /** kill -9 of its daemon, found by its status. */
  async kill(): Promise<void> {
    const { node } = await this.status();
    Deno.kill(node.processId, "SIGKILL");
    await this.lab.until(async () => {
      const { code } = await this.lab.run(["status"]);
      return code === 6;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
  }
}

/** Every node has a link to every other. */
export async function meshed(...nodes: readonly ClusterNode[]): Promise<void> {
  for (const node of nodes) {
    const others = nodes.filter((other) => other !== node);
    await node.sees(...others.map(({ name }) => name));
  }
}

/** A name's row of the first that shows it; it must be there. */
export async function rowOf(
  node: ClusterNode,
  name: string,
): Promise<PeerStatus> {
  const row = await node.peer(name);
  assert.ok(row !== undefined, `${node.name} knows ${name}`);
  return row;
}
