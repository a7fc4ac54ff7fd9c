// What every Web must do, as tests. In comes a way to open one; out go tests
// whose names start with the label. Each sentence of src/ports/web.ts has its
// test. Nothing here may know whether the Web is real or simulated.

import assert from "node:assert/strict";
import { ConflictError, UnreachableError } from "../../src/kernel/mod.ts";
import {
  ConnectionLostError,
  type Web,
  type WebAddress,
  type WebServer,
} from "../../src/ports/mod.ts";

export interface WebSubject extends AsyncDisposable {
  readonly web: Web;
  /** A unix address that is free. */
  readonly socket: WebAddress;
  /** What handlers threw. */
  readonly errors: unknown[];
}

export type OpenWebSubject = () => Promise<WebSubject>;

const anyPort: WebAddress = { type: "tcp", ip: "127.0.0.1", port: 0 };
const url = "http://pln.internal/v1/thing?x=1";

export function testWeb(label: string, open: OpenWebSubject): void {
  const test = (name: string, run: (subject: WebSubject) => Promise<void>) =>
    Deno.test(`${label} ${name}`, async () => {
      await using subject = await open();
      await run(subject);
    });
  testAnswers(test);
  testAddresses(test);
  testFailures(test);
  testDrain(test);
  testDisposal(test);
}

type Test = (
  name: string,
  run: (subject: WebSubject) => Promise<void>,
) => void;

function testAnswers(test: Test): void {
  test("carries method, path, headers and bodies both ways", async (subject) => {
    const { web, socket } = subject;
    for (const address of [socket, anyPort]) {
      await using server = await web.serve(address, async (request) => {
        const { pathname, search } = new URL(request.url);
        const text = `${request.method} ${pathname}${search} ` +
          `${request.headers.get("x-a")} ${await request.text()}`;
        return new Response(text, { status: 201, headers: { "x-b": "2" } });
      });
      const response = await web.request(
        server.address,
        new Request(url, {
          method: "POST",
          body: "hello",
          headers: { "x-a": "1" },
        }),
      );
      assert.equal(response.status, 201);
      assert.equal(response.headers.get("x-b"), "2");
      assert.equal(await response.text(), "POST /v1/thing?x=1 1 hello");
    }
  });
  test("streams a response whose end is open", async ({ web, socket }) => {
    const chunks = new TransformStream<Uint8Array, Uint8Array>();
    const writer = chunks.writable.getWriter();
    await using server = await web.serve(
      socket,
      () => Promise.resolve(new Response(chunks.readable)),
    );
    const response = await web.request(server.address, new Request(url));
    assert.ok(response.body !== null);
    const reader = response.body.getReader();
    for (const byte of [1, 2]) {
      await writer.write(Uint8Array.of(byte));
      const { value } = await reader.read();
      assert.deepEqual([...value ?? []], [byte]);
    }
    await writer.close();
    assert.equal((await reader.read()).done, true);
  });
  test("serves 100 requests at once", async ({ web, socket }) => {
    await using server = await web.serve(
      socket,
      (request) => Promise.resolve(new Response(new URL(request.url).search)),
    );
    const texts = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const request = new Request(`http://pln.internal/?${index}`);
        return await (await web.request(server.address, request)).text();
      }),
    );
    assert.deepEqual(texts, texts.map((_, index) => `?${index}`));
  });
}

function testAddresses(test: Test): void {
  test("tells the port that was chosen", async ({ web }) => {
    await using one = await web.serve(anyPort, answerOk);
    await using two = await web.serve(anyPort, answerOk);
    assert.ok(one.address.type === "tcp" && two.address.type === "tcp");
    assert.ok(one.address.port > 0);
    assert.notEqual(one.address.port, two.address.port);
  });
  test("refuses the address of a live server", async ({ web, socket }) => {
    for (const address of [socket, anyPort]) {
      await using server = await web.serve(address, answerOk);
      await assert.rejects(
        web.serve(server.address, answerOk),
        ConflictError,
      );
      assert.equal(await statusOf(web, server), 200);
    }
  });
  test("serves an address again after disposal", async ({ web, socket }) => {
    for (const address of [socket, anyPort]) {
      const first = await web.serve(address, answerOk);
      assert.equal(await statusOf(web, first), 200);
      await first[Symbol.asyncDispose]();
      await using second = await web.serve(first.address, answerOk);
      assert.equal(await statusOf(web, second), 200);
    }
  });
}

function testFailures(test: Test): void {
  test("says when nobody listens", async ({ web, socket }) => {
    const server = await web.serve(anyPort, answerOk);
    await server[Symbol.asyncDispose]();
    for (const address of [socket, server.address]) {
      await assert.rejects(
        web.request(address, new Request(url)),
        (cause) =>
          cause instanceof UnreachableError &&
          !(cause instanceof ConnectionLostError),
      );
    }
  });
  test("turns a handler's exception into a bare 500", async (subject) => {
    const { web, socket, errors } = subject;
    const secret = new Error("a secret");
    await using server = await web.serve(socket, () => Promise.reject(secret));
    const response = await web.request(server.address, new Request(url));
    assert.equal(response.status, 500);
    assert.equal(await response.text(), "");
    assert.deepEqual(errors, [secret]);
  });
  test("breaks off a body that fails, and reports it", async (subject) => {
    const { web, socket, errors } = subject;
    const cause = new Error("source failed");
    const body = () =>
      new ReadableStream({ pull: () => Promise.reject(cause) });
    await using server = await web.serve(
      socket,
      () => Promise.resolve(new Response(body())),
    );
    const response = await web.request(server.address, new Request(url));
    await assert.rejects(response.text(), TypeError);
    assert.deepEqual(errors, [cause]);
  });
  test("rejects with the signal's reason", async ({ web, socket }) => {
    const abort = new AbortController();
    const reason = new Error("enough");
    const release = Promise.withResolvers<Response>();
    await using server = await web.serve(socket, () => {
      abort.abort(reason);
      return release.promise;
    });
    const request = new Request(url, { signal: abort.signal });
    await assert.rejects(web.request(server.address, request), reason);
    release.resolve(new Response());
  });
}

function testDrain(test: Test): void {
  test("drains: new requests fail, old ones end first", async (subject) => {
    const { web, socket } = subject;
    for (const address of [socket, anyPort]) {
      const { server, arrived, release } = await serveOnHold(web, address);
      const pending = web.request(server.address, new Request(url));
      await arrived;
      const order: string[] = [];
      const drained = server.drain().then(() => order.push("drained"));
      await assert.rejects(
        web.request(server.address, new Request(url)),
        UnreachableError,
      );
      assert.deepEqual(order, []);
      release(new Response("late"));
      assert.equal(await (await pending).text(), "late");
      await drained;
      assert.deepEqual(order, ["drained"]);
      await server.drain();
      await server[Symbol.asyncDispose]();
    }
  });
  test("lets a successor in while it drains", async ({ web, socket }) => {
    const { server, arrived, release } = await serveOnHold(web, socket);
    const pending = web.request(socket, new Request(url));
    await arrived;
    const drained = server.drain();
    await using successor = await web.serve(socket, answerOk);
    release(new Response("old"));
    assert.equal(await (await pending).text(), "old");
    await drained;
    await server[Symbol.asyncDispose]();
    assert.equal(await statusOf(web, successor), 200);
  });
}

function testDisposal(test: Test): void {
  test("cuts what is under way when disposed", async ({ web, socket }) => {
    const { server, arrived, release } = await serveOnHold(web, socket);
    const pending = web.request(server.address, new Request(url));
    const rejected = assert.rejects(pending, ConnectionLostError);
    await arrived;
    await server[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await rejected;
    release(new Response());
  });
  test("ends a drain that hangs when disposed", async ({ web, socket }) => {
    const { server, arrived, release } = await serveOnHold(web, socket);
    const outcome = web.request(server.address, new Request(url)).then(
      async (response) => {
        await response.body?.cancel();
        return response.status;
      },
      (cause) => cause,
    );
    await arrived;
    const drained = server.drain();
    await server[Symbol.asyncDispose]();
    await drained;
    const ended = await outcome;
    assert.ok(ended === 503 || ended instanceof UnreachableError);
    release(new Response());
  });
}

function answerOk(): Promise<Response> {
  return Promise.resolve(new Response());
}

async function statusOf(web: Web, server: WebServer): Promise<number> {
  const response = await web.request(server.address, new Request(url));
  await response.body?.cancel();
  return response.status;
}

async function serveOnHold(web: Web, address: WebAddress) {
  const arrived = Promise.withResolvers<void>();
  const held = Promise.withResolvers<Response>();
  const server = await web.serve(address, () => {
    arrived.resolve();
    return held.promise;
  });
  return { server, arrived: arrived.promise, release: held.resolve };
}
