// The egress over the real adapter: TLS servers and a name server on loopback,
// certificates made here. Loopback is granted by address, as a name alone does
// not open it.

import assert from "node:assert/strict";
import { openClock } from "../../src/adapters/clock.ts";
import { openOutbound } from "../../src/adapters/outbound.ts";
import { Egress, EgressFailure, EgressRefusal } from "../../src/egress/mod.ts";
import type { HttpAsk } from "../../src/ports/mod.ts";
import { emptyBytes, utf8, utf8Text } from "../../src/kernel/mod.ts";
import { NameServer } from "../contracts/outbound_name_server.ts";
import { TestAuthority } from "../contracts/outbound_certificates.ts";
import {
  answerBy,
  type WireHandle,
  WireServer,
} from "../contracts/outbound_wire_server.ts";

const authority = await TestAuthority.create();
const identity = await authority.certify({
  names: ["api.example", "www.example", "localhost"],
});
const here = { a: "127.0.0.1" };
const never = new AbortController().signal;

class Network implements AsyncDisposable {
  readonly server: WireServer;
  readonly names = new NameServer({
    "api.example": here,
    "www.example": here,
    "evil.example": here,
  });
  readonly egress: Egress;
  readonly #outbound = openOutbound({
    authoritiesPem: authority.pem,
    nameServer: this.names.address,
  });
  readonly #clock = openClock();

  private constructor(server: WireServer) {
    this.server = server;
    const outbound = this.#outbound;
    this.egress = new Egress({ clock: this.#clock, outbound });
  }

  static async open(handle: WireHandle): Promise<Network> {
    return new Network(await WireServer.open(handle, { identity }));
  }

  url(host: string, path = "/"): string {
    return `https://${host}:${this.server.port}${path}`;
  }

  async fetch(
    url: string,
    { leftMs = 60_000, ...ask }: Partial<HttpAsk> & { leftMs?: number } = {},
  ) {
    const grants = ["api.example", "www.example", "localhost", "127.0.0.1"];
    const { port } = this.server;
    return await this.egress.fetch(
      { url, method: "GET", headers: {}, body: emptyBytes, ...ask },
      { seed: "news", allowHosts: grants.map((one) => `${one}:${port}`) },
      { signal: never, deadlineMs: this.#clock.nowMs() + leftMs },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#outbound[Symbol.asyncDispose]();
    await this.names[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

Deno.test("a seed talks to a server whose certificate fits", async () => {
  await using network = await Network.open(answerBy(({ method, body }) => ({
    status: 201,
    headers: [["Content-Type", "text/plain"]],
    body: `${method} ${body}`,
  })));
  const url = network.url("api.example");
  const body = utf8("hello");
  const answer = await network.fetch(url, { method: "POST", body });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers["content-type"], "text/plain");
  assert.equal(utf8Text(answer.body), "POST hello");
  const [seen] = network.server.seen;
  assert.equal(seen?.headers["host"], `api.example:${network.server.port}`);
  assert.equal(seen?.headers["accept-encoding"], "identity");
});

Deno.test("R15 a name that resolves anew to another address gets nothing", async () => {
  await using network = await Network.open(answerBy(() => ({ body: "ok" })));
  const url = network.url("api.example");
  assert.equal(utf8Text((await network.fetch(url)).body), "ok");
  assert.equal(network.names.questions.length, 2, "one look-up: A and AAAA");
  network.names.set("api.example", { a: "127.0.0.2" });
  await assert.rejects(network.fetch(url), EgressRefusal);
  network.names.set("api.example", { a: "127.0.0.1", aaaa: "::1" });
  await assert.rejects(network.fetch(url), EgressRefusal);
  assert.equal(network.server.seen.length, 1);
});

Deno.test("R16 a redirect is followed and refused on the real wire", async () => {
  await using network = await Network.open(answerBy(({ path, headers }) => {
    const to = headers["host"]?.replace("api.", "www.") ?? "";
    if (path === "/www") return found(`https://${to}/end`);
    if (path === "/evil") return found(network.url("evil.example"));
    if (path === "/file") return found("file:///etc/passwd");
    return { body: `${headers["host"]} ${headers["authorization"]}` };
  }));
  const found = (location: string) =>
    ({ status: 302, headers: [["location", location]] }) as const;
  const { port } = network.server;
  const headers = { authorization: "Bearer x" };
  const moved = await network.fetch(network.url("api.example", "/www"), {
    headers,
  });
  assert.equal(utf8Text(moved.body), `www.example:${port} undefined`);
  for (const path of ["/evil", "/file"]) {
    const before = network.server.seen.length;
    const work = network.fetch(network.url("api.example", path));
    await assert.rejects(work, EgressRefusal);
    assert.equal(network.server.seen.length, before + 1);
  }
});

Deno.test("a seed sends nothing to a server without a certificate", async () => {
  await using network = await Network.open(answerBy(() => ({ body: "ok" })));
  // Nobody certified the address itself.
  const work = network.fetch(network.url("127.0.0.1"));
  await assert.rejects(work, (cause) =>
    cause instanceof EgressFailure &&
    cause.message.startsWith("There is no secure connection to 127.0.0.1:"));
  assert.deepEqual(network.server.seen, []);
});

Deno.test("a seed reaches localhost when it was granted", async () => {
  await using network = await Network.open(answerBy(() => ({ body: "ok" })));
  const { body } = await network.fetch(network.url("localhost"));
  assert.equal(utf8Text(body), "ok");
});

Deno.test("a body that never ends ends with the call's time", async () => {
  await using network = await Network.open((_seen, socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nslow");
  });
  const work = network.fetch(network.url("api.example"), { leftMs: 200 });
  await assert.rejects(work, (cause) =>
    cause instanceof EgressFailure &&
    /^api\.example gave no answer within \d+ms$/.test(cause.message));
});

Deno.test("a body is cut off at its limit while it comes", async () => {
  const piece = new Uint8Array(64 * 1024);
  await using network = await Network.open((_seen, socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    const more = () => {
      while (!socket.destroyed && socket.write(piece)) {
        /* until it is full */
      }
    };
    socket.on("drain", more);
    more();
  });
  await assert.rejects(network.fetch(network.url("api.example")), {
    message: `api.example:${network.server.port} answers with too large a ` +
      "body: it has more than 8388608 bytes",
  });
});

Deno.test("a server that nobody runs is a failure with a hint", async () => {
  await using network = await Network.open(() => {});
  const url = network.url("api.example");
  await network.server[Symbol.asyncDispose]();
  await assert.rejects(
    network.fetch(url),
    (cause) =>
      cause instanceof EgressFailure &&
      cause.message.includes("accepts no connection") &&
      cause.hint === "Check the port, and whether the server runs",
  );
});
