// Dials that fail, leaves that are rotated, and joiners, in the simulator.

import assert from "node:assert/strict";
import { limits, peerIdOf } from "../../src/kernel/mod.ts";
import type { Network } from "../../src/ports/mod.ts";
import { openJoinDialer, TrustError } from "../../src/transport/mod.ts";
import { openSimClock } from "../../src/sim/clock.ts";
import {
  closeAll,
  connect,
  type Lab,
  never,
  openRogue,
  port,
  pour,
  scenario,
  signer,
} from "./transport_lab.ts";

scenario(
  "a dial to an address where nobody listens fails within four seconds",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const startMs = lab.world.nowMs;
    const nowhere = { ip: "10.200.0.1", port: 9 };
    await assert.rejects(a.transport.dial(b.peer, nowhere, { signal: never }), {
      code: "PLN_UNREACHABLE",
      message: /10\.200\.0\.1:9/,
    });
    assert.ok(lab.world.nowMs - startMs <= limits.dialMsMax);
    await closeAll(a, b);
  },
);

scenario(
  "a dial that reaches another node than expected says so",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const c = await lab.node("c");
    const error = await a.transport.dial(c.peer, b.address, { signal: never })
      .catch((cause) => cause);
    assert.equal(error.code, "PLN_UNREACHABLE");
    assert.match(
      error.message,
      new RegExp(`^Node ${c.peer.slice(0, 8)} is not`),
    );
    assert.match(error.hint, /another node/i);
    assert.equal(b.transport.links.size, 0);
    await closeAll(a, b, c);
  },
);

scenario("a node does not dial itself", async (lab) => {
  const a = await lab.node("a");
  await assert.rejects(connect(a, a), { code: "PLN_INPUT" });
  await closeAll(a);
});

scenario("a dialled peer that this node refuses gets no link", async (lab) => {
  const a = await lab.node("a");
  const b = await lab.node("b");
  a.gatekeeper.denied.add(b.peer);
  await assert.rejects(connect(a, b), {
    name: "DeniedError",
    code: "PLN_DENIED",
  });
  await lab.pause(100);
  assert.equal(a.transport.links.size, 0);
  assert.equal(b.transport.links.size, 0);
  assert.equal(a.transport.report().refusals.denied, 1);
  await closeAll(a, b);
});

scenario(
  "a dialled peer that falls silent in the handshake is given up",
  async (lab) => {
    const a = await lab.node("a");
    const silent = await openRogue(lab, "silent");
    const accepting = (async () => {
      for await (const incoming of silent.endpoint.incomingSessions()) {
        incoming.accept();
      }
    })();
    const [ip = ""] = lab.network.ipsOf("silent");
    const to = { ip, port: silent.endpoint.local.port };
    const startMs = lab.world.nowMs;
    const dial = a.transport.dial(silent.peer, to, { signal: never });
    await assert.rejects(dial, { code: "PLN_UNREACHABLE" });
    const tookMs = lab.world.nowMs - startMs;
    assert.ok(tookMs > 1_000 && tookMs <= limits.authMsMax + 100, `${tookMs}`);
    await silent.endpoint[Symbol.asyncDispose]();
    await accepting;
    await closeAll(a);
  },
);

scenario(
  "a dialled peer that opens streams instead of a handshake is given up",
  async (lab) => {
    const a = await lab.node("a");
    const eager = await openRogue(lab, "eager");
    const opening = (async () => {
      for await (const incoming of eager.endpoint.incomingSessions()) {
        const session = incoming.accept();
        for (let i = 0; i < 20; i++) {
          await pour(session ?? assert.fail("accepted"), new Uint8Array(1));
        }
      }
    })();
    const [ip = ""] = lab.network.ipsOf("eager");
    const to = { ip, port: eager.endpoint.local.port };
    const startMs = lab.world.nowMs;
    const dial = a.transport.dial(eager.peer, to, { signal: never });
    await assert.rejects(dial, { code: "PLN_UNREACHABLE" });
    assert.ok(lab.world.nowMs - startMs < 100, "at once");
    await eager.endpoint[Symbol.asyncDispose]();
    await opening;
    await closeAll(a);
  },
);

scenario(
  "a listener still serves new peers after its leaf was rotated for days",
  async (lab) => {
    const a = await lab.node("a");
    const b = await lab.node("b");
    const dayMs = 24 * 3_600_000;
    for (let day = 1; day <= 3; day++) {
      lab.setWallOffset(day * dayMs);
      await lab.pause(600_000);
      const link = await connect(a, b);
      link.close(0, "");
      await link.ended;
    }
    const rotated = b.log.records.filter(({ event }) =>
      event === "transport.leaf_rotated"
    );
    assert.equal(rotated.length, 3);
    await closeAll(a, b);
  },
);

scenario(
  "a leaf from a clock that was ten years ahead is replaced once the clock is right",
  async (lab) => {
    lab.setWallOffset(0);
    const a = await lab.node("a");
    const b = await lab.node("b", { wallOffsetMs: 3_650 * 24 * 3_600_000 });
    await assert.rejects(connect(a, b), { code: "PLN_UNREACHABLE" });
    b.clock.setWallOffset(0);
    await lab.pause(600_000);
    assert.equal((await connect(a, b)).peer, b.peer);
    await closeAll(a, b);
  },
);

/** A network whose dials believe any server. */
function credulous(lab: Lab, host: Network): Network {
  return {
    localIps: () => host.localIps(),
    open: async (bind, options) => {
      const endpoint = await host.open(bind, options);
      const wrapped = Object.create(endpoint) as typeof endpoint;
      Object.defineProperties(wrapped, {
        local: { get: () => endpoint.local },
        dial: {
          value: (...[to, dial]: Parameters<typeof endpoint.dial>) =>
            endpoint.dial(to, { ...dial, anchorPem: lab.anchorOf(dial) }),
        },
      });
      for (const name of ["incomingSessions", "rotate"] as const) {
        Object.defineProperty(wrapped, name, {
          value: endpoint[name].bind(endpoint),
        });
      }
      Object.defineProperty(wrapped, Symbol.asyncDispose, {
        value: () => endpoint[Symbol.asyncDispose](),
      });
      return wrapped;
    },
  };
}

scenario(
  "a process that believes any server refuses to start, and names why",
  async (lab) => {
    const before = lab.world.timerCount;
    const error = await lab.node("a", {
      network: (host) => credulous(lab, host),
    }).catch((cause) => cause);
    assert.ok(error instanceof TrustError);
    assert.match(error.hint ?? "", /DENO_CERT/);
    assert.match(error.hint ?? "", /DENO_TLS_CA_STORE/);
    assert.match(error.hint ?? "", /--unsafely-ignore-certificate-errors/);
    await lab.pause(20_000);
    assert.equal(lab.world.timerCount, before);
  },
);

scenario(
  "a joiner without a credential reaches enrolment only",
  async (lab) => {
    const before = lab.world.timerCount;
    const b = await lab.node("b", {
      onJoin: async (stream, { remote }) => {
        const frame = await stream.read();
        if (frame !== undefined) await stream.write(frame.kind, frame.body);
        assert.equal(remote.ip, "10.0.0.2");
      },
    });
    const clock = openSimClock(lab.world, { name: "joiner" });
    const network = lab.network.host("joiner", { clock, signer });
    const random = lab.world.random.fork("joiner");
    const dialer = await openJoinDialer({ clock, network, random, signer });
    const connection = await dialer.dial(b.peer, b.address, { signal: never });
    await connection.stream.write(1, Uint8Array.of(1, 2, 3));
    const answer = await connection.stream.read();
    assert.deepEqual(answer?.body, Uint8Array.of(1, 2, 3));
    assert.equal(await connection.stream.read(), undefined);
    await connection[Symbol.asyncDispose]();
    await dialer[Symbol.asyncDispose]();
    assert.equal(b.transport.links.size, 0);
    await closeAll(b);
    await lab.pause(20_000);
    assert.equal(lab.world.timerCount, before);
  },
);

scenario("a node joins from its own socket too", async (lab) => {
  const a = await lab.node("a");
  const b = await lab.node("b", {
    onJoin: async (stream) => {
      await stream.write(9, new Uint8Array(0));
    },
  });
  await using connection = await a.transport.dialJoin(b.peer, b.address, {
    signal: never,
  });
  // The acceptor learns of a stream when something comes on it.
  await connection.stream.write(1, new Uint8Array(0));
  assert.equal((await connection.stream.read())?.kind, 9);
  await closeAll(a, b);
});

scenario("no peer is let in before the transport is open", async (lab) => {
  const a = await lab.node("a");
  const key = lab.newKey();
  const { promise: tested, resolve: goOn } = Promise.withResolvers<void>();
  const opening = lab.node("b", {
    key,
    network: (host) => ({
      localIps: () => host.localIps(),
      open: async (bind, options) => {
        const endpoint = await host.open(bind, options);
        // Its first dial is the test of the trust store.
        return new Proxy(endpoint, {
          get: (target, name) => {
            const value = Reflect.get(target, name, target);
            if (typeof value !== "function") return value;
            if (name !== "dial") return value.bind(target);
            return async (...args: Parameters<typeof endpoint.dial>) => {
              await tested;
              return await endpoint.dial(...args);
            };
          },
        });
      },
    }),
  });
  await lab.pause(10);
  const [ip = ""] = lab.network.ipsOf("b");
  const peer = peerIdOf(key.publicKey);
  const dialling = a.transport.dial(peer, { ip, port }, { signal: never });
  await lab.pause(500);
  assert.equal(a.transport.links.size, 0);
  goOn();
  const b = await opening;
  assert.equal(b.transport.links.size, 0, "what is registered now misses none");
  assert.equal((await dialling).peer, b.peer);
  await closeAll(a, b);
});
