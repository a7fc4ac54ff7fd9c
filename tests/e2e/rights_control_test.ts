// R22: who may speak to the control socket. Its file and directory let in only
// its owner, and a page in a browser that reaches it all the same is refused by
// what browsers cannot leave out. Bad names are refused behind the CLI too.

import assert from "node:assert/strict";
import { PlnError } from "../../src/kernel/mod.ts";
import { example, Lab } from "./lab.ts";
import { asUnprivileged, lacks } from "./machine.ts";

type Answer = { readonly status: number; readonly body: string };

/** Sends raw HTTP to the socket; `head` ends with what is tested. */
async function send(lab: Lab, ...head: readonly string[]): Promise<Answer> {
  const path = lab.socketPath;
  using connection = await Deno.connect({ transport: "unix", path });
  const text = [...head, "Connection: close", "", ""].join("\r\n");
  const writer = connection.writable.getWriter();
  await writer.write(new TextEncoder().encode(text));
  let answer = "";
  const decoder = new TextDecoder();
  for await (const part of connection.readable) answer += decoder.decode(part);
  const [, status = ""] = answer.split(" ");
  return { status: Number(status), body: answer.split("\r\n\r\n")[1] ?? "" };
}

Deno.test("R22 the socket is 0600 in a 0700 directory from the start", async () => {
  await using lab = await Lab.open();
  const PLN_DIR = lab.path("made/by/up");
  const env = { PLN_DIR };
  await lab.must(["up", "-d"], { env });
  try {
    const mode = async (path: string) => {
      return ((await Deno.lstat(path)).mode ?? 0) & 0o777;
    };
    assert.equal(await mode(PLN_DIR), 0o700);
    assert.equal(await mode(`${PLN_DIR}/pln.sock`), 0o600);
    for (const name of ["keys", "certs", "journal"]) {
      assert.equal(await mode(`${PLN_DIR}/${name}`), 0o700, name);
    }
    const files = ["lock", "pln.log", "keys/node.pem", "keys/root.pem"];
    for (const name of files) {
      assert.equal(await mode(`${PLN_DIR}/${name}`), 0o600, name);
    }
  } finally {
    await lab.must(["down"], { env });
  }
});

Deno.test("R22 requests that a browser could send are refused", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  const status = "GET /v1/status HTTP/1.1";
  const own = await send(lab, status, "Host: pln");
  assert.equal(own.status, 200);
  const refused = [
    [status, "Host: localhost"],
    [status, "Host: 127.0.0.1:8080"],
    [status, "Host: pln.evil.example"],
    [status, "Host: pln", "Origin: http://evil.example"],
    [status, "Host: pln", "Origin: null"],
    [status, "Host: pln", "Sec-Fetch-Site: cross-site"],
    ["POST /v1/shutdown HTTP/1.1", "Host: rebound.example"],
    ["POST /v1/shutdown HTTP/1.1", "Host: pln", "Origin: https://pln"],
  ];
  for (const head of refused) {
    const { status, body } = await send(lab, ...head);
    assert.equal(status, 403, head.join(" | "));
    assert.equal(JSON.parse(body).code, "PLN_DENIED");
  }
  const rubbish = await send(lab, "rubbish");
  assert.equal(rubbish.status, 400);
  assert.equal((await lab.client.status()).node.processId, daemon.pid);
});

Deno.test({
  name: "R22 another user's right to the socket ends at its file",
  ignore: lacks("file modes that bind (setpriv)"),
  async fn() {
    await using lab = await Lab.open();
    await lab.startDaemon();
    await Deno.chmod(lab.socketPath, 0);
    await lab.refused(["status"], {
      code: 4,
      says: /May not .*pln\.sock/,
      next: /\S/,
      via: asUnprivileged,
    });
    await Deno.chmod(lab.socketPath, 0o600);
    await lab.must(["status"], { via: asUnprivileged });
  },
});

Deno.test("R05 bad names are refused behind the CLI too", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  const module = await Deno.readFile(example("hello"));
  const names = ["a\0b", "a/b", "..", ".", "", "%2e%2e", "UPPER", "pln"];
  for (const name of [...names, "x".repeat(10_240), "\ud800"]) {
    await assert.rejects(
      async () => await lab.client.publishSeed(name, module, { config: {} }),
      (cause) =>
        cause instanceof URIError ||
        cause instanceof PlnError && /usage|not-found/.test(cause.outcome),
      JSON.stringify(name.slice(0, 40)),
    );
  }
  const { node, seeds } = await lab.client.status();
  assert.deepEqual(seeds, []);
  assert.equal(node.processId, daemon.pid);
});

Deno.test("the control API refuses bodies and specs it cannot take", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  const put = (query: string) => `PUT /v1/seeds/x${query} HTTP/1.1`;
  const spec = encodeURIComponent('{"config":{}}');
  const heads = [
    [put(""), "Content-Length: 0"],
    [put("?spec=nope"), "Content-Length: 0"],
    [put("?spec=%7B%22config%22%3A3%7D"), "Content-Length: 0"],
    [put(`?spec=${spec}`), "Content-Length: 0"],
    ["PUT /v1/seeds/%zz HTTP/1.1", "Content-Length: 0"],
    ["PUT /v1/seeds HTTP/1.1", "Content-Length: 0"],
    ["POST /v1/calls/x HTTP/1.1", "Content-Length: 0"],
    ["POST /v1/calls/x/f?timeoutMs=-1 HTTP/1.1", "Content-Length: 0"],
    ["GET /v2/status HTTP/1.1"],
    ["GET / HTTP/1.1"],
  ];
  for (const [first = "", ...rest] of heads) {
    const { status, body } = await send(lab, first, "Host: pln", ...rest);
    assert.ok(status >= 400, first);
    const { code, message } = JSON.parse(body);
    assert.match(code, /^PLN_(INPUT|NOT_FOUND|SEED_INVALID)$/, first);
    assert.ok(message.length > 0);
  }
  assert.equal((await lab.client.status()).node.processId, daemon.pid);
});
