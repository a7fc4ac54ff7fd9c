// The hostile modules of tests/fixtures/evil against the load path, without a
// thread: those that must never run are refused by one clear sentence, the
// others pass. SCENARIOS.md R13.

import assert from "node:assert/strict";
import { SeedError } from "../../src/threads/errors.ts";
import { prepareSource } from "../../src/guest/module.ts";
import { type Bytes, digestOf, limits } from "../../src/kernel/mod.ts";
import {
  evilCases,
  evilFamilies,
  isRefused,
  isRunning,
} from "../fixtures/evil/corpus.ts";

const caps = { memoryPagesMax: limits.guestMemoryBytesDefault / 65_536 };

async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** Why the load path refuses a module; undefined when it does not. */
async function refusalOf(bytes: Bytes): Promise<SeedError | undefined> {
  const digest = digestOf(await sha256(bytes));
  try {
    await prepareSource({ type: "original", bytes, digest }, caps, { sha256 });
    return undefined;
  } catch (cause) {
    assert.ok(cause instanceof SeedError, String(cause));
    return cause;
  }
}

/** What is wrong with a refusal; "" when nothing is. */
function flawOf(refusal: SeedError | undefined, says: RegExp): string {
  if (refusal === undefined) return "is not refused";
  const { reason, message, hint } = refusal;
  if (!["invalid", "link"].includes(reason)) return `is refused as ${reason}`;
  if (!says.test(message)) return `is not refused by ${says}: ${message}`;
  if (!/^[^\n]{10,300}$/.test(message)) return `gets no sentence: ${message}`;
  return hint === undefined ? `gets no hint: ${message}` : "";
}

Deno.test("the evil corpus is large and has no name twice", () => {
  const names = evilCases.map(({ name }) => name);
  assert.deepEqual([...new Set(names)], names);
  assert.ok(evilCases.filter(isRefused).length > 250);
  assert.ok(evilCases.filter(isRunning).length > 250);
});

for (const [family, cases] of Object.entries(evilFamilies)) {
  const refused = cases.filter(isRefused);
  const running = cases.filter(isRunning);
  if (refused.length > 0) {
    Deno.test(`R13 ${family}: each is refused by its sentence`, async () => {
      const flaws: string[] = [];
      for (const { name, bytes, fate } of refused) {
        const flaw = flawOf(await refusalOf(bytes()), fate.refused);
        if (flaw !== "") flaws.push(`${name} ${flaw}`);
      }
      assert.deepEqual(flaws, []);
    });
  }
  if (running.length > 0) {
    Deno.test(`${family}: those that may run pass the load path`, async () => {
      const refusals: string[] = [];
      for (const { name, bytes } of running) {
        const refusal = await refusalOf(bytes());
        if (refusal) refusals.push(`${name}: ${refusal.message}`);
      }
      assert.deepEqual(refusals, []);
    });
  }
}
