// A cluster of real daemons whose network can be cut in groups, and what each
// of them shows of everybody's seeds. In come groups of nodes; out go views to
// compare. The cut is one file that all nodes read (fixtures/cut_network.ts),
// so that all see it at the same moment.

import assert from "node:assert/strict";
import { ClusterNode, meshed } from "./cluster_lab.ts";
import type { Cut } from "./fixtures/cut_network.ts";

const program = new URL("./fixtures/cut_launcher.sh", import.meta.url).pathname;

/** What a node shows: equal documents, equal digests. */
export type Shown = {
  readonly digest: string;
  /** "owner/name", sorted. */
  readonly seeds: readonly string[];
};

/** Nodes of one cluster; the first is its admin. */
export class PartitionLab implements AsyncDisposable {
  readonly nodes: readonly ClusterNode[];
  readonly #cutPath: string;
  readonly #scope: AsyncDisposableStack;

  private constructor(
    nodes: readonly ClusterNode[],
    { cutPath, scope }: { cutPath: string; scope: AsyncDisposableStack },
  ) {
    this.nodes = nodes;
    this.#cutPath = cutPath;
    this.#scope = scope;
  }

  /** Waits until all are linked to all. */
  static async open(names: readonly string[]): Promise<PartitionLab> {
    await using scope = new AsyncDisposableStack();
    const directory = await Deno.makeTempDir({ prefix: "pln-cut-" });
    scope.defer(() => Deno.remove(directory, { recursive: true }));
    const cutPath = `${directory}/cut.json`;
    const nodes: ClusterNode[] = [];
    for (const name of names) {
      const node = scope.use(await ClusterNode.open(name, { program }));
      await Deno.symlink(cutPath, node.lab.path("cut.json"));
      nodes.push(node);
    }
    const [first, ...others] = nodes;
    assert.ok(first !== undefined);
    await first.init();
    if (others.length > 0) {
      const uses = `${others.length}`;
      const token = await first.invite("--publisher", "--uses", uses);
      for (const node of others) await node.join(token);
    }
    await meshed(...nodes);
    return new PartitionLab(nodes, { cutPath, scope: scope.move() });
  }

  /** Waits until no node has a link into another group. */
  async cut(...groups: readonly (readonly ClusterNode[])[]): Promise<void> {
    const cut: Cut = groups.map((group) => group.map(({ port }) => port));
    await this.#replace(JSON.stringify(cut));
    for (const group of groups) {
      for (const node of group) await isolated(node, group);
    }
  }

  /** All reach all again, as soon as they dial. */
  async heal(): Promise<void> {
    await this.#replace("[]");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }

  async #replace(text: string): Promise<void> {
    await Deno.writeTextFile(`${this.#cutPath}.new`, text);
    await Deno.rename(`${this.#cutPath}.new`, this.#cutPath);
  }
}

async function isolated(
  node: ClusterNode,
  group: readonly ClusterNode[],
): Promise<void> {
  const inside = new Set(group.map(({ name }) => name));
  await node.lab.until(async () => {
    const { nodes } = await node.status();
    return nodes.every(({ name = "", state }) =>
      state !== "connected" || inside.has(name)
    );
  });
}

/** The view of all documents that a node holds now. */
export async function shownBy(node: ClusterNode): Promise<Shown> {
  const { seeds, state: { digest = "" } } = await node.status();
  const shown = seeds
    .map(({ owner, ownerName, name }) => `${ownerName ?? owner}/${name}`)
    .sort();
  return { digest, seeds: shown };
}

/** Waits until all of `nodes` show just `seeds`, by equal digests. */
export async function agreed(
  nodes: readonly ClusterNode[],
  seeds: readonly string[],
): Promise<void> {
  const wanted = seeds.toSorted().join();
  const digests = new Set<string>();
  const [first] = nodes;
  assert.ok(first !== undefined);
  await first.lab.until(async () => {
    digests.clear();
    for (const node of nodes) {
      const shown = await shownBy(node);
      if (shown.seeds.join() !== wanted) return false;
      digests.add(shown.digest);
    }
    return digests.size === 1;
  });
}
