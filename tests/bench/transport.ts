// `deno task bench transport`: frames in memory and over QUIC on loopback, with
// the other end in a process of its own; what one authentication costs; and
// links of whole nodes (transport_links.ts).

import { openClock } from "../../src/adapters/clock.ts";
import { openNetwork } from "../../src/adapters/network.ts";
import { openRandom } from "../../src/adapters/random.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import { anchorPem, issueTlsLeaf } from "../../src/identity/mod.ts";
import { peerDnsName, peerIdOf } from "../../src/kernel/mod.ts";
import type { Session } from "../../src/ports/mod.ts";
import {
  type BoundedFrameStream,
  openFrameStream,
} from "../../src/transport/frame_stream.ts";
import { exchange, HandshakeLab } from "../unit/handshake_lab.ts";
import { type Figures, median } from "./figures.ts";
import { benchLinks } from "./transport_links.ts";
import { echo, frameBytesMax, kinds, peer } from "./transport_peer.ts";

const never = new AbortController().signal;
const smallBytes = 100;
const longBytes = 256 * 1024;

/** One measurement: so many frames of a length by so many writers. */
type Load = {
  readonly count: number;
  readonly bytes: number;
  readonly writers: number;
};

/** Seconds that it takes to write all, and to read what comes back. */
async function seconds(
  frames: BoundedFrameStream,
  { count, bytes, writers }: Load,
): Promise<number> {
  const body = new Uint8Array(bytes);
  const startMs = performance.now();
  const reading = (async () => {
    while (await frames.read() !== undefined);
  })();
  await Promise.all(Array.from({ length: writers }, async () => {
    for (let i = 0; i < count / writers; i++) await frames.write(1, body);
  }));
  await frames.end();
  await reading;
  return (performance.now() - startMs) / 1_000;
}

/** The best of a few: other work on the machine only makes it worse. */
async function rate(
  open: () => Promise<BoundedFrameStream>,
  load: Load,
): Promise<number> {
  let best = 0;
  for (let round = 0; round < 4; round++) {
    await using frames = await open();
    best = Math.max(best, load.count / await seconds(frames, load));
  }
  return best;
}

async function benchFrames(figures: Figures): Promise<void> {
  const open = () => {
    const [there, back] = [
      new TransformStream<Uint8Array, Uint8Array>(),
      new TransformStream<Uint8Array, Uint8Array>(),
    ];
    const other = { readable: there.readable, writable: back.writable };
    echo(openFrameStream(other, { frameBytesMax }))
      .catch((cause) => console.error(cause));
    const own = { readable: back.readable, writable: there.writable };
    return Promise.resolve(openFrameStream(own, { frameBytesMax }));
  };
  const small = { count: 100_000, bytes: smallBytes, writers: 64 };
  const name = "frames of 100 B each way in memory";
  figures.atLeast(name, await rate(open, small), [20_000, "/s"]);
}

/** The peer as a process, and a session with it. */
async function openPeer() {
  await using opened = new AsyncDisposableStack();
  const script = new URL("./transport_peer.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script],
    stdout: "piped",
  }).spawn();
  opened.defer(async () => {
    child.kill();
    await child.status;
    await child.stdout.cancel();
  });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  const port = Number(new TextDecoder().decode(value));
  const needs = {
    clock: openClock(),
    random: openRandom(),
    signer: openSigner(),
  };
  const key = needs.signer.privateKey(needs.random.bytes(32));
  const own = { peer: peerIdOf(key.publicKey), key };
  const endpoint = opened.use(
    await openNetwork().open({ ip: "127.0.0.1", port: 0 }, {
      identity: issueTlsLeaf(needs, own),
      protocols: [],
    }),
  );
  const session: Session = opened.use(
    await endpoint.dial({ ip: "127.0.0.1", port }, {
      serverName: peerDnsName(peer),
      anchorPem: anchorPem(needs, peer),
      protocols: ["bench"],
      signal: never,
    }),
  );
  const open = async (firstByte: number) =>
    openFrameStream(await session.openStream(never), {
      frameBytesMax,
      firstByte,
    });
  return { open, stack: opened.move() };
}

async function benchWire(figures: Figures): Promise<void> {
  const { open, stack } = await openPeer();
  await using _opened = stack;
  const small = { count: 60_000, bytes: smallBytes, writers: 64 };
  const each = await rate(() => open(kinds.echo), small);
  figures.atLeast("frames of 100 B each way over QUIC", each, [20_000, "/s"]);
  const long = { count: 1_200, bytes: longBytes, writers: 2 };
  const bulk = await rate(() => open(kinds.sink), long) * longBytes / 1e6;
  const name = "one stream of 256 KiB frames over QUIC";
  figures.atLeast(name, bulk, [300, "MB/s"]);
  await using frames = await open(kinds.echo);
  const samples: number[] = [];
  for (let i = 0; i < 2_000; i++) {
    const startMs = performance.now();
    await frames.write(1, new Uint8Array(smallBytes));
    await frames.read();
    samples.push(performance.now() - startMs);
  }
  await frames.end();
  await frames.read();
  figures.atMost("one frame of 100 B and its echo", median(samples), [
    0.3,
    "ms",
  ]);
}

function benchAuthentication(figures: Figures): void {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const [own, other] = [lab.side(alice), lab.side(bob)];
  const samples: number[] = [];
  for (let i = 0; i < 500; i++) {
    const startMs = performance.now();
    const { client } = exchange(
      lab.client(alice, { expected: bob.peer, changes: own }),
      lab.server(bob, other),
    );
    if (client.done === undefined) throw new Error("it is refused");
    samples.push(performance.now() - startMs);
  }
  figures.atMost("one authentication, both ends", median(samples), [2, "ms"]);
}

export async function benchTransport(figures: Figures): Promise<void> {
  await benchFrames(figures);
  await benchWire(figures);
  benchAuthentication(figures);
  await benchLinks(figures);
}
