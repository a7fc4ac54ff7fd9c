// What a seed is published with: the defaults, the ranges, and what makes one
// hosted version another than the next.

import assert from "node:assert/strict";
import {
  emptyBytes,
  InputError,
  LimitError,
  limits,
} from "../../src/kernel/mod.ts";
import {
  hostSeed,
  parseSeedOptions,
  type SeedOptions,
  type SeedVersion,
} from "../../src/seeds/mod.ts";
import { defaultSettings, digestOfModule } from "../fixtures/seeds/seed_lab.ts";

Deno.test("options that are left out have their defaults", () => {
  assert.deepEqual(parseSeedOptions({ config: {} }), {
    config: {},
    timeoutMs: 30_000,
    memoryBytes: 64 * 1024 * 1024,
    cpuMs: 10_000,
    isolation: "restore",
    allowHosts: [],
  });
});

Deno.test("options may be at the ends of their ranges", () => {
  const cases: readonly Partial<SeedOptions>[] = [
    { timeoutMs: 1 },
    { timeoutMs: 3_600_000 },
    { cpuMs: 1 },
    { cpuMs: 3_600_000 },
    { memoryBytes: 1024 * 1024 },
    { memoryBytes: 1024 * 1024 * 1024 },
    { isolation: "fresh" },
    { isolation: "reuse" },
  ];
  for (const given of cases) {
    const { config: _, ...parsed } = parseSeedOptions({ config: {}, ...given });
    assert.deepEqual({ ...parsed, ...given }, parsed);
  }
});

Deno.test("options out of their range are refused with an example", () => {
  const cases: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ timeoutMs: 0 }, /timeout/],
    [{ timeoutMs: 3_600_001 }, /timeout/],
    [{ timeoutMs: 1.5 }, /timeout/],
    [{ cpuMs: 0 }, /processor time/],
    [{ cpuMs: NaN }, /processor time/],
    [{ cpuMs: 3_600_001 }, /processor time/],
    [{ memoryBytes: 1024 * 1024 - 1 }, /memory/],
    [{ memoryBytes: 1024 * 1024 * 1024 + 1 }, /memory/],
    [{ isolation: "none" }, /isolation/],
    [{ allowHosts: ["a.example", "*"] }, /"\*"/],
    [{ allowHosts: ["https://a.example"] }, /"https:/],
  ];
  for (const [given, message] of cases) {
    const parse = () => parseSeedOptions({ config: {}, ...given });
    assert.throws(parse, (cause) => {
      assert.ok(cause instanceof InputError, JSON.stringify(given));
      assert.match(cause.message, message);
      assert.ok(cause.hint);
      return true;
    });
  }
});

Deno.test("hosts are sorted, each once, and sixteen at most", () => {
  const parse = (allowHosts: readonly string[]) =>
    parseSeedOptions({ config: {}, allowHosts }).allowHosts;
  assert.deepEqual(
    parse(["b.example", "*.a.example", "B.EXAMPLE", "10.0.0.7", "[::1]"]),
    ["*.a.example", "10.0.0.7", "[::1]", "b.example"],
  );
  const hosts = Array.from(
    { length: limits.seedHostsMax + 1 },
    (_, index) => `h${index}.example`,
  );
  assert.equal(parse(hosts.slice(1)).length, 16);
  assert.throws(() => parse(hosts), LimitError);
});

Deno.test("a configuration that is too large is refused", () => {
  const many = Object.fromEntries(
    Array.from({ length: 65 }, (_, index) => [`k${index}`, "v"]),
  );
  assert.throws(() => parseSeedOptions({ config: many }), LimitError);
  const long = { key: "x".repeat(limits.seedConfigBytesMax) };
  assert.throws(() => parseSeedOptions({ config: long }), LimitError);
});

Deno.test("versions that differ in anything but the timeout have other keys", () => {
  const version: SeedVersion = {
    name: "s",
    digest: digestOfModule(Uint8Array.of(1)),
    config: { a: "b" },
    settings: defaultSettings,
  };
  const keyOf = (more: Partial<SeedVersion>) =>
    hostSeed({ ...version, ...more }, () => Promise.resolve(emptyBytes)).key;
  const others = [
    { name: "t" },
    { digest: digestOfModule(Uint8Array.of(2)) },
    { config: {} },
    { settings: { ...defaultSettings, memoryBytes: 1024 * 1024 } },
    { settings: { ...defaultSettings, cpuMs: 1 } },
    { settings: { ...defaultSettings, isolation: "reuse" } as const },
    { settings: { ...defaultSettings, allowHosts: ["a.example"] } },
  ].map(keyOf);
  const same = keyOf({});
  assert.equal(new Set([same, ...others]).size, others.length + 1);
  const parsed = parseSeedOptions({ config: {}, timeoutMs: 7 });
  assert.equal(keyOf({ settings: parsed }), same);
});
