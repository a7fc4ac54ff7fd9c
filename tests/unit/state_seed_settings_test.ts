// What a seed is published with: limits, isolation and hosts survive a restart,
// entries of an older version read with the defaults, and what does not fit is
// refused by the writer and ignored by readers (SCENARIOS.md R05, S17).

import assert from "node:assert/strict";
import {
  canonicalJson,
  InputError,
  type JsonValue,
  limits,
  type PeerId,
} from "../../src/kernel/mod.ts";
import type { View } from "../../src/state/mod.ts";
import { Projector } from "../../src/state/projector.ts";
import { LabLog, openLab, root, signer, specOf } from "./state_lab.ts";

const settings = {
  memoryBytes: limits.guestMemoryBytesMax,
  cpuMs: 1,
  isolation: "reuse",
  allowHosts: ["*.example.org", "10.0.0.7:8443"],
} as const;

/** As a reader sees entries of `seeds` that another version wrote. */
function viewOf(entries: Readonly<Record<string, JsonValue>>): View {
  const self = "a1".repeat(32) as PeerId;
  const projector = new Projector({ signer, log: new LabLog() }, {
    self,
    root,
  });
  projector.apply(
    self,
    Object.entries(entries).map(([key, value]) => ({
      ...{ section: "seeds", key, before: undefined },
      after: canonicalJson(value),
    })),
  );
  return projector.view();
}

const older = {
  digest: specOf(1).digest,
  sizeBytes: 1000,
  config: {},
  timeoutMs: 30_000,
  publishedMs: 1,
};

Deno.test("a seed's settings are in the view, and after a restart", async () => {
  const lab = openLab();
  const value = { ...specOf(1), ...settings };
  {
    await using state = await lab.open();
    await state.publish([{ section: "seeds", key: "a", value }]);
    assert.deepEqual(state.view().seeds.get("a")?.spec, value);
  }
  await using state = await lab.open();
  assert.deepEqual(state.view().seeds.get("a")?.spec, value);
});

Deno.test("a seed without settings is published with the defaults", async () => {
  const lab = openLab();
  await using state = await lab.open();
  await state.publish([{ section: "seeds", key: "a", value: older }]);
  const spec = state.view().seeds.get("a")?.spec;
  assert.deepEqual(spec, { ...older, ...defaults });
});

const defaults = {
  memoryBytes: limits.guestMemoryBytesDefault,
  cpuMs: limits.callCpuMsDefault,
  isolation: "restore",
  allowHosts: [],
};

Deno.test("S17 an entry of an older version reads with the defaults", () => {
  const view = viewOf({ a: older });
  assert.deepEqual(view.seeds.get("a")?.spec, { ...older, ...defaults });
  assert.deepEqual(view.ignored, []);
});

const unfit: Readonly<Record<string, JsonValue>> = {
  "memory-small": { memoryBytes: limits.guestMemoryBytesMin - 1 },
  "memory-large": { memoryBytes: limits.guestMemoryBytesMax + 1 },
  "memory-text": { memoryBytes: "64MiB" },
  "cpu-none": { cpuMs: 0 },
  "cpu-long": { cpuMs: limits.callTimeoutMsMax + 1 },
  "cpu-part": { cpuMs: 0.5 },
  "isolation-later": { isolation: "enclave" },
  "isolation-case": { isolation: "Fresh" },
  "hosts-text": { allowHosts: "example.org" },
  "hosts-port": { allowHosts: ["example.org:0"] },
  "hosts-any": { allowHosts: ["*"] },
  "hosts-many": { allowHosts: Array(limits.seedHostsMax + 1).fill("a.b") },
};

Deno.test("S17 an entry whose settings do not fit is ignored by name", () => {
  const entries = Object.entries(unfit).map(([name, part]) =>
    [name, { ...older, ...Object(part) }] as const
  );
  const view = viewOf({ ...Object.fromEntries(entries), fits: older });
  assert.deepEqual([...view.seeds.keys()], ["fits"]);
  assert.deepEqual(
    view.ignored.map(({ key }) => key),
    Object.keys(unfit).sort(),
  );
  for (const { key, reason } of view.ignored) {
    const [member = ""] = key.split("-");
    assert.match(reason, new RegExp(`^(?:allow)?${member}`, "i"), key);
  }
});

Deno.test("R05 the writer refuses settings that do not fit", async () => {
  const lab = openLab();
  await using state = await lab.open();
  for (const part of Object.values(unfit)) {
    const value = { ...older, ...Object(part) };
    const change = { section: "seeds", key: "a", value } as const;
    await assert.rejects(state.publish([change]), InputError);
  }
  assert.equal(state.report().entries, 0);
});
