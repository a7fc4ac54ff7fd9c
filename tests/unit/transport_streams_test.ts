// Streams of links and their handlers, in the simulator.

import assert from "node:assert/strict";
import { InputError, limits } from "../../src/kernel/mod.ts";
import {
  closeCodes,
  type FrameStream,
  type Protocol,
} from "../../src/transport/mod.ts";
import {
  ask,
  closeAll,
  connect,
  holding,
  never,
  scenario,
} from "./transport_lab.ts";

const early: Protocol = {
  ...{ id: 201, name: "test-early", frameBytesMax: 1_024, streamsMax: 2 },
  isEarly: true,
};
const held: Protocol = {
  ...{ id: 202, name: "test-held", frameBytesMax: 1_024, streamsMax: 2 },
};

scenario(
  "S44 an opener waits while the peer serves as many streams as it may",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const hold = holding();
    b.transport.serve(held, hold.handler);
    const link = await connect(a, b);
    const open = () => link.openStream(held, never);
    const [first] = await Promise.all([open(), open()]);
    let third: FrameStream | undefined;
    const waiting = open().then((stream) => third = stream);
    const impatient = new AbortController();
    const fourth = link.openStream(held, impatient.signal);
    await lab.pause(1_000);
    assert.equal(third, undefined);
    assert.equal(hold.streams.length, 2);
    impatient.abort(new Error("deadline"));
    await assert.rejects(fourth, /deadline/);
    await first[Symbol.asyncDispose]();
    await waiting;
    assert.equal(await ask(link, "others go on"), "others go on");
    hold.letGo();
    await lab.pause(100);
    assert.equal(hold.streams.length, 3);
    await closeAll(a, b);
  },
);

scenario("who waits for a stream hears when the link ends", async (lab) => {
  const a = await lab.node("a");
  const b = await lab.node("b");
  b.transport.serve(held, holding().handler);
  const link = await connect(a, b);
  await link.openStream(held, never);
  await link.openStream(held, never);
  const waiting = link.openStream(held, never);
  link.close(closeCodes.shutdown, "");
  await assert.rejects(waiting, { code: "PLN_UNREACHABLE" });
  await closeAll(a, b);
});

scenario(
  "streams that are not early wait until rights are settled, then are served",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const settled = Promise.withResolvers<void>();
    b.gatekeeper.onSettle = () => settled.promise;
    b.transport.serve(early, async (stream) => {
      const frame = await stream.read();
      if (frame !== undefined) await stream.write(frame.kind, frame.body);
      await stream.end();
    });
    const link = await connect(a, b);
    assert.equal(b.gatekeeper.settled.length, 1);
    await using first = await link.openStream(early, never);
    await first.write(1, new Uint8Array(1));
    assert.equal((await first.read())?.kind, 1);
    let answer = "";
    const asked = ask(link, "late").then((text) => answer = text);
    await lab.pause(300);
    assert.equal(answer, "");
    settled.resolve();
    await asked;
    assert.equal(answer, "late");
    await closeAll(a, b);
  },
);

scenario(
  "rights that never settle hold streams up for a second, not longer",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    b.gatekeeper.onSettle = (_link, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    const link = await connect(a, b);
    const startMs = lab.world.nowMs;
    assert.equal(await ask(link, "at last"), "at last");
    const tookMs = lab.world.nowMs - startMs;
    assert.ok(tookMs >= limits.settleMsMax - 10 && tookMs < 1_100, `${tookMs}`);
    await closeAll(a, b);
  },
);

scenario(
  "R11 a peer that turns out to be denied while rights settle is served nothing",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    b.gatekeeper.onSettle = async () => {
      await lab.pause(50);
      b.gatekeeper.denied.add(a.peer);
    };
    const hold = holding();
    b.transport.serve(held, hold.handler);
    const link = await connect(a, b);
    await link.openStream(held, never);
    const end = await link.ended;
    assert.ok(end.type === "closed" && end.code === closeCodes.revoked);
    assert.equal(hold.streams.length, 0);
    await closeAll(a, b);
  },
);

scenario(
  "a handler that fails ends its stream only, and is logged",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    b.transport.serve(held, () => Promise.reject(new Error("broken handler")));
    const link = await connect(a, b);
    await using stream = await link.openStream(held, never);
    const end = await stream.read().catch(() => undefined);
    assert.equal(end, undefined);
    assert.equal(await ask(link, "still"), "still");
    const record = b.log.records.find(({ event }) => event === "stream.failed");
    assert.equal(record?.fields.protocol, held.name);
    assert.equal(record?.fields.peer, a.peer);
    await closeAll(a, b);
  },
);

scenario(
  "a peer that makes handlers fail does not fill the log",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const refuse = () => Promise.reject(new InputError("nonsense"));
    b.transport.serve(held, refuse);
    const link = await connect(a, b);
    const { refusalsLoggedPerMinuteMax: most } = limits;
    for (let index = 0; index < 2 * most; index++) {
      await using stream = await link.openStream(held, never);
      await stream.read().catch(() => undefined);
    }
    const logged = b.log.records.filter(({ event }) =>
      event === "stream.failed"
    );
    assert.ok(logged.length >= most && logged.length < 2 * most);
    await closeAll(a, b);
  },
);

scenario("a stream that nobody serves ends, the link stays", async (lab) => {
  const a = await lab.node("a");
  const b = await lab.node("b");
  const link = await connect(a, b);
  await using stream = await link.openStream(held, never);
  const startMs = lab.world.nowMs;
  assert.equal(await stream.read().catch(() => undefined), undefined);
  assert.ok(lab.world.nowMs - startMs < 1_500);
  assert.equal(await ask(link, "still"), "still");
  await closeAll(a, b);
});

scenario(
  "a stream that comes just before its protocol is served is served",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const link = await connect(a, b);
    const stream = await link.openStream(held, never);
    await lab.pause(200);
    const hold = holding();
    b.transport.serve(held, hold.handler);
    await lab.pause(10);
    assert.equal(hold.streams.length, 1);
    hold.letGo();
    await stream[Symbol.asyncDispose]();
    await closeAll(a, b);
  },
);

scenario(
  "a handler that does not end is left after two seconds when the node stops",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const hold = holding();
    b.transport.serve(held, hold.handler);
    const link = await connect(a, b);
    await link.openStream(held, never);
    await lab.pause(100);
    const startMs = lab.world.nowMs;
    await closeAll(b);
    assert.ok(
      lab.world.nowMs - startMs <= 2 * limits.transportDrainMsMax + 200,
    );
    assert.equal((await link.ended).type, "closed");
    hold.letGo();
    await closeAll(a);
  },
);

scenario(
  "handlers are told first when the node stops, and may still answer",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    b.transport.serve(held, async (stream, { signal }) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => resolve());
      await promise;
      await stream.write(7, new Uint8Array(1));
      await stream.end();
      await lab.pause(10);
    });
    const link = await connect(a, b);
    await using stream = await link.openStream(held, never);
    await lab.pause(100);
    const [frame] = await Promise.all([stream.read(), closeAll(b)]);
    assert.equal(frame?.kind, 7);
    await closeAll(a);
  },
);
