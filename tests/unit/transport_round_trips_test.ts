// How long authentication takes on a slow path, in virtual time: the challenge
// comes with the end of the TLS handshake, and the proof leaves at once, so
// that the server knows its peer when it would have had a first request. That
// request leaves with the proof when the peer is as it was known before.

import assert from "node:assert/strict";
import { closeCodes, type Link } from "../../src/transport/mod.ts";
import {
  ask,
  closeAll,
  connect,
  connectEarly,
  type Lab,
  type LabNode,
  onlyLink,
  openRogue,
  scenario,
} from "./transport_lab.ts";

const oneWayMs = 25;
const roundTripMs = 2 * oneWayMs;

function slow(lab: Lab, ...names: readonly string[]): void {
  for (const [at, one] of names.entries()) {
    for (const other of names.slice(at + 1)) {
      lab.network.setPath(one, other, { latencyMs: oneWayMs });
    }
  }
}

async function linked(lab: Lab, node: LabNode): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  using _watch = node.transport.onLink(() => resolve(lab.world.nowMs));
  return await promise;
}

/** Two nodes that were linked, far from each other. */
async function acquainted(lab: Lab): Promise<readonly [LabNode, LabNode]> {
  const [a, b] = [await lab.node("a"), await lab.node("b")];
  await part(lab, await connect(a, b));
  slow(lab, "a", "b");
  return [a, b];
}

async function part(lab: Lab, link: Link): Promise<void> {
  link.close(closeCodes.shutdown, "");
  await lab.pause(1_000);
}

scenario(
  "a link costs no more round trips than a first request",
  async (lab) => {
    const [a, b] = [await lab.node("a"), await lab.node("b")];
    slow(lab, "a", "b");
    const startMs = lab.world.nowMs;
    const atServer = linked(lab, b);
    const link = await connectEarly(a, b);
    // TLS takes one round trip, the request half of one and its answer the rest.
    assert.equal(await atServer - startMs, 1.5 * roundTripMs);
    assert.equal(lab.world.nowMs - startMs, 2 * roundTripMs);
    assert.equal(await ask(link, "hello"), "hello");
    assert.equal(lab.world.nowMs - startMs, 3 * roundTripMs);
    await closeAll(a, b);
  },
);

scenario(
  "the first request to a peer that was linked before costs what QUIC costs",
  async (lab) => {
    const [a, b] = await acquainted(lab);
    b.gatekeeper.known = [{ admin: b.peer, generation: 3, rev: 7 }];
    const startMs = lab.world.nowMs;
    const proven = linked(lab, a);
    const link = await connectEarly(a, b);
    assert.equal(lab.world.nowMs - startMs, roundTripMs);
    assert.equal(a.transport.usable(b.peer), link);
    assert.equal(a.transport.links.size, 0, "it is not the peer's link yet");
    assert.equal(await ask(link, "hello"), "hello");
    assert.equal(lab.world.nowMs - startMs, 2 * roundTripMs);
    assert.equal(await proven - startMs, 2 * roundTripMs);
    assert.equal(onlyLink(a), link);
    assert.deepEqual(link.heads, b.gatekeeper.known);
    assert.equal(onlyLink(b).id, link.id);
    await closeAll(a, b);
  },
);

scenario(
  "the first request to a peer whose credential comes from elsewhere costs no more",
  async (lab) => {
    const key = lab.newKey();
    const credential = lab.credential(key);
    const a = await lab.node("a", { heldCredential: () => credential });
    const b = await lab.node("b", { key });
    b.transport.setCredential(credential);
    slow(lab, "a", "b");
    const startMs = lab.world.nowMs;
    assert.equal(await ask(await connectEarly(a, b), "hello"), "hello");
    assert.equal(lab.world.nowMs - startMs, 2 * roundTripMs);
    await closeAll(a, b);
  },
);

scenario(
  "the first request to a peer that was renewed meanwhile waits for its proof",
  async (lab) => {
    const [a, b] = await acquainted(lab);
    b.transport.setCredential(lab.credential(b.key, { issue: 2 }));
    for (const roundTrips of [3, 2]) {
      const startMs = lab.world.nowMs;
      const link = await connectEarly(a, b);
      assert.equal(await ask(link, "hello"), "hello");
      assert.equal(lab.world.nowMs - startMs, roundTrips * roundTripMs);
      await part(lab, link);
    }
    await closeAll(a, b);
  },
);

scenario(
  "a credential that a peer renewed on a link serves the next dial",
  async (lab) => {
    const [a, b] = [await lab.node("a"), await lab.node("b")];
    const link = await connect(a, b);
    b.transport.setCredential(lab.credential(b.key, { issue: 2 }));
    await lab.pause(100);
    await part(lab, link);
    slow(lab, "a", "b");
    const startMs = lab.world.nowMs;
    assert.equal(await ask(await connectEarly(a, b), "hello"), "hello");
    assert.equal(lab.world.nowMs - startMs, 2 * roundTripMs);
    await closeAll(a, b);
  },
);

scenario(
  "the challenge comes with the end of the TLS handshake",
  async (lab) => {
    const b = await lab.node("b");
    const rogue = await openRogue(lab, "rogue");
    slow(lab, "b", "rogue");
    const startMs = lab.world.nowMs;
    const session = await rogue.session(b);
    const [stream] = await Array.fromAsync(first(session.incomingStreams()));
    assert(stream !== undefined);
    await stream.readable.getReader().read();
    assert.equal(lab.world.nowMs - startMs, roundTripMs);
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);

async function* first<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const item of items) return yield item;
}
