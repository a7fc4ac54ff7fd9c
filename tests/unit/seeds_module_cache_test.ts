// Rewritten modules on disk: what a restart finds again, what makes it prepare
// anew, how much stays there, and disks that refuse, which harm nothing.

import assert from "node:assert/strict";
import { type Bytes, digestOf, utf8 } from "../../src/kernel/mod.ts";
import type { FromThread } from "../../src/threads/mod.ts";
import { ModuleCache } from "../../src/seeds/module_cache.ts";
import { SeedLab, signer, textOf } from "../fixtures/seeds/seed_lab.ts";
import { echoWasm } from "../fixtures/seeds/wat.ts";

const folder = "cache/modules";

/** A lab that counts from what its modules were prepared. */
class CacheLab extends SeedLab {
  readonly prepared = { original: 0, kept: 0 };

  constructor() {
    super();
    const spawn = this.sandbox.spawn.bind(this.sandbox);
    this.sandbox.spawn = (name) => {
      const thread = spawn(name);
      const onMessage = thread.onMessage.bind(thread);
      thread.onMessage = (handle) =>
        onMessage((batch) => {
          for (const message of batch as readonly FromThread[]) {
            if (message[0] !== "prepared") continue;
            this.prepared[message[4] === undefined ? "kept" : "original"]++;
          }
          handle(batch);
        });
      return thread;
    };
  }

  /** As after a restart: nothing is loaded any more. */
  async forget(): Promise<void> {
    for (const { key } of this.seeds.values()) this.pool.unload(key);
    await this.world.run(this.world.nowMs + 10);
  }

  async echo(): Promise<void> {
    const seed = this.seeds.get("s") ?? this.add("s", echoWasm);
    assert.equal(textOf(await this.run(seed, "echo", { input: "in" })), "in");
    await this.world.run(this.world.nowMs + 10);
  }

  async files(): Promise<readonly string[]> {
    const entries = await this.disk.mount().list(folder);
    return entries.map(({ name }) => name);
  }

  get warnings(): number {
    const records = this.log.records;
    assert.ok(records.every(({ event }) => event === "seed.cache_failed"));
    return records.length;
  }
}

Deno.test("a module is rewritten once, and found again on the disk", async () => {
  await using lab = new CacheLab();
  await lab.echo();
  assert.equal((await lab.files()).length, 1);
  await lab.forget();
  await lab.echo();
  assert.deepEqual(lab.prepared, { original: 1, kept: 1 });
  assert.equal(lab.warnings, 0);
});

Deno.test("other memory, other bytes in the cache", async () => {
  await using lab = new CacheLab();
  await lab.echo();
  const settings = { memoryBytes: 2 * 1024 * 1024 };
  await lab.run(lab.add("small", echoWasm, { settings }), "echo");
  await lab.world.run(lab.world.nowMs + 10);
  assert.deepEqual(lab.prepared, { original: 2, kept: 0 });
  assert.equal((await lab.files()).length, 2);
});

Deno.test("a damaged file is dropped, and the module prepared anew", async () => {
  const damages: readonly ((bytes: Bytes) => Bytes)[] = [
    (bytes) => bytes.subarray(0, bytes.length - 1),
    () => new Uint8Array(),
    () => utf8("not what was written"),
    (bytes) => bytes.with(bytes.length - 3, (bytes.at(-3) ?? 0) ^ 1),
  ];
  for (const damaged of damages) {
    await using lab = new CacheLab();
    await lab.echo();
    const [name] = await lab.files();
    const path = `${folder}/${name}`;
    const disk = lab.disk.mount();
    const whole = await disk.read(path, { bytesMax: 1_000_000 });
    await disk.writeAtomic(path, damaged(whole));
    await lab.forget();
    await lab.echo();
    assert.deepEqual(lab.prepared, { original: 2, kept: 0 });
    const mended = await disk.read(path, { bytesMax: 1_000_000 });
    assert.deepEqual(mended, whole);
  }
});

Deno.test("S12: a damaged file that cannot be replaced harms nothing", async () => {
  await using lab = new CacheLab();
  await lab.echo();
  const [name] = await lab.files();
  const disk = lab.disk.mount();
  await disk.writeAtomic(`${folder}/${name}`, utf8("damaged"));
  using _fault = lab.disk.fail("read-only");
  for (const times of [2, 3]) {
    await lab.forget();
    await lab.echo();
    assert.deepEqual(lab.prepared, { original: times, kept: 0 });
  }
  assert.ok(lab.warnings >= 2);
});

Deno.test("S11: a disk that takes nothing is logged and harmless", async () => {
  for (const fault of ["full", "read-only", "io"] as const) {
    await using lab = new CacheLab();
    using _fault = lab.disk.fail(fault);
    await lab.echo();
    await lab.forget();
    await lab.echo();
    assert.deepEqual(lab.prepared, { original: 2, kept: 0 }, fault);
    assert.ok(lab.warnings >= 1, fault);
  }
});

Deno.test("S12: a file that cannot be read is made anew", async () => {
  await using lab = new CacheLab();
  await lab.echo();
  await lab.forget();
  {
    using _fault = lab.disk.fail("io", { operation: "read" });
    await lab.echo();
  }
  assert.deepEqual(lab.prepared, { original: 2, kept: 0 });
  assert.ok(lab.warnings >= 1);
  await lab.forget();
  await lab.echo();
  assert.deepEqual(lab.prepared, { original: 2, kept: 1 });
});

function openCache(lab: SeedLab, bytesMax: number) {
  const { log } = lab;
  const cache = new ModuleCache(
    { log, disk: lab.disk.mount(), signer },
    { bytesMax },
  );
  const name = (number: number) =>
    cache.nameOf(digestOf(signer.sha256(Uint8Array.of(number))), {
      memoryPagesMax: 1,
    });
  const kept = async (numbers: readonly number[]) => {
    const found = await Promise.all(
      numbers.map(async (number) =>
        (await cache.read(name(number))) === undefined ? [] : [number]
      ),
    );
    return found.flat();
  };
  return { cache, name, kept };
}

Deno.test("the least recently used files go when they are too large", async () => {
  await using lab = new SeedLab();
  const { cache, name, kept } = openCache(lab, 1_000);
  for (const number of [1, 2, 3]) {
    await cache.write(name(number), new Uint8Array(300));
  }
  await cache.read(name(1));
  await cache.write(name(4), new Uint8Array(300));
  assert.deepEqual(await kept([1, 2, 3, 4]), [1, 3, 4]);
  await cache.write(name(5), new Uint8Array(1_001));
  assert.deepEqual(await kept([1, 2, 3, 4, 5]), [1, 3, 4]);
  await cache.write(name(1), new Uint8Array(1_000));
  assert.deepEqual(await kept([1, 2, 3, 4, 5]), [1]);
});

Deno.test("what an earlier process left counts, and goes first", async () => {
  await using lab = new SeedLab();
  const before = openCache(lab, 1_000);
  for (const number of [1, 2, 3]) {
    await before.cache.write(before.name(number), new Uint8Array(300));
  }
  await lab.disk.mount().writeAtomic(`${folder}/other`, new Uint8Array(900));
  const { cache, name, kept } = openCache(lab, 1_000);
  await cache.read(name(1));
  await cache.read(name(3));
  await cache.write(name(4), new Uint8Array(400));
  assert.deepEqual(await kept([1, 2, 3, 4]), [1, 3, 4]);
  const other = await lab.disk.mount().stat(`${folder}/other`);
  assert.equal(other?.sizeBytes, 900, "a stranger's file stays");
});
