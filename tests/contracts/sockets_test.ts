// The Sockets contract for the real adapter and for the simulated one, and the
// simulator's own promise: datagrams get lost as often as told. It uses
// loopback addresses only.

import assert from "node:assert/strict";
import { openSockets } from "../../src/adapters/sockets.ts";
import { DeniedError, InputError } from "../../src/kernel/mod.ts";
import type { Random } from "../../src/ports/mod.ts";
import { openSimSockets } from "../../src/sim/sockets.ts";
import { type SocketsSubject, testSockets } from "./sockets_contract.ts";
import { SteppedClock } from "./stepped_clock.ts";

function openReal(): Promise<SocketsSubject> {
  return Promise.resolve({
    sockets: openSockets(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

function openSimulated(): Promise<SocketsSubject> {
  const clock = new SteppedClock();
  return Promise.resolve({
    sockets: openSimSockets({ clock }),
    [Symbol.asyncDispose]: () => clock.idle(),
  });
}

testSockets("Sockets (Deno)", openReal);
testSockets("Sockets (simulated)", openSimulated);

Deno.test("openSockets() refuses addresses of other machines", async () => {
  const sockets = openSockets();
  const foreign = { ip: "203.0.113.1", port: 0 }; // TEST-NET-3, RFC 5737
  await assert.rejects(sockets.listenTcp(foreign), InputError);
  await assert.rejects(sockets.bindUdp(foreign), InputError);
});

Deno.test({
  name: "openSockets() says what the rights forbid",
  permissions: { net: false },
  fn: async () => {
    const sockets = openSockets();
    const address = { ip: "127.0.0.1", port: 0 };
    await assert.rejects(sockets.listenTcp(address), DeniedError);
    await assert.rejects(sockets.bindUdp(address), DeniedError);
    await assert.rejects(
      sockets.connectTcp({ ...address, port: 9 }),
      DeniedError,
    );
  },
});

Deno.test("openSimSockets() loses the datagrams it was told to", async () => {
  const clock = new SteppedClock();
  const draws = [10, 29, 30, 99];
  const random: Random = {
    bytes: (length) => new Uint8Array(length),
    integer: (below) => (draws.shift() ?? 0) % below,
    fork: () => random,
  };
  const sockets = openSimSockets({ clock, random, dropPercent: 30 });
  await using socket = await sockets.bindUdp({ ip: "10.0.0.1", port: 7 });
  for (const byte of [1, 2, 3, 4]) {
    await socket.send(Uint8Array.of(byte), socket.local);
  }
  await clock.idle();
  const received: number[] = [];
  for await (const { bytes } of socket.incoming()) {
    received.push(...bytes);
    if (received.length === 2) break;
  }
  assert.deepEqual(received, [3, 4]);
});

Deno.test("openSimSockets() finds listeners on all addresses", async () => {
  const clock = new SteppedClock();
  const sockets = openSimSockets({ clock });
  await using listener = await sockets.listenTcp({ ip: "0.0.0.0", port: 80 });
  await using ours = await sockets.connectTcp({ ip: "10.0.0.1", port: 80 });
  assert.deepEqual(ours.remote, { ip: "10.0.0.1", port: 80 });
  await assert.rejects(sockets.listenTcp({ ip: "10.0.0.1", port: 80 }));
  await listener[Symbol.asyncDispose]();
  await ours[Symbol.asyncDispose]();
  await clock.idle();
});
