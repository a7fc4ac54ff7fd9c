// What only the real Outbound has: connections that are kept and die, servers
// that answer in no HTTP, rights, and name servers. All on loopback; whatever
// waits, waits for an event.

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import {
  openOutbound,
  type OutboundOptions,
} from "../../src/adapters/outbound.ts";
import { ClosedError, utf8Text } from "../../src/kernel/mod.ts";
import type {
  Outbound,
  OutboundFault,
  OutboundRequest,
} from "../../src/ports/mod.ts";
import { NameServer } from "./outbound_name_server.ts";
import { failsWith, requestTo } from "./outbound_contract.ts";
import {
  answerBy,
  type WireHandle,
  WireServer,
} from "./outbound_wire_server.ts";

const ok = answerBy(() => ({ body: "ok" }));
const never = new AbortController().signal;

class Pair implements AsyncDisposable {
  readonly server: WireServer;
  readonly outbound: Outbound & AsyncDisposable;

  private constructor(server: WireServer, options: OutboundOptions) {
    this.server = server;
    this.outbound = openOutbound(options);
  }

  static async open(handle: WireHandle, options: OutboundOptions = {}) {
    return new Pair(await WireServer.open(handle), options);
  }

  async ask(changes: Partial<OutboundRequest> = {}) {
    const request = requestTo(this.server, changes);
    return utf8Text((await this.outbound.request(request)).body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.outbound[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

Deno.test("openOutbound() uses a connection again, for nobody else", async () => {
  await using pair = await Pair.open(ok);
  for (let count = 0; count < 3; count++) await pair.ask();
  assert.equal(pair.server.connections, 1);
  await pair.ask({ partition: "other" });
  assert.equal(pair.server.connections, 2);
  const { port } = pair.server;
  await pair.ask({ url: new URL(`http://other.example:${port}/`) });
  assert.equal(pair.server.connections, 3);
  await pair.ask();
  assert.equal(pair.server.connections, 3);
});

Deno.test("openOutbound() asks again when a kept connection was dead", async () => {
  let isDying = false;
  await using pair = await Pair.open((seen, socket) => {
    if (!isDying) return ok(seen, socket);
    isDying = false;
    socket.destroy();
  });
  for (const method of ["GET", "PUT", "DELETE"]) {
    await pair.ask();
    isDying = true;
    assert.equal(await pair.ask({ method }), "ok", method);
  }
});

Deno.test("openOutbound() never sends twice what may do something twice", async () => {
  let isDying = false;
  await using pair = await Pair.open((seen, socket) => {
    if (isDying) socket.destroy();
    else ok(seen, socket);
  });
  await pair.ask();
  isDying = true;
  await failsWith(pair.ask({ method: "POST" }), "broken-off");
  const methods = pair.server.seen.map(({ method }) => method);
  assert.deepEqual(methods, ["GET", "POST"]);
});

Deno.test("openOutbound() asks a server that hangs up only once more", async () => {
  await using pair = await Pair.open((_seen, socket) => socket.destroy());
  await failsWith(pair.ask(), "broken-off");
  assert.equal(pair.server.seen.length, 1);
});

Deno.test("openOutbound() closes what nobody uses", async () => {
  const closed = Promise.withResolvers<void>();
  const handle: WireHandle = (seen, socket) => {
    socket.on("close", () => closed.resolve());
    ok(seen, socket);
  };
  await using pair = await Pair.open(handle, { idleMsMax: 20 });
  await pair.ask();
  await closed.promise;
});

Deno.test("openOutbound() closes a kept connection on which more comes", async () => {
  const closed = Promise.withResolvers<void>();
  const kept = Promise.withResolvers<Socket>();
  await using pair = await Pair.open((seen, socket) => {
    socket.on("close", () => closed.resolve());
    ok(seen, socket);
    kept.resolve(socket);
  }, { idleMsMax: 60_000 });
  await pair.ask();
  const socket = await kept.promise;
  socket.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison");
  await closed.promise;
  assert.equal(await pair.ask(), "ok");
  assert.equal(pair.server.connections, 2);
});

Deno.test("openOutbound() uses no connection that said more than asked", async () => {
  const poison = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
  await using pair = await Pair.open((_seen, socket) =>
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok${poison}`)
  );
  for (let count = 0; count < 3; count++) {
    const text = await pair.ask().catch((cause: Error) => cause.message);
    assert.doesNotMatch(text ?? "", /poison/);
  }
  assert.equal(pair.server.connections, 3);
});

Deno.test("openOutbound() waits for an answer as long as it takes", async () => {
  const answer: WireHandle = (seen, socket) => {
    socket.setTimeout(100, () => ok(seen, socket));
  };
  await using pair = await Pair.open(answer, { idleMsMax: 5 });
  assert.equal(await pair.ask(), "ok");
});

Deno.test("openOutbound() keeps no more than 32 idle connections", async () => {
  let waiting: (() => void)[] = [];
  await using pair = await Pair.open((seen, socket) => {
    waiting.push(() => ok(seen, socket));
    if (waiting.length < 40) return;
    for (const answer of waiting) answer();
    waiting = [];
  });
  const ask = (_: unknown, index: number) =>
    pair.ask({ partition: `${index % 20}` });
  await Promise.all(Array.from({ length: 40 }, ask));
  assert.equal(pair.server.connections, 40);
  await Promise.all(Array.from({ length: 40 }, ask));
  assert.equal(pair.server.connections, 48);
});

Deno.test("openOutbound() ends what is under way when disposed", async () => {
  const arrived = Promise.withResolvers<Socket>();
  await using pair = await Pair.open((_seen, socket) =>
    arrived.resolve(socket)
  );
  const rejected = assert.rejects(pair.ask(), ClosedError);
  const socket = await arrived.promise;
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await pair.outbound[Symbol.asyncDispose]();
  await pair.outbound[Symbol.asyncDispose]();
  await rejected;
  await closed;
  await assert.rejects(pair.ask(), ClosedError);
  const lookup = pair.outbound.resolve("a.example", {
    partition: "test",
    signal: never,
  });
  await assert.rejects(lookup, ClosedError);
});

const head = "HTTP/1.1 200 OK\r\n";
const answers: readonly (readonly [string, string | OutboundFault, string])[] =
  [
    [
      "chunks",
      "=hello",
      "transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n" +
      "3;x=y\r\nllo\r\n0\r\nx-trailer: 1\r\n\r\n",
    ],
    ["a body that ends with the connection", "=hello", "\r\nhello"],
    [
      "chunks that end too early",
      "broken-off",
      "transfer-encoding: chunked\r\n\r\n5\r\nhe",
    ],
    ["a body that ends too early", "broken-off", "content-length: 5\r\n\r\nhe"],
    ["a header that ends too early", "broken-off", "content-le"],
    [
      "a length beside chunks",
      "malformed",
      "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "two lengths",
      "malformed",
      "content-length: 3\r\ncontent-length: 2\r\n\r\nabc",
    ],
    ["a header with a lone LF", "malformed", "x-a: 1\nx-b: 2\r\n\r\n"],
    ["a header with NUL", "malformed", "x-a: \0\r\n\r\n"],
    [
      "trailers without end",
      "large-head",
      "transfer-encoding: chunked\r\n\r\n0\r\n" +
      `x-a: ${"x".repeat(20_000)}\r\n\r\n`,
    ],
  ];

for (const [what, expected, text] of answers) {
  Deno.test(`openOutbound() gets ${what}`, async () => {
    await using pair = await Pair.open((_, socket) => socket.end(head + text));
    if (expected.startsWith("=")) {
      assert.equal(await pair.ask(), expected.slice(1));
    } else {
      await failsWith(pair.ask(), expected as OutboundFault);
    }
  });
}

Deno.test("openOutbound() asks no proxy of the environment", async () => {
  using scope = new DisposableStack();
  for (const name of ["NODE_USE_ENV_PROXY", "HTTP_PROXY", "http_proxy"]) {
    const before = Deno.env.get(name);
    Deno.env.set(name, name.startsWith("N") ? "1" : "http://127.0.0.1:1");
    scope.defer(() =>
      before === undefined ? Deno.env.delete(name) : Deno.env.set(name, before)
    );
  }
  await using pair = await Pair.open(ok);
  assert.equal(await pair.ask(), "ok");
});

Deno.test("openOutbound() gets what is no HTTP", async () => {
  for (
    const text of [
      "SSH-2.0-OpenSSH\r\n",
      "HTTP/1.1 200\nx\n\n",
      "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(17),
    ]
  ) {
    await using pair = await Pair.open((_, socket) => socket.end(text));
    await failsWith(pair.ask(), "malformed");
  }
  await using mute = await Pair.open((_, socket) => socket.end());
  await failsWith(mute.ask(), "broken-off");
});

Deno.test("openOutbound() passes hints over", async () => {
  const hint = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
  await using pair = await Pair.open((_, socket) =>
    socket.end(`${hint}${hint}${head}content-length: 2\r\n\r\nok`)
  );
  assert.equal(await pair.ask(), "ok");
});

Deno.test("openOutbound() takes as many headers as fit", async () => {
  const names = Array.from({ length: 1_500 }, (_, index) => `h${index}`);
  const lines = names.map((name) => `${name}: 1\r\n`).join("");
  await using pair = await Pair.open((_, socket) =>
    socket.end(`${head}${lines}\r\n`)
  );
  const request = requestTo(pair.server, { headBytesMax: 65_536 });
  const { headers } = await pair.outbound.request(request);
  assert.deepEqual(Object.keys(headers), names);
});

Deno.test("openOutbound() takes a body in small pieces, but no flood", async () => {
  const [few, flood] = [10_000, 70_000].map((count) =>
    `transfer-encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(count)}0\r\n\r\n`
  );
  await using pair = await Pair.open(({ path }, socket) =>
    socket.end(head + (path === "/few" ? few : flood))
  );
  const url = new URL(`http://a.example:${pair.server.port}/few`);
  assert.equal(await pair.ask({ url }), "x".repeat(10_000));
  await failsWith(pair.ask(), "malformed");
});

Deno.test("openOutbound() gives up what is only around a body", async () => {
  // Chunks of one byte or none, each with an extension of a kilobyte.
  const extension = `;${"a".repeat(1_000)}\r\n`;
  for (const chunk of [`10${extension}0123456789abcdef\r\n`, extension]) {
    const start = chunk === extension ? "5" : "";
    await using pair = await Pair.open((_, socket) => {
      socket.write(`${head}transfer-encoding: chunked\r\n\r\n${start}`);
      const piece = chunk === extension
        ? extension.trimEnd().repeat(60)
        : chunk.repeat(60);
      const more = () => {
        while (!socket.destroyed && socket.write(piece)) {
          /* until it is full */
        }
      };
      socket.on("drain", more);
      more();
    });
    const { message } = await failsWith(pair.ask(), "malformed");
    assert.match(message, /: it sends too much around its body$/);
  }
});

Deno.test("openOutbound() counts each answer of a connection for itself", async () => {
  const piece = `10;${"a".repeat(1_000)}\r\n0123456789abcdef\r\n`;
  await using pair = await Pair.open((_, socket) =>
    socket.write(
      `${head}transfer-encoding: chunked\r\n\r\n${piece.repeat(200)}0\r\n\r\n`,
    )
  );
  // 18 headers and two bodies make 300,000 bytes.
  const limits = { headBytesMax: 10_000, bodyBytesMax: 60_000 };
  for (let count = 0; count < 5; count++) {
    assert.equal((await pair.ask(limits))?.length, 3_200);
  }
  assert.equal(pair.server.connections, 1);
});

Deno.test("openOutbound() sends no header that holds another", async () => {
  await using pair = await Pair.open(ok);
  const smuggling = [
    ["x-a", "1\r\nx-b: 2"],
    ["x-a\r\nx-b", "1"],
    ["x-a", "\0"],
  ] as const;
  for (const [name, value] of smuggling) {
    const headers = { [name]: value };
    await assert.rejects(pair.ask({ headers }), TypeError);
  }
  await assert.rejects(pair.ask({ method: "GET / HTTP/1.1\r\n" }), TypeError);
  assert.deepEqual(pair.server.seen, []);
});

Deno.test({
  name: "openOutbound() says what the rights forbid",
  permissions: { net: ["127.0.0.1:1", "127.0.0.1:9"] },
  fn: async () => {
    await using outbound = openOutbound();
    const request = requestTo({ address: "127.0.0.1", port: 7 });
    await failsWith(outbound.request(request), "denied");
    const allowed = requestTo({ address: "127.0.0.1", port: 9 });
    await failsWith(outbound.request(allowed), "no-connection");
  },
});

Deno.test({
  name: "openOutbound() knows no networks without the right to",
  permissions: { net: true, sys: ["hostname"] },
  fn: async () => {
    await using outbound = openOutbound();
    assert.deepEqual(outbound.localNetworks(), []);
  },
});

Deno.test("openOutbound() asks for both kinds of address, by full names", async () => {
  const records = {
    "four.example": { a: "192.0.2.7" },
    "six.example": { aaaa: "2001:db8::7" },
    "empty.example": {},
  };
  await using server = new NameServer(records);
  await using outbound = openOutbound({ nameServer: server.address });
  const lookup = (host: string) =>
    outbound.resolve(host, { partition: "test", signal: never });
  assert.deepEqual(await lookup("four.example"), ["192.0.2.7"]);
  assert.deepEqual(await lookup("six.example"), ["2001:db8::7"]);
  await failsWith(lookup("empty.example"), "unknown-host");
  await failsWith(lookup("none.example"), "unknown-host");
  const types = server.questions.filter((one) => one.startsWith("four"));
  assert.deepEqual(types.sort(), ["four.example 1", "four.example 28"]);
});

Deno.test("openOutbound() gives a name server up that says nothing", async () => {
  await using server = new NameServer({ "slow.example": "silent" });
  await using outbound = openOutbound({ nameServer: server.address });
  const abort = new AbortController();
  const reason = new Error("enough");
  const lookup = outbound.resolve("slow.example", {
    partition: "test",
    signal: abort.signal,
  });
  const rejected = assert.rejects(lookup, reason);
  await server.asked.promise;
  abort.abort(reason);
  await rejected;
});

Deno.test({
  name: "openOutbound() asks the system where it may ask no name server",
  permissions: { net: ["localhost"] },
  fn: async () => {
    const nameServer = { ipAddr: "127.0.0.1", port: 53 };
    await using outbound = openOutbound({ nameServer });
    const lookups = Array.from(
      { length: 10 },
      () => outbound.resolve("localhost", { partition: "test", signal: never }),
    );
    for (const addresses of await Promise.all(lookups)) {
      assert.ok(addresses.includes("127.0.0.1"), addresses.join());
    }
    const other = outbound.resolve("other.example", {
      partition: "test",
      signal: never,
    });
    await failsWith(other, "unknown-host");
  },
});
