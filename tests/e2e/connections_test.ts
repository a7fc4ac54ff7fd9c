// More connections than the process has file descriptors for: the daemon stays
// up, says so in its log, and answers again once they are gone (S43, S45).

import assert from "node:assert/strict";
import { example, Lab } from "./lab.ts";

const limited = ["sh", "-c", 'ulimit -n 128; exec "$@"', "sh"];

Deno.test("S43 connections beyond all descriptors end no daemon", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon({ via: limited });
  await lab.must(["seed", example("hello")]);
  const held = await Promise.all(
    Array.from({ length: 200 }, () => connect(lab.socketPath)),
  );
  await lab.until(async () => /too many open files/i.test(await log(lab)));
  for (const connection of held) connection?.close();
  const greet = ["call", "hello", "greet", '{"name":"x"}'];
  await lab.until(async () => (await lab.run(greet)).code === 0);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.status).code, 0);
});

async function connect(path: string): Promise<Deno.UnixConn | undefined> {
  let connection: Deno.UnixConn | undefined;
  try {
    connection = await Deno.connect({ transport: "unix", path });
    await connection.write(new TextEncoder().encode("GET "));
    return connection;
  } catch {
    // The backlog is full, or it was closed again: as hostile as it gets.
    connection?.close();
    return undefined;
  }
}

async function log(lab: Lab): Promise<string> {
  return await Deno.readTextFile(lab.path("pln.log"));
}
