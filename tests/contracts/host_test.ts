// A host's promises, kept by the machine's and the simulated one; and that a
// process without the rights to ask gets zeros and one line in the log.

import assert from "node:assert/strict";
import { openHost } from "../../src/adapters/host.ts";
import { openSimHost } from "../../src/sim/host.ts";
import { hostContract } from "./host_contract.ts";

const silent = { warn: () => {} };

hostContract("openHost()", () => openHost({ log: silent }));
hostContract("openSimHost()", () => openSimHost());
hostContract(
  "openSimHost() of a busy machine",
  () => openSimHost({ permille: 63_999, cores: 64, freeBytes: 0 }),
);

Deno.test("openSimHost() keeps what a test does not set", () => {
  const host = openSimHost({ cores: 8, totalBytes: 2 ** 33 });
  host.set({ permille: 500 });
  assert.deepEqual(host.load(), { permille: 500, cores: 8 });
  host.set({ freeBytes: 1 });
  assert.deepEqual(host.memory(), { freeBytes: 1, totalBytes: 2 ** 33 });
});

Deno.test("openSimHost() refuses a machine that cannot be", () => {
  const host = openSimHost();
  const memory = { freeBytes: 2, totalBytes: 1 };
  for (const figures of [{ cores: 0 }, { permille: 0.5 }, memory]) {
    assert.throws(() => host.set(figures), /a machine has/);
  }
});

Deno.test("openHost() says once that it may not ask, and gives zeros", async () => {
  const adapter = new URL("../../src/adapters/host.ts", import.meta.url).href;
  const program = `
    import { openHost } from "${adapter}";
    const lines = [];
    const log = { warn: (event, { what }) => lines.push([event, what]) };
    const host = openHost({ log });
    for (let round = 0; round < 3; round++) host.load(), host.memory();
    const { permille } = host.load();
    console.log(JSON.stringify({ lines, permille, ...host.memory() }));
  `;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const run = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--no-check", "--config", config],
      ...[
        "--deny-sys",
        `--allow-read=${new URL("../..", import.meta.url).pathname}`,
      ],
      "-",
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = run.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { stdout, stderr } = await run.output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  assert.deepEqual(JSON.parse(text), {
    lines: [["host.denied", "loadavg"], ["host.denied", "systemMemoryInfo"]],
    permille: 0,
    freeBytes: 0,
    totalBytes: 0,
  });
});
