// One whole frame as bytes, for tests that speak to a parser or a peer without
// the writer of production.

import type { Bytes } from "../../src/kernel/mod.ts";
import { frameHeadBytes, writeFrameHead } from "../../src/transport/frames.ts";

export function encodeFrame(kind: number, body: Uint8Array): Bytes {
  const frame = new Uint8Array(frameHeadBytes + body.length);
  writeFrameHead(frame, 0, { kind, body });
  frame.set(body, frameHeadBytes);
  return frame;
}
