// Enrolments as the transport serves them: one stream, little time.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import type { Session } from "../../src/ports/mod.ts";
import type { JoinHandler } from "../../src/transport/join_server.ts";
import { closeCodes, joinProtocol } from "../../src/transport/mod.ts";
import {
  ask,
  closeAll,
  connect,
  echo,
  type Lab,
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

scenario("a joiner's second stream ends its session", async (lab) => {
  const signals: AbortSignal[] = [];
  const b = await lab.node("b", {
    onJoin: async (stream, { signal }) => {
      signals.push(signal);
      await stream.read();
      await new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    },
  });
  const rogue = await openRogue(lab, "rogue");
  const session = await rogue.session(b, joinProtocol);
  await pour(session, new Uint8Array(1));
  await lab.pause(100);
  assert.equal(signals.length, 1);
  await pour(session, new Uint8Array(1));
  const startMs = lab.world.nowMs;
  assert.equal(await codeOf(session), closeCodes.quota);
  assert.ok(lab.world.nowMs - startMs < 100, "at once");
  assert.equal(b.transport.report().refusals.join, 1);
  await lab.pause(100);
  assert.equal(signals[0]?.aborted, true, "its handler is told");
  await rogue.endpoint[Symbol.asyncDispose]();
  await closeAll(b);
});

scenario("a join that takes longer than ten seconds is ended", async (lab) => {
  const b = await lab.node("b", { onJoin: () => new Promise(() => {}) });
  const rogue = await openRogue(lab, "rogue");
  const session = await rogue.session(b, joinProtocol);
  await pour(session, new Uint8Array(1));
  const startMs = lab.world.nowMs;
  assert.equal(await codeOf(session), closeCodes.quota);
  assert.ok(lab.world.nowMs - startMs <= limits.joinMsMax + 100);
  await rogue.endpoint[Symbol.asyncDispose]();
  await closeAll(b);
});

scenario(
  "R06 a joiner's frame over 16 KiB ends its session unread",
  async (lab) => {
    const b = await lab.node("b", {
      onJoin: async (stream) => {
        await stream.read();
      },
    });
    const rogue = await openRogue(lab, "rogue");
    const session = await rogue.session(b, joinProtocol);
    await pour(session, Uint8Array.of(0, 1, 0, 0, 1));
    assert.equal(await codeOf(session), closeCodes.quota);
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);

scenario("a joiner's session has no streams of members", async (lab) => {
  const frames: number[] = [];
  const b = await lab.node("b", {
    onJoin: async (stream) => {
      const frame = await stream.read();
      if (frame !== undefined) frames.push(frame.kind);
    },
  });
  const rogue = await openRogue(lab, "rogue");
  const session = await rogue.session(b, joinProtocol);
  await pour(session, Uint8Array.of(0, 0, 0, 1, echo.id));
  await lab.pause(100);
  assert.deepEqual(frames, [echo.id], "it is a frame to the enroller");
  assert.equal(b.transport.links.size, 0);
  await rogue.endpoint[Symbol.asyncDispose]();
  await closeAll(b);
});

/** An enroller that reads a frame and then works until it is told to stop. */
const endless: JoinHandler = async (stream, { signal }) => {
  await stream.read();
  await new Promise((_resolve, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason))
  );
};

const silent = new Uint8Array(1); // of a frame's length
const join = Uint8Array.of(0, 0, 0, 1, 1); // a frame

/** Sessions that enrol, from one machine each, or from one alone. */
async function enrolMany(
  lab: Lab,
  to: LabNode,
  options: {
    readonly count: number;
    readonly says: Uint8Array;
    readonly machine?: string;
  },
): Promise<readonly Session[]> {
  const { count, says, machine } = options;
  const rogue = machine === undefined
    ? undefined
    : await openRogue(lab, machine);
  const sessions: Session[] = [];
  for (let i = 0; i < count; i++) {
    const { session } = rogue ?? await openRogue(lab, `${count} rogue ${i}`);
    const opened = await session(to, joinProtocol);
    await pour(opened, says);
    await lab.pause(10);
    sessions.push(opened);
  }
  return sessions;
}

scenario(
  "joins over the limit are turned away, members are not",
  async (lab) => {
    const b = await lab.node("b", { onJoin: endless });
    const count = limits.joinsUnderWayMax + 1;
    const sessions = await enrolMany(lab, b, { count, says: join });
    const last = sessions.at(-1);
    assert.ok(last !== undefined);
    assert.equal(await codeOf(last), closeCodes.quota);
    assert.equal(b.transport.report().refusals.join, 1, "nobody else");
    const a = await lab.node("a");
    assert.equal(await ask(await connect(a, b), "member"), "member");
    await closeAll(a, b);
  },
);

scenario("a silent joiner goes when the places are full", async (lab) => {
  const b = await lab.node("b", { onJoin: endless });
  const full = limits.joinsUnderWayMax - 1;
  await enrolMany(lab, b, { count: 1, says: join });
  const [first] = await enrolMany(lab, b, { count: full, says: silent });
  const [last] = await enrolMany(lab, b, { count: 1, says: join });
  assert.ok(first !== undefined && last !== undefined);
  assert.equal(await codeOf(first), closeCodes.quota);
  await lab.pause(100);
  assert.equal(b.transport.report().refusals.join, 1, "nobody else");
  last.close(closeCodes.shutdown, "");
  await closeAll(b);
});

scenario("a joiner that falls silent later goes too", async (lab) => {
  const b = await lab.node("b", {
    onJoin: async (stream) => {
      while (await stream.read() !== undefined);
    },
  });
  const count = limits.joinsUnderWayMax;
  const [first] = await enrolMany(lab, b, { count, says: join });
  assert.equal(b.transport.report().refusals.join, undefined);
  await enrolMany(lab, b, { count: 1, says: join });
  assert.ok(first !== undefined);
  assert.equal(await codeOf(first), closeCodes.quota);
  await lab.pause(100);
  assert.equal(b.transport.report().refusals.join, 1, "nobody else");
  await closeAll(b);
});

scenario("one host cannot take all places for joins", async (lab) => {
  const b = await lab.node("b", { onJoin: endless });
  const count = limits.joinsUnderWayMax;
  const sessions = await enrolMany(lab, b, {
    ...{ count, says: silent, machine: "flood" },
  });
  const open: Session[] = [];
  for (const session of sessions) {
    void session.ended.then(() => open.splice(open.indexOf(session), 1));
    open.push(session);
  }
  await lab.pause(100);
  assert.deepEqual(open, sessions.slice(-limits.joinSessionsPerSourceMax));
  const [honest] = await enrolMany(lab, b, { count: 1, says: join });
  await lab.pause(100);
  assert.equal(open.length, limits.joinSessionsPerSourceMax);
  honest?.close(closeCodes.shutdown, "");
  await closeAll(b);
});

scenario(
  "an enroller that fails is logged, and the joiner's session ends",
  async (lab) => {
    const b = await lab.node("b", {
      onJoin: () => Promise.reject(new Error("broken enroller")),
    });
    const rogue = await openRogue(lab, "rogue");
    const session = await rogue.session(b, joinProtocol);
    await pour(session, new Uint8Array(1));
    assert.equal((await session.ended).type, "closed");
    assert.ok(b.log.records.some(({ event }) => event === "transport.bug"));
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);

scenario("joins end when the node stops", async (lab) => {
  const b = await lab.node("b", { onJoin: () => new Promise(() => {}) });
  const rogue = await openRogue(lab, "rogue");
  const session = await rogue.session(b, joinProtocol);
  await pour(session, new Uint8Array(1));
  await lab.pause(10);
  const startMs = lab.world.nowMs;
  await closeAll(b);
  await session.ended;
  assert.ok(lab.world.nowMs - startMs < 1_000);
  await session.openStream(never).then(
    () => assert.fail("it is closed"),
    ({ code }) => assert.equal(code, "PLN_UNREACHABLE"),
  );
  await rogue.endpoint[Symbol.asyncDispose]();
});
