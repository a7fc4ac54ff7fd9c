// The transport over real QUIC on loopback: what the simulator cannot prove.
// Nothing may stay open when a test has ended.

import assert from "node:assert/strict";
import { openClock } from "../../src/adapters/clock.ts";
import { openNetwork } from "../../src/adapters/network.ts";
import { openNetworkCounts } from "../../src/adapters/network_counts.ts";
import { openRandom } from "../../src/adapters/random.ts";
import { openSockets } from "../../src/adapters/sockets.ts";
import { anchorPem } from "../../src/identity/mod.ts";
import { peerIdOf } from "../../src/kernel/mod.ts";
import { closeCodes, type Link } from "../../src/transport/mod.ts";
import {
  ask,
  echo,
  LabCluster,
  type LabMember,
  never,
  openMember,
  signer,
} from "../unit/transport_cluster.ts";
import { inDirectory } from "../unit/temporary_directory.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const needs = {
  clock: openClock(),
  log: silent,
  network: openNetwork(),
  random: openRandom(),
  signer,
};

async function withMembers(
  work: (one: LabMember, other: LabMember) => Promise<void>,
): Promise<void> {
  const cluster = new LabCluster(needs);
  const one = await openMember(needs, cluster);
  const other = await openMember(needs, cluster);
  try {
    await work(one, other);
  } finally {
    await one.transport[Symbol.asyncDispose]();
    await other.transport[Symbol.asyncDispose]();
  }
  assert.deepEqual(openNetworkCounts(), {
    endpoints: 0,
    listeners: 0,
    sessions: 0,
    dials: 0,
  });
}

function connect(from: LabMember, to: LabMember): Promise<Link> {
  const { transport } = from;
  return transport.dial(to.peer, to.transport.local, { signal: never });
}

function until(isDone: () => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = () => isDone() ? resolve() : setTimeout(look, 5);
  look();
  return promise;
}

Deno.test("over QUIC two members are linked, and streams go both ways", async () => {
  await withMembers(async (one, other) => {
    const link = await connect(one, other);
    await until(() => other.transport.links.size === 1);
    const back = other.transport.links.get(one.peer);
    assert.ok(back !== undefined && back.id === link.id);
    assert.deepEqual(
      await Promise.all([ask(link, "there"), ask(back, "and back")]),
      ["there", "and back"],
    );
    assert.ok(await link.ping(never) < 1_000);
    await until(() => link.observed !== undefined);
    assert.deepEqual(link.observed, one.transport.local);
  });
});

Deno.test("over QUIC both ends keep the same connection when they dial at once", async () => {
  await withMembers(async (one, other) => {
    for (let round = 0; round < 10; round++) {
      const links = await Promise.all([
        connect(one, other),
        connect(other, one),
      ]);
      const asked = links.map((link) => ask(link, "while it is decided"));
      assert.equal((await Promise.all(asked)).length, 2);
      const [mine, theirs] = [one, other].map(({ transport }) =>
        [...transport.links.values()].map(({ id }) => id)
      );
      assert.deepEqual(mine, theirs);
      const [link] = one.transport.links.values();
      link?.close(closeCodes.shutdown, "");
      await until(() => other.transport.links.size === 0);
    }
  });
});

Deno.test("over QUIC a stopped peer is known to have closed within a second", async () => {
  await withMembers(async (one, other) => {
    const link = await connect(one, other);
    await other.transport[Symbol.asyncDispose]();
    const end = await link.ended;
    assert.ok(end.type === "closed" && end.code === closeCodes.shutdown);
  });
});

Deno.test("over QUIC a refused peer hears why", async () => {
  await withMembers(async (one, other) => {
    other.gatekeeper.denied.add(one.peer);
    await assert.rejects(connect(one, other), {
      name: "ReportedError",
      code: "PLN_DENIED",
    });
    other.gatekeeper.denied.clear();
    const link = await connect(one, other);
    other.gatekeeper.denied.add(one.peer);
    other.transport.recheck();
    const end = await link.ended;
    assert.ok(end.type === "closed" && end.code === closeCodes.revoked);
  });
});

Deno.test("over QUIC a listener with another identity than dialled is refused", async () => {
  await withMembers(async (one, other) => {
    const stranger = peerIdOf(signer.privateKey(new Uint8Array(32)).publicKey);
    const dial = one.transport.dial(stranger, other.transport.local, {
      signal: never,
    });
    await assert.rejects(dial, {
      code: "PLN_UNREACHABLE",
      message: /Somebody else answers/,
    });
  });
});

Deno.test("over QUIC a bulk stream arrives whole", async () => {
  await withMembers(async (one, other) => {
    const link = await connect(one, other);
    await using stream = await link.openStream(echo, never);
    const body = new Uint8Array(echo.frameBytesMax).fill(7);
    const frames = 256;
    const writing = (async () => {
      for (let i = 0; i < frames; i++) await stream.write(1, body);
      await stream.end();
    })();
    let bytes = 0;
    let frame = await stream.read();
    while (frame !== undefined) {
      bytes += frame.body.length;
      frame = await stream.read();
    }
    await writing;
    assert.equal(bytes, frames * body.length);
  });
});

Deno.test("S43 100,000 junk datagrams and broken handshakes leave the listener accepting", async () => {
  await withMembers(async (one, other) => {
    const { ip, port } = one.transport.local;
    {
      await using socket = await openSockets().bindUdp({ ip, port: 0 });
      const junk = new Uint8Array(1_200);
      for (let i = 0; i < 100_000; i++) {
        if (i % 100 === 0) crypto.getRandomValues(junk);
        // Long headers of version 1 every other time: Initials of nobody.
        junk[0] = i % 2 ? 0xc3 : i & 0xff;
        if (i % 2) junk.set([0, 0, 0, 1, 8], 1);
        await socket.send(junk, { ip, port });
      }
    }
    const link = await connect(other, one);
    assert.equal(await ask(link, "still here"), "still here");
    assert.equal(one.transport.report().links, 1);
  });
});

/** Starts a member in a process of its own; what it says of its start. */
async function startMember(
  options: {
    readonly flags?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<string> {
  const script = new URL("./transport_start.ts", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...options.flags ?? [], script],
    env: { ...options.env },
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("a node starts in an ordinary process", async () => {
  assert.equal(await startMember({}), "started");
});

Deno.test("a node refuses to start where certificates are not checked", async () => {
  const flags = ["--unsafely-ignore-certificate-errors"];
  assert.match(await startMember({ flags }), /^PLN_TRUST .*DENO_CERT/);
});

Deno.test("a node refuses to start where DENO_CERT vouches for its server", async () => {
  await inDirectory(async (directory) => {
    const path = `${directory}/anchor.pem`;
    const key = signer.privateKey(new Uint8Array(32).fill(5));
    await Deno.writeTextFile(path, anchorPem(needs, peerIdOf(key.publicKey)));
    assert.match(await startMember({ env: { DENO_CERT: path } }), /^PLN_TRUST/);
  });
});
