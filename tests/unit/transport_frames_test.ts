// The parser of frames: chunks of any size in, the same frames out, and every
// length judged before memory is spent on it.

import assert from "node:assert/strict";
import {
  type Bytes,
  concatBytes,
  type PlnError,
} from "../../src/kernel/mod.ts";
import { FrameParser } from "../../src/transport/frames.ts";
import type { Frame } from "../../src/transport/mod.ts";
import { encodeFrame } from "./encoded_frame.ts";

const KiB = 1024;

function filled(length: number): Bytes {
  return new Uint8Array(length).map((_, at) => at * 31 + length);
}

/** All frames of chunks. */
function parse(
  chunks: Iterable<Uint8Array>,
  frameBytesMax = 1024 * KiB,
): readonly Frame[] {
  const parser = new FrameParser({ frameBytesMax });
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    parser.push(chunk);
    let frame = parser.next();
    while (frame !== undefined) {
      frames.push(frame);
      frame = parser.next();
    }
  }
  return frames;
}

function* cut(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.slice(at, at + size);
  }
}

Deno.test("a frame is its length, its kind and its body", () => {
  const bytes = encodeFrame(7, Uint8Array.of(1, 2, 3));
  assert.deepEqual([...bytes], [0, 0, 0, 4, 7, 1, 2, 3]);
  assert.deepEqual([...encodeFrame(255, new Uint8Array(0))], [0, 0, 0, 1, 255]);
});

Deno.test("FrameParser gives the same frames however the bytes are cut", () => {
  const bodies = [0, 1, 3, 100, 4_000, 70_000, 300_000].map(filled);
  const frames = bodies.map((body, at) => ({ kind: at + 1, body }));
  const bytes = concatBytes(
    ...frames.map(({ kind, body }) => encodeFrame(kind, body)),
  );
  for (const size of [1, 2, 3, 4, 5, 6, 7, 1_000, 65_536, bytes.length]) {
    assert.deepEqual(parse(cut(bytes, size)), frames, `chunks of ${size}`);
  }
});

Deno.test("FrameParser knows whether the bytes end inside a frame", () => {
  const parser = new FrameParser({ frameBytesMax: 10 });
  const bytes = encodeFrame(1, filled(3));
  assert.equal(parser.isInsideFrame, false);
  for (const [at, byte] of bytes.entries()) {
    parser.push(Uint8Array.of(byte));
    const isWhole = parser.next() !== undefined;
    assert.equal(isWhole, at === bytes.length - 1);
    assert.equal(parser.isInsideFrame, !isWhole);
  }
});

Deno.test("FrameParser takes a body of exactly the limit", () => {
  const body = filled(16);
  assert.deepEqual(parse([encodeFrame(1, body)], 16), [{ kind: 1, body }]);
  assert.throws(() => parse([encodeFrame(1, filled(17))], 16), {
    code: "PLN_LIMIT",
    message: "A frame of 17 bytes is over the limit of 16 here",
  });
});

Deno.test("R06: a frame length over the limit is refused from its 4 bytes", () => {
  for (const length of [[0x40, 0, 0, 0], [255, 255, 255, 255], [0, 0, 0, 18]]) {
    assert.throws(() => parse([Uint8Array.from(length)], 16), {
      code: "PLN_LIMIT",
    });
    const bytewise = length.map((byte) => Uint8Array.of(byte));
    assert.throws(() => parse(bytewise, 16), { code: "PLN_LIMIT" });
  }
});

Deno.test("a frame of no length is refused: it has no kind", () => {
  assert.throws(() => parse([new Uint8Array(4)]), {
    code: "PLN_INPUT",
    message: "A frame has no kind",
  });
});

Deno.test("FrameParser stays at its fault", () => {
  const parser = new FrameParser({ frameBytesMax: 16 });
  const bad = concatBytes(new Uint8Array(4), encodeFrame(1, filled(3)));
  parser.push(bad);
  const fault = { code: "PLN_INPUT" } satisfies Partial<PlnError>;
  assert.throws(() => parser.next(), fault);
  assert.throws(() => parser.next(), fault);
});

Deno.test("FrameParser judges a frame by the limit when its head is read", () => {
  const parser = new FrameParser({ frameBytesMax: 4 });
  const [small, large] = [encodeFrame(1, filled(4)), encodeFrame(2, filled(9))];
  parser.push(concatBytes(small, large));
  assert.equal(parser.next()?.kind, 1);
  parser.frameBytesMax = 9;
  assert.equal(parser.next()?.kind, 2);
});

Deno.test("a long body in one chunk is not copied", () => {
  const chunk = encodeFrame(1, filled(60 * KiB));
  const [frame] = parse([chunk]);
  assert.equal(frame?.body.buffer, chunk.buffer);
});

Deno.test("a short body does not keep a long chunk alive", () => {
  const buffer = new Uint8Array(64 * KiB); // as the system's read buffers are
  const bytes = encodeFrame(1, filled(100));
  buffer.set(bytes);
  const [frame] = parse([buffer.subarray(0, bytes.length)]);
  assert.deepEqual(frame?.body, filled(100));
  assert(frame.body.buffer.byteLength <= 4 * 100);
});

Deno.test("R06: memory follows what has arrived, not what was announced", () => {
  const allocated: number[] = [];
  const original = globalThis.Uint8Array;
  const parser = new FrameParser({ frameBytesMax: 5_120 * KiB });
  const head = encodeFrame(1, filled(5_120 * KiB)).slice(0, 6);
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args, newTarget) {
      if (typeof args[0] === "number") allocated.push(args[0]);
      return Reflect.construct(target, args, newTarget);
    },
  });
  try {
    parser.push(head);
    assert.equal(parser.next(), undefined);
  } finally {
    globalThis.Uint8Array = original;
  }
  const total = allocated.reduce((sum, bytes) => sum + bytes, 0);
  assert(total > 0 && total <= 64 * KiB, `${total} bytes for one byte of body`);
});
