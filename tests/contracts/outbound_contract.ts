// What every Outbound must do, as tests. In comes a way to open one with a
// server and a name; out go tests whose names start with the label. Each
// sentence of src/ports/outbound.ts has its test. Nothing here may know whether
// the network is real or simulated.

import assert from "node:assert/strict";
import { emptyBytes, utf8, utf8Text } from "../../src/kernel/mod.ts";
import {
  type Outbound,
  OutboundError,
  type OutboundFault,
  type OutboundRequest,
} from "../../src/ports/mod.ts";
import type { SimAnswer } from "../../src/sim/outbound.ts";

/** A request as it arrived. */
export type Seen = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type Handle = (seen: Seen) => SimAnswer;

export interface OutboundSubject extends AsyncDisposable {
  readonly outbound: Outbound;
  /** Has the addresses 192.0.2.7 and 2001:db8::7; "nobody.example" has none. */
  readonly name: string;
  /** Answers at the address; the port is the URL's. */
  serve(handle: Handle): Promise<{ address: string; port: number }>;
  /** Where nobody listens. */
  nobody(): Promise<{ address: string; port: number }>;
}

export type OpenOutboundSubject = () => Promise<OutboundSubject>;

type Test = (
  name: string,
  run: (subject: OutboundSubject) => Promise<void>,
) => void;

const never = new AbortController().signal;

/** GET of a host that no name server knows: only the address counts. */
export function requestTo(
  { address, port }: { readonly address: string; readonly port: number },
  changes: Partial<OutboundRequest> = {},
): OutboundRequest {
  return {
    url: new URL(`http://unresolved.example:${port}/a?b=1`),
    address,
    method: "GET",
    headers: {},
    body: emptyBytes,
    partition: "test",
    connectMsMax: 10_000,
    headBytesMax: 16_384,
    bodyBytesMax: 1_000_000,
    signal: never,
    ...changes,
  };
}

export async function failsWith(
  work: Promise<unknown>,
  fault: OutboundFault,
): Promise<OutboundError> {
  const cause = await work.then(() => undefined, (cause) => cause);
  assert.ok(cause instanceof OutboundError, `${fault}: ${cause}`);
  assert.equal(cause.fault, fault);
  return cause;
}

export function testOutbound(label: string, open: OpenOutboundSubject): void {
  const test: Test = (name, run) =>
    Deno.test(`${label} ${name}`, async () => {
      await using subject = await open();
      await run(subject);
    });
  testNames(test);
  testRequests(test);
  testAnswers(test);
  testLimits(test);
  testRoom(test);
  testFailures(test);
}

function testNames(test: Test): void {
  test("resolves a name to all its addresses", async (subject) => {
    const addresses = await subject.outbound.resolve(subject.name, {
      partition: "test",
      signal: never,
    });
    assert.deepEqual(addresses, ["192.0.2.7", "2001:db8::7"]);
  });
  test("tells the machine's networks", ({ outbound }) => {
    const networks = outbound.localNetworks();
    assert.ok(networks.includes("127.0.0.1/8"), networks.join());
    for (const one of networks) assert.match(one, /^[0-9a-f.:]+\/[0-9]+$/);
    return Promise.resolve();
  });
  test("says that a name has no address", async ({ outbound }) => {
    const lookup = outbound.resolve("nobody.example", {
      partition: "test",
      signal: never,
    });
    const { message } = await failsWith(lookup, "unknown-host");
    assert.match(message, /^nobody\.example /);
  });
  test("gives a look-up up with the signal's reason", async (subject) => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(
      subject.outbound.resolve(subject.name, { partition: "test", signal }),
      reason,
    );
  });
}

function testRequests(test: Test): void {
  test("connects to the address, whatever the name", async (subject) => {
    const server = await subject.serve((seen) => ({
      body: `${seen.method} ${seen.path} ${seen.headers["host"]}`,
    }));
    const answer = await subject.outbound.request(requestTo(server));
    const host = `unresolved.example:${server.port}`;
    assert.equal(utf8Text(answer.body), `GET /a?b=1 ${host}`);
  });
  test("carries method, headers and body", async (subject) => {
    const server = await subject.serve(({ method, headers, body }) => ({
      body: `${method} ${headers["x-a"]} ${headers["content-length"]} ${body}`,
    }));
    const answer = await subject.outbound.request(requestTo(server, {
      method: "PATCH",
      headers: { "x-a": "one, two" },
      body: utf8("hällo"),
    }));
    assert.equal(utf8Text(answer.body), "PATCH one, two 6 hällo");
  });
  test("sends a length only with what may have a body", async (subject) => {
    const server = await subject.serve(({ headers }) => ({
      body: headers["content-length"] ?? "none",
    }));
    const lengths: (string | undefined)[] = [];
    for (const method of ["GET", "POST", "PUT", "DELETE"]) {
      const request = requestTo(server, { method });
      const { body } = await subject.outbound.request(request);
      lengths.push(utf8Text(body));
    }
    assert.deepEqual(lengths, ["none", "0", "0", "none"]);
  });
  test("sends nothing that was not asked for", async (subject) => {
    const server = await subject.serve(({ headers }) => ({
      body: Object.keys(headers).sort().join(),
    }));
    const { body } = await subject.outbound.request(requestTo(server));
    const names = utf8Text(body)?.split(",") ?? [];
    const own = names.filter((name) => name !== "connection");
    assert.deepEqual(own, ["host"]);
  });
}

function testAnswers(test: Test): void {
  test("joins the values of a repeated header", async (subject) => {
    const headers = [
      ["X-A", "1"],
      ["Set-Cookie", "a=1"],
      ["x-a", "2"],
      ["set-cookie", "b=2"],
      ["__proto__", "own"],
    ] as const;
    const server = await subject.serve(() => ({ status: 418, headers }));
    const answer = await subject.outbound.request(requestTo(server));
    assert.equal(answer.status, 418);
    assert.equal(answer.headers["x-a"], "1, 2");
    assert.equal(answer.headers["set-cookie"], "a=1, b=2");
    assert.ok(Object.hasOwn(answer.headers, "__proto__"));
  });
  test("knows answers without a body", async (subject) => {
    const server = await subject.serve(({ path }) => ({
      status: Number(path.slice(1)),
      body: "not there",
      headers: [["content-length", "9"]],
    }));
    for (
      const [method, status, length] of [
        ["HEAD", 200, 0],
        ["GET", 204, 0],
        ["GET", 304, 0],
        ["GET", 200, 9],
      ] as const
    ) {
      const url = new URL(`http://unresolved.example:${server.port}/${status}`);
      const request = requestTo(server, { method, url });
      const answer = await subject.outbound.request(request);
      assert.equal(answer.status, status);
      assert.equal(answer.body.length, length, `${method} ${status}`);
    }
  });
  test("does not follow a redirect", async (subject) => {
    const server = await subject.serve(() => ({
      status: 302,
      headers: [["location", "/elsewhere"]],
      body: "moved",
    }));
    const answer = await subject.outbound.request(requestTo(server));
    assert.equal(answer.status, 302);
    assert.equal(answer.headers["location"], "/elsewhere");
    assert.equal(utf8Text(answer.body), "moved");
  });
  test("does not unpack a body", async (subject) => {
    const packed = Uint8Array.of(0x1f, 0x8b, 8, 0);
    const headers = [["content-encoding", "gzip"]] as const;
    const server = await subject.serve(() => ({ headers, body: packed }));
    const { body } = await subject.outbound.request(requestTo(server));
    assert.deepEqual(body, packed);
  });
  test("leaves a body unread that nobody wants", async (subject) => {
    const server = await subject.serve(() => ({
      status: 301,
      body: "x".repeat(5_000_000),
    }));
    const heads: number[] = [];
    const answer = await subject.outbound.request(requestTo(server, {
      isBodyWanted: ({ status }) => {
        heads.push(status);
        return false;
      },
    }));
    assert.deepEqual(heads, [301]);
    assert.equal(answer.body.length, 0);
  });
  test("answers 50 requests at once", async (subject) => {
    const server = await subject.serve(({ path }) => ({ body: path }));
    const texts = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const url = new URL(`http://a.example:${server.port}/${index}`);
        const request = requestTo(server, { url });
        const { body } = await subject.outbound.request(request);
        return utf8Text(body);
      }),
    );
    assert.deepEqual(texts, texts.map((_, index) => `/${index}`));
  });
}

function testLimits(test: Test): void {
  test("takes a body of the limit and no longer one", async (subject) => {
    const server = await subject.serve(({ path }) => ({
      body: "x".repeat(Number(path.slice(1))),
    }));
    const request = (length: number) =>
      subject.outbound.request(requestTo(server, {
        url: new URL(`http://a.example:${server.port}/${length}`),
        bodyBytesMax: 70_000,
      }));
    assert.equal((await request(70_000)).body.length, 70_000);
    const { message } = await failsWith(request(70_001), "large-body");
    assert.match(message, /^a\.example:\d+ .* 70000 bytes$/);
  });
  test("takes a header of the limit and no longer one", async (subject) => {
    const server = await subject.serve(({ path }) => ({
      headers: [["x-a", "x".repeat(Number(path.slice(1)))]],
    }));
    const request = (length: number) =>
      subject.outbound.request(requestTo(server, {
        url: new URL(`http://a.example:${server.port}/${length}`),
        headBytesMax: 40_000,
      }));
    assert.equal((await request(39_000)).headers["x-a"]?.length, 39_000);
    await failsWith(request(40_001), "large-head");
  });
}

function testRoom(test: Test): void {
  test("asks before it holds a body", async (subject) => {
    const server = await subject.serve(() => ({ body: "x".repeat(70_000) }));
    const asked: number[] = [];
    const mayKeep = (bytes: number) => {
      asked.push(bytes);
      return true;
    };
    const request = requestTo(server, { mayKeep, bodyBytesMax: 80_000 });
    assert.equal((await subject.outbound.request(request)).body.length, 70_000);
    const bytes = asked.reduce((sum, one) => sum + one, 0);
    assert.ok(bytes >= 70_000 && bytes <= 80_000, asked.join());
  });
  test("ends an answer for which there is no room", async (subject) => {
    const server = await subject.serve(() => ({ body: "x".repeat(70_000) }));
    let leftBytes = 69_999;
    const mayKeep = (bytes: number) => (leftBytes -= bytes) >= 0;
    const work = subject.outbound.request(requestTo(server, { mayKeep }));
    const { message, outcome } = await failsWith(work, "no-room");
    assert.match(message, /^There is no room for the answer of unresolved\./);
    assert.equal(outcome, "unreachable");
  });
}

function testFailures(test: Test): void {
  test("says that nobody listens", async (subject) => {
    const request = requestTo(await subject.nobody());
    await failsWith(subject.outbound.request(request), "no-connection");
  });
  test("says that an answer broke off", async (subject) => {
    const server = await subject.serve(() => ({
      body: "half of it",
      end: "broken-off",
    }));
    const work = subject.outbound.request(requestTo(server));
    await failsWith(work, "broken-off");
  });
  test("ends with the signal's reason at any time", async (subject) => {
    const abort = new AbortController();
    const reason = new Error("enough");
    const server = await subject.serve(() => {
      abort.abort(reason);
      return { body: "half of it", end: "never" };
    });
    const { signal } = abort;
    const early = { signal: AbortSignal.abort(reason) };
    const { outbound } = subject;
    await assert.rejects(outbound.request(requestTo(server, early)), reason);
    await assert.rejects(
      outbound.request(requestTo(server, { signal })),
      reason,
    );
  });
}
