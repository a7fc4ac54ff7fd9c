// Reports about seeds: durations are told to a microsecond, and a value that is
// not known yet is left out.

import assert from "node:assert/strict";
import { seedDetails, seedStatus } from "../../src/control/mod.ts";
import { sampleDigest, samplePeer } from "./cli_world.ts";

const seed = {
  name: "a",
  owner: samplePeer,
  spec: {
    digest: sampleDigest,
    sizeBytes: 8,
    config: {},
    timeoutMs: 1,
    memoryBytes: 2,
    cpuMs: 3,
    isolation: "restore",
    allowHosts: [],
    publishedMs: 4,
  },
} as const;
const known = {
  calls: 2,
  errors: 0,
  errorsByReason: {},
  running: 0,
  p50Ms: 0.20999999999185093,
  p99Ms: 14.2004999,
  refusal: undefined,
};
const usage = {
  isolation: "restore",
  isolationReason: undefined,
  threads: 1,
  instances: 1,
  memoryBytes: 1,
  peakBytes: 1,
  cpuMs: 1.00049,
} as const;

Deno.test("seedStatus() rounds latencies to a microsecond", () => {
  const { p50Ms, p99Ms } = seedStatus(seed, known);
  assert.deepEqual([p50Ms, p99Ms], [0.21, 14.2]);
  const none = { ...known, p50Ms: undefined, p99Ms: undefined };
  assert.equal(seedStatus(seed, none).p50Ms, undefined);
});

Deno.test("seedDetails() rounds all that it measured", () => {
  const inspection = { ...known, entry: seed, functions: [], usage };
  const { p50Ms, p99Ms, usage: { cpuMs } } = seedDetails(inspection);
  assert.deepEqual([p50Ms, p99Ms, cpuMs], [0.21, 14.2, 1]);
});
