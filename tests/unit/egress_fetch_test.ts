// Answers and their absence: addresses tried, rebinding names, limits of size,
// time and number, and what a seed is told when the network fails.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { OutboundError, type OutboundFault } from "../../src/ports/mod.ts";
import { EgressLab, publicAddress } from "./egress_lab.ts";

const url = "https://api.example.org/";
const second = "93.184.215.15";

Deno.test("an answer comes back whole", async () => {
  const lab = new EgressLab();
  lab.outbound.serve(publicAddress, () => ({
    status: 418,
    headers: [["X-A", "1"], ["content-encoding", "gzip"], ["x-a", "2"]],
    body: Uint8Array.of(1, 2, 255),
  }));
  const answer = await lab.fetch(url);
  assert.deepEqual(answer, {
    status: 418,
    headers: { "x-a": "1, 2", "content-encoding": "gzip" },
    body: Uint8Array.of(1, 2, 255),
  });
});

Deno.test("R15 a name is resolved once, and that address is asked", async () => {
  const lab = new EgressLab();
  lab.outbound.name("api.example.org", [publicAddress], ["127.0.0.1"]);
  lab.outbound.serve("127.0.0.1", () => ({ body: "inside" }));
  assert.equal(await lab.text(url), "public");
  assert.deepEqual(lab.outbound.lookups, ["api.example.org"]);
  const addresses = lab.outbound.requests.map(({ address }) => address);
  assert.deepEqual(addresses, [publicAddress]);
  await lab.refusal(url);
  assert.equal(lab.outbound.requests.length, 1);
});

Deno.test("the next address is asked when one takes no connection", async () => {
  const lab = new EgressLab();
  lab.outbound.name("api.example.org", [second, "2606:4700::1", publicAddress]);
  assert.equal(await lab.text(url), "public");
  lab.outbound.name("api.example.org", [second]);
  const { message, cause } = await lab.failure(url);
  assert.equal(message, "api.example.org accepts no connection");
  assert.ok(cause instanceof OutboundError);
});

Deno.test("no more than 4 addresses are asked", async () => {
  const lab = new EgressLab();
  const closed = [1, 2, 3, 4].map((last) => `93.184.215.10${last}`);
  lab.outbound.name("api.example.org", [...closed, publicAddress]);
  await lab.failure(url);
  lab.outbound.name("api.example.org", [...closed.slice(1), publicAddress]);
  assert.equal(await lab.text(url), "public");
});

Deno.test("nobody else is asked once a server may have seen the request", async () => {
  for (
    const fault of [
      "broken-off",
      "not-secure",
      "large-body",
    ] satisfies OutboundFault[]
  ) {
    const lab = new EgressLab();
    lab.outbound.name("api.example.org", [second, publicAddress]);
    lab.outbound.serve(second, () => {
      throw new OutboundError(fault, "api.example.org");
    });
    await lab.failure(url);
    assert.equal(lab.outbound.requests.length, 1);
  }
});

Deno.test("a failure says what failed and about whom", async () => {
  const lab = new EgressLab();
  const unknown = await lab.failure("https://nobody.example/", {
    allowHosts: ["nobody.example"],
  });
  assert.equal(
    unknown.message,
    "nobody.example does not resolve to an address",
  );
  assert.ok(unknown.hint !== undefined);
  lab.outbound.serve(publicAddress, () => ({ body: "x", end: "broken-off" }));
  const broken = await lab.failure(url);
  assert.equal(
    broken.message,
    "api.example.org broke off before its answer was complete",
  );
});

Deno.test("an address that the node itself may not reach is refused", async () => {
  const lab = new EgressLab();
  const address = "10.0.0.7";
  lab.outbound.serve(address, () => {
    throw new OutboundError("denied", address);
  });
  const allowHosts = [address];
  const { message } = await lab.refusal(`http://${address}/`, { allowHosts });
  assert.match(message, /^This node has no right to connect to 10/);
});

Deno.test("an answer has limits: header and body", async () => {
  const lab = new EgressLab();
  const most = limits.fetchBodyBytesMax;
  lab.outbound.serve(publicAddress, ({ url: { pathname } }) => ({
    headers: [["x", "1".repeat(pathname === "/head" ? 65_536 : 1)]],
    body: new Uint8Array(most + (pathname === "/body" ? 1 : 0)),
  }));
  assert.equal((await lab.fetch(url)).body.length, most);
  assert.equal(
    (await lab.failure(`${url}body`)).message,
    "api.example.org answers with too large a body: " +
      "it has more than 8388608 bytes",
  );
  assert.equal(
    (await lab.failure(`${url}head`)).message,
    "api.example.org answers with too large a header",
  );
});

Deno.test("a request ends after 30 s, or at its call's deadline", async () => {
  const lab = new EgressLab();
  lab.outbound.serve(publicAddress, () => ({ end: "never" }));
  for (
    const [leftMs, endMs, text] of [
      [3_600_000, 30_000, "30s"],
      [1_500, 1_500, "1.5s"],
      [0, 0, "0ms"],
      [-5, 0, "0ms"],
    ] as const
  ) {
    const startMs = lab.clock.nowMs();
    const { message } = await lab.failure(url, { leftMs });
    assert.match(message, new RegExp(` gave no answer within ${text}$`));
    assert.equal(lab.clock.nowMs() - startMs, endMs);
  }
});

Deno.test("redirects share one time limit", async () => {
  const lab = new EgressLab();
  lab.outbound.name("api.example.org", [publicAddress]);
  lab.outbound.name("slow.example.org", [second]);
  lab.outbound.serve(publicAddress, () => ({
    status: 302,
    headers: [["location", "https://slow.example.org/"]],
  }));
  lab.outbound.serve(second, () => ({ end: "never" }));
  const allowHosts = ["*.example.org"];
  const { message } = await lab.failure(url, { allowHosts, leftMs: 2_000 });
  assert.equal(message, "slow.example.org gave no answer within 2s");
  assert.equal(lab.clock.nowMs(), 2_000);
});

Deno.test("a request ends with its caller", async () => {
  const lab = new EgressLab();
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  await assert.rejects(lab.fetch(url, { signal }), reason);
  assert.deepEqual(lab.outbound.lookups, []);
  const abort = new AbortController();
  lab.outbound.serve(publicAddress, () => {
    abort.abort(reason);
    return { end: "never" };
  });
  await assert.rejects(lab.fetch(url, { signal: abort.signal }), reason);
});

Deno.test("a request leaves nothing behind when it is over", async () => {
  const lab = new EgressLab();
  const abort = new AbortController();
  const { signal } = abort;
  await lab.fetch(url, { signal });
  await lab.refusal("http://127.0.0.1/", { signal });
  await lab.clock.idle();
  assert.equal(lab.clock.nowMs(), 0, "no timer was left to wait for");
  abort.abort();
});

/** Requests that wait for an answer until they are told to end. */
class Crowd implements AsyncDisposable {
  readonly #lab: EgressLab;
  readonly #abort = new AbortController();
  readonly #waiting: Promise<unknown>[] = [];

  constructor(lab: EgressLab) {
    this.#lab = lab;
    lab.outbound.serve(publicAddress, () => ({ end: "never" }));
  }

  add(seed: string, count = 1): void {
    const { signal } = this.#abort;
    for (let at = 0; at < count; at++) {
      const work = this.#lab.fetch(url, { seed, signal });
      this.#waiting.push(assert.rejects(work, /AbortError/));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#waiting);
  }
}

Deno.test("a seed has at most 16 requests under way, a node 64", async () => {
  const lab = new EgressLab();
  {
    await using crowd = new Crowd(lab);
    crowd.add("news", 16);
    const one = await lab.failure(url, { seed: "news" });
    assert.match(one.message, /^Seed "news" has 16 HTTP requests under way/);
    crowd.add("b", 16);
    crowd.add("c", 15);
    for (let at = 0; at < 17; at++) crowd.add(`single ${at}`);
    const all = await lab.failure(url, { seed: "other" });
    assert.match(all.message, /^This node has 64 HTTP requests/);
    assert.equal(all.hint, "Try again in a moment");
  }
  lab.outbound.serve(publicAddress, () => ({ body: "again" }));
  assert.equal(await lab.text(url, { seed: "news" }), "again");
});

Deno.test("the last 16 requests of a node are for seeds that have none", async () => {
  const lab = new EgressLab();
  await using crowd = new Crowd(lab);
  for (const seed of ["a", "b", "c"]) crowd.add(seed, 16);
  crowd.add("other");
  const { message } = await lab.failure(url, { seed: "other" });
  assert.match(message, /^This node has 49 HTTP requests/);
  crowd.add("another");
});

Deno.test("a request over the limit of requests is not looked at", async () => {
  const lab = new EgressLab();
  await using crowd = new Crowd(lab);
  crowd.add("news", 16);
  let looks = 0;
  const headers = new Proxy({}, {
    ownKeys: () => {
      looks++;
      return [];
    },
  });
  const { message } = await lab.failure({ url, headers }, { seed: "news" });
  assert.match(message, /has 16 HTTP requests under way/);
  assert.equal(looks, 0);
});

Deno.test("answers under way have at most 128 MiB together", async () => {
  const lab = new EgressLab();
  const largest = new Uint8Array(limits.fetchBodyBytesMax);
  const abort = new AbortController();
  const { signal } = abort;
  lab.outbound.serve(publicAddress, ({ url: { pathname } }) => ({
    body: pathname === "/small" ? "s" : largest,
    ...(pathname === "/held" ? { end: "never" } : {}),
  }));
  const held = Array.from(
    { length: 16 },
    (_, at) => lab.fetch(`${url}held`, { seed: `${at}`, signal }),
  );
  const ended = held.map((work) => assert.rejects(work, /AbortError/));
  await lab.fetch(`${url}small`).catch(() => {});
  const { message, hint } = await lab.failure(`${url}small`);
  assert.equal(
    message,
    "There is no room for the answer of api.example.org now",
  );
  assert.match(hint ?? "", /^Try again/);
  abort.abort();
  await Promise.all(ended);
  // What was taken is given back, also by answers that came.
  for (let count = 0; count < 17; count++) {
    assert.equal((await lab.fetch(url)).body.length, largest.length);
  }
});

Deno.test("connections are kept apart by seed", async () => {
  const lab = new EgressLab();
  await lab.fetch(url, { seed: "a" });
  await lab.fetch(url, { seed: "b" });
  const partitions = lab.outbound.requests.map(({ partition }) => partition);
  assert.deepEqual(partitions, ["a", "b"]);
});
