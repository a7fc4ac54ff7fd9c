// Streams of frames over streams of bytes that the tests hold in their hands:
// what leaves together, what waits, and how each way of ending looks.

import assert from "node:assert/strict";
import {
  type Bytes,
  concatBytes,
  limits,
  UnreachableError,
} from "../../src/kernel/mod.ts";
import type { SessionStream } from "../../src/ports/mod.ts";
import {
  ArrivedStream,
  openFrameStream,
} from "../../src/transport/frame_stream.ts";
import { encodeFrame } from "./encoded_frame.ts";

const KiB = 1024;
const options = { frameBytesMax: 64 * KiB };

/** A stream whose other end is the test itself. */
class HeldStream implements SessionStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Every write that the system was given. */
  readonly written: Uint8Array[] = [];
  isClosed = false;
  abortedWith: unknown;
  cancelledWith: unknown;
  /** While it is set, writes wait for it. */
  #hold: PromiseWithResolvers<void> | undefined;
  #incoming: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor() {
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#incoming = controller;
      },
      cancel: (reason) => {
        this.cancelledWith = reason;
      },
    });
    this.writable = new WritableStream({
      write: async (chunk) => {
        this.written.push(chunk);
        await this.#hold?.promise;
      },
      close: () => {
        this.isClosed = true;
      },
      abort: (reason) => {
        this.abortedWith = reason;
      },
    });
  }

  hold(): PromiseWithResolvers<void> {
    this.#hold = Promise.withResolvers();
    return this.#hold;
  }

  arrive(...chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.#incoming?.enqueue(chunk);
  }

  endIncoming(): void {
    this.#incoming?.close();
  }

  breakOff(cause: unknown): void {
    this.#incoming?.error(cause);
  }
}

function filled(length: number): Bytes {
  return new Uint8Array(length).fill(length);
}

/** As many turns as whatever is ready needs. */
async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

Deno.test("frames arrive as they were written, whatever their size", async () => {
  const [there, back] = [
    new TransformStream<Uint8Array, Uint8Array>(),
    new TransformStream<Uint8Array, Uint8Array>(),
  ];
  const wide = { frameBytesMax: 1024 * KiB };
  await using one = openFrameStream({
    readable: back.readable,
    writable: there.writable,
  }, wide);
  await using other = openFrameStream({
    readable: there.readable,
    writable: back.writable,
  }, wide);
  const sizes = [0, 1, 100, 16 * KiB, 16 * KiB + 1, 300 * KiB, 5];
  const writes = sizes.map((size, at) => one.write(at + 1, filled(size)));
  const ended = one.end();
  for (const [at, size] of sizes.entries()) {
    assert.deepEqual(await other.read(), { kind: at + 1, body: filled(size) });
  }
  assert.equal(await other.read(), undefined);
  await Promise.all([...writes, ended]);
});

Deno.test("frames that are written at once leave in one write", async () => {
  const held = new HeldStream();
  await using stream = openFrameStream(held, options);
  const bodies = Array.from({ length: 500 }, (_, at) => filled(at % 100));
  await Promise.all(bodies.map((body) => stream.write(3, body)));
  assert.equal(held.written.length, 1);
  const frames = bodies.map((body) => encodeFrame(3, body));
  assert.deepEqual(held.written[0], concatBytes(...frames));
});

Deno.test("frames written during a write leave together with the next one", async () => {
  const held = new HeldStream();
  await using stream = openFrameStream(held, options);
  const hold = held.hold();
  const first = stream.write(1, filled(10));
  await turns();
  const others = [2, 3, 4].map((kind) => stream.write(kind, filled(10)));
  await turns();
  assert.equal(held.written.length, 1, "one write is under way at most");
  hold.resolve();
  await Promise.all([first, ...others]);
  assert.deepEqual(held.written.map(({ length }) => length), [15, 45]);
});

Deno.test("a write resolves once the system took it, not before", async () => {
  const held = new HeldStream();
  await using stream = openFrameStream(held, options);
  const hold = held.hold();
  let isTaken = false;
  const write = stream.write(1, filled(10)).then(() => {
    isTaken = true;
  });
  await turns();
  assert.equal(held.written.length, 1);
  assert.equal(isTaken, false);
  hold.resolve();
  await write;
});

Deno.test("long bodies leave without being copied, in their order", async () => {
  const held = new HeldStream();
  await using stream = openFrameStream(held, options);
  const long = filled(32 * KiB);
  await Promise.all([
    stream.write(1, filled(3)),
    stream.write(2, long),
    stream.write(3, filled(4)),
  ]);
  assert(held.written.includes(long));
  const frames = [
    encodeFrame(1, filled(3)),
    encodeFrame(2, long),
    encodeFrame(3, filled(4)),
  ];
  assert.deepEqual(concatBytes(...held.written), concatBytes(...frames));
});

Deno.test("the first byte leaves with the first frame, and without one", async () => {
  const [held, silent] = [new HeldStream(), new HeldStream()];
  await using stream = openFrameStream(held, { ...options, firstByte: 9 });
  await stream.write(1, filled(2));
  assert.deepEqual(held.written.map((chunk) => [...chunk]), [
    [9, 0, 0, 0, 3, 1, 2, 2],
  ]);
  await using _other = openFrameStream(silent, { ...options, firstByte: 8 });
  await turns();
  assert.deepEqual(silent.written.map((chunk) => [...chunk]), [[8]]);
});

Deno.test("end() ends our half after all that was written", async () => {
  const held = new HeldStream();
  await using stream = openFrameStream(held, options);
  const hold = held.hold();
  const writes = [stream.write(1, filled(1)), stream.write(2, filled(2))];
  const ends = [stream.end(), stream.end()];
  await turns();
  assert.equal(held.isClosed, false);
  hold.resolve();
  await Promise.all([...writes, ...ends]);
  assert.equal(held.isClosed, true);
  assert.equal(concatBytes(...held.written).length, 13);
  await assert.rejects(stream.write(3, filled(3)), { code: "PLN_CLOSED" });
});

Deno.test("a stream that was ended is not aborted by its disposal", async () => {
  const held = new HeldStream();
  {
    await using stream = openFrameStream(held, options);
    await stream.write(1, filled(1));
    await stream.end();
  }
  await turns();
  assert.equal(held.abortedWith, undefined);
  assert.equal(held.isClosed, true);
});

Deno.test("a write that the system refuses fails it and all after it", async () => {
  const held = new HeldStream();
  await using stream = openFrameStream(held, options);
  const hold = held.hold();
  const first = stream.write(1, filled(1));
  await turns();
  const second = stream.write(2, filled(2));
  const ended = stream.end();
  const broken = { code: "PLN_UNREACHABLE", message: "The stream broke off" };
  const failures = [first, second, ended].map((promise) =>
    assert.rejects(promise, broken)
  );
  hold.reject(new Error("reset"));
  await Promise.all(failures);
  await assert.rejects(stream.write(3, filled(3)), broken);
  await assert.rejects(stream.end(), broken);
});

Deno.test("disposal does not wait for a peer that takes nothing", async () => {
  const held = new HeldStream();
  const stream = openFrameStream(held, options);
  const hold = held.hold();
  const waiting = [stream.write(1, filled(1)), stream.write(2, filled(2))];
  const ended = stream.end();
  const read = stream.read();
  await turns();
  const closed = { code: "PLN_CLOSED" };
  const failures = [...waiting, ended, read].map((promise) =>
    assert.rejects(promise as Promise<unknown>, closed)
  );
  await stream[Symbol.asyncDispose]();
  await stream[Symbol.asyncDispose]();
  await Promise.all(failures);
  await assert.rejects(stream.write(3, filled(3)), closed);
  await assert.rejects(stream.read(), closed);
  assert.notEqual(held.cancelledWith, undefined);
  hold.resolve();
  await turns();
  assert.notEqual(held.abortedWith, undefined);
});

Deno.test("more writes than the limit are refused, and none is lost", async () => {
  const held = new HeldStream();
  await using stream = openFrameStream(held, options);
  const hold = held.hold();
  const writes = Array.from(
    { length: limits.frameWritesMax },
    () => stream.write(1, filled(1)),
  );
  await assert.rejects(stream.write(1, filled(1)), { code: "PLN_LIMIT" });
  hold.resolve();
  await Promise.all(writes);
  await stream.write(1, filled(1));
  const { length } = concatBytes(...held.written);
  assert.equal(length, 6 * (limits.frameWritesMax + 1));
});

Deno.test("read() tells an end between frames from one inside a frame", async () => {
  const bytes = encodeFrame(1, filled(10));
  for (const length of [0, 1, 4, 5, 14]) {
    const held = new HeldStream();
    await using stream = openFrameStream(held, options);
    held.arrive(bytes, bytes.subarray(0, length), new Uint8Array(0));
    held.endIncoming();
    assert.equal((await stream.read())?.kind, 1);
    if (length === 0) {
      assert.equal(await stream.read(), undefined);
      assert.equal(await stream.read(), undefined);
    } else {
      await assert.rejects(stream.read(), {
        code: "PLN_UNREACHABLE",
        message: "The stream ended inside a frame",
      });
    }
  }
});

Deno.test("read() fails when the stream is reset, with what is known of it", async () => {
  const gone = new UnreachableError("The session was lost");
  for (const cause of [gone, new Error("reset")]) {
    const held = new HeldStream();
    await using stream = openFrameStream(held, options);
    held.breakOff(cause);
    await assert.rejects(stream.read(), {
      code: "PLN_UNREACHABLE",
      message: cause === gone ? gone.message : "The stream broke off",
    });
  }
});

Deno.test("R06: read() refuses a frame over the limit of its stream", async () => {
  const held = new HeldStream();
  await using stream = openFrameStream(held, { frameBytesMax: 4 });
  held.arrive(encodeFrame(1, filled(4)), encodeFrame(2, filled(5)).slice(0, 4));
  assert.equal((await stream.read())?.kind, 1);
  await assert.rejects(stream.read(), { code: "PLN_LIMIT" });
});

Deno.test("a stream's limit can be raised between two frames of one chunk", async () => {
  const held = new HeldStream();
  await using stream = openFrameStream(held, { frameBytesMax: 4 });
  held.arrive(
    concatBytes(encodeFrame(1, filled(4)), encodeFrame(2, filled(5))),
  );
  assert.equal((await stream.read())?.kind, 1);
  stream.frameBytesMax = 5;
  assert.deepEqual(await stream.read(), { kind: 2, body: filled(5) });
});

Deno.test("ArrivedStream hands on all bytes that it has read ahead", async () => {
  const held = new HeldStream();
  await using arrived = new ArrivedStream(held);
  let counted = 0;
  const seen = Promise.withResolvers<void>();
  arrived.readAhead((count) => {
    counted += count;
    if (counted === 1_600) seen.resolve();
  });
  const bytes = concatBytes(
    Uint8Array.of(42),
    encodeFrame(1, filled(3)),
    encodeFrame(2, filled(2_000)),
  );
  for (const byte of bytes.subarray(0, 100)) held.arrive(Uint8Array.of(byte));
  held.arrive(bytes.subarray(100, 1_600));
  await seen.promise;
  held.arrive(bytes.subarray(1_600));
  assert.equal(await arrived.readFirstByte(), 42);
  const frames = arrived.frames(options);
  assert.deepEqual(await frames.read(), { kind: 1, body: filled(3) });
  assert.deepEqual(await frames.read(), { kind: 2, body: filled(2_000) });
  held.endIncoming();
  assert.equal(await frames.read(), undefined);
});

Deno.test("ArrivedStream keeps what comes while it reads what it is for", async () => {
  for (let delay = 0; delay < 20; delay++) {
    const held = new HeldStream();
    await using arrived = new ArrivedStream(held);
    arrived.readAhead(() => {});
    const frame = encodeFrame(1, filled(3));
    held.arrive(concatBytes(Uint8Array.of(42), frame.subarray(0, 2)));
    await turns();
    held.arrive(frame.subarray(2));
    for (let turn = 0; turn < delay; turn++) await Promise.resolve();
    assert.equal(await arrived.readFirstByte(), 42);
    const read = await arrived.frames(options).read();
    assert.deepEqual(read, { kind: 1, body: filled(3) });
  }
});

Deno.test("ArrivedStream counts what comes until it is served, not after", async () => {
  const held = new HeldStream();
  await using arrived = new ArrivedStream(held);
  let counted = 0;
  const seen = Promise.withResolvers<void>();
  arrived.readAhead((count) => {
    counted += count;
    if (counted === 8) seen.resolve();
  });
  held.arrive(Uint8Array.of(42), filled(3), filled(4));
  await seen.promise;
  assert.equal(await arrived.readFirstByte(), 42);
  const frames = arrived.frames(options);
  held.arrive(encodeFrame(1, filled(0)));
  await assert.rejects(frames.read(), { code: "PLN_LIMIT" });
  assert.equal(counted, 8);
});

Deno.test("ArrivedStream that ended or broke off while it was held says so", async () => {
  const [ended, broken] = [new HeldStream(), new HeldStream()];
  await using one = new ArrivedStream(ended);
  one.readAhead(() => {});
  ended.endIncoming();
  assert.equal(await one.readFirstByte(), undefined);
  await using other = new ArrivedStream(broken);
  other.readAhead(() => {});
  broken.breakOff(new Error("reset"));
  await turns();
  await assert.rejects(other.readFirstByte(), { code: "PLN_UNREACHABLE" });
});

Deno.test("ArrivedStream that nobody serves is dropped in both directions", async () => {
  const held = new HeldStream();
  {
    await using arrived = new ArrivedStream(held);
    arrived.readAhead(() => {});
    held.arrive(filled(3));
    await turns();
  }
  assert.notEqual(held.cancelledWith, undefined);
  assert.notEqual(held.abortedWith, undefined);
});
