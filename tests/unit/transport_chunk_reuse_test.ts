// Small reads share one buffer: what was read before must not change with it. In,
// short frames one after the other; out, bodies that are all kept.

import assert from "node:assert/strict";
import { openFrameStream } from "../../src/transport/frame_stream.ts";

Deno.test("frames that came in small reads stay as they were read", async () => {
  const lengths = [1, 100, 128, 300, 400, 506, 3, 200];
  let sent = 0;
  const readable = new ReadableStream<Uint8Array>({
    type: "bytes",
    pull: (controller) => {
      const length = lengths[sent++];
      if (length === undefined) return;
      const frame = new Uint8Array(5 + length).fill(sent);
      frame.set([0, 0, (length + 1) >> 8, (length + 1) & 0xff, 7]);
      controller.enqueue(frame);
    },
  }, { highWaterMark: 0 });
  const writable = new WritableStream<Uint8Array>();
  await using frames = openFrameStream({ readable, writable }, {
    frameBytesMax: 1_024,
  });
  const bodies: (Uint8Array | undefined)[] = [];
  for (const _ of lengths) bodies.push((await frames.read())?.body);
  assert.deepEqual(
    bodies,
    lengths.map((length, at) => new Uint8Array(length).fill(at + 1)),
  );
});
