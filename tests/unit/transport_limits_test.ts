// Members that break the rules of streams, frames and control, or never read.

import assert from "node:assert/strict";
import { concatBytes, limits } from "../../src/kernel/mod.ts";
import { Hello } from "../../src/transport/control_messages.ts";
import { closeCodes, type Protocol } from "../../src/transport/mod.ts";
import {
  closeAll,
  connect,
  echo,
  holding,
  never,
  onlyLink,
  openRogue,
  pour,
  scenario,
} from "./transport_lab.ts";
import { encodeFrame } from "./encoded_frame.ts";

const held: Protocol = {
  ...{ id: 202, name: "test-held", frameBytesMax: 65_536, streamsMax: 2 },
};

scenario(
  "a peer that opens far more streams than it may loses the link",
  async (lab) => {
    const b = await lab.node("b");
    const hold = holding();
    b.transport.serve(held, hold.handler);
    const rogue = await openRogue(lab, "rogue");
    const { session } = await rogue.member(b);
    for (let i = 0; i < 2 * held.streamsMax; i++) {
      await pour(session, Uint8Array.of(held.id));
    }
    await lab.pause(100);
    assert.equal(hold.streams.length, held.streamsMax, "the others wait");
    await pour(session, Uint8Array.of(held.id));
    const end = await session.ended;
    assert.ok(end.type === "closed" && end.code === closeCodes.quota);
    assert.equal(b.transport.report().refusals.protocol, 1);
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);

scenario(
  "R06 a peer that announces a frame over its protocol's limit loses the link",
  async (lab) => {
    const b = await lab.node("b");
    const rogue = await openRogue(lab, "rogue");
    const { session } = await rogue.member(b);
    const header = Uint8Array.of(echo.id, 0xff, 0xff, 0xff, 0xff);
    await pour(session, header);
    const end = await session.ended;
    assert.ok(end.type === "closed" && end.code === closeCodes.quota);
    assert.match(end.reason, /over the limit/);
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);

scenario("a stream that never says its protocol is dropped", async (lab) => {
  const b = await lab.node("b");
  const rogue = await openRogue(lab, "rogue");
  const { session } = await rogue.member(b);
  const stream = await session.openStream(never);
  const writer = stream.writable.getWriter();
  await writer.write(new Uint8Array(0));
  const reader = stream.readable.getReader();
  const read = reader.read();
  await lab.pause(limits.streamStartMsMax + 100);
  assert.equal(b.transport.links.size, 1);
  await Promise.race([read.catch(() => undefined), session.ended]);
  await rogue.endpoint[Symbol.asyncDispose]();
  await closeAll(b);
});

scenario("S17 control frames of unknown kinds are skipped", async (lab) => {
  const b = await lab.node("b");
  const rogue = await openRogue(lab, "rogue");
  const { control } = await rogue.member(b);
  await control.write(99, new Uint8Array(1_000));
  const hello = Hello.encode({
    ...{ name: "later", version: "9.0.0", addresses: [] },
    ...{ authorityKey: undefined, authorityProof: undefined },
    observed: undefined,
  });
  await control.write(Hello.kind, hello);
  await lab.pause(100);
  assert.equal(onlyLink(b).hello?.name, "later");
  await rogue.endpoint[Symbol.asyncDispose]();
  await closeAll(b);
});

scenario("a malformed control frame closes the link", async (lab) => {
  const b = await lab.node("b");
  const rogue = await openRogue(lab, "rogue");
  const { session, control } = await rogue.member(b);
  await control.write(Hello.kind, Uint8Array.of(0xff));
  const end = await session.ended;
  assert.ok(end.type === "closed" && end.code === closeCodes.quota);
  await rogue.endpoint[Symbol.asyncDispose]();
  await closeAll(b);
});

scenario("a flood of pings is answered at a bounded rate", async (lab) => {
  const b = await lab.node("b");
  const rogue = await openRogue(lab, "rogue");
  const { control } = await rogue.member(b);
  let answers = 0;
  const reading = (async () => {
    while (await control.read().catch(() => undefined)) answers++;
  })();
  // An array of one number: the sequence of a ping.
  for (let i = 0; i < 1_000; i++) {
    await control.write(5, Uint8Array.of(0x81, 0x01));
  }
  await lab.pause(3_000);
  assert.ok(answers < 5 * limits.controlFramesPerSecondMax, `${answers}`);
  assert.equal(b.transport.links.size, 1);
  await rogue.endpoint[Symbol.asyncDispose]();
  await reading;
  await closeAll(b);
});

scenario(
  "writes to a peer that never reads wait, and end with the link",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const hold = holding();
    b.transport.serve(held, hold.handler);
    const link = await connect(a, b);
    const stream = await link.openStream(held, never);
    let taken = 0;
    const writing = (async () => {
      while (true) {
        await stream.write(1, new Uint8Array(32 * 1024));
        taken++;
      }
    })();
    await lab.pause(5_000);
    assert.ok(taken > 0 && taken <= 64, `${taken} of 32 KiB`);
    const before = taken;
    await lab.pause(5_000);
    assert.equal(taken, before);
    assert.equal(a.transport.links.size, 1, "others of its streams are served");
    link.close(closeCodes.shutdown, "");
    await assert.rejects(writing, { code: "PLN_UNREACHABLE" });
    hold.letGo();
    await closeAll(a, b);
  },
);

scenario(
  "a member that asks and never reads answers is lost, with what was for it",
  async (lab) => {
    const b = await lab.node("b");
    const rogue = await openRogue(lab, "rogue");
    const { session } = await rogue.member(b);
    const question = new Uint8Array(32 * 1024);
    const frame = concatBytes(Uint8Array.of(echo.id), encodeFrame(1, question));
    const { writable } = await session.openStream(never);
    const writer = writable.getWriter();
    const pouring = (async () => {
      await writer.write(frame);
      while (true) await writer.write(frame.subarray(1));
    })();
    await assert.rejects(pouring);
    const end = await session.ended;
    assert.ok(end.type === "closed" && end.code === closeCodes.quota);
    assert.equal(b.transport.links.size, 0);
    await rogue.endpoint[Symbol.asyncDispose]();
    await closeAll(b);
  },
);
