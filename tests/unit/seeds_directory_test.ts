// The hosted seeds of a node: which version a name means, and when a version
// and its module go: not before its last call has ended, and only if nothing
// names them any more.

import assert from "node:assert/strict";
import {
  type Bytes,
  type Digest,
  parseDigest,
  utf8,
} from "../../src/kernel/mod.ts";
import { HostedSeeds, type PublishedSpec } from "../../src/seeds/mod.ts";

function specOf(
  number: number,
  more: Partial<PublishedSpec> = {},
): PublishedSpec {
  return {
    digest: parseDigest(`${number}`.repeat(64)),
    config: {},
    timeoutMs: 30_000,
    memoryBytes: 67_108_864,
    cpuMs: 10_000,
    isolation: "restore",
    allowHosts: [],
    ...more,
  };
}

function openLab() {
  const unloaded: string[] = [];
  const discarded: string[] = [];
  const held: string[] = [];
  const recalled: string[] = [];
  const seeds = new HostedSeeds({
    pool: {
      unload: (key) => void unloaded.push(key),
      recall: (name) => void recalled.push(name),
    },
    keeper: {
      hold: (digest: Digest) => {
        held.push(digest);
        return { [Symbol.dispose]: () => void held.splice(0, 1) };
      },
      read: (digest: Digest): Promise<Bytes> => Promise.resolve(utf8(digest)),
      discard: (digest: Digest) => {
        discarded.push(digest);
        return Promise.resolve();
      },
    },
  });
  const adopt = (specs: Readonly<Record<string, PublishedSpec>>) =>
    seeds.adopt(
      new Map(Object.entries(specs).map(([name, spec]) => [name, { spec }])),
    );
  return { seeds, adopt, unloaded, discarded, held, recalled };
}

Deno.test("HostedSeeds.find() knows what was adopted last", async () => {
  const { seeds, adopt } = openLab();
  assert.equal(seeds.find("a"), undefined);
  adopt({ a: specOf(1), b: specOf(2) });
  adopt({ b: specOf(3, { timeoutMs: 5 }), c: specOf(4) });
  assert.deepEqual(seeds.names(), ["b", "c"]);
  assert.equal(seeds.find("a"), undefined);
  const found = seeds.find("b");
  assert.deepEqual([found?.digest, found?.timeoutMs], [specOf(3).digest, 5]);
  assert.deepEqual(await found?.readModule(), utf8(specOf(3).digest));
  assert.ok(seeds.isNamed(specOf(4).digest));
  assert.ok(!seeds.isNamed(specOf(1).digest));
});

Deno.test("HostedSeeds.adopt() frees what is not named any more", () => {
  const { seeds, adopt, unloaded, discarded } = openLab();
  adopt({ a: specOf(1), b: specOf(2) });
  const [a, b] = [seeds.find("a")?.key, seeds.find("b")?.key];
  adopt({ a: specOf(1), b: specOf(2) });
  assert.deepEqual([unloaded, discarded], [[], []]);
  adopt({ a: specOf(1) });
  assert.deepEqual([unloaded, discarded], [[b], [specOf(2).digest]]);
  adopt({ c: specOf(1) });
  assert.deepEqual([unloaded, discarded], [[b, a], [specOf(2).digest]]);
});

Deno.test("HostedSeeds.adopt() takes other settings for another version", () => {
  const changes: readonly Partial<PublishedSpec>[] = [
    { config: { a: "b" } },
    { memoryBytes: 1_048_576 },
    { cpuMs: 1 },
    { isolation: "reuse" },
    { allowHosts: ["a.example"] },
  ];
  for (const change of changes) {
    const { seeds, adopt, unloaded, discarded } = openLab();
    adopt({ a: specOf(1) });
    const before = seeds.find("a")?.key;
    adopt({ a: specOf(1, change) });
    assert.notEqual(seeds.find("a")?.key, before);
    assert.deepEqual([unloaded, discarded], [[before], []]);
  }
  const { adopt, unloaded } = openLab();
  adopt({ a: specOf(1) });
  adopt({ a: specOf(1, { timeoutMs: 1 }) });
  assert.deepEqual(unloaded, [], "its instances may be used on");
});

Deno.test("HostedSeeds keeps a replaced version until its last call", () => {
  const { seeds, adopt, unloaded, held } = openLab();
  adopt({ a: specOf(1) });
  const old = seeds.find("a");
  const [first, second] = [old?.hold(), old?.hold()];
  assert.deepEqual(held, [specOf(1).digest, specOf(1).digest]);
  adopt({ a: specOf(2) });
  first?.[Symbol.dispose]();
  assert.deepEqual(unloaded, []);
  second?.[Symbol.dispose]();
  assert.deepEqual([unloaded, held], [[old?.key], []]);
});

Deno.test("HostedSeeds keeps a version that comes back", () => {
  const { seeds, adopt, unloaded } = openLab();
  adopt({ a: specOf(1) });
  const hold = seeds.find("a")?.hold();
  adopt({});
  adopt({ a: specOf(1) });
  hold?.[Symbol.dispose]();
  assert.deepEqual(unloaded, []);
});

Deno.test("HostedSeeds.adopt() ends the calls of a name that is gone", () => {
  const { adopt, recalled } = openLab();
  adopt({ a: specOf(1), b: specOf(2) });
  adopt({ a: specOf(3), b: specOf(2) });
  assert.deepEqual(recalled, [], "a new version ends no calls of the old one");
  adopt({ b: specOf(2) });
  assert.deepEqual(recalled, ["a"]);
  adopt({ a: specOf(3), b: specOf(2) });
  assert.deepEqual(recalled, ["a"]);
});
