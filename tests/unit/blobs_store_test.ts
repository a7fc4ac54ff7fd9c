// The content store on a simulated disk: what it returns is what was put, or an
// error. In come bytes, damage, full disks and power losses; never out comes a
// byte that does not fit its digest.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import { ContentStore } from "../../src/blobs/mod.ts";
import {
  type Bytes,
  CorruptError,
  type Digest,
  LimitError,
  NotFoundError,
  parseDigest,
  utf8,
} from "../../src/kernel/mod.ts";
import { DiskError } from "../../src/ports/mod.ts";
import { openSimDisk, openWorld, type SimDisk } from "../../src/sim/mod.ts";

const signer = openSigner();
const bytesMax = 1_000_000;
/** Before the bytes of each object. */
const headerBytes = 8;

type Lab = {
  readonly disk: SimDisk;
  readonly store: ContentStore;
  /** The store of the next process. */
  reopen(): ContentStore;
};

function openLab(seed: number): Lab {
  const disk = openSimDisk(openWorld(seed, { turn: openTurn() }));
  const reopen = () => new ContentStore({ disk: disk.mount(), signer });
  return { disk, store: reopen(), reopen };
}

function test(name: string, run: (lab: Lab) => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn: () => run(openLab(1)) });
}

function pathOf(digest: Digest): string {
  return `store/${digest.slice(0, 2)}/${digest}`;
}

async function readOrFault(store: ContentStore, digest: Digest) {
  try {
    return await store.read(digest, { bytesMax });
  } catch (cause) {
    assert.ok(cause instanceof Error);
    return cause;
  }
}

test("ContentStore.read() returns what was put", async (lab) => {
  const { store } = lab;
  const all: Bytes[] = [utf8(""), utf8("a"), new Uint8Array(100_000).fill(7)];
  const digests: Digest[] = [];
  for (const bytes of all) {
    const digest = await store.put(bytes);
    assert.equal(digest, store.digest(bytes));
    assert.deepEqual(await store.read(digest, { bytesMax }), bytes);
    digests.push(digest);
  }
  const next = lab.reopen();
  assert.deepEqual([...await next.list()].sort(), digests.sort());
  for (const [index, bytes] of all.entries()) {
    const digest = store.digest(bytes);
    assert.deepEqual(await next.read(digest, { bytesMax }), bytes, `${index}`);
  }
});

test("ContentStore.read() knows what it does not have", async ({ store }) => {
  assert.deepEqual(await store.list(), []);
  const digest = parseDigest("00".repeat(32));
  await assert.rejects(store.read(digest, { bytesMax }), NotFoundError);
  await store.remove(digest);
});

test("ContentStore.read() refuses more than its limit", async ({ store }) => {
  const digest = await store.put(new Uint8Array(100));
  const least = await store.read(digest, { bytesMax: 100 });
  assert.equal(least.length, 100);
  await assert.rejects(store.read(digest, { bytesMax: 99 }), LimitError);
});

test("R14: ContentStore never returns a damaged object", async (lab) => {
  const bytes = utf8("forty-two bytes, each of which may turn bad");
  const size = headerBytes + bytes.length;
  for (let offset = 0; offset < size; offset++) {
    const { disk, store } = openLab(offset);
    const digest = await store.put(bytes);
    disk.corrupt(pathOf(digest), offset);
    await assert.rejects(
      store.read(digest, { bytesMax }),
      CorruptError,
      `byte ${offset}`,
    );
  }
  const { disk, store } = lab;
  const digest = await store.put(bytes);
  const whole = await disk.mount().read(pathOf(digest), { bytesMax });
  for (let length = 0; length < size; length++) {
    await disk.mount().writeAtomic(pathOf(digest), whole.subarray(0, length));
    await assert.rejects(
      store.read(digest, { bytesMax }),
      CorruptError,
      `cut to ${length}`,
    );
  }
  await disk.mount().writeAtomic(
    pathOf(digest),
    new Uint8Array([...whole, 0]),
  );
  await assert.rejects(store.read(digest, { bytesMax }), CorruptError);
});

test("R14: ContentStore takes no object for another", async (lab) => {
  const { disk, store } = lab;
  const [left, right] = [
    await store.put(utf8("a")),
    await store.put(utf8("b")),
  ];
  const wrong = await disk.mount().read(pathOf(left), { bytesMax });
  await disk.mount().writeAtomic(pathOf(right), wrong);
  await assert.rejects(store.read(right, { bytesMax }), CorruptError);
});

test("ContentStore.put() heals a damaged object", async (lab) => {
  const bytes = utf8("to be damaged");
  const digest = await lab.store.put(bytes);
  for (const store of [lab.store, lab.reopen()]) {
    lab.disk.corrupt(pathOf(digest), headerBytes + 3);
    assert.ok(await readOrFault(store, digest) instanceof CorruptError);
    await store.put(bytes);
    assert.deepEqual(await store.read(digest, { bytesMax }), bytes);
  }
});

test("S12: ContentStore.put() heals an object that does not read", async (lab) => {
  const bytes = utf8("on a bad sector");
  const digest = await lab.store.put(bytes);
  const operation = "read" as const;
  using _fault = lab.disk.fail("io", { operation, count: 1 });
  await lab.store.put(bytes);
  assert.deepEqual(await lab.store.read(digest, { bytesMax }), bytes);
});

test("ContentStore.put() writes what is there already only once", async (lab) => {
  const bytes = utf8("twice");
  const digest = await lab.store.put(bytes);
  using _fault = lab.disk.fail("full");
  assert.equal(await lab.store.put(bytes), digest);
});

test("ContentStore.remove() removes for good, and a put brings back", async (lab) => {
  const { store } = lab;
  const bytes = utf8("here and gone");
  const digest = await store.put(bytes);
  await store.remove(digest);
  assert.ok(await readOrFault(store, digest) instanceof NotFoundError);
  assert.deepEqual(await store.list(), []);
  await store.put(bytes);
  lab.disk.crash();
  const next = lab.reopen();
  assert.deepEqual(await next.read(digest, { bytesMax }), bytes);
});

test("ContentStore.list() shows objects, and nothing foreign", async (lab) => {
  const { store } = lab;
  const digest = await store.put(utf8("mine"));
  const disk = lab.disk.mount();
  const foreign = [
    "store/README",
    "store/lost+found/secret",
    "store/zz/x",
    "store/00/short",
    `store/00/${"F".repeat(64)}`,
    `store/00/${"f".repeat(64)}`,
    `store/ff/${"f".repeat(64)}.part`,
  ];
  for (const path of foreign) await disk.writeAtomic(path, utf8("?"));
  using _fault = lab.disk.fail("denied", {
    operation: "list",
    path: "store/lost+found",
  });
  assert.deepEqual(await store.list(), [digest]);
});

test("S11: ContentStore.put() leaves nothing on a full disk", async (lab) => {
  const { disk, store } = lab;
  const old = await store.put(utf8("small"));
  disk.setCapacity(1_000);
  const large = new Uint8Array(2_000);
  await assert.rejects(store.put(large), (error) => {
    assert.ok(error instanceof DiskError);
    assert.equal(error.fault, "full");
    return true;
  });
  assert.ok(await readOrFault(store, store.digest(large)) instanceof Error);
  assert.deepEqual(await store.list(), [old]);
  assert.deepEqual(await store.read(old, { bytesMax }), utf8("small"));
  disk.setCapacity(10_000);
  const digest = await store.put(large);
  assert.deepEqual(await store.read(digest, { bytesMax }), large);
});

const seeds = Array.from({ length: 100 }, (_, index) => index);

test("S08: what ContentStore.put() returned survives power loss", async () => {
  for (const seed of seeds) {
    const { disk, store, reopen } = openLab(seed);
    const bytes = utf8(`object of world ${seed}`);
    const digest = await store.put(bytes);
    disk.crash();
    assert.deepEqual(await reopen().read(digest, { bytesMax }), bytes);
  }
});

test("S08: a put that was cut short leaves the whole object or none", async () => {
  let [kept, gone] = [0, 0];
  for (const seed of seeds) {
    const { disk, store, reopen } = openLab(seed);
    const bytes = utf8(`object of world ${seed}`);
    const putting = store.put(bytes);
    const failed = assert.rejects(putting, DiskError);
    for (let turn = 0; turn < seed % 24; turn++) await undefined;
    disk.crash();
    // It may have ended before the power went.
    await failed.catch(() => undefined);
    const found = await readOrFault(reopen(), store.digest(bytes));
    if (found instanceof NotFoundError) {
      gone++;
      continue;
    }
    assert.deepEqual(found, bytes, `seed ${seed}`);
    kept++;
  }
  assert.ok(gone > 10 && kept > 10, `${gone} gone, ${kept} kept`);
});

test("S08: a put after a failed sync is durable, not only there", async () => {
  let failures = 0;
  for (const seed of seeds) {
    const lab = openLab(seed);
    const bytes = utf8(`object of world ${seed}`);
    const putting = lab.store.put(bytes);
    const failing = putting.then(() => {}, () => void failures++);
    // Sometimes only the directory's sync fails: the object has its name.
    for (let turn = 0; turn < seed % 24; turn++) await undefined;
    const fault = lab.disk.fail("io", { operation: "sync" });
    await failing;
    fault[Symbol.dispose]();
    const digest = await lab.store.put(bytes);
    lab.disk.crash();
    assert.deepEqual(
      await readOrFault(lab.reopen(), digest),
      bytes,
      `seed ${seed}`,
    );
  }
  assert.ok(failures > 20 && failures < seeds.length, `${failures} failed`);
});

test("S07: a put after a kill makes durable what it finds", async () => {
  for (const seed of seeds) {
    const lab = openLab(seed);
    const bytes = utf8(`object of world ${seed}`);
    const cut = assert.rejects(lab.store.put(bytes), DiskError);
    for (let turn = 0; turn < seed % 24; turn++) await undefined;
    lab.disk.kill();
    await cut.catch(() => undefined);
    const digest = await lab.reopen().put(bytes);
    lab.disk.crash();
    assert.deepEqual(await lab.reopen().read(digest, { bytesMax }), bytes);
  }
});
