// The other end of the transport's benches, as a process of its own: it prints
// its port, and answers each stream as the first byte says: 1 counts frames and
// answers at their end, 2 sends each one back.

import { openClock } from "../../src/adapters/clock.ts";
import { openNetwork } from "../../src/adapters/network.ts";
import { openRandom } from "../../src/adapters/random.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import { issueTlsLeaf } from "../../src/identity/mod.ts";
import { peerIdOf } from "../../src/kernel/mod.ts";
import type { SessionStream } from "../../src/ports/mod.ts";
import {
  ArrivedStream,
  type BoundedFrameStream,
} from "../../src/transport/frame_stream.ts";

export const kinds = { sink: 1, echo: 2 } as const;
export const frameBytesMax = 1024 * 1024;
const writesMax = 64;

/** The peer's key is no secret here. */
export const peerKey = openSigner().privateKey(new Uint8Array(32).fill(7));
export const peer = peerIdOf(peerKey.publicKey);

async function sink(frames: BoundedFrameStream): Promise<void> {
  let frame = await frames.read();
  while (frame !== undefined) frame = await frames.read();
  await frames.write(1, new Uint8Array(1));
  await frames.end();
}

export async function echo(frames: BoundedFrameStream): Promise<void> {
  let writes: Promise<void>[] = [];
  let frame = await frames.read();
  while (frame !== undefined) {
    writes.push(frames.write(frame.kind, frame.body));
    if (writes.length >= writesMax) {
      await Promise.all(writes);
      writes = [];
    }
    frame = await frames.read();
  }
  await Promise.all(writes);
  await frames.end();
}

async function serve(stream: SessionStream): Promise<void> {
  const arrived = new ArrivedStream(stream);
  const kind = await arrived.readFirstByte();
  const frames = arrived.frames({ frameBytesMax });
  await (kind === kinds.sink ? sink(frames) : echo(frames));
}

async function main(): Promise<void> {
  const needs = {
    clock: openClock(),
    random: openRandom(),
    signer: openSigner(),
  };
  const identity = issueTlsLeaf(needs, { peer, key: peerKey });
  const endpoint = await openNetwork().open({ ip: "127.0.0.1", port: 0 }, {
    identity,
    protocols: ["bench"],
  });
  console.log(endpoint.local.port);
  for await (const incoming of endpoint.incomingSessions()) {
    const session = incoming.accept();
    if (session === undefined) continue;
    for await (const stream of session.incomingStreams()) {
      serve(stream).catch((cause) => console.error(cause));
    }
  }
}

if (import.meta.main) await main();
