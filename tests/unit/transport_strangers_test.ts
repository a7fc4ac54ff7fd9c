// Sessions of those who prove nothing, or the wrong thing, in the simulator.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import type { Session } from "../../src/ports/mod.ts";
import { closeCodes, joinProtocol } from "../../src/transport/mod.ts";
import {
  ask,
  closeAll,
  connect,
  echo,
  type LabNode,
  never,
  openRogue,
  pour,
  scenario,
} from "./transport_lab.ts";

async function codeOf(session: Session): Promise<number | undefined> {
  const end = await session.ended;
  return end.type === "closed" ? end.code : undefined;
}

function counted(node: LabNode): Readonly<Record<string, number>> {
  return node.transport.report().refusals;
}

scenario(
  "a stranger that proves nothing is closed after five seconds, and served nothing",
  async (lab) => {
    const b = await lab.node("b");
    const rogue = await openRogue(lab, "rogue");
    const session = await rogue.session(b);
    await pour(session, Uint8Array.of(echo.id, 0, 0, 0, 2, 1, 7));
    const startMs = lab.world.nowMs;
    assert.equal(await codeOf(session), closeCodes.authTimeout);
    const tookMs = lab.world.nowMs - startMs;
    assert.ok(tookMs <= limits.authMsMax + 10, `${tookMs} ms`);
    assert.deepEqual(counted(b), { timeout: 1 });
    assert.equal(b.transport.report().unauthenticated, 0);
    assert.equal(b.transport.links.size, 0);
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);

scenario("a stranger's fifth stream ends its session", async (lab) => {
  const b = await lab.node("b");
  const rogue = await openRogue(lab, "rogue");
  const session = await rogue.session(b);
  for (let i = 0; i < limits.unauthenticatedStreamsMax; i++) {
    await pour(session, Uint8Array.of(echo.id));
  }
  await lab.pause(100);
  assert.equal(b.transport.report().unauthenticated, 1);
  await pour(session, Uint8Array.of(echo.id));
  assert.equal(await codeOf(session), closeCodes.quota);
  assert.deepEqual(counted(b), { flood: 1 });
  await rogue.endpoint[Symbol.asyncDispose]();
  await closeAll(b);
});

scenario(
  "a stranger that sends more than 64 KiB on its streams is closed",
  async (lab) => {
    const b = await lab.node("b");
    const rogue = await openRogue(lab, "rogue");
    const session = await rogue.session(b);
    const half = limits.unauthenticatedBytesMax / 2;
    await pour(session, new Uint8Array(half));
    await pour(session, new Uint8Array(half));
    await lab.pause(100);
    assert.equal(b.transport.report().unauthenticated, 1);
    await pour(session, new Uint8Array(1));
    assert.equal(await codeOf(session), closeCodes.quota);
    assert.deepEqual(counted(b), { flood: 1 });
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);

scenario(
  "what a member sends before it is accepted is served after it",
  async (lab) => {
    const b = await lab.node("b");
    const rogue = await openRogue(lab, "rogue");
    lab.network.setPath("rogue", "b", { latencyMs: 30 });
    const early = Promise.withResolvers<Uint8Array | undefined>();
    const { session } = await rogue.member(b, {
      onAnswer: async (session) => {
        const { readable, writable } = await session.openStream(never);
        await writable.getWriter().write(
          Uint8Array.of(echo.id, 0, 0, 0, 3, 1, 8, 9),
        );
        const { value } = await readable.getReader().read();
        early.resolve(value);
      },
    });
    assert.deepEqual(
      await early.promise,
      Uint8Array.of(0, 0, 0, 3, 1, 8, 9),
    );
    session.close(0, "");
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);

scenario(
  "more strangers than places push out the oldest; known addresses keep theirs",
  async (lab) => {
    const known = await openRogue(lab, "known");
    const [knownIp = ""] = lab.network.ipsOf("known");
    const b = await lab.node("b", { knownIps: () => new Set([knownIp]) });
    const friend = await known.session(b);
    const sessions: Session[] = [];
    for (let i = 0; i < limits.unauthenticatedSessionsMax; i++) {
      const rogue = await openRogue(lab, `rogue ${i}`);
      sessions.push(await rogue.session(b));
    }
    await lab.pause(50);
    const half = limits.unauthenticatedSessionsMax / 2;
    assert.equal(b.transport.report().unauthenticated, half + 1);
    assert.equal(counted(b).busy, half);
    for (const session of sessions.slice(0, half)) {
      assert.equal(await codeOf(session), closeCodes.quota);
    }
    const startMs = lab.world.nowMs;
    assert.equal(await codeOf(friend), closeCodes.authTimeout);
    assert.ok(lab.world.nowMs > startMs, "it was still there");
    await closeAll(b);
  },
);

scenario(
  "one address has four places before it proves something",
  async (lab) => {
    const b = await lab.node("b");
    const rogue = await openRogue(lab, "rogue");
    const sessions: Session[] = [];
    for (let i = 0; i < 5; i++) sessions.push(await rogue.session(b));
    await lab.pause(50);
    assert.equal(b.transport.report().unauthenticated, 4);
    const [oldest] = sessions;
    assert.ok(oldest !== undefined);
    assert.equal(await codeOf(oldest), closeCodes.quota);
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);

scenario(
  "R06 a stranger that announces 4 GiB on the control stream is closed",
  async (lab) => {
    const b = await lab.node("b");
    const rogue = await openRogue(lab, "rogue");
    const session = await rogue.session(b);
    for await (const control of session.incomingStreams()) {
      const writer = control.writable.getWriter();
      await writer.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
      break;
    }
    assert.equal(await codeOf(session), closeCodes.authFailed);
    assert.deepEqual(counted(b), { handshake: 1 });
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);

scenario(
  "who is refused is told why, counted, and kept for status",
  async (lab) => {
    const b = await lab.node("b");
    const a = await lab.node("a");
    b.gatekeeper.denied.add(a.peer);
    for (let i = 0; i < limits.refusalsKept + 4; i++) {
      await assert.rejects(connect(a, b), {
        name: "ReportedError",
        code: "PLN_DENIED",
        message: new RegExp(`refuses this node: Node .* was denied`),
      });
    }
    const { refusals, lastRefusals } = b.transport.report();
    assert.deepEqual(refusals, { denied: limits.refusalsKept + 4 });
    assert.equal(lastRefusals.length, limits.refusalsKept);
    assert.deepEqual(lastRefusals.at(-1)?.from, a.address);
    assert.equal(a.transport.report().links, 0);
    await closeAll(a, b);
  },
);

scenario(
  "a stranger with a credential of another cluster is refused",
  async (lab) => {
    const b = await lab.node("b");
    const other = lab.otherCluster();
    const a = await other.node("a");
    await assert.rejects(connect(a, b), { code: "PLN_CREDENTIAL" });
    assert.deepEqual(counted(b), { credential: 1 });
    await closeAll(a, b);
  },
);

scenario("nothing of strangers stays behind", async (lab) => {
  const before = lab.world.timerCount;
  const b = await lab.node("b");
  for (let i = 0; i < 40; i++) {
    const rogue = await openRogue(lab, `rogue ${i}`);
    const session = await rogue.session(b, i % 2 ? joinProtocol : undefined);
    if (i % 3 === 0) await pour(session, new Uint8Array(70_000));
    if (i % 5 === 0) await rogue.endpoint[Symbol.asyncDispose]();
  }
  const a = await lab.node("a");
  assert.equal(
    await ask(await connect(a, b), "members first"),
    "members first",
  );
  await lab.pause(limits.joinMsMax + 1_000);
  assert.equal(b.transport.report().unauthenticated, 0);
  await closeAll(a, b);
  await lab.pause(20_000);
  assert.equal(lab.world.timerCount, before);
});
