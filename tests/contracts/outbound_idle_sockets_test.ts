// Connections that nobody uses: what ends them, and what they are free of when
// they are used again. Streams in memory stand for sockets; every wait is for
// the end of one.

import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { IdleSockets } from "../../src/adapters/outbound_idle_sockets.ts";

Deno.test("IdleSockets ends a connection when its time is over", async () => {
  const idle = new IdleSockets(20);
  const socket = new PassThrough();
  const closed = once(socket, "close");
  // The timer alone keeps no process alive; a test must wait for it.
  const awake = setTimeout(() => {}, 60_000);
  idle.keep(socket);
  assert.equal(idle.count, 1);
  await closed;
  clearTimeout(awake);
  assert.equal(idle.count, 0);
});

Deno.test("IdleSockets ends a connection at its first byte", async () => {
  const idle = new IdleSockets(60_000);
  const socket = new PassThrough();
  const closed = once(socket, "close");
  idle.keep(socket);
  socket.write("x");
  await closed;
  assert.equal(idle.count, 0);
});

Deno.test("IdleSockets leaves nothing on a connection that is used again", () => {
  const idle = new IdleSockets(60_000);
  const socket = new PassThrough();
  const listeners = () => socket.eventNames().length;
  const before = listeners();
  for (let round = 0; round < 3; round++) {
    idle.keep(socket);
    assert.ok(listeners() > before);
    idle.take(socket);
    idle.take(socket);
    assert.equal(listeners(), before);
    assert.equal(idle.count, 0);
  }
});
