// Links that are used before their peers are proven, in the simulator: what may
// leave, what waits, and that nothing of it counts when the proof fails.

import assert from "node:assert/strict";
import { concatBytes, limits } from "../../src/kernel/mod.ts";
import type { Link, Protocol } from "../../src/transport/mod.ts";
import { closeCodes } from "../../src/transport/mod.ts";
import {
  acquainted,
  dialed,
  Host,
  openScene,
  part,
} from "./transport_provisional_lab.ts";
import {
  ask,
  closeAll,
  connect,
  connectEarly,
  echo,
  type Lab,
  type LabNode,
  never,
  onlyLink,
  scenario,
} from "./transport_lab.ts";

const unreachable = { code: "PLN_UNREACHABLE" };
const unproven = { code: "PLN_CREDENTIAL", message: /has not proven/ };
const wide: Protocol = { ...echo, id: 203, name: "test-wide", streamsMax: 16 };
const KiB = 1_024;

/** As many echoes at once, each on a stream of its own, with long bodies. */
async function askMany(
  link: Link,
  { count, bytes }: { readonly count: number; readonly bytes: number },
): Promise<number> {
  const answers = Array.from({ length: count }, async () => {
    await using stream = await link.openStream(wide, never);
    await stream.write(1, new Uint8Array(bytes));
    const frame = await stream.read();
    return frame?.body.length ?? 0;
  });
  return (await Promise.all(answers)).reduce((sum, one) => sum + one, 0);
}

function serveWide(node: LabNode): void {
  node.transport.serve(wide, async (stream) => {
    const frame = await stream.read();
    if (frame !== undefined) await stream.write(frame.kind, frame.body);
    await stream.end();
  });
}

/** Links that the node's listeners were told of. */
function toldLinks({ transport }: LabNode): Link[] {
  const told: Link[] = [];
  transport.onLink((link) => told.push(link));
  return told;
}

scenario(
  "early streams and bytes beyond what a stranger may send wait for the proof",
  async (lab) => {
    const { alice, mallory } = await openScene(lab);
    const { link, failed } = dialed(alice, mallory, unreachable);
    const host = await Host.challenge(mallory);
    const counting = host.count();
    const early = await link;
    const asking = assert.rejects(
      askMany(early, { count: 6, bytes: 20 * KiB }),
      unreachable,
    );
    await lab.pause(1_000);
    assert.equal(host.streamCount, limits.unauthenticatedStreamsMax);
    assert.ok(host.byteCount > 60 * KiB, `${host.byteCount} bytes`);
    assert.ok(host.byteCount <= limits.unauthenticatedBytesMax);
    // It never proves anything.
    await Promise.all([asking, failed, counting]);
    assert.equal(host.streamCount, limits.unauthenticatedStreamsMax);
    assert.ok(host.byteCount <= limits.unauthenticatedBytesMax);
    await mallory.endpoint[Symbol.asyncDispose]();
    await closeAll(alice);
  },
);

scenario(
  "a frame longer than all early bytes waits for the proof as a whole",
  async (lab) => {
    const { alice, mallory } = await openScene(lab);
    const { link, failed } = dialed(alice, mallory, unreachable);
    const host = await Host.challenge(mallory);
    const counting = host.count();
    const asking = assert.rejects(
      askMany(await link, { count: 1, bytes: 64 * KiB }),
      unreachable,
    );
    await Promise.all([asking, failed, counting]);
    assert.equal(host.byteCount, 1 + 5, "protocol, and length and kind");
    await mallory.endpoint[Symbol.asyncDispose]();
    await closeAll(alice);
  },
);

scenario(
  "what waited for the proof goes on with it, and no honest server minds",
  async (lab) => {
    const [a, b] = [await lab.node("a"), await lab.node("b")];
    serveWide(b);
    await part(lab, await connect(a, b));
    // Packets overtake each other: requests come before the proof of their sender.
    const random = lab.world.random.fork("path");
    lab.network.setPath("a", "b", {
      latencyMs: 1 + random.integer(50),
      jitterMs: random.integer(60),
      lossPercent: random.integer(3) * 5,
    });
    const link = await connectEarly(a, b);
    assert.equal(a.transport.links.size, 0, "it is early");
    const bytes = await askMany(link, { count: 12, bytes: 15 * KiB });
    assert.equal(bytes, 12 * 15 * KiB);
    assert.equal(onlyLink(a), link);
    assert.equal(b.transport.report().refusals.flood, undefined);
    await closeAll(a, b);
  },
  { seeds: 60 },
);

scenario(
  "a server that fails the proof has its early answers disbelieved",
  async (lab) => {
    const { alice, mallory } = await openScene(lab);
    const told = toldLinks(alice);
    const { link, failed } = dialed(alice, mallory, unproven);
    const host = await Host.challenge(mallory);
    const early = await link;
    assert.equal(alice.transport.usable(mallory.peer), early);
    let answer: string | undefined;
    const asking = assert.rejects(
      ask(early, "secret").then((text) => answer = text),
      unreachable,
    );
    // An answer before any proof: it is a copy of what came.
    const { readable, writable } = await host.stream();
    const request = await bytesOf(readable, 1 + 5 + "secret".length);
    await writable.getWriter().write(request.subarray(1));
    await lab.pause(1_000);
    assert.equal(answer, undefined, "nothing is believed yet");
    await host.pretend(mallory);
    await Promise.all([asking, failed]);
    assert.equal(answer, undefined);
    assert.deepEqual(told, []);
    assert.equal(alice.transport.links.size, 0);
    assert.equal(alice.transport.usable(mallory.peer), undefined);
    assert.equal(alice.gatekeeper.settled.length, 0);
    const end = await early.ended;
    assert.ok(end.type === "closed" && end.code === closeCodes.authFailed);
    await mallory.endpoint[Symbol.asyncDispose]();
    await closeAll(alice);
  },
);

async function bytesOf(
  readable: ReadableStream<Uint8Array>,
  count: number,
): Promise<Uint8Array> {
  let bytes: Uint8Array = new Uint8Array(0);
  const reader = readable.getReader();
  while (bytes.length < count) {
    const { value } = await reader.read();
    bytes = concatBytes(bytes, value ?? assert.fail("it has ended"));
  }
  return bytes;
}

scenario(
  "a peer that refuses this node ends what is early, and is not trusted again",
  async (lab) => {
    const [a, b] = await acquainted(lab);
    b.gatekeeper.denied.add(a.peer);
    const dial = connect(a, b);
    const refused = assert.rejects(dial, {
      code: "PLN_DENIED",
      message: /refuses this node: .* was denied/,
    });
    const early = await a.transport.earliest(b.peer, dial);
    await assert.rejects(ask(early, "hello"), unreachable);
    await refused;
    assert.equal(b.transport.links.size, 0);
    assert.equal(b.gatekeeper.settled.length, 1, "of the link before");
    // The next one waits for the answer, which says why.
    await assert.rejects(connectEarly(a, b), { code: "PLN_DENIED" });
    await closeAll(a, b);
  },
);

scenario(
  "a peer that closed its link as one it will not have is not sent early requests",
  async (lab) => {
    const [a, b] = [await lab.node("a"), await lab.node("b")];
    const link = await connect(a, b);
    b.gatekeeper.denied.add(a.peer);
    b.transport.recheck();
    await link.ended;
    await assert.rejects(connectEarly(a, b), { code: "PLN_DENIED" });
    await closeAll(a, b);
  },
);

scenario(
  "a peer that this node does not admit now gets no early request",
  async (lab) => {
    const [a, b] = await acquainted(lab);
    a.gatekeeper.denied.add(b.peer);
    await assert.rejects(connectEarly(a, b), { name: "DeniedError" });
    await closeAll(a, b);
  },
);

scenario(
  "a peer that is denied before its proof loses what is early at once",
  async (lab) => {
    const { alice, mallory } = await openScene(lab);
    const { link, failed } = dialed(alice, mallory, {
      ...unreachable,
      message: /was closed: Node .* was denied/,
    });
    await Host.challenge(mallory);
    const early = await link;
    const asking = assert.rejects(ask(early, "hello"), unreachable);
    const startMs = lab.world.nowMs;
    alice.gatekeeper.denied.add(mallory.peer);
    alice.transport.recheck();
    assert.equal(alice.transport.usable(mallory.peer), undefined);
    await Promise.all([asking, failed]);
    assert.ok(lab.world.nowMs - startMs < 100);
    assert.equal(alice.transport.report().refusals.denied, 1);
    await mallory.endpoint[Symbol.asyncDispose]();
    await closeAll(alice);
  },
);

scenario(
  "a server of another key than the one dialled gets nothing early",
  async (lab) => {
    const { alice, mallory } = await openScene(lab);
    const bob = await lab.node("bob");
    await part(lab, await connect(alice, bob));
    const dial = alice.transport.dial(bob.peer, mallory.address, {
      signal: never,
    });
    const early = alice.transport.earliest(bob.peer, dial);
    const refused = assert.rejects(early, unreachable);
    const knock = await mallory.caller();
    const challenge = await (await mallory.knock(bob)).read();
    await Promise.allSettled([knock.write(challenge)]);
    await assert.rejects(knock.read(), unreachable);
    await refused;
    await mallory.endpoint[Symbol.asyncDispose]();
    await closeAll(alice, bob);
  },
);

scenario(
  "a server that announces another peer's credential gets nothing early",
  async (lab) => {
    const { alice, mallory } = await openScene(lab);
    const bob = await lab.node("bob");
    await part(lab, await connect(alice, bob));
    const { link, failed } = dialed(alice, mallory, unreachable);
    const refused = assert.rejects(link, unreachable);
    const knock = await mallory.caller();
    const asked = await mallory.knock(bob);
    await knock.write(await asked.read());
    const host = new Host(knock);
    await Promise.all([host.count(), failed, refused]);
    assert.equal(host.streamCount, 0);
    asked.session.close(0, "");
    await mallory.endpoint[Symbol.asyncDispose]();
    await closeAll(alice, bob);
  },
);

scenario(
  "a ping, and a reading that is given up, wait for the proof and no longer",
  async (lab) => {
    const { alice, mallory } = await openScene(lab);
    const { link, failed } = dialed(alice, mallory, unreachable);
    const host = await Host.challenge(mallory);
    const early = await link;
    const stream = await early.openStream(echo, never);
    const reading = assert.rejects(stream.read(), { code: "PLN_CLOSED" });
    await stream[Symbol.asyncDispose]();
    await reading;
    const pinging = assert.rejects(early.ping(never), unreachable);
    await host.knock.read();
    await assert.rejects(host.knock.read(), unreachable); // but for its answer
    await Promise.all([pinging, failed]);
    await mallory.endpoint[Symbol.asyncDispose]();
    await closeAll(alice);
  },
);

scenario(
  "a link that is proven while another is early stays the peer's link",
  async (lab) => {
    const [a, b] = await acquainted(lab);
    lab.network.setPath("a", "b", { latencyMs: 50 });
    const told = toldLinks(a);
    // b is proven at a after three half round trips, a is early after two more.
    const theirs = connect(b, a);
    await lab.pause(25);
    const early = await connectEarly(a, b);
    assert.equal(early.isDialer, true);
    const asking = ask(early, "hello");
    await lab.pause(30);
    const proven = onlyLink(a);
    assert.notEqual(proven, early);
    assert.equal(a.transport.usable(b.peer), proven);
    assert.equal(await asking, "hello");
    await theirs;
    await lab.pause(2_000);
    assert.equal(onlyLink(a).id, onlyLink(b).id);
    assert.ok(told.includes(onlyLink(a)));
    await closeAll(a, b);
  },
);

scenario(
  "who asks for a link while one is early gets that one",
  async (lab) => {
    const [a, b] = await acquainted(lab);
    const [one, other] = await Promise.all([
      connectEarly(a, b),
      connectEarly(a, b),
    ]);
    assert.equal(one, other);
    assert.equal(await connectEarly(a, b), one);
    assert.equal(a.transport.links.size, 0);
    assert.equal(await connect(a, b), one, "a dial waits for the proof");
    assert.equal(onlyLink(a), one);
    await closeAll(a, b);
  },
);

scenario(
  "a server that ends the session instead of proving itself is sent nothing early the next time",
  async (lab) => {
    const { alice, mallory } = await openScene(lab);
    const { link, failed } = dialed(alice, mallory, unreachable);
    const host = await Host.challenge(mallory);
    const asking = assert.rejects(ask(await link, "hello"), unreachable);
    await lab.pause(100);
    host.knock.session.close(closeCodes.shutdown, "");
    await Promise.all([asking, failed]);
    const again = dialed(alice, mallory, unreachable);
    const refused = assert.rejects(again.link, unreachable);
    const other = await Host.challenge(mallory);
    await Promise.all([other.count(), refused, again.failed]);
    assert.equal(other.streamCount, 0);
    await mallory.endpoint[Symbol.asyncDispose]();
    await closeAll(alice);
  },
);

scenario(
  "one of two dials to a peer is early, and that one only",
  async (lab) => {
    const [a, b] = await acquainted(lab);
    lab.network.setPath("a", "b", { latencyMs: 50 });
    lab.network.setIps("b", [b.address.ip, "10.9.0.1"]);
    const other = { ...b, address: { ...b.address, ip: "10.9.0.1" } };
    const [one, two] = [connect(a, b), connect(a, other)];
    const early = await a.transport.earliest(b.peer, one);
    await lab.pause(50);
    assert.equal(a.transport.usable(b.peer), early);
    assert.equal(await ask(early, "hello"), "hello");
    await Promise.all([one, two]);
    await lab.pause(2_000);
    assert.equal(onlyLink(a).id, onlyLink(b).id);
    await closeAll(a, b);
  },
);

for (
  const [end, code] of [
    ["stops", "PLN_CLOSED"],
    ["leaves", "PLN_UNREACHABLE"],
  ] as const
) {
  scenario(
    `a node that ${end} while a link is early leaves nothing behind`,
    async (lab) => {
      const before = lab.world.timerCount;
      const { alice, mallory } = await openScene(lab);
      const { link, failed } = dialed(alice, mallory, { code });
      await Host.challenge(mallory);
      const asking = assert.rejects(ask(await link, "hello"), unreachable);
      const startMs = lab.world.nowMs;
      if (end === "leaves") await alice.transport.leave();
      else await alice.transport[Symbol.asyncDispose]();
      await Promise.all([asking, failed]);
      assert.ok(lab.world.nowMs - startMs < 1_000);
      await closeAll(alice);
      await mallory.endpoint[Symbol.asyncDispose]();
      const { sessions, streams } = alice.host.counts;
      assert.deepEqual([sessions, streams], [0, 0]);
      await lab.pause(20_000);
      assert.equal(lab.world.timerCount, before);
    },
  );
}

/** Asks over whatever may be used, from the first moment on. */
async function keepAsking(
  lab: Lab,
  { from, to, isOver }: {
    readonly from: LabNode;
    readonly to: LabNode;
    readonly isOver: () => boolean;
  },
): Promise<number> {
  let early = 0;
  for (let count = 0; !isOver(); await lab.pause(3)) {
    const link = from.transport.usable(to.peer);
    if (link === undefined) continue;
    if (!from.transport.links.has(to.peer)) early++;
    const text = `${from.name} ${count++}`;
    assert.equal(await ask(link, text), text);
  }
  return early;
}

scenario(
  "both ends keep one connection and lose no request when early links cross",
  async (lab) => {
    const random = lab.world.random.fork("crossing");
    const [a, b] = await acquainted(lab);
    lab.network.setPath("a", "b", {
      latencyMs: 1 + random.integer(80),
      jitterMs: random.integer(40),
      lossPercent: random.integer(3) * 5,
    });
    let isOver = false;
    const asking = [
      keepAsking(lab, { from: a, to: b, isOver: () => isOver }),
      keepAsking(lab, { from: b, to: a, isOver: () => isOver }),
    ];
    const dial = async (from: LabNode, to: LabNode) => {
      await lab.pause(random.integer(150));
      await connect(from, to);
    };
    await Promise.all([dial(a, b), dial(b, a)]);
    await lab.pause(3_000);
    isOver = true;
    const early = await Promise.all(asking);
    assert.ok(early.some((count) => count > 0), "some requests were early");
    assert.equal(onlyLink(a).id, onlyLink(b).id);
    await closeAll(a, b);
  },
  { seeds: 100 },
);
