// A node of the bench of calls: the production transport over QUIC on loopback,
// call client and call server, in a cluster whose keys are no secret. As a
// process of its own it prints its port and answers calls: seed "echo" at once,
// seed "pool" on real workers.

import { openClock } from "../../src/adapters/clock.ts";
import { openNetwork } from "../../src/adapters/network.ts";
import { openRandom } from "../../src/adapters/random.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import {
  CallClient,
  type CallExecutor,
  CallServer,
} from "../../src/calls/mod.ts";
import {
  type Credential,
  issueAuthority,
  issueMember,
  issueRoot,
  verifyCredential,
  verifyRoot,
} from "../../src/identity/mod.ts";
import { type PeerId, peerIdOf } from "../../src/kernel/mod.ts";
import type { Log } from "../../src/ports/mod.ts";
import { SeedCalls } from "../../src/seeds/mod.ts";
import {
  type Gatekeeper,
  openTransport,
  protocols,
  type Transport,
} from "../../src/transport/mod.ts";
import { echoes } from "./seeds_modules.ts";
import { RealPool } from "./seeds_pool.ts";

const signer = openSigner();
const keyOf = (fill: number) =>
  signer.privateKey(new Uint8Array(32).fill(fill));

/** The node that is called. */
export const serverKey = keyOf(3);
export const serverPeer = peerIdOf(serverKey.publicKey);
const clientKey = keyOf(4);
const never = new AbortController().signal;

const quiet = () => {};
const loud = (event: string, fields?: unknown) => console.error(event, fields);
const log: Log = { debug: quiet, info: quiet, warn: loud, error: loud };

export type BenchNode = AsyncDisposable & {
  readonly transport: Transport;
  readonly client: CallClient;
};

export type BenchNodeOptions = {
  readonly key: typeof serverKey;
  readonly executor: CallExecutor;
  /** Where to find the other node. */
  readonly port?: number;
};

export async function openBenchNode(
  { key, executor, port = 0 }: BenchNodeOptions,
): Promise<BenchNode> {
  await using opened = new AsyncDisposableStack();
  const [clock, random] = [openClock(), openRandom()];
  const needs = { clock, random, signer };
  const root = verifyRoot(needs, issueRoot(needs, keyOf(1)));
  const credential = credentialOf(key.publicKey);
  const peer = peerIdOf(key.publicKey);
  const check = () => ({ type: "now", wallMs: clock.wallMs() }) as const;
  const gatekeeper: Gatekeeper = {
    admit: (credential) =>
      verifyCredential(needs, { root, credential, check: check() }),
    heads: () => [],
    settle: () => Promise.resolve(),
  };
  const authorityKey = new Uint8Array(32);
  const transport = opened.use(
    await openTransport({ ...needs, log, network: openNetwork() }, {
      identity: { peer, key, credential, root },
      bind: { ip: "127.0.0.1", port: 0 },
      gatekeeper,
      hello: () => ({ name: "n", version: "0", addresses: [], authorityKey }),
      onJoin: () => Promise.resolve(),
    }),
  );
  const { cluster } = root;
  const client = opened.use(
    new CallClient({
      ...{ ...needs, log },
      self: { peer, cluster, key, credential: () => credential },
      links: {
        linkOf: (peer: PeerId) => transport.links.get(peer),
        connect: (peer, signal) =>
          transport.dial(peer, { ip: "127.0.0.1", port }, { signal }),
      },
    }),
  );
  const server = new CallServer({
    ...{ ...needs, log, executor },
    self: { peer, name: "n", cluster },
    rights: {
      standing: (facts) => facts,
      admit: (credential) => gatekeeper.admit(credential),
      isDenied: () => false,
      clockOf: () => ({ type: "linked" }),
    },
  });
  transport.serve(protocols.call, server.serve);
  const stack = opened.move();
  return {
    ...{ transport, client },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };

  function credentialOf(publicKey: typeof key.publicKey): Credential {
    const authority = issueAuthority(needs, {
      root,
      rootKey: keyOf(1),
      publicKey: keyOf(2).publicKey,
      admin: serverPeer,
    });
    const member = issueMember(needs, {
      authority,
      authorityKey: keyOf(2),
      publicKey,
      claims: {
        type: "member",
        cluster: root.cluster,
        tier: "publisher",
        properties: new Map(),
        accessDeadlineMs: undefined,
        memberSinceMs: clock.wallMs(),
        issue: 1,
      },
    });
    return { member, authority };
  }
}

/** The node that calls. */
export function openCaller(port: number): Promise<BenchNode> {
  const executor = { run: () => Promise.reject(new Error("Nobody calls")) };
  return openBenchNode({ key: clientKey, executor, port });
}

/** Runs "echo" at once and "pool" on the pool. */
export function openExecutor(pool: RealPool): CallExecutor {
  const [module] = echoes;
  if (module === undefined) throw new Error("There is no module");
  const seed = {
    ...pool.host(module.bytes, { name: "pool" }),
    timeoutMs: 30_000,
    hold: () => new DisposableStack(),
  };
  const calls = new SeedCalls({
    ...{ clock: openClock(), log, pool: pool.pool },
    directory: {
      find: (name) => name === "pool" ? seed : undefined,
      names: () => ["pool"],
    },
  });
  return {
    run: (call) =>
      call.target.seed === "echo"
        ? Promise.resolve(call.input)
        : calls.call({ seed: "pool", function: module.fn }, call.input, call),
  };
}

if (import.meta.main) {
  await using pool = new RealPool({ cores: 2 });
  const executor = openExecutor(pool);
  await using node = await openBenchNode({ key: serverKey, executor });
  console.log(node.transport.local.port);
  await new Promise((resolve) => never.addEventListener("abort", resolve));
}
