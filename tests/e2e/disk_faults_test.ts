// What a disk does to a running or starting node: it fills up, turns read-only,
// loses or changes bytes. Work that needs the disk is refused with the reason,
// all other work goes on, and nothing that was acknowledged is lost.

import assert from "node:assert/strict";
import {
  flipByte,
  hasPrepared,
  journalFile,
  objectFile,
  preparedFiles,
} from "./disk_faults_lab.ts";
import { example, Lab } from "./lab.ts";
import { lacks, mountMemory, mountReadOnly } from "./machine.ts";

const greet = (seed: string) => ["call", seed, "greet", '{"name":"x"}'];
const greeting = '{"greeting":"Hello, x!"}';

async function seedNames(lab: Lab): Promise<readonly string[]> {
  return (await lab.client.status()).seeds.map(({ name }) => name).toSorted();
}

/** Takes all space there is; returns how to give it back. */
async function fill(path: string): Promise<() => Promise<void>> {
  using file = await Deno.open(path, { write: true, create: true });
  for (const size of [65_536, 4_096, 1]) {
    const chunk = new Uint8Array(size);
    const written = async () => {
      try {
        return await file.write(chunk) > 0;
      } catch (cause) {
        assert.match(String(cause), /os error 28/, "the disk is full");
        return false;
      }
    };
    while (await written());
  }
  return () => Deno.remove(path);
}

for (const how of ["up", "up -d"] as const) {
  Deno.test({
    name: `S11 pln ${how}: a full disk stops publishing and nothing else`,
    ignore: lacks("mounting a tmpfs (root)"),
    async fn() {
      await using lab = await Lab.open();
      await using _disk = await mountMemory(
        lab.directory,
        "size=512k,mode=0700",
      );
      await using _running = await startedBy(lab, how);
      await lab.must(["seed", example("hello")]);
      const { node } = await lab.client.status();
      const free = await fill(lab.path("fill"));
      const refused = [];
      for (let index = 0; index < 3; index++) {
        assert.equal(await lab.must(greet("hello")), greeting);
        await lab.refused(["seed", example("upper"), `u${index}`], {
          code: 1,
          says: /no space is left/,
          next: /Free some space/,
        });
        refused.push(`u${index}`);
      }
      assert.deepEqual(await seedNames(lab), ["hello"]);
      await free();
      await lab.must(["seed", example("upper")]);
      assert.equal(await lab.must(["call", "upper", "handle", "x"]), "X");
      const after = await lab.client.status();
      assert.equal(after.node.processId, node.processId, "it stayed up");
      // The history tries again only when its turn comes.
      await lab.until(async () => {
        const { alarms } = await lab.client.status();
        return alarms.length === 0;
      });
      await lab.must(["restart"]);
      assert.deepEqual(await seedNames(lab), ["hello", "upper"]);
      assert.equal(await lab.must(greet("hello")), greeting);
      await lab.must(["down"]);
    },
  });
}

async function startedBy(
  lab: Lab,
  how: "up" | "up -d",
): Promise<AsyncDisposable> {
  if (how === "up") await lab.startDaemon();
  else await lab.must(["up", "-d"]);
  return { [Symbol.asyncDispose]: () => lab.killAll() };
}

Deno.test({
  name: "S11 a node starts, answers and ends on a full disk",
  ignore: lacks("mounting a tmpfs (root)"),
  async fn() {
    await using lab = await Lab.open();
    await using _disk = await mountMemory(lab.directory, "size=512k,mode=0700");
    await using _running = await startedBy(lab, "up -d");
    await lab.must(["seed", example("hello")]);
    await lab.must(["down"]);
    const free = await fill(lab.path("fill"));
    await lab.must(["up", "-d"]);
    assert.equal(await lab.must(greet("hello")), greeting);
    await lab.must(["down"]);
    await free();
    await lab.must(["up", "-d"]);
    await lab.must(["seed", example("hello"), "again"]);
    assert.deepEqual(await seedNames(lab), ["again", "hello"]);
    await lab.must(["down"]);
  },
});

Deno.test({
  name: "S11 pln init on a full disk fails, and works when there is room",
  ignore: lacks("mounting a tmpfs (root)"),
  async fn() {
    await using lab = await Lab.open();
    await using _disk = await mountMemory(lab.directory, "size=64k,mode=0700");
    const free = await fill(lab.path("fill"));
    await lab.refused(["init"], {
      code: 1,
      says: /no space is left/,
      next: /Free some space/,
    });
    await free();
    await lab.must(["init"]);
    assert.match(await lab.must(["id"]), /^[0-9a-f]{64}\n$/);
  },
});

Deno.test({
  name: "S12 a read-only directory starts nothing and says so",
  ignore: lacks("mounting a tmpfs (root)"),
  async fn() {
    await using lab = await Lab.open();
    await lab.must(["init"]);
    await using _frozen = await mountReadOnly(lab.directory);
    const commands = [["up", "-d"], ["up"], ["set", "http", "8081"]];
    for (const args of [...commands, ["purge", "--yes"]]) {
      await lab.refused(args, {
        code: 4,
        says: /the file system is read-only/,
        next: /remount/,
      });
    }
    assert.match(await lab.must(["id"]), /^[0-9a-f]{64}\n$/);
  },
});

Deno.test({
  name: "S12 a store that turns read-only stops publishing, not calls",
  ignore: lacks("mounting a tmpfs (root)"),
  async fn() {
    await using lab = await Lab.open();
    const daemon = await lab.startDaemon();
    await lab.must(["seed", example("hello")]);
    {
      await using _frozen = await mountReadOnly(lab.path("store"));
      await lab.refused(["seed", example("upper")], {
        code: 4,
        says: /the file system is read-only/,
        next: /remount/,
      });
      assert.equal(await lab.must(greet("hello")), greeting);
      assert.deepEqual(await seedNames(lab), ["hello"]);
    }
    await lab.must(["seed", example("upper")]);
    assert.equal(await lab.must(["call", "upper", "handle", "x"]), "X");
    assert.equal((await lab.client.status()).node.processId, daemon.pid);
  },
});

Deno.test("S10 a torn journal end is cut and reported, the rest kept", async () => {
  await using lab = await Lab.open();
  await lab.must(["up", "-d"]);
  await lab.must(["seed", example("hello")]);
  await lab.must(["seed", example("upper")]);
  await lab.must(["down"]);
  const rubbish = new TextEncoder().encode("half a rec");
  await Deno.writeFile(await journalFile(lab), rubbish, { append: true });
  await lab.must(["up", "-d"]);
  const log = await lab.must(["logs"]);
  assert.match(log, /"state\.torn_tail","bytes":10/);
  const { alarms } = await lab.client.status();
  assert.deepEqual(alarms, []);
  assert.deepEqual(await seedNames(lab), ["hello", "upper"]);
  await lab.must(["seed", example("hello"), "more"]);
  await lab.must(["restart"]);
  assert.deepEqual(await seedNames(lab), ["hello", "more", "upper"]);
});

Deno.test("S10 a damaged journal is an alarm until its loss is accepted", async () => {
  await using lab = await Lab.open();
  await lab.must(["up", "-d"]);
  for (const name of ["one", "two", "three"]) {
    await lab.must(["seed", example("hello"), name]);
  }
  await lab.must(["down"]);
  const journal = await journalFile(lab);
  const text = new TextDecoder("latin1").decode(await Deno.readFile(journal));
  await flipByte(journal, text.indexOf("two")); // in the middle one's record
  await lab.must(["up", "-d"]);
  const { alarms } = await lab.client.status();
  assert.equal(alarms.length, 1);
  assert.match(alarms[0]?.message ?? "", /damaged/);
  assert.match(alarms[0]?.hint ?? "", /pln recover --accept-loss/);
  const before = await seedNames(lab);
  assert.deepEqual(before, ["one", "three"], "the rest is there");
  assert.equal(await lab.must(greet(before[0] ?? "")), greeting);
  for (const args of [["seed", example("upper")], ["unseed", "one"]]) {
    await lab.refused(args, {
      code: 1,
      says: /damaged/,
      next: /pln recover --accept-loss/,
    });
  }
  await lab.refused(["recover"], {
    code: 2,
    says: /gives up/,
    next: /--accept-loss/,
  });
  await lab.must(["recover", "--accept-loss"]);
  await lab.must(["seed", example("upper")]);
  await lab.must(["restart"]);
  assert.deepEqual(await seedNames(lab), [...before, "upper"].toSorted());
  assert.deepEqual((await lab.client.status()).alarms, []);
});

Deno.test("R14 S10 a damaged module is never run, and heals by its file", async () => {
  const damages = {
    "one byte": (path: string) => flipByte(path, 100),
    "its end": (path: string) => Deno.truncate(path, 1_000),
    "all of it": (path: string) => Deno.truncate(path, 0),
    "the file": (path: string) => Deno.remove(path),
  };
  await using lab = await Lab.open();
  await lab.must(["up", "-d"]);
  await lab.must(["seed", example("hello")]);
  await lab.must(["seed", example("upper")]);
  const path = await objectFile(lab, "hello");
  for (const [what, damage] of Object.entries(damages)) {
    await lab.must(["down"]);
    await damage(path);
    await Deno.remove(lab.path("cache"), { recursive: true });
    await lab.must(["up", "-d"]);
    await lab.refused(greet("hello"), {
      code: 1,
      says: /Seed "hello" cannot be loaded: .*(damaged|not in the store)/,
      next: /Seed it again/,
    });
    assert.equal(
      await lab.must(["call", "upper", "handle", what]),
      what.toUpperCase(),
    );
    await lab.must(["seed", example("hello")]);
    assert.equal(await lab.must(greet("hello")), greeting);
  }
  await lab.must(["restart"]);
  assert.equal(await lab.must(greet("hello")), greeting);
});

Deno.test("R14 a damaged module in the cache is prepared anew", async () => {
  await using lab = await Lab.open();
  await lab.must(["up", "-d"]);
  await lab.must(["seed", example("hello")]);
  await lab.until(() => Promise.resolve(hasPrepared(lab)));
  const [path = ""] = preparedFiles(lab);
  const good = await Deno.readFile(path);
  const damages = {
    "one byte": () => flipByte(path, 200),
    "its end": () => Deno.truncate(path, good.length - 1),
    "all of it": () => Deno.truncate(path, 0),
    "another module": () => Deno.copyFile(example("upper"), path),
    "the file": () => Deno.remove(path),
  };
  for (const [what, damage] of Object.entries(damages)) {
    await lab.must(["down"]);
    await damage();
    await lab.must(["up", "-d"]);
    assert.equal(await lab.must(greet("hello")), greeting, what);
    await lab.until(async () => {
      if (!hasPrepared(lab)) return false;
      return (await Deno.readFile(path)).toHex() === good.toHex();
    });
    assert.deepEqual((await lab.client.status()).alarms, []);
  }
  await lab.must(["down"]);
});
