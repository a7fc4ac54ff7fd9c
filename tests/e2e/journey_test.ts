// The main job, as a user does it: from an empty directory to called seeds,
// over restarts, with real processes and the real launcher.

import assert from "node:assert/strict";
import { example, Lab } from "./lab.ts";

Deno.test("pln: init, up -d, seed, call, restart, call, down", async () => {
  await using lab = await Lab.open();
  const init = await lab.must(["init", "--prop", "place=desk"]);
  assert.match(init, /[0-9a-f]{64}/, "init shows the peer id");
  await lab.must(["up", "-d"]);
  await lab.must(["seed", example("hello")]);
  const greet = ["call", "hello", "greet", '{"name":"world"}'];
  assert.equal(await lab.must(greet), '{"greeting":"Hello, world!"}');
  await lab.must(["restart"]);
  assert.equal(await lab.must(greet), '{"greeting":"Hello, world!"}');
  await lab.must(["down"]);
  const stderr = await lab.mustFail(greet, { code: 6 });
  assert.match(stderr, /pln up -d/);
});

Deno.test("pln up: a fresh directory becomes a root cluster", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  const status = JSON.parse(await lab.must(["status", "--json"]));
  assert.equal(status.node.tier, "admin");
  assert.equal(status.node.processId, daemon.pid, "the launcher execs");
  const id = (await lab.must(["id"])).trim();
  assert.equal(status.node.peer, id);
});

Deno.test("pln up: SIGTERM drains and exits 0", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  await lab.must(["seed", example("hello")]);
  daemon.kill("SIGTERM");
  const { code } = await daemon.status;
  assert.equal(code, 0);
  const log = await lab.must(["logs", "--json"]);
  assert.match(log, /"daemon\.stopped"/);
  assert.equal(await lab.run(["status"]).then(({ code }) => code), 6);
});

Deno.test("seeds call each other, nested and by tail call", async () => {
  await using lab = await Lab.open();
  await lab.must(["init", "--prop", "place=desk"]);
  await lab.startDaemon();
  await lab.must(["seed", example("upper")]);
  await lab.must(["seed", example("shout")]);
  await lab.must(["seed", example("vowels")]);
  const call = (...args: string[]) => lab.must(["call", ...args]);
  assert.equal(await call("shout", "shout", "hi"), "HI!");
  assert.equal(await call("shout", "relay", "hi"), "HI");
  assert.equal(await call("vowels", "count_vowels", "aeiou"), '{"count":5}');
  const caller = JSON.parse(await call("shout", "whoami"));
  assert.equal(caller.peerKey, (await lab.must(["id"])).trim());
  assert.deepEqual(caller.attributes, { place: "desk" });
  assert.ok(caller.deadlineUnixMs > 1_700_000_000_000);
});

Deno.test("pln call: raw bytes in by stdin and out, byte for byte", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  await lab.must(["seed", example("upper")]);
  const stdin = "straße ".repeat(10_000);
  const output = await lab.must(["call", "upper", "handle"], { stdin });
  assert.equal(output, stdin.toUpperCase());
});

Deno.test("pln unseed: the name is free again, others stay", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  await lab.must(["seed", example("hello"), "one"]);
  await lab.must(["seed", example("hello"), "two"]);
  await lab.must(["unseed", "one"]);
  await lab.mustFail(["call", "one", "greet", "{}"], { code: 3 });
  await lab.must(["call", "two", "greet", '{"name":"x"}']);
  await lab.mustFail(["unseed", "one"], { code: 3 });
});

Deno.test("pln seed: a name's next version takes over at once", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  await lab.must(["seed", example("hello"), "site"]);
  await lab.must(["seed", example("upper"), "site"]);
  assert.equal(await lab.must(["call", "site", "handle", "x"]), "X");
  await lab.mustFail(["call", "site", "greet", "{}"], { code: 3 });
});

Deno.test("pln set: the running daemon follows, metrics answer", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  await lab.must(["seed", example("hello")]);
  await lab.must(["call", "hello", "greet", '{"name":"x"}']);
  const port = String(await freePort());
  await lab.must(["set", "http", port]);
  const metrics = await fetch(`http://127.0.0.1:${port}/metrics`);
  const text = await metrics.text();
  assert.match(text, /^pln_seed_calls_total\{seed="hello"\} 1$/m);
  await lab.must(["unset", "http"]);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/metrics`));
});

async function freePort(): Promise<number> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await Promise.resolve();
  return listener.addr.port;
}
