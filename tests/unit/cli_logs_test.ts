// `pln logs`: the last lines over rotated files, without a daemon; following
// over rotation, truncation and half-written lines.

import assert from "node:assert/strict";
import { utf8 } from "../../src/kernel/mod.ts";
import type { Disk } from "../../src/ports/mod.ts";
import { LogTail } from "../../src/cli/log_tail.ts";
import { CliWorld } from "./cli_world.ts";

const line = (event: string, fields: object = {}) =>
  `${
    JSON.stringify({
      t: "2026-01-31T08:15:00.123Z",
      level: "info",
      event,
      ...fields,
    })
  }\n`;

async function write(world: CliWorld, path: string, text: string) {
  await world.disk().writeAtomic(path, utf8(text));
}

Deno.test("pln logs prints JSON lines into a pipe", async () => {
  const world = new CliWorld();
  await write(world, "pln.log", line("a") + "\n" + line("b"));
  const ran = await world.run("logs");
  assert.deepEqual([ran.code, ran.out], [0, line("a") + line("b")]);
});

Deno.test("pln logs prints short lines on a terminal, and raw with --json", async () => {
  const world = new CliWorld();
  world.isTerminal = { ...world.isTerminal, stdout: true };
  const noise = "\u001b]0;owned\u0007";
  const lines = line("peer.lost", { peer: "ab12", note: `two ${noise}` });
  await write(world, "pln.log", `${lines}no json ${noise}\n`);
  const { out } = await world.run("logs");
  assert.equal(
    out,
    '08:15:00.123 INFO  peer.lost peer=ab12 note="two \\u001b]0;owned\\u0007"' +
      "\nno json \ufffd]0;owned\ufffd\n",
  );
  assert.equal(
    (await world.run("logs", "--json")).out,
    `${lines}no json ${noise}\n`,
  );
});

Deno.test("pln logs -n counts back over rotated files", async () => {
  const world = new CliWorld();
  await write(world, "pln.log.2", line("a") + line("b"));
  await write(world, "pln.log.1", line("c") + line("d"));
  await write(world, "pln.log", line("e"));
  const last = async (count: string) =>
    (await world.run("logs", "-n", count)).out;
  assert.equal(await last("1"), line("e"));
  assert.equal(await last("2"), line("d") + line("e"));
  assert.equal(
    await last("4"),
    ["b", "c", "d", "e"].map((x) => line(x)).join(""),
  );
  assert.equal((await last("100")).split("\n").length, 6);
  assert.equal(await last("0"), "");
  assert.equal((await world.run("logs", "-n", "x")).code, 2);
});

Deno.test("pln logs without a log says who writes it", async () => {
  const ran = await new CliWorld().run("logs");
  assert.equal(ran.code, 3);
  assert.match(ran.err, /There is no log in .*\n {2}The node writes it/);
});

Deno.test("pln logs -f ends quietly when its reader goes away", async () => {
  const world = new CliWorld();
  await write(world, "pln.log", line("a"));
  world.writesUntilClosed = 2;
  world.onSleep = () => write(world, "pln.log", line("a") + line("b"));
  const ran = await world.run("logs", "-f");
  assert.deepEqual([ran.code, ran.out, ran.err], [
    0,
    line("a") + line("b"),
    "",
  ]);
});

/** What follow yields while each step changes the disk before a look. */
async function follow(
  start: (disk: Disk) => Promise<void>,
  ...steps: ((disk: Disk) => Promise<void>)[]
): Promise<readonly string[]> {
  const world = new CliWorld();
  const disk = world.disk();
  await start(disk);
  const stop = new AbortController();
  const tail = new LogTail({
    disk,
    clock: {
      nowMs: () => 0,
      wallMs: () => 0,
      after: () => ({ [Symbol.dispose]: () => {} }),
      sleep: async () => {
        const step = steps.shift();
        if (step === undefined) stop.abort();
        else await step(disk);
      },
    },
  });
  await tail.last(0);
  const found: string[] = [];
  for await (const lines of tail.follow(stop.signal)) found.push(...lines);
  return found;
}

const put = (path: string, text: string) => (disk: Disk) =>
  disk.writeAtomic(path, utf8(text));

async function rotate(disk: Disk): Promise<void> {
  if (await disk.stat("pln.log.1") !== undefined) {
    await disk.rename("pln.log.1", "pln.log.2");
  }
  await disk.rename("pln.log", "pln.log.1");
}

Deno.test("LogTail.follow() yields what is added, whole lines only", async () => {
  const lines = await follow(
    put("pln.log", "a\n"),
    put("pln.log", "a\nb"),
    put("pln.log", "a\nb1\n\nc\n"),
    put("pln.log", "a\nb1\n\nc\n"),
  );
  assert.deepEqual(lines, ["b1", "c"]);
});

Deno.test("LogTail.follow() waits for a log that is not there yet", async () => {
  const lines = await follow(
    () => Promise.resolve(),
    () => Promise.resolve(),
    put("pln.log", "a\n"),
  );
  assert.deepEqual(lines, ["a"]);
});

Deno.test("LogTail.follow() loses no line when the file is rotated", async () => {
  const lines = await follow(
    put("pln.log", "a\nb\n"),
    async (disk) => {
      await put("pln.log", "a\nb\nc\n")(disk);
      await rotate(disk);
      await put("pln.log", "d\n")(disk);
    },
    put("pln.log", "d\ne\n"),
  );
  assert.deepEqual(lines, ["c", "d", "e"]);
});

Deno.test("LogTail.follow() loses no line when it is rotated twice", async () => {
  const lines = await follow(
    put("pln.log", "a\nb\n"),
    async (disk) => {
      await rotate(disk);
      await put("pln.log", "c\n")(disk);
      await rotate(disk);
      await put("pln.log", "d\n")(disk);
    },
  );
  assert.deepEqual(lines, ["c", "d"]);
});

Deno.test("LogTail.follow() starts over when the file is truncated", async () => {
  const lines = await follow(
    put("pln.log", "a\nb\n"),
    put("pln.log", ""),
    put("pln.log", "c\n"),
  );
  assert.deepEqual(lines, ["c"]);
});
