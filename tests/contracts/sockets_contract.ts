// What every Sockets must do, as tests: the halves of a TCP connection, resets,
// backpressure, and datagrams. In comes a way to open one; out go tests whose
// names start with the label. Nothing here may know whether it is simulated.

import assert from "node:assert/strict";
import {
  ClosedError,
  concatBytes,
  ConflictError,
  LimitError,
  UnreachableError,
  utf8,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";
import type {
  NetworkAddress,
  Sockets,
  TcpConnection,
  TcpListener,
} from "../../src/ports/mod.ts";

export interface SocketsSubject extends AsyncDisposable {
  readonly sockets: Sockets;
}

export type OpenSocketsSubject = () => Promise<SocketsSubject>;

const loopback: NetworkAddress = { ip: "127.0.0.1", port: 0 };

type Test = (name: string, run: (sockets: Sockets) => Promise<void>) => void;

export function testSockets(label: string, open: OpenSocketsSubject): void {
  const test: Test = (name, run) =>
    Deno.test(`${label} ${name}`, async () => {
      await using subject = await open();
      await run(subject.sockets);
    });
  testBytes(test);
  testHalves(test);
  testResets(test);
  testListeners(test);
  testDatagrams(test);
}

function testBytes(test: Test): void {
  test("TCP carries bytes both ways in order", async (sockets) => {
    await using pair = await openPair(sockets);
    const { ours, theirs, listener } = pair;
    assert.deepEqual(ours.remote, listener.local);
    assert.equal(theirs.remote.ip, "127.0.0.1");
    assert.ok(theirs.remote.port > 0);
    const sent = pattern(3_000_000);
    for (const [from, to] of [[ours, theirs], [theirs, ours]] as const) {
      const [received] = await Promise.all([
        readAll(to),
        writeAll(from, sent),
      ]);
      assert.deepEqual(received, sent);
    }
  });
  test("TCP lets the caller reuse a buffer it wrote", async (sockets) => {
    await using pair = await openPair(sockets);
    const buffer = utf8("one");
    await pair.ours.write(buffer);
    buffer.fill(0);
    await pair.ours.closeWrite();
    assert.equal(utf8TextLossy(await readAll(pair.theirs)), "one");
  });
  test("TCP writes nothing for empty bytes", async (sockets) => {
    await using pair = await openPair(sockets);
    await pair.ours.write(new Uint8Array(0));
    await pair.ours.closeWrite();
    assert.equal(await pair.theirs.read(), undefined);
  });
  test("TCP holds a writer back whose peer does not read", async (sockets) => {
    await using pair = await openPair(sockets);
    await using other = await openPair(sockets);
    // More than the system's buffers of both ends hold.
    const sent = pattern(64 * 1024 * 1024);
    let isWritten = false;
    const written = writeAll(pair.ours, sent).then(() => isWritten = true);
    for (let turn = 0; turn < 100; turn++) await pingPong(other);
    assert.equal(isWritten, false);
    let receivedBytes = 0;
    let chunk = await pair.theirs.read();
    while (chunk !== undefined) {
      receivedBytes += chunk.length;
      chunk = await pair.theirs.read();
    }
    await written;
    assert.equal(receivedBytes, sent.length);
  });
}

function testHalves(test: Test): void {
  test("TCP keeps the other half after one ended", async (sockets) => {
    await using pair = await openPair(sockets);
    const { ours, theirs } = pair;
    await ours.write(utf8("question"));
    await ours.closeWrite();
    await ours.closeWrite();
    assert.equal(utf8TextLossy(await readAll(theirs)), "question");
    assert.equal(await theirs.read(), undefined);
    await theirs.write(utf8("ans"));
    await theirs.write(utf8("wer"));
    await theirs.closeWrite();
    assert.equal(utf8TextLossy(await readAll(ours)), "answer");
  });
  test("TCP refuses a write after our half ended", async (sockets) => {
    await using pair = await openPair(sockets);
    await pair.ours.closeWrite();
    await assert.rejects(pair.ours.write(utf8("x")), ClosedError);
  });
  test("TCP disposal ends our half and closes", async (sockets) => {
    await using pair = await openPair(sockets);
    const { ours, theirs } = pair;
    await ours.write(utf8("bye"));
    await ours[Symbol.asyncDispose]();
    await ours[Symbol.asyncDispose]();
    assert.equal(utf8TextLossy(await readAll(theirs)), "bye");
    await assert.rejects(ours.read(), ClosedError);
    await assert.rejects(ours.write(utf8("x")), ClosedError);
  });
  test("TCP writes to a peer that is gone fail", async (sockets) => {
    await using pair = await openPair(sockets);
    await pair.theirs[Symbol.asyncDispose]();
    await assert.rejects(writeForEver(pair.ours), UnreachableError);
  });
  test("TCP disposal ends a read that waits", async (sockets) => {
    await using pair = await openPair(sockets);
    const rejected = assert.rejects(pair.ours.read(), ClosedError);
    await pair.ours[Symbol.asyncDispose]();
    await rejected;
  });
}

function testResets(test: Test): void {
  test("TCP tells a reset from an end", async (sockets) => {
    await using pair = await openPair(sockets);
    const { ours, theirs } = pair;
    await theirs.write(utf8("may get lost"));
    theirs.reset();
    await assert.rejects(readAll(ours), UnreachableError);
    await assert.rejects(ours.read(), UnreachableError);
    await assert.rejects(ours.write(utf8("x")), UnreachableError);
    await assert.rejects(ours.closeWrite(), UnreachableError);
  });
  test("TCP reset ends what waits on our own side", async (sockets) => {
    await using pair = await openPair(sockets);
    const { ours } = pair;
    const read = assert.rejects(ours.read(), UnreachableError);
    const write = assert.rejects(writeForEver(ours), UnreachableError);
    ours.reset();
    await Promise.all([read, write]);
    await assert.rejects(ours.read(), UnreachableError);
    await assert.rejects(ours.write(utf8("x")), UnreachableError);
  });
  test("TCP reset also reaches a peer that only writes", async (sockets) => {
    await using pair = await openPair(sockets);
    const failed = assert.rejects(writeForEver(pair.ours), UnreachableError);
    await pair.theirs.read();
    pair.theirs.reset();
    await failed;
  });
}

function testListeners(test: Test): void {
  test("TCP says when nobody listens", async (sockets) => {
    const listener = await sockets.listenTcp(loopback);
    await listener[Symbol.asyncDispose]();
    await assert.rejects(sockets.connectTcp(listener.local), UnreachableError);
  });
  test("TCP refuses a port in use", async (sockets) => {
    await using listener = await sockets.listenTcp(loopback);
    assert.ok(listener.local.port > 0);
    await assert.rejects(sockets.listenTcp(listener.local), ConflictError);
  });
  test("TCP listener's disposal ends its loop only", async (sockets) => {
    await using pair = await openPair(sockets);
    const { incoming, listener } = pair;
    const next = incoming.next();
    await listener[Symbol.asyncDispose]();
    await listener[Symbol.asyncDispose]();
    assert.equal((await next).done, true);
    await pingPong(pair);
    await using again = await sockets.listenTcp(listener.local);
    assert.deepEqual(again.local, listener.local);
  });
  test("TCP listener's disposal resets who waits", async (sockets) => {
    const listener = await sockets.listenTcp(loopback);
    await using waiting = await sockets.connectTcp(listener.local);
    // A second one, accepted later, shows that the first was accepted.
    const incoming = listener.incoming()[Symbol.asyncIterator]();
    const first = await incoming.next();
    assert.equal(first.done, false);
    await using late = await sockets.connectTcp(listener.local);
    await first.value[Symbol.asyncDispose]();
    assert.equal(await waiting.read(), undefined);
    const rejected = assert.rejects(late.read(), UnreachableError);
    await listener[Symbol.asyncDispose]();
    await rejected;
  });
}

function testDatagrams(test: Test): void {
  test("UDP carries datagrams whole, with their sender", async (sockets) => {
    await using one = await sockets.bindUdp(loopback);
    await using two = await sockets.bindUdp(loopback);
    assert.ok(one.local.port > 0);
    const incoming = two.incoming()[Symbol.asyncIterator]();
    for (const length of [0, 1, 1_500, 60_000]) {
      const bytes = pattern(length);
      await one.send(bytes, two.local);
      const { value } = await incoming.next();
      assert.deepEqual(value, { bytes, from: one.local });
    }
    const back = one.incoming()[Symbol.asyncIterator]();
    await two.send(utf8("back"), one.local);
    const { value } = await back.next();
    assert.deepEqual(value, { bytes: utf8("back"), from: two.local });
  });
  test("UDP refuses a datagram that fits no packet", async (sockets) => {
    await using socket = await sockets.bindUdp(loopback);
    const bytes = new Uint8Array(65_508);
    await assert.rejects(socket.send(bytes, socket.local), LimitError);
  });
  test("UDP sends to a port that nobody holds", async (sockets) => {
    await using socket = await sockets.bindUdp(loopback);
    const gone = await sockets.bindUdp(loopback);
    await gone[Symbol.asyncDispose]();
    await socket.send(utf8("x"), gone.local);
    const incoming = socket.incoming()[Symbol.asyncIterator]();
    await socket.send(utf8("still here"), socket.local);
    const { value } = await incoming.next();
    assert.deepEqual(value?.bytes, utf8("still here"));
  });
  test("UDP refuses a port in use", async (sockets) => {
    await using socket = await sockets.bindUdp(loopback);
    await assert.rejects(sockets.bindUdp(socket.local), ConflictError);
  });
  test("UDP disposal ends its loop and frees its port", async (sockets) => {
    const socket = await sockets.bindUdp(loopback);
    const next = socket.incoming()[Symbol.asyncIterator]().next();
    await socket[Symbol.asyncDispose]();
    await socket[Symbol.asyncDispose]();
    assert.equal((await next).done, true);
    await assert.rejects(socket.send(utf8("x"), socket.local), ClosedError);
    await using again = await sockets.bindUdp(socket.local);
    assert.deepEqual(again.local, socket.local);
  });
}

type Pair = AsyncDisposable & {
  readonly ours: TcpConnection;
  readonly theirs: TcpConnection;
  readonly listener: TcpListener;
  readonly incoming: AsyncIterator<TcpConnection>;
};

async function openPair(sockets: Sockets): Promise<Pair> {
  await using scope = new AsyncDisposableStack();
  const listener = scope.use(await sockets.listenTcp(loopback));
  const incoming = listener.incoming()[Symbol.asyncIterator]();
  const ours = scope.use(await sockets.connectTcp(listener.local));
  const { value } = await incoming.next();
  const theirs = scope.use(value);
  const kept = scope.move();
  return {
    ours,
    theirs,
    listener,
    incoming,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function pingPong({ ours, theirs }: Pair): Promise<void> {
  await ours.write(utf8("ping"));
  assert.deepEqual(await theirs.read(), utf8("ping"));
  await theirs.write(utf8("pong"));
  assert.deepEqual(await ours.read(), utf8("pong"));
}

async function readAll(connection: TcpConnection): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let chunk = await connection.read();
  while (chunk !== undefined) {
    chunks.push(chunk);
    chunk = await connection.read();
  }
  return concatBytes(...chunks);
}

async function writeAll(
  connection: TcpConnection,
  bytes: Uint8Array,
): Promise<void> {
  const chunkBytes = 256 * 1024;
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    await connection.write(bytes.subarray(at, at + chunkBytes));
  }
  await connection.closeWrite();
}

async function writeForEver(connection: TcpConnection): Promise<never> {
  const bytes = pattern(64 * 1024);
  for (;;) await connection.write(bytes);
}

/** Bytes whose order shows: 251 is prime. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, index) => index % 251);
}
