// R15 with real processes: a seed reaches the host it was granted, by HTTP from
// the daemon with the rights that the launcher gives it, and no other. Servers
// are of this machine; what each address form may do, unit tests say.

import assert from "node:assert/strict";
import { TestAuthority } from "../contracts/outbound_certificates.ts";
import { wasm } from "../fixtures/seeds/wat.ts";
import { Lab } from "./lab.ts";

/** Sends the request that its input holds, and answers with its body. */
const fetcher = `(module
  (import "extism:host/env" "input_offset" (func $input (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "http_request"
    (func $request (param i64 i64) (result i64)))
  (func (export "get") (result i32) (local $body i64)
    (local.set $body (call $request (call $input) (i64.const 0)))
    (call $output (local.get $body) (call $length (local.get $body)))
    (i32.const 0)))`;

type Asked = { readonly host: string; readonly path: string };

/** A daemon, and a server of this machine that notes what it is asked. */
async function withServer(
  run: (lab: Lab, port: number, asked: readonly Asked[]) => Promise<void>,
): Promise<void> {
  await using lab = await Lab.open();
  const asked: Asked[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ url, headers }) => {
      asked.push({
        host: headers.get("host") ?? "",
        path: new URL(url).pathname,
      });
      return new Response("a local answer");
    },
  );
  await lab.startDaemon();
  await Deno.writeFile(lab.path("fetcher.wasm"), wasm(fetcher));
  await run(lab, server.addr.port, asked);
}

function seedFor(lab: Lab, ...hosts: readonly string[]): Promise<string> {
  const flags = hosts.flatMap((host) => ["--allow-host", host]);
  return lab.must(["seed", lab.path("fetcher.wasm"), ...flags]);
}

function get(url: string): readonly string[] {
  return ["call", "fetcher", "get", JSON.stringify({ url })];
}

Deno.test("R15 a seed reaches the address it was granted, and its port", async () => {
  await withServer(async (lab, port, asked) => {
    const address = `127.0.0.1:${port}`;
    const shown = await seedFor(lab, address);
    assert.ok(shown.endsWith(`may reach ${address}\n`), shown);
    const answer = await lab.must(get(`http://${address}/one`));
    assert.equal(answer, "a local answer");
    assert.deepEqual(asked, [{ host: address, path: "/one" }]);
    await lab.refused(get("http://127.0.0.1:1/"), {
      code: 1,
      says: /may not reach/,
      next: /--allow-host 127\.0\.0\.1:1/,
    });
    assert.equal(asked.length, 1);
    const { errorsByReason } = await lab.client.inspectSeed("fetcher");
    assert.deepEqual(errorsByReason, { egress: 1 });
  });
});

Deno.test("R15 a seed reaches a name it was granted, by the system's names", async () => {
  await withServer(async (lab, port, asked) => {
    await seedFor(lab, `localhost:${port}`);
    const answer = await lab.must(get(`http://localhost:${port}/two`));
    assert.equal(answer, "a local answer");
    assert.deepEqual(asked, [{ host: `localhost:${port}`, path: "/two" }]);
  });
});

Deno.test("R15 a seed without a grant reaches nothing, and says what it lacks", async () => {
  await withServer(async (lab, port, asked) => {
    await seedFor(lab);
    await lab.refused(get(`http://127.0.0.1:${port}/`), {
      code: 1,
      says: /./,
      next: /--allow-host/,
    });
    await seedFor(lab, "*.example.org");
    await lab.refused(get(`http://127.0.0.1:${port}/`), {
      code: 1,
      says: /Seed "fetcher" may not reach .*\*\.example\.org/,
      next: /--allow-host 127\.0\.0\.1/,
    });
    assert.deepEqual(asked, []);
  });
});

Deno.test("R15 no grant opens a cloud's metadata service", async () => {
  await withServer(async (lab) => {
    const module = lab.path("fetcher.wasm");
    await lab.refused(["seed", module, "--allow-host", "169.254.169.254"], {
      code: 2,
      says: /"169\.254\.169\.254" is no host to allow: .* metadata service/,
      next: /no grant opens/,
    });
    await seedFor(lab, "*.example.org");
    await lab.refused(get("http://169.254.169.254/latest/"), {
      code: 1,
      says: /a cloud's metadata service, which no grant opens/,
      next: /./,
    });
  });
});

Deno.test("R15 a seed speaks TLS with nobody whom it cannot verify", async () => {
  const authority = await TestAuthority.create();
  const identity = await authority.certify({ addresses: ["127.0.0.1"] });
  await withServer(async (lab, port) => {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...identity },
      () => new Response("never sent"),
    );
    for (const to of [port, server.addr.port]) {
      await seedFor(lab, `127.0.0.1:${to}`);
      await lab.refused(get(`https://127.0.0.1:${to}/`), {
        code: 1,
        says: /There is no secure connection to 127\.0\.0\.1/,
        next: /certificate/,
      });
    }
  });
});
