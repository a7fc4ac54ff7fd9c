// What a mesh does with its members: denied, left, moved and lying ones; who
// waits for a link; what is shown; and how it ends.

import assert from "node:assert/strict";
import {
  AmbiguousError,
  ClosedError,
  DeniedError,
  InputError,
  limits,
  NotFoundError,
  type PeerId,
  ReportedError,
  UnreachableError,
} from "../../src/kernel/mod.ts";
import type { MeshRights } from "../../src/mesh/needs.ts";
import { closeCodes } from "../../src/transport/protocols.ts";
import { addressNumber, peerNumber } from "../unit/mesh_world.ts";
import { isFullMesh, type MeshNode, meshScenario } from "./mesh_lab.ts";
import { FakeLink } from "./mesh_links.ts";

const never = new AbortController().signal;

function denying(...peers: readonly PeerId[]): MeshRights {
  return {
    denialOf: (peer) => peers.includes(peer) ? {} : undefined,
    grantOf: () => undefined,
  };
}

/** The rejection itself; promise tests are not awaited in virtual time. */
async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (cause) {
    return cause;
  }
  assert.fail("it succeeded");
}

type Pair = readonly [MeshNode, MeshNode];

/** Two nodes; each knows the other, and no packet passes yet. */
async function strangers(lab: Lab): Promise<Pair> {
  const [one, other] = [lab.machine(), lab.machine()];
  lab.network.cut(() => false);
  await one.start();
  await other.start();
  one.mesh.note(other.peer, [other.address]);
  other.mesh.note(one.peer, [one.address]);
  return [one, other];
}

type Lab = Parameters<Parameters<typeof meshScenario>[1]>[0];

meshScenario(
  "a denied peer is not dialled, an allowed one again",
  async (lab) => {
    const [one, other] = await strangers(lab);
    one.mesh.setRights(denying(other.peer));
    other.mesh.setRights(denying(one.peer));
    assert.equal(one.stateOf(other), "denied");
    lab.network.heal();
    const before = lab.network.dials;
    await lab.pause(600_000);
    assert.equal(lab.network.dials, before);
    one.mesh.setRights(denying());
    await lab.until("linked", () => isFullMesh([one, other]), {
      withinMs: 1_000,
    });
    await lab.end();
  },
);

meshScenario(
  "a forgotten peer is neither listed nor dialled until it comes back",
  async (lab) => {
    const nodes = await lab.join(2);
    await lab.until("linked", () => isFullMesh(nodes), { withinMs: 3_000 });
    const [one, lost] = nodes as [MeshNode, MeshNode];
    const forgotten = new Set([lost.peer]);
    const rights = {
      ...denying(),
      isForgotten: (peer: PeerId) => forgotten.has(peer),
    };
    one.mesh.setRights(rights);
    assert.equal(one.stateOf(lost), "connected", "a link outlives it");
    await lost.stop();
    await lab.until("it is noticed", () => one.mesh.peers().length === 0, {
      withinMs: 20_000,
    });
    one.mesh.note(lost.peer, [lost.address], { teller: peerNumber(1) });
    const before = lab.network.dials;
    await lab.pause(600_000);
    assert.equal(lab.network.dials, before);
    assert.deepEqual(one.mesh.peers(), []);
    await lost.start();
    await lab.until("back", () => isFullMesh(nodes), { withinMs: 60_000 });
    forgotten.clear();
    one.mesh.setRights(denying());
    assert.equal(one.stateOf(lost), "connected");
    await lab.end();
  },
);

meshScenario("what is told of a denied peer is not heeded", async (lab) => {
  const [one, other] = await strangers(lab);
  one.mesh.setRights(denying(other.peer));
  const before = one.transport?.dialled.length;
  one.mesh.note(other.peer, [addressNumber(7)]);
  one.mesh.note(other.peer, [addressNumber(8)], { teller: peerNumber(1) });
  await lab.pause(60_000);
  assert.equal(one.transport?.dialled.length, before);
  const ports = one.mesh.peer(other.peer)?.addresses.length;
  assert.equal(ports, 1);
  await lab.end();
});

meshScenario(
  "a peer that left is not dialled until it comes back",
  async (lab) => {
    const nodes = await lab.join(3);
    await lab.until("a full mesh", () => isFullMesh(nodes), {
      withinMs: 3_000,
    });
    const [first, second, leaver] = nodes as [MeshNode, MeshNode, MeshNode];
    for (const link of [...leaver.transport?.links.values() ?? []]) {
      link.close(closeCodes.left, "It leaves");
    }
    await leaver.stop();
    await lab.pause(100);
    assert.equal(first.stateOf(leaver), "left");
    const before = lab.network.dials;
    await lab.pause(600_000);
    assert.equal(lab.network.dials, before);
    await leaver.start();
    await lab.until("back", () => isFullMesh(nodes), { withinMs: 3_000 });
    assert.equal(second.stateOf(leaver), "connected");
    await lab.end();
  },
);

meshScenario("peers learn a new address from who moved", async (lab) => {
  const nodes = await lab.join(3);
  await lab.until("a full mesh", () => isFullMesh(nodes), { withinMs: 3_000 });
  const [first, mover] = nodes as [MeshNode, MeshNode];
  mover.ips = ["10.9.9.9", "10.9.9.10"];
  await lab.pause(2 * limits.meshTickMs);
  const known = first.mesh.peer(mover.peer)?.addresses.map(({ ip }) => ip);
  assert.ok(known?.includes("10.9.9.9") && known.includes("10.9.9.10"));
  await lab.end();
});

meshScenario(
  "a machine that slept dials at once when it wakes",
  async (lab) => {
    const [one, other] = await strangers(lab);
    await lab.pause(600_000);
    // Its wall clock went on, its monotonic one did not.
    one.clock?.setWallOffset(8 * 3_600_000);
    lab.network.heal();
    await lab.until("linked", () => isFullMesh([one, other]), {
      withinMs: limits.meshTickMs + 1_000,
    });
    await lab.end();
  },
);

meshScenario(
  "a machine that was frozen for a minute is back soon (S05)",
  async (lab) => {
    const nodes = await lab.join(4);
    await lab.until("a full mesh", () => isFullMesh(nodes), {
      withinMs: 3_000,
    });
    const [, frozen, ...rest] = nodes as [MeshNode, MeshNode, ...MeshNode[]];
    lab.network.cut((from, to) =>
      from.peer !== frozen.peer && to.peer !== frozen.peer
    );
    frozen.clock?.freeze();
    await lab.pause(60_000);
    assert.ok(isFullMesh(rest));
    lab.network.heal();
    frozen.clock?.thaw();
    await lab.until("back", () => isFullMesh(nodes), { withinMs: 5_000 });
    await lab.end();
  },
);

meshScenario("a machine in another network dials at once", async (lab) => {
  const [one, other] = await strangers(lab);
  await lab.pause(600_000);
  one.ips = ["10.9.9.9"];
  lab.network.heal();
  await lab.until("linked", () => isFullMesh([one, other]), {
    withinMs: limits.meshTickMs + 1_000,
  });
  await lab.end();
});

meshScenario("a node tells what two peers see of it", async (lab) => {
  const seenAs = { ip: "203.0.113.7", port: 4_711 };
  const [first, second, hidden] = [lab.machine(), lab.machine(), lab.machine()];
  await first.start();
  await second.start();
  const mesh = await hidden.start({ seenAs });
  mesh.note(first.peer, [first.address]);
  await lab.pause(1_000);
  assert.deepEqual(mesh.ownAddresses(), [hidden.address], "one is not two");
  mesh.note(second.peer, [second.address]);
  await lab.pause(limits.meshTickMs + 1_000);
  assert.deepEqual(mesh.ownAddresses(), [hidden.address, seenAs]);
  const told = first.mesh.peer(hidden.peer)?.addresses;
  assert.ok(told?.some(({ port }) => port === seenAs.port), "and they know");
  await lab.end();
});

meshScenario("a liar costs some dials, then nothing", async (lab) => {
  const nodes = await lab.join(3);
  await lab.until("a full mesh", () => isFullMesh(nodes), { withinMs: 3_000 });
  const [victim, liar] = nodes as [MeshNode, MeshNode];
  const before = victim.transport?.dialled.length ?? 0;
  // More than a message holds, of peers that are not there.
  for (let number = 0; number < 5_000; number++) {
    const fake = peerNumber(1 + number);
    const teller = liar.peer;
    victim.mesh.note(fake, [addressNumber(number)], { teller });
  }
  assert.equal(victim.mesh.peers().length, 2 + limits.peersHeardOfMax);
  await lab.pause(2 * 3_600_000);
  const dials = (victim.transport?.dialled.length ?? 0) - before;
  const mostDials = limits.peersHeardOfMax * limits.peersHeardOfRoundsMax;
  assert.ok(dials <= mostDials, `${dials} dials`);
  assert.equal(victim.mesh.peers().length, 2);
  assert.ok(isFullMesh(nodes));
  await lab.end();
}, { worlds: 1 });

meshScenario("connect() gives the link there is", async (lab) => {
  const nodes = await lab.join(2);
  await lab.until("linked", () => isFullMesh(nodes), { withinMs: 3_000 });
  const [one, other] = nodes as [MeshNode, MeshNode];
  const link = await one.mesh.connect(other.peer, never);
  assert.equal(link, one.transport?.links.get(other.peer));
  await lab.end();
});

meshScenario(
  "connect() dials at once, however long the wait is",
  async (lab) => {
    const [one, other] = await strangers(lab);
    await lab.pause(3_600_000);
    lab.network.heal();
    const startMs = lab.world.nowMs;
    const link = await one.mesh.connect(other.peer, never);
    assert.equal(link.peer, other.peer);
    assert.ok(lab.world.nowMs - startMs < 100);
    await lab.end();
  },
);

meshScenario("connect() says why there is no link", async (lab) => {
  const [one, other] = await strangers(lab);
  const silent = await failureOf(one.mesh.connect(other.peer, never));
  assert.ok(silent instanceof UnreachableError);
  assert.match(silent.message, /10\.0\.0\.2:60611 does not answer/);
  const stranger = await failureOf(one.mesh.connect(peerNumber(9), never));
  assert.ok(stranger instanceof UnreachableError);
  assert.match(stranger.message, /No address of Node 00000009/);
  const self = await failureOf(one.mesh.connect(one.peer, never));
  assert.ok(self instanceof InputError);
  one.mesh.setRights(denying(other.peer));
  const denied = await failureOf(one.mesh.connect(other.peer, never));
  assert.ok(denied instanceof DeniedError);
  await lab.end();
});

meshScenario("connect() hands on the peer's own refusal", async (lab) => {
  const [one, other] = [lab.machine(), lab.machine()];
  const refusal = new ReportedError({
    ...{ code: "PLN_CREDENTIAL", kind: "peer", outcome: "permission" },
    message: "Another cluster",
  });
  await other.start({ refusal: () => refusal });
  await one.start();
  one.mesh.note(other.peer, [other.address]);
  assert.equal(await failureOf(one.mesh.connect(other.peer, never)), refusal);
  assert.equal(one.mesh.peer(other.peer)?.lastError, refusal);
  const before = one.transport?.dialled.length ?? 0;
  await lab.pause(600_000);
  const dials = (one.transport?.dialled.length ?? 0) - before;
  assert.ok(dials >= 8 && dials <= 10, `${dials} dials in 10 minutes`);
  await lab.end();
});

meshScenario(
  "connect() ends with its signal, and with the mesh",
  async (lab) => {
    const [one, other] = await strangers(lab);
    const abort = new AbortController();
    const aborted = failureOf(one.mesh.connect(other.peer, abort.signal));
    abort.abort(new ClosedError("Enough"));
    assert.equal((await aborted as Error).message, "Enough");
    const ended = failureOf(one.mesh.connect(other.peer, never));
    await one.stop();
    assert.ok(await ended instanceof ClosedError);
    await lab.end();
  },
);

meshScenario("a mesh ends at once while its dials hang", async (lab) => {
  const node = lab.machine();
  const mesh = await node.start();
  for (let number = 0; number < 100; number++) {
    mesh.note(peerNumber(number), [addressNumber(number)]);
  }
  await lab.pause(1_000);
  const startMs = lab.world.nowMs;
  await mesh[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
  assert.equal(lab.world.nowMs, startMs);
  const cause = await failureOf(mesh.connect(peerNumber(1), never));
  assert.ok(cause instanceof ClosedError);
  mesh.note(peerNumber(1), [addressNumber(999)]);
  mesh.setRights(denying());
  await lab.end();
});

meshScenario("peers() shows how this node stands with each", async (lab) => {
  const nodes = await lab.join(4);
  await lab.until("a full mesh", () => isFullMesh(nodes), { withinMs: 3_000 });
  const [one, linked, killed, silent] = nodes as [
    MeshNode,
    MeshNode,
    MeshNode,
    MeshNode,
  ];
  await lab.pause(1_000);
  killed.kill();
  const suspect = one.transport?.links.get(silent.peer);
  assert.ok(suspect !== undefined);
  suspect.isSuspect = true;
  await lab.pause(20_000);
  const row = one.mesh.peer(linked.peer);
  assert.deepEqual(
    { ...row, connectedMs: (row?.connectedMs ?? 0) > 20_000, lastSeenMs: 0 },
    {
      ...{ peer: linked.peer, name: linked.name, tier: "leaf" },
      ...{ properties: new Map(), state: "connected" },
      ...{ address: linked.address, addresses: [linked.address] },
      ...{ rttMs: 7, connectedMs: true, lastSeenMs: 0, version: "0.1.0" },
      ...{ lastError: undefined, observed: one.address },
    },
  );
  assert.equal(one.stateOf(silent), "suspect");
  const gone = one.mesh.peer(killed.peer);
  assert.ok(gone?.state === "unreachable" || gone?.state === "dialing");
  assert.match(gone.lastError?.message ?? "", /does not answer/);
  assert.equal(one.mesh.peers().length, 3, "not this node itself");
  await lab.end();
});

meshScenario(
  "peers() shows grants before certificates, and strangers",
  async (lab) => {
    const stranger = peerNumber(77);
    const properties = new Map([["role", "build"]]);
    const rights: MeshRights = {
      denialOf: () => undefined,
      grantOf: () => ({ tier: "publisher", properties }),
    };
    const [one, other] = [lab.machine(), lab.machine()];
    const alsoKnown = () => [{ peer: stranger, name: "far" }];
    const mesh = await one.start({ rights, alsoKnown });
    await other.start();
    mesh.note(other.peer, [other.address]);
    await lab.pause(1_000);
    const row = mesh.peer(other.peer);
    assert.equal(row?.tier, "publisher");
    assert.equal(row?.properties.get("role"), "build");
    assert.equal(mesh.resolve("far"), stranger);
    assert.equal(mesh.peer(stranger)?.state, "unreachable");
    await lab.end();
  },
);

meshScenario(
  "resolve() knows this node, and names of long ago",
  async (lab) => {
    const nodes = await lab.join(3);
    await lab.until("a full mesh", () => isFullMesh(nodes), {
      withinMs: 3_000,
    });
    await lab.pause(2 * limits.peersSaveMs);
    const [one, other, third] = nodes as [MeshNode, MeshNode, MeshNode];
    await one.stop();
    await other.stop();
    await third.stop();
    await one.start();
    assert.equal(one.mesh.resolve("n1"), one.peer);
    assert.equal(one.mesh.resolve("n2"), other.peer);
    assert.equal(one.mesh.resolve(third.peer.slice(0, 8)), third.peer);
    assert.throws(
      () => one.mesh.resolve("n9"),
      /There is no node "n9"/,
    );
    one.mesh.note(peerNumber(3), [addressNumber(1)]);
    one.mesh.note(peerNumber(4), [addressNumber(1)]);
    assert.throws(() => one.mesh.resolve("0000"), AmbiguousError);
    await lab.end();
  },
);

meshScenario(
  "nobody takes over the name of a member that was only heard of",
  async (lab) => {
    const [one, thief] = [lab.machine(), lab.machine()];
    const absent = peerNumber(3);
    const joined = { peer: absent, name: thief.name };
    // It joined by two invites, and so is named twice.
    const alsoKnown = () => [joined, joined];
    const mesh = await one.start({ alsoKnown });
    assert.equal(mesh.resolve(thief.name), absent);
    await thief.start();
    mesh.note(thief.peer, [thief.address]);
    await lab.until("linked", () => isFullMesh([one, thief]), {
      withinMs: 3_000,
    });
    await lab.pause(100);
    assert.throws(() => mesh.resolve(thief.name), AmbiguousError);
    // A hint where it may be is no reason to forget how it is called.
    mesh.note(absent, [addressNumber(9)], { teller: thief.peer });
    assert.throws(() => mesh.resolve(thief.name), AmbiguousError);
    assert.equal(mesh.peer(absent)?.name, thief.name);
    const rows = mesh.peers().filter(({ name }) => name === thief.name);
    assert.equal(rows.length, 2);
    await lab.end();
  },
);

meshScenario(
  "what a peer says of itself is shown only if harmless",
  async (lab) => {
    const nodes = await lab.join(2);
    await lab.until("linked", () => isFullMesh(nodes), { withinMs: 3_000 });
    await lab.pause(100);
    const [one, other] = nodes as [MeshNode, MeshNode];
    const link = one.transport?.links.get(other.peer);
    assert.ok(link?.hello !== undefined);
    link.hello = {
      ...link.hello,
      name: "\u001b[31mroot",
      version: "1\n2",
      addresses: [
        ...[{ ip: "ff02::1", port: 7 }, { ip: "no", port: 7 }],
        { ip: "10.3.3.3", port: 70_000 },
      ],
    };
    one.transport?.helloOf(link);
    const row = one.mesh.peer(other.peer);
    assert.equal(row?.name, other.name, "its last good name");
    assert.equal(row?.version, undefined);
    assert.deepEqual(row?.addresses, [other.address]);
    await lab.end();
  },
);

meshScenario("who was alone dials all others when one is back", async (lab) => {
  const nodes = await lab.join(6);
  await lab.until("a full mesh", () => isFullMesh(nodes), { withinMs: 3_000 });
  const [one, ...rest] = nodes as [MeshNode, ...MeshNode[]];
  // The others do not see each other: nobody brings news of anybody.
  lab.network.cut(() => false);
  await lab.pause(1_800_000);
  for (const other of rest) assert.notEqual(one.stateOf(other), "connected");
  lab.network.cut((from, to) => from.peer === one.peer || to.peer === one.peer);
  await lab.until("one link", () => one.linkCount > 0, { withinMs: 64_000 });
  await lab.until("all links", () => one.linkCount === rest.length, {
    withinMs: 2 * limits.dialMsMax,
  });
  await lab.end();
});

meshScenario("a link that is replaced is no loss", async (lab) => {
  const nodes = await lab.join(2);
  await lab.until("linked", () => isFullMesh(nodes), { withinMs: 3_000 });
  const [one, other] = nodes as [MeshNode, MeshNode];
  await lab.pause(1_000);
  const { transport } = one;
  const old = transport?.links.get(other.peer);
  assert.ok(transport !== undefined && old?.other !== undefined);
  const better = new FakeLink(transport, {
    other: old.other.owner,
    isDialer: false,
    remote: other.address,
  });
  transport.add(better);
  old.finish({ type: "closed", code: closeCodes.duplicate, reason: "" });
  const before = transport.dialled.length;
  await lab.pause(60_000);
  assert.equal(transport.dialled.length, before);
  assert.equal(one.stateOf(other), "connected");
  await lab.end();
});

meshScenario("a denied peer that came in is not dialled after", async (lab) => {
  const [one, other] = [lab.machine(), lab.machine()];
  await one.start({ rights: denying(other.peer) });
  await other.start();
  // As before this node knows of the denial.
  other.mesh.note(one.peer, [one.address]);
  await lab.until("linked", () => isFullMesh([one, other]), {
    withinMs: 3_000,
  });
  await other.stop();
  await lab.pause(60_000);
  assert.deepEqual(one.transport?.dialled, []);
  await lab.end();
});

meshScenario("what was seen in another network is forgotten", async (lab) => {
  const seenAs = { ip: "203.0.113.7", port: 4_711 };
  const [first, second, mover] = [lab.machine(), lab.machine(), lab.machine()];
  await first.start();
  await second.start();
  const mesh = await mover.start({ seenAs });
  mesh.note(first.peer, [first.address]);
  mesh.note(second.peer, [second.address]);
  await lab.pause(limits.meshTickMs);
  assert.ok(mesh.ownAddresses().some(({ ip }) => ip === seenAs.ip));
  mover.ips = ["10.9.9.9"];
  await lab.pause(limits.meshTickMs);
  assert.deepEqual(mesh.ownAddresses(), [mover.address]);
  await lab.end();
});

/** What documents say that name these members, and one admin. */
function naming(admin: PeerId, ...members: readonly PeerId[]): MeshRights {
  const grant = { tier: "leaf", properties: new Map() } as const;
  return {
    denialOf: () => undefined,
    grantOf: (peer) => members.includes(peer) ? grant : undefined,
    admins: [{ peer: admin }],
  };
}

meshScenario(
  "a liar makes nobody dial who is no member, nor shows it to anybody",
  async (lab) => {
    const one = lab.machine();
    const liar = peerNumber(1);
    await one.start({ rights: naming(liar) });
    const invented = Array.from(
      { length: 500 },
      (_, at) => peerNumber(1_000 + at),
    );
    for (const peer of invented) {
      one.mesh.note(peer, [addressNumber(7)], { teller: liar });
    }
    await lab.pause(600_000);
    assert.deepEqual(one.transport?.dialled, []);
    assert.deepEqual(one.mesh.peers(), []);
    assert.throws(() => one.mesh.resolve("0000"), NotFoundError);
    await lab.end();
  },
);

meshScenario(
  "who was told of before the documents named it is dialled when they do",
  async (lab) => {
    const [one, other] = [lab.machine(), lab.machine()];
    const admin = peerNumber(1);
    await one.start({ rights: naming(admin) });
    await other.start();
    one.mesh.note(other.peer, [other.address], { teller: admin });
    one.mesh.note(admin, [addressNumber(9)], { teller: other.peer });
    await lab.pause(60_000);
    assert.equal(one.linkCount, 0);
    assert.ok((one.transport?.dialled.length ?? 0) > 0, "an admin is dialled");
    one.mesh.setRights(naming(admin, other.peer));
    await lab.until("linked", () => isFullMesh([one, other]), {
      withinMs: 2_000,
    });
    await lab.end();
  },
);

meshScenario(
  "wrong hints do not hold up the dial to where a peer says it is",
  async (lab) => {
    const [one, other] = await strangers(lab);
    const wrong = [1, 2, 3, 4].map((at) => addressNumber(at));
    one.mesh.note(other.peer, wrong, { teller: peerNumber(1) });
    const [first] = one.mesh.peer(other.peer)?.addresses ?? [];
    assert.deepEqual(first, other.address);
    await lab.pause(60_000);
    const before = one.transport?.dialled.length ?? 0;
    lab.network.heal();
    await one.mesh.connect(other.peer, never);
    assert.deepEqual(one.transport?.dialled[before], other.address);
    await lab.end();
  },
);

meshScenario(
  "a right hint is tried beside many old addresses",
  async (lab) => {
    const [one, other] = [lab.machine(), lab.machine()];
    await one.start();
    await other.start();
    lab.network.cut(() => false);
    const old = Array.from({ length: 12 }, (_, at) => addressNumber(50 + at));
    one.mesh.note(other.peer, old);
    one.mesh.note(other.peer, [other.address], { teller: peerNumber(1) });
    await lab.pause(60_000);
    lab.network.heal();
    const startMs = lab.world.nowMs;
    await one.mesh.connect(other.peer, never);
    assert.ok(lab.world.nowMs - startMs < 1_000);
    await lab.end();
  },
);

meshScenario(
  "a dial whose link is gone as soon as it is there is made again",
  async (lab) => {
    const [one, other] = [lab.machine(), lab.machine()];
    await one.start();
    await other.start();
    const { transport } = one;
    assert.ok(transport !== undefined);
    const dial = transport.dial.bind(transport);
    transport.dial = () => {
      transport.dial = dial;
      return Promise.resolve({} as FakeLink);
    };
    one.mesh.note(other.peer, [other.address]);
    const error = await failureOf(one.mesh.connect(other.peer, never));
    assert.match(String(error), /ended as soon as it was there/);
    await lab.until("linked", () => isFullMesh([one, other]), {
      withinMs: 2_000,
    });
    await lab.end();
  },
);
