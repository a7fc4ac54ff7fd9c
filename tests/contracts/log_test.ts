// The log's promises, kept by the rotated file and the simulated log, and what
// only the real sinks do: levels, rotation, full disks, lines for terminals.

import assert from "node:assert/strict";
import { openLog } from "../../src/adapters/log.ts";
import { openLogFile } from "../../src/adapters/log_file.ts";
import {
  LogQueue,
  type LogRecord,
  type LogSink,
} from "../../src/adapters/log_queue.ts";
import { openLogStderr, textLine } from "../../src/adapters/log_stderr.ts";
import { openClock } from "../../src/adapters/clock.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import { limits, utf8 } from "../../src/kernel/mod.ts";
import type { Disk } from "../../src/ports/mod.ts";
import { openSimClock } from "../../src/sim/clock.ts";
import { openSimDisk } from "../../src/sim/disk.ts";
import { openSimLog } from "../../src/sim/log.ts";
import { openWorld } from "../../src/sim/world.ts";
import { textAt } from "./disk_contract.ts";
import { logContract } from "./log_contract.ts";

function openBench(seed = 1) {
  const world = openWorld(seed, { turn: openTurn() });
  const simDisk = openSimDisk(world);
  return {
    world,
    simDisk,
    disk: simDisk.mount(),
    clock: openSimClock(world),
  };
}

async function linesAt(
  disk: Disk,
  path: string,
): Promise<Record<string, unknown>[]> {
  const text = await textAt(disk, path);
  assert.ok(text.endsWith("\n"));
  return text.split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

logContract("openLog()", () => {
  const { disk, clock } = openBench();
  const log = openLog({
    level: "debug",
    sinks: [openLogFile({ disk, clock })],
    clock,
  });
  return {
    log,
    async records() {
      await log.flush();
      return (await linesAt(disk, "pln.log")).map((line) => {
        const { t, level, event, ...fields } = line;
        assert.match(String(t), /^2026-01-01T00:00:00\.000Z$/);
        return { level: String(level), event: String(event), fields };
      });
    },
  };
});

logContract("openSimLog()", () => {
  const log = openSimLog(openWorld(1, { turn: openTurn() }));
  return {
    log,
    records: () =>
      Promise.resolve(
        log.records.map(({ level, event, fields }) => ({
          level,
          event,
          fields,
        })),
      ),
  };
});

Deno.test("openLog() writes one documented line of JSON per record", async () => {
  const { disk, clock } = openBench();
  clock.setWallOffset(1.5);
  await using log = openLog({
    level: "info",
    sinks: [openLogFile({ disk, clock })],
    clock,
    fields: { node: "n1" },
  });
  log.info("peer.lost", { peer: "ab", t: 1, level: 2, event: 3 });
  await log.flush();
  assert.equal(
    await textAt(disk, "pln.log"),
    '{"t":"2026-01-01T00:00:00.001Z","level":"info","event":"peer.lost",' +
      '"node":"n1","peer":"ab","t_":1,"level_":2,"event_":3}\n',
  );
  assert.equal((await disk.stat("pln.log"))?.mode, 0o600);
});

Deno.test("openLog() drops what is below its level, which can change", async () => {
  const { disk, clock } = openBench();
  await using log = openLog({
    level: "warn",
    sinks: [openLogFile({ disk, clock })],
    clock,
  });
  log.info("no");
  log.warn("yes");
  log.setLevel("debug");
  assert.equal(log.level, "debug");
  log.debug("also");
  log.setLevel("error");
  log.warn("no");
  await log.flush();
  const events = (await linesAt(disk, "pln.log")).map((line) => line["event"]);
  assert.deepEqual(events, ["yes", "also"]);
});

Deno.test("openLog() survives a clock beyond what a date can say (S15)", async () => {
  const { disk, clock } = openBench();
  clock.setWallOffset(1e17);
  await using log = openLog({
    level: "info",
    sinks: [openLogFile({ disk, clock })],
    clock,
  });
  log.info("event");
  await log.flush();
  assert.match(await textAt(disk, "pln.log"), /^\{"t":"100001767225600000"/);
});

Deno.test("openLog() adds the stack to errors that are bugs", async () => {
  const { disk, clock } = openBench();
  await using log = openLog({
    level: "info",
    sinks: [openLogFile({ disk, clock })],
    clock,
  });
  log.error("bug", { cause: new TypeError("x is undefined") });
  await log.flush();
  assert.match(await textAt(disk, "pln.log"), /"stack":"TypeError.*log_test/);
});

Deno.test("openLogFile() rotates by size and keeps the newest files", async () => {
  const { disk, clock } = openBench();
  const sink = openLogFile({ disk, clock, fileBytesMax: 500, filesKept: 2 });
  await using log = openLog({ level: "info", sinks: [sink], clock });
  for (let index = 0; index < 40; index++) {
    log.info("event", { index });
    await log.flush();
  }
  const names = (await disk.list("")).map((entry) => entry.name);
  assert.deepEqual(names, ["pln.log", "pln.log.1", "pln.log.2"]);
  const seen: unknown[] = [];
  for (const name of names.toReversed()) {
    assert.ok(((await disk.stat(name))?.sizeBytes ?? 501) <= 500);
    for (const line of await linesAt(disk, name)) seen.push(line["index"]);
  }
  assert.equal(seen.at(-1), 39);
  const first = Number(seen[0]);
  assert.ok(first > 0);
  assert.deepEqual(seen, seen.map((_, at) => first + at));
  assert.equal(sink.health.droppedRecords, 0);
});

Deno.test("openLogFile() counts what a full disk drops, and says so (S11)", async () => {
  const { disk, simDisk, clock } = openBench();
  const sink = openLogFile({ disk, clock });
  await using log = openLog({ level: "info", sinks: [sink], clock });
  log.info("before");
  await log.flush();
  const size = (await disk.stat("pln.log"))?.sizeBytes ?? 0;
  simDisk.setCapacity(size + 10);
  for (let index = 0; index < 3; index++) {
    log.info("lost");
    await log.flush();
  }
  assert.equal((await disk.stat("pln.log"))?.sizeBytes, size);
  assert.equal(sink.health.droppedRecords, 3);
  assert.match(String(sink.health.fault), /no space is left/);
  simDisk.setCapacity(1 << 20);
  log.info("after");
  await log.flush();
  log.info("later");
  await log.flush();
  const lines = await linesAt(disk, "pln.log");
  assert.deepEqual(lines.map((line) => [line["event"], line["records"]]), [
    ["before", undefined],
    ["log.dropped", 3],
    ["after", undefined],
    ["later", undefined],
  ]);
  assert.equal(sink.health.fault, undefined);
});

Deno.test("openLogFile() never leaves two lines in one (S12)", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const { disk, simDisk, clock } = openBench(seed);
    const sink = openLogFile({ disk, clock });
    await using log = openLog({ level: "info", sinks: [sink], clock });
    log.info("before");
    await log.flush();
    {
      using _append = simDisk.fail("io", { operation: "append" });
      using _truncate = simDisk.fail("io", { operation: "truncate" });
      log.info("torn");
      await log.flush();
    }
    log.info("after");
    await log.flush();
    const text = await textAt(disk, "pln.log");
    const whole = text.split("\n").filter((line) => line.endsWith("}"))
      .map((line) => JSON.parse(line).event);
    assert.ok(whole.includes("before") && whole.includes("after"), text);
  }
});

Deno.test("openLogFile() loses one old file, however often it is cut short (S12)", async () => {
  const { disk, simDisk, clock } = openBench();
  for (const name of ["pln.log", "pln.log.1", "pln.log.2", "pln.log.3"]) {
    await disk.writeAtomic(name, utf8(name.padEnd(500)));
  }
  const sink = openLogFile({ disk, clock, fileBytesMax: 500, filesKept: 3 });
  await using log = openLog({ level: "info", sinks: [sink], clock });
  using faults = new DisposableStack();
  for (const path of ["pln.log.1", "pln.log.2", "pln.log.3"]) {
    faults.use(simDisk.fail("io", { operation: "sync", path }));
  }
  for (const event of ["lost", "lost", "lost", "after"]) {
    log.info(event);
    await log.flush();
  }
  const left = ["pln.log.1", "pln.log.2", "pln.log.3"]
    .map(async (name) => (await textAt(disk, name)).trim());
  assert.deepEqual(
    await Promise.all(left),
    ["pln.log", "pln.log.1", "pln.log.2"],
  );
  const events = (await linesAt(disk, "pln.log")).map((line) => line["event"]);
  assert.deepEqual(events, ["log.dropped", "after"]);
});

Deno.test("openLogFile() survives a disk that cannot be opened", async () => {
  const { disk, simDisk, clock } = openBench();
  const sink = openLogFile({ disk, clock });
  const log = openLog({ level: "info", sinks: [sink], clock });
  const fault = simDisk.fail("read-only");
  log.info("lost");
  await log.flush();
  assert.equal(sink.health.droppedRecords, 1);
  fault[Symbol.dispose]();
  log.info("kept");
  await log[Symbol.asyncDispose]();
  await log[Symbol.asyncDispose]();
  const events = (await linesAt(disk, "pln.log")).map((line) => line["event"]);
  assert.deepEqual(events, ["log.dropped", "kept"]);
});

Deno.test("openLogFile() starts a new line after a torn one (S07)", async () => {
  const { disk, clock } = openBench();
  await disk.writeAtomic("pln.log", utf8('{"t":"2026","level":"in'));
  await using log = openLog({
    level: "info",
    sinks: [openLogFile({ disk, clock })],
    clock,
  });
  log.info("fresh");
  await log.flush();
  const lines = (await textAt(disk, "pln.log")).split("\n");
  assert.equal(JSON.parse(lines[1] ?? "").event, "fresh");
});

function recordOf(index: number): LogRecord {
  return { t: "2026-01-01T00:00:00.000Z", level: "info", event: "e", index };
}

Deno.test("LogQueue bounds what waits, drops the newest and counts", async () => {
  const { clock } = openBench();
  const taken: string[] = [];
  const gate = Promise.withResolvers<void>();
  const queue = new LogQueue(async (text) => {
    await gate.promise;
    taken.push(text);
  }, { clock, recordsMax: 10 });
  for (let index = 0; index < 25; index++) queue.push(recordOf(index));
  assert.equal(queue.health.droppedRecords, 15);
  gate.resolve();
  await queue.flush();
  const lines = taken.join("").trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  assert.deepEqual(lines[0], {
    t: "2026-01-01T00:00:00.000Z",
    level: "warn",
    event: "log.dropped",
    records: 15,
  });
  assert.deepEqual(lines.slice(1).map((line) => line.index), [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
  ]);
});

Deno.test("LogQueue.close() does not wait for a stuck writer for ever", async () => {
  const { world, clock } = openBench();
  const stuck = Promise.withResolvers<void>();
  const queue = new LogQueue(() => stuck.promise, { clock });
  queue.push(recordOf(0));
  await Promise.resolve();
  await Promise.resolve();
  queue.push(recordOf(1));
  await world.complete(queue.close());
  assert.equal(world.nowMs, limits.logDrainMsMax);
  assert.equal(queue.health.droppedRecords, 1);
  stuck.resolve();
});

Deno.test("openLog() never throws on the way to a stuck sink", () => {
  const { clock } = openBench();
  let written = 0;
  const sink: LogSink = {
    health: { droppedRecords: 0, fault: undefined },
    write: () => written++,
    flush: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const log = openLog({ level: "debug", sinks: [sink, sink], clock });
  log.info("event", { value: Symbol("s"), run: () => {} });
  assert.equal(written, 2);
});

Deno.test("textLine() is short and cannot steer a terminal", () => {
  const line = textLine({
    t: "2026-01-01T12:03:04.123Z",
    level: "info",
    event: "seed.log",
    peer: "ab12",
    afterMs: 3,
    line: "red \u001b[31m \u009b31m \u202e \u2028 text",
  });
  assert.equal(
    line,
    "12:03:04.123 INFO  seed.log peer=ab12 afterMs=3 " +
      'line="red \\u001b[31m \\u009b31m \\u202e \\u2028 text"',
  );
});

Deno.test("openLogStderr() writes lines to standard error", async () => {
  const module = (path: string) =>
    JSON.stringify(new URL(`../../src/adapters/${path}`, import.meta.url).href);
  const program = `import { openLog } from ${module("log.ts")};
    import { openLogStderr } from ${module("log_stderr.ts")};
    import { openClock } from ${module("clock.ts")};
    const clock = openClock();
    await using log = openLog({
      level: "info", sinks: [openLogStderr({ clock, format: "json" })], clock,
    });
    for (let index = 0; index < 1000; index++) log.info("event", { index });`;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--config", config, "-"],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(utf8(program));
  await writer.close();
  const output = await child.output();
  const lines = new TextDecoder().decode(output.stderr).trim().split("\n");
  assert.equal(output.code, 0, lines.join("\n").slice(0, 2000));
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).index),
    Array.from({ length: 1000 }, (_, index) => index),
  );
});

Deno.test("openLogStderr() is disposed without closing standard error", async () => {
  const sink = openLogStderr({ clock: openClock(), format: "text" });
  await sink[Symbol.asyncDispose]();
  sink.write(recordOf(0));
  assert.equal(sink.health.droppedRecords, 1);
});
