// This host against the reference implementation of Extism's ABI: the same
// modules, inputs, configuration and stubs, compared by output, error and log.
// Calls of one seed come one after the other, so that from the second on they
// run on an instance that was used before; the reference's are always new.

// First: the reference reads `process`, which src/adapters/quick_start.ts hides.
import { runOnReference } from "./reference.ts";
import assert from "node:assert/strict";
import type { Bytes } from "../../src/kernel/mod.ts";
import { blockCases } from "./block_cases.ts";
import { differences, type Stated } from "./differences.ts";
import { exampleCases, hasGo } from "./example_cases.ts";
import { exchangeCases } from "./exchange_cases.ts";
import { languageCases } from "./language_cases.ts";
import { memoryCases } from "./memory_cases.ts";
import {
  type Ending,
  type OracleCase,
  type Run,
  utf8Bytes,
} from "./oracle_case.ts";
import { PollenHost } from "./pollen_host.ts";
import { settingCases } from "./setting_cases.ts";
import { startCases } from "./start_cases.ts";
import { userCases } from "./user_cases.ts";
import { wasiCases } from "./wasi_cases.ts";

const corpus: Readonly<Record<string, readonly OracleCase[]>> = {
  "blocks of memory": blockCases,
  "the examples": exampleCases,
  "input, output and errors": exchangeCases,
  "WebAssembly itself": languageCases,
  "a guest's own memory": memoryCases,
  "configuration, variables and logs": settingCases,
  "starting and being called": startCases,
  "host functions of Pollen and HTTP": userCases,
  "WASI": wasiCases,
};

const allCases = Object.values(corpus).flat();
const defaultInputs = [utf8Bytes("hello")];
const callsMin = 3;

for (const [subject, cases] of Object.entries(corpus)) {
  Deno.test(`oracle: ${subject}: this host does as the reference`, async () => {
    await using host = new PollenHost();
    for (const one of cases) await compare(host, one);
  });
}

Deno.test("oracle: each case is a valid module with a name of its own", () => {
  for (const { name, module } of allCases) {
    assert.ok(WebAssembly.validate(module), `"${name}" is no valid module`);
  }
  const names = new Set(allCases.map(({ name }) => name));
  assert.equal(names.size, allCases.length);
});

Deno.test("oracle: each stated difference is one, and of a case", () => {
  const byName = new Map(allCases.map((one) => [one.name, one]));
  for (const [name, { ours, theirs }] of differences) {
    const one = byName.get(name);
    assert.ok(one, `there is no case "${name}"`);
    assert.ok((one.inputs ?? defaultInputs).length === 1, name);
    assert.notDeepEqual(ours, theirs, name);
  }
});

Deno.test("oracle: calls that restore share an instance, fresh ones do not", async () => {
  await using host = new PollenHost();
  const [one] = memoryCases;
  assert.ok(one);
  for (const isolation of ["restore", "fresh"] as const) {
    using seed = host.add(one, isolation);
    for (let call = 0; call < callsMin; call++) {
      await seed.run(new Uint8Array(0));
    }
    const usage = await seed.usage();
    assert.equal(usage.isolation, isolation);
    assert.equal(usage.instances, isolation === "restore" ? 1 : 0);
  }
});

Deno.test({
  name: "oracle: the corpus has a module of 2.3 MB, made by Go",
  ignore: !hasGo,
  fn() {
    assert.ok(allCases.some(({ module }) => module.length > 2_000_000));
  },
});

async function compare(host: PollenHost, one: OracleCase): Promise<void> {
  const difference = differences.get(one.name);
  const expected: [input: Bytes, Stated][] = [];
  for (const input of one.inputs ?? defaultInputs) {
    const theirs = await runOnReference(one, input);
    if (difference !== undefined) {
      check(theirs, { ...theirs, ...difference.theirs }, {
        of: one,
        who: "reference",
      });
    }
    expected.push([input, { ...theirs, ...difference?.ours }]);
  }
  for (const isolation of ["restore", "fresh"] as const) {
    using seed = host.add(one, isolation);
    const calls = Math.max(callsMin, expected.length + 1);
    for (let call = 0; call < calls; call++) {
      const [input, stated] = expected[call % expected.length] ?? assert.fail();
      const who = `${isolation}, call ${call + 1}, ${input.length} bytes`;
      check(await seed.run(input), stated, { of: one, who });
    }
  }
}

function check(
  run: Run,
  stated: Stated,
  { of, who }: { readonly of: OracleCase; readonly who: string },
): void {
  const guest = `a guest that ${of.name} (${who})`;
  const log = stated.log === "varies" ? run.log : stated.log;
  assert.deepEqual(
    { guest, ending: shown(run.ending), log: run.log },
    { guest, ending: shown(stated.ending), log },
  );
}

/** Long outputs by a checksum, which a message can hold. */
function shown(ending: Ending): unknown {
  if (ending.type !== "output") return ending;
  const { bytes } = ending;
  if (bytes.length <= 256) return { type: "output", bytes };
  let sum = 1;
  for (const byte of bytes) sum = Math.imul(sum, 31) + byte | 0;
  return {
    type: "output",
    length: bytes.length,
    sum,
    head: bytes.slice(0, 32),
  };
}
