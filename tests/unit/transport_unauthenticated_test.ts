// Places for sessions that have proven nothing yet: how many there are, who
// goes first when they are full, and what one session may send meanwhile.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import {
  UnauthenticatedGuard,
  UnauthenticatedSessions,
  type WaitingId,
} from "../../src/transport/unauthenticated.ts";

const known = "192.0.2.1";
const sessionsMax = limits.unauthenticatedSessionsMax;
const perIpMax = limits.unauthenticatedSessionsPerIpMax;

function open(isKnown = (ip: string) => ip.startsWith("192.0.2.")) {
  return new UnauthenticatedSessions({ isKnown });
}

/** A session comes and establishes; who must go for it. */
function enter(
  sessions: UnauthenticatedSessions,
  ip: string,
): { readonly id: WaitingId; readonly leaving: readonly WaitingId[] } {
  const id = sessions.arrive();
  assert(id !== undefined);
  return { id, leaving: sessions.establish(id, ip) };
}

/** Sessions of addresses that are all different. */
function enterMany(
  sessions: UnauthenticatedSessions,
  count: number,
  prefix: string,
): readonly WaitingId[] {
  return Array.from({ length: count }, (_, at) => {
    const { id, leaving } = enter(sessions, `${prefix}.${at}`);
    assert.deepEqual(leaving, []);
    return id;
  });
}

Deno.test("512 TLS handshakes may be under way, more are ignored", () => {
  const sessions = open();
  const ids = Array.from(
    { length: limits.pendingHandshakesMax },
    () => sessions.arrive(),
  );
  assert.equal(ids.includes(undefined), false);
  assert.equal(sessions.arrive(), undefined);
  sessions.establish(ids[0] ?? 0, known);
  sessions.leave(ids[1] ?? 0);
  assert.equal(sessions.pendingCount, limits.pendingHandshakesMax - 2);
  assert.notEqual(sessions.arrive(), undefined);
});

Deno.test("strangers have half of the places, and their oldest goes first", () => {
  const sessions = open();
  const strangers = enterMany(sessions, sessionsMax / 2, "203.0.113");
  assert.deepEqual(enter(sessions, "198.51.100.1").leaving, [strangers[0]]);
  assert.deepEqual(enter(sessions, "198.51.100.2").leaving, [strangers[1]]);
  assert.equal(sessions.establishedCount, sessionsMax / 2);
});

Deno.test("known addresses find their half free, whatever strangers do", () => {
  const sessions = open();
  enterMany(sessions, sessionsMax / 2, "203.0.113");
  const friends = enterMany(sessions, sessionsMax / 2, "192.0.2");
  for (let i = 0; i < 100; i++) {
    const { leaving } = enter(sessions, `198.51.100.${i}`);
    assert.equal(leaving.some((id) => friends.includes(id)), false);
  }
  assert.equal(sessions.establishedCount, sessionsMax);
});

Deno.test("known addresses may have all places, then the oldest goes", () => {
  const sessions = open();
  const friends = enterMany(sessions, sessionsMax, "192.0.2");
  assert.deepEqual(enter(sessions, "192.0.2.200").leaving, [friends[0]]);
  assert.deepEqual(enter(sessions, "203.0.113.1").leaving, [friends[1]]);
  assert.equal(sessions.establishedCount, sessionsMax);
});

Deno.test("one address has 4 places, and its own oldest goes first", () => {
  const sessions = open();
  const other = enter(sessions, "203.0.113.1").id;
  const ids = Array.from(
    { length: perIpMax },
    () => enter(sessions, "203.0.113.2").id,
  );
  assert.deepEqual(enter(sessions, "203.0.113.2").leaving, [ids[0]]);
  assert.deepEqual(enter(sessions, "::ffff:203.0.113.2").leaving, [ids[1]]);
  sessions.leave(other);
  assert.equal(sessions.establishedCount, perIpMax);
});

Deno.test("a machine's IPv6 addresses count as one", () => {
  const sessions = open(() => false);
  const ids = Array.from(
    { length: perIpMax },
    (_, at) => enter(sessions, `2001:db8:0:1::${at}`).id,
  );
  assert.deepEqual(enter(sessions, "2001:db8:0:2::1").leaving, []);
  assert.deepEqual(enter(sessions, "2001:db8:0:1:ffff::").leaving, [ids[0]]);
});

Deno.test("loopback has as many places as there are", () => {
  for (const ip of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) {
    const sessions = open((known) => known === "::1" || /^127/.test(known));
    for (let i = 0; i < sessionsMax; i++) {
      assert.deepEqual(enter(sessions, ip).leaving, []);
    }
    assert.equal(enter(sessions, ip).leaving.length, 1);
  }
});

Deno.test("who has left makes room, and may leave twice", () => {
  const sessions = open();
  const strangers = enterMany(sessions, sessionsMax / 2, "203.0.113");
  sessions.leave(strangers[0] ?? 0);
  sessions.leave(strangers[0] ?? 0);
  assert.deepEqual(enter(sessions, "198.51.100.1").leaving, []);
  assert.deepEqual(enter(sessions, "198.51.100.2").leaving, [strangers[1]]);
  for (const id of strangers) sessions.leave(id);
  assert.equal(sessions.establishedCount, 2);
});

Deno.test("known addresses are asked for in their canonical spelling", () => {
  const asked: string[] = [];
  const sessions = open((ip) => {
    asked.push(ip);
    return true;
  });
  for (const ip of ["2001:DB8:0:0::1", "::ffff:192.0.2.1", "not an ip"]) {
    enter(sessions, ip);
  }
  assert.deepEqual(asked, ["2001:db8::1", "192.0.2.1", "not an ip"]);
});

Deno.test("an unproven session is closed at its fifth stream", () => {
  const guard = new UnauthenticatedGuard();
  for (let i = 0; i < limits.unauthenticatedStreamsMax; i++) {
    assert.equal(guard.onStream(), true);
  }
  assert.equal(guard.onStream(), false);
  assert.equal(guard.onBytes(1), false);
});

Deno.test("an unproven session is closed over 64 KiB on all its streams", () => {
  const guard = new UnauthenticatedGuard();
  for (let i = 0; i < 64; i++) assert.equal(guard.onBytes(1024), true);
  assert.equal(guard.onStream(), true);
  assert.equal(guard.onBytes(1), false);
});
