// Clusters among strangers and stuck members: scanners, nodes of other
// clusters, peers that never read, and more calls than there is room for
// (SCENARIOS.md S43, S44, R09). The others notice nothing.

import assert from "node:assert/strict";
import {
  anchorPem,
  issueTlsLeaf,
  newNodeKeys,
  openIdentity,
  verifyCredential,
} from "../../src/identity/mod.ts";
import {
  limits,
  peerDnsName,
  type PeerId,
  peerIdOf,
  PlnError,
} from "../../src/kernel/mod.ts";
import { rememberPeers } from "../../src/mesh/mod.ts";
import {
  joinProtocol,
  memberProtocol,
  openTransport,
  protocols,
} from "../../src/transport/mod.ts";
import {
  isLinked,
  type SimMember,
  type SimProcess,
  unequalRights,
  unlinked,
} from "../../src/sim/mod.ts";
import { sampleTag } from "../fixtures/seeds/sample.ts";
import {
  call,
  clusterScenario,
  logged,
  meshed,
  never,
  publish,
} from "./cluster_lab.ts";

/** Dials again and again, and never says who it is. */
async function scan(
  { ports, clock }: SimProcess,
  target: { readonly peer: PeerId; readonly ip: string; readonly port: number },
  times: number,
): Promise<void> {
  const { key } = newNodeKeys(ports);
  const own = { peer: peerIdOf(key.publicKey), key };
  await using endpoint = await ports.network.open({ ip: "::", port: 0 }, {
    identity: issueTlsLeaf(ports, own),
    protocols: [memberProtocol],
  });
  const dials: Promise<unknown>[] = [];
  for (let index = 0; index < times; index++) {
    // Anchored at another key, of an unknown protocol, or just silent.
    const anchor = index % 3 === 0 ? own.peer : target.peer;
    const wanted = [memberProtocol, joinProtocol, "h3"][index % 4] ?? "h3";
    const dial = endpoint.dial(target, {
      serverName: peerDnsName(target.peer),
      anchorPem: anchorPem(ports, anchor),
      protocols: [wanted],
      signal: never,
    });
    dials.push(dial.catch((cause) => assert.ok(cause instanceof PlnError)));
    await clock.sleep(20, never);
  }
  await Promise.all(dials);
}

clusterScenario("S43: scanners keep nobody out", async (cluster) => {
  const ann = await cluster.found("ann");
  const bob = await cluster.admit("bob", ann);
  const scanner = cluster.machine("scanner");
  const [ip = ""] = ann.process.network.localIps();
  const { port } = ann.node.meshAddress;
  const scanned = scanner.once((process) =>
    scan(process, { peer: ann.peer, ip, port }, 200)
  );
  await cluster.pause(2_000);
  const cleo = await cluster.admit("cleo", ann);
  await meshed(cluster, [ann, bob, cleo], { withinMs: 10_000 });
  await scanned;
  await cluster.until(
    "all strangers are gone",
    () => ann.process.network.counts.sessions === 2,
  );
  assert.ok(logged(ann, "link.refused").length > 0);
});

clusterScenario(
  "R09: a node of another cluster is refused, and hears why",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    const zed = await cluster.found("zed");
    await zed.stop();
    const addresses = ann.node.members.peers()[0]?.addresses ?? [];
    await zed.once(({ ports }) =>
      rememberPeers(ports, [{ peer: ann.peer, addresses }])
    );
    await zed.start();
    await cluster.until(
      "ann refuses zed",
      () => logged(ann, "link.refused").length > 0,
    );
    await cluster.pause(5_000);
    const { row } = zed.node.members.inspect(ann.peer);
    assert.equal(row.state, "unreachable");
    assert.match(`${row.lastError?.message}`, /cluster/);
    assert.equal(ann.node.members.peers().length, 2, "zed is nobody here");
    assert.equal(unlinked([ann, bob]), undefined);
    await assert.rejects(
      ann.node.members.ping(zed.peer, never),
      (cause) => cause instanceof PlnError,
    );
  },
);

/** A program with a member's identity that reads nothing anybody sends. */
async function openDeaf(member: SimMember, to: SimMember) {
  const process = member.machine.spawn();
  const { ports } = process;
  const identity = await openIdentity(ports);
  const transport = await openTransport(ports, {
    identity,
    bind: { ip: "::", port: 60_611 },
    gatekeeper: {
      admit: (credential) =>
        verifyCredential(ports, {
          root: identity.root,
          credential,
          check: { type: "permanent" },
        }),
      heads: () => [],
      settle: () => Promise.resolve(),
    },
    hello: () => ({
      name: member.name,
      version: "0.0.0",
      addresses: [],
      authorityKey: identity.authorityKey.publicKey,
    }),
    onJoin: () => Promise.resolve(),
  });
  const deaf = async (_: unknown, { signal }: { signal: AbortSignal }) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
  };
  for (const protocol of [protocols.call, protocols.state, protocols.peers]) {
    transport.serve(protocol, deaf);
  }
  const [ip = ""] = to.process.network.localIps();
  const { port } = to.node.meshAddress;
  await transport.dial(to.peer, { ip, port }, { signal: never });
  return { process, transport };
}

clusterScenario("a peer that never reads holds nobody up", async (cluster) => {
  const ann = await cluster.found("ann");
  const others = await cluster.admitAll(["bob", "cleo", "dan"], ann);
  const [bob, cleo, dan] = others;
  assert.ok(bob !== undefined && cleo !== undefined && dan !== undefined);
  await meshed(cluster, [ann, ...others]);
  await bob.stop();
  const { process, transport } = await openDeaf(bob, ann);
  await cluster.until("ann takes it for bob", () => isLinked(ann, bob));
  const asked = call(ann, "s/tag", { on: bob, timeoutMs: 3_000 });
  const askedMs = cluster.world.nowMs;
  // More news than a queue holds, or others take at once.
  for (let index = 0; index < 150; index++) {
    await ann.node.members.invite({});
  }
  await ann.node.members.deny("cleo", {});
  await cluster.until("dan obeys", () => !isLinked(dan, cleo), {
    withinMs: 3_000,
  });
  assert.equal(unequalRights([ann, dan]), undefined);
  assert.match(await asked, /^PLN_/);
  assert.ok(cluster.world.nowMs - askedMs < 4_000);
  assert.ok(isLinked(ann, bob));
  await transport[Symbol.asyncDispose]();
  process.end();
}, { worlds: 1 });

clusterScenario(
  "S44: calls over a link's limit wait or are told to",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    await meshed(cluster, [ann, bob]);
    await publish(ann, "s", { number: 8 });
    const count = limits.wireCallsPerLinkMax + 200;
    const answers = await Promise.all(Array.from(
      { length: count },
      () => call(bob, "s/tag", { on: ann, timeoutMs: 10_000 }),
    ));
    const answered = answers.filter((one) => one === sampleTag(8));
    const refused = answers.filter((one) => one === "PLN_SATURATED");
    assert.equal(answered.length, limits.wireCallsPerLinkMax);
    assert.equal(refused.length, 200);
    assert.equal(await call(bob, "s/tag", { on: ann }), sampleTag(8));
  },
  { worlds: 1 },
);
