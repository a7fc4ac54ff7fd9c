// Nodes with seeds in one simulated world: production calls over the production
// transport, into the production pool on simulated threads. In go modules and
// names; out come answers, errors and log lines of every node.

import { openDisk } from "../../src/adapters/disk.ts";
import { serveSeedThread } from "../../src/guest/mod.ts";
import {
  type Bytes,
  digestOf,
  limits,
  NotFoundError,
  type PeerId,
  utf8,
} from "../../src/kernel/mod.ts";
import {
  type CallRequest,
  type PublishedSeed,
  SeedCalls,
  SeedError,
  SeedPool,
} from "../../src/seeds/mod.ts";
import { openSimSandbox } from "../../src/sim/sandbox.ts";
import {
  type CallNode,
  callNode,
  closeNodes,
  introduce,
  textOf,
} from "./calls_lab.ts";
import { type Lab, never, type NodeOptions, signer } from "./transport_lab.ts";

export type SeedNode = CallNode & {
  readonly calls: SeedCalls;
  readonly pool: SeedPool;
  /** Calls a seed of this node in its own name. */
  ask(
    seed: string,
    options?: { readonly input?: string; readonly timeoutMs?: number },
  ): Promise<string>;
  /** Publishes a module. */
  add(
    name: string,
    module: Bytes,
    options?: { readonly timeoutMs?: number },
  ): PublishedSeed;
};

export async function seedNode(
  lab: Lab,
  name: string,
  options: NodeOptions & {
    readonly seeds?: Readonly<Record<string, Bytes>>;
    /** Other nodes by the names that seeds use. */
    readonly names?: () => Readonly<Record<string, PeerId>>;
    /** Who else holds a seed's name. */
    readonly holders?: () => Readonly<Record<string, PeerId>>;
  } = {},
): Promise<SeedNode> {
  const seeds = new Map<string, PublishedSeed>();
  const node: CallNode = await callNode(
    lab,
    name,
    (call) => calls.call(call.target, call.input, call),
    options,
  );
  const { clock, log, peer, client } = node;
  const random = lab.world.random.fork(`threads of ${name}`);
  const pool = new SeedPool({
    ...{ clock, log, signer },
    disk: openDisk("/nonexistent"),
    sandbox: openSimSandbox({
      ...{ clock, random, signer },
      program: serveSeedThread,
    }),
    egress: {
      fetch: () => Promise.reject(new SeedError("egress", "No network")),
    },
    onLog: () => {},
  });
  const calls = new SeedCalls({
    ...{ clock, log, pool },
    directory: {
      find: (seed) => seeds.get(seed),
      names: () => [...seeds.keys()],
    },
    remote: {
      self: { peer, name },
      resolve: (text) => resolve(text, options.names?.() ?? {}),
      holderOf: (seed) => options.holders?.()[seed],
      originate: (first, leftMs) => client.originate(first, leftMs),
      call: (to, input, more) => client.call(to, input, more),
    },
  });
  const add: SeedNode["add"] = (seed, module, { timeoutMs } = {}) => {
    const published: PublishedSeed = {
      name: seed,
      key: `${seed} ${seeds.size}`,
      digest: digestOf(signer.sha256(module)),
      config: {},
      settings: {
        memoryBytes: limits.guestMemoryBytesDefault,
        cpuMs: limits.callCpuMsDefault,
        isolation: "restore",
        allowHosts: [],
      },
      timeoutMs: timeoutMs ?? limits.callTimeoutMsDefault,
      hold: () => new DisposableStack(),
      readModule: () => Promise.resolve(module),
    };
    seeds.set(seed, published);
    return published;
  };
  for (const [seed, module] of Object.entries(options.seeds ?? {})) {
    add(seed, module);
  }
  const ask: SeedNode["ask"] = async (seed, { input = "", ...more } = {}) => {
    const caller = { peer, properties: {} };
    const request: CallRequest = { caller, signal: never, ...more };
    const target = { seed, function: "f" };
    return textOf(await calls.call(target, utf8(input), request));
  };
  return { ...node, calls, pool, add, ask };
}

function resolve(
  text: string,
  names: Readonly<Record<string, PeerId>>,
): PeerId {
  const peer = Object.hasOwn(names, text)
    ? names[text]
    : Object.values(names).find((peer) => peer.startsWith(text));
  if (peer !== undefined) return peer;
  throw new NotFoundError(`There is no node "${text}"`);
}

/** Nodes "a", "b", ... that know each other by these names. */
export async function seedNodes<Name extends string>(
  lab: Lab,
  nodes: Readonly<Record<Name, Readonly<Record<string, Bytes>>>>,
  { holders = {} }: {
    /** Of names that several have: the node that holds it. */
    readonly holders?: Readonly<Record<string, NoInfer<Name>>>;
  } = {},
): Promise<Readonly<Record<Name, SeedNode>>> {
  const made: Record<string, SeedNode> = {};
  const names = () =>
    Object.fromEntries(
      Object.entries(made).map(([name, { peer }]) => [name, peer]),
    );
  const holding = (self: string) =>
    Object.fromEntries(
      Object.entries<string>(holders).flatMap(([seed, name]) => {
        const peer = made[name]?.peer;
        return name === self || peer === undefined ? [] : [[seed, peer]];
      }),
    );
  for (const [name, seeds] of Object.entries<Record<string, Bytes>>(nodes)) {
    const properties = new Map([["of", name]]);
    const claims = { properties };
    const options = { seeds, names, claims, holders: () => holding(name) };
    made[name] = await seedNode(lab, name, options);
  }
  introduce(...Object.values(made));
  return made as Record<Name, SeedNode>;
}

/** Ends nodes with their pools. */
export async function closeSeedNodes(
  nodes: Readonly<Record<string, SeedNode>>,
): Promise<void> {
  const all = Object.values(nodes);
  for (const { pool } of all) await pool[Symbol.asyncDispose]();
  await closeNodes(...all);
}
