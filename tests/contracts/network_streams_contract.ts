// What the sessions of every Network must do, as tests: streams and their
// halves, backpressure, the stream limit, datagrams, and the end. In comes a
// way to test; out go tests. Nothing here may know whether it is simulated.

import assert from "node:assert/strict";
import {
  limits,
  UnreachableError,
  utf8,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";
import {
  Arrivals,
  never,
  openRoute,
  openTalk,
  pattern,
  Talk,
  type Test,
} from "./network_lab.ts";

export function testSessions(test: Test): void {
  testStreams(test);
  testHalves(test);
  testStreamLimit(test);
  testDatagrams(test);
  testEnds(test);
}

function testStreams(test: Test): void {
  test("streams carry bytes both ways in order", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    const sent = pattern(3_000_000);
    for (const [opener, other] of [[ours, theirs], [theirs, ours]] as const) {
      const [here, there] = await openTalk(opener, new Arrivals(other));
      for (const [from, to] of [[here, there], [there, here]] as const) {
        const [received] = await Promise.all([
          to.readAll(),
          from.writeAll(sent),
        ]);
        assert.deepEqual(received, sent);
      }
    }
  });
  test("streams do not wait for each other", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    const arrivals = new Arrivals(theirs);
    const [stuck] = await openTalk(ours, arrivals);
    const stopped = assert.rejects(stuck.writeForEver());
    const [here, there] = await openTalk(ours, arrivals);
    await Promise.all([
      here.writeAll(utf8("through")),
      stopped,
      (async () => {
        assert.equal(utf8TextLossy(await there.readAll()), "through");
        ours.close(0, "");
      })(),
    ]);
  });
  test("streams hold a writer back whose peer does not read", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    const arrivals = new Arrivals(theirs);
    const [here, there] = await openTalk(ours, arrivals);
    const [ping, pong] = await openTalk(ours, arrivals);
    const sent = pattern(32 * 1024 * 1024);
    let isWritten = false;
    const written = here.writeAll(sent).then(() => isWritten = true);
    for (let turn = 0; turn < 100; turn++) {
      await ping.write(Uint8Array.of(turn));
      assert.deepEqual(await pong.read(), Uint8Array.of(turn));
    }
    assert.equal(isWritten, false);
    assert.deepEqual(await there.readAll(), sent);
    await written;
  });
  test("streams come to be at the peer with their bytes", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    const first = new Talk(await ours.openStream(never));
    const second = new Talk(await ours.openStream(never));
    await first.write(utf8("first"));
    await second.write(utf8("second"));
    const arrivals = new Arrivals(theirs);
    for (const text of ["first", "second"]) {
      const bytes = await (await arrivals.next()).read();
      assert.equal(utf8TextLossy(bytes ?? utf8("")), text);
    }
  });
  test("streams are read into buffers of their reader", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    const stream = await ours.openStream(never);
    const writer = stream.writable.getWriter();
    await writer.write(pattern(1_000));
    await writer.close();
    for await (const arrived of theirs.incomingStreams()) {
      const reader = arrived.readable.getReader({ mode: "byob" });
      const received: number[] = [];
      for (;;) {
        const { value, done } = await reader.read(new Uint8Array(64));
        if (done) break;
        received.push(...value);
      }
      assert.deepEqual(Uint8Array.from(received), pattern(1_000));
      break;
    }
  });
}

function testHalves(test: Test): void {
  test("streams keep the other half after one ended", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    const [here, there] = await openTalk(ours, new Arrivals(theirs));
    await here.write(utf8("question"));
    await here.end();
    assert.equal(utf8TextLossy(await there.readAll()), "question");
    await there.writeAll(utf8("answer"));
    assert.equal(utf8TextLossy(await here.readAll()), "answer");
  });
  test("streams tell a writer that its peer reads no more", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    const [here, there] = await openTalk(ours, new Arrivals(theirs));
    await there.cancel();
    await assert.rejects(here.writeForEver());
    await there.writeAll(utf8("still"));
    assert.equal(utf8TextLossy(await here.readAll()), "still");
  });
  test("streams of an aborted writer seem to end", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    const [here, there] = await openTalk(ours, new Arrivals(theirs));
    await here.write(utf8("half"));
    await here.abort();
    assert.equal(utf8TextLossy(await there.readAll()), "half");
  });
}

function testStreamLimit(test: Test): void {
  test("opens no stream over the peer's limit, but waits", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    const open: Talk[] = [];
    for (let index = 0; index < limits.sessionStreamsMax; index++) {
      const talk = new Talk(await ours.openStream(never));
      await talk.write(Uint8Array.of(1));
      open.push(talk);
    }
    const giveUp = new AbortController();
    const given = assert.rejects(ours.openStream(giveUp.signal), /enough/);
    giveUp.abort(new Error("enough"));
    await given;
    let isOpen = false;
    const waiting = ours.openStream(never).finally(() => isOpen = true);
    const arrivals = new Arrivals(theirs);
    // A stream is over when both of its halves have ended and were read.
    const over = async (talk: Talk) => {
      const other = await arrivals.next();
      await Promise.all([talk.end(), other.readAll()]);
      await Promise.all([other.end(), talk.readAll()]);
    };
    assert.equal(isOpen, false);
    const someStreams = limits.sessionStreamsMax / 4;
    for (const talk of open.slice(0, someStreams)) await over(talk);
    const late = new Talk(await waiting);
    await late.write(Uint8Array.of(2));
  });
  test("openStream() ends with the session", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    for (let index = 0; index < limits.sessionStreamsMax; index++) {
      await ours.openStream(never);
    }
    const waiting = assert.rejects(ours.openStream(never), UnreachableError);
    theirs.close(1, "over");
    await waiting;
    await assert.rejects(ours.openStream(never), UnreachableError);
    await assert.rejects(theirs.openStream(never), UnreachableError);
  });
}

function testDatagrams(test: Test): void {
  test("datagrams arrive whole on a path that loses none", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    for (const [from, to] of [[ours, theirs], [theirs, ours]] as const) {
      const datagrams = to.incomingDatagrams()[Symbol.asyncIterator]();
      for (const length of [0, 1, 1_000]) {
        assert.equal(await from.sendDatagram(pattern(length)), true);
        const { value } = await datagrams.next();
        assert.deepEqual(value, pattern(length));
      }
    }
  });
  test("datagrams that do not fit are not sent", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    assert.equal(await ours.sendDatagram(pattern(70_000)), false);
    theirs.close(0, "");
    await ours.ended;
    assert.equal(await ours.sendDatagram(pattern(1)), false);
    assert.equal(await theirs.sendDatagram(pattern(1)), false);
  });
}

function testEnds(test: Test): void {
  test("close() tells both ends its code and reason", async (lab) => {
    await using route = await openRoute(lab);
    for (const closer of ["ours", "theirs"] as const) {
      const ends = await route.connect();
      ends[closer].close(0x22, "revoked");
      ends[closer].close(0x23, "too late");
      const end = { type: "closed", code: 0x22, reason: "revoked" };
      assert.deepEqual(await ends.ours.ended, end);
      assert.deepEqual(await ends.theirs.ended, end);
      ends[closer].close(0x24, "still too late");
      assert.equal(await ends.theirs.established, true);
    }
  });
  test("the end of a session ends all that waits on it", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    const [arrivals, back] = [new Arrivals(theirs), new Arrivals(ours)];
    const [here, there] = await openTalk(ours, arrivals);
    const datagrams = (session: typeof ours) =>
      session.incomingDatagrams()[Symbol.asyncIterator]().next();
    const waiting = Promise.all([
      assert.rejects(here.readAll()),
      assert.rejects(there.readAll()),
      assert.rejects(here.writeForEver()),
      assert.rejects(there.writeForEver()),
      arrivals.isOver().then(assert.ok),
      back.isOver().then(assert.ok),
      datagrams(ours).then(({ done }) => assert.equal(done, true)),
      datagrams(theirs).then(({ done }) => assert.equal(done, true)),
    ]);
    ours.close(7, "");
    await waiting;
  });
  test("disposing a session closes it with 0, also twice", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    await ours[Symbol.asyncDispose]();
    await ours[Symbol.asyncDispose]();
    const end = { type: "closed", code: 0, reason: "" };
    assert.deepEqual(await ours.ended, end);
    assert.deepEqual(await theirs.ended, end);
  });
}
