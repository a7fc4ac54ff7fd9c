// The quick look at a value's text against the slow one: parse, write again in
// canonical JSON, compare. In: texts of random values, and mutants of them, from
// a fixed seed. Out: whatever the quick look lets pass is canonical, and what
// nodes publish passes it.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  canonicalJson,
  jsonFault,
  type JsonValue,
  limits,
} from "../../src/kernel/mod.ts";
import { isPlainCanonicalJson } from "../../src/state/canonical_text.ts";
import { valueTextFault } from "../../src/state/values.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { specOf } from "../unit/state_lab.ts";
import { fuzzRuns } from "./runs.ts";

const depthMax = limits.stateValueDepthMax;

/** What a node would hold that has no quick look. */
function isCanonical(text: string): boolean {
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  return jsonFault(value, { depthMax }) === undefined &&
    canonicalJson(value) === text;
}

function agrees(text: string): void {
  const expected = isCanonical(text);
  if (isPlainCanonicalJson(text, { depthMax })) {
    assert.ok(expected, `${text} is not canonical`);
  }
  assert.equal(valueTextFault(text) === undefined, expected, text);
}

const pieces = [
  ...['"', "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "\0", "\x7f"],
  ...[
    "0",
    "1",
    "-",
    "-0",
    "+",
    ".",
    "e",
    "E",
    "00",
    "true",
    "nul",
    "é",
    "\ud800",
  ],
  ...['"a":', '"b":', '"":', "1e400", "9007199254740993", "\u2028", "\\u0041"],
  ...["1234567890123456", "{}", "[]", '"__proto__":', '"10":', '"9":'],
];

Deno.test("a text that looks canonical is canonical (seeded)", () => {
  const random = openSimRandom(41);
  const samples = fc.sample(fc.jsonValue({ maxDepth: 3 }), {
    seed: 41,
    numRuns: fuzzRuns(2_000),
  });
  for (const [index, sample] of samples.entries()) {
    const text = index % 4 === 0
      ? canonicalJson(specOf(index))
      : canonicalJson(sample);
    agrees(text);
    let mutant = text;
    for (let count = random.integer(3); count >= 0; count--) {
      const at = random.integer(mutant.length + 1);
      const end = Math.min(mutant.length, at + random.integer(3));
      const piece = pieces[random.integer(pieces.length)] ?? "";
      mutant = mutant.slice(0, at) + piece + mutant.slice(end);
      agrees(mutant);
    }
  }
});

Deno.test("short texts of JSON's own characters are judged alike", () => {
  const unit = fc.constantFrom(...pieces);
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 7 }), (all) => {
      agrees(all.join(""));
    }),
    { numRuns: fuzzRuns(5_000), seed: 42 },
  );
});

Deno.test("names are unique, and sorted by their code units", () => {
  for (const text of ['{"a":1,"a!":2}', '{"":1,"A":2,"a":3}']) {
    assert.ok(isPlainCanonicalJson(text, { depthMax }), text);
    agrees(text);
  }
  for (const text of ['{"a":1,"a":1}', '{"a!":1,"a":2}', '{"b":1,"a":2}']) {
    assert.ok(!isPlainCanonicalJson(text, { depthMax }), text);
    agrees(text);
  }
});

Deno.test("what nodes publish needs the quick look only", () => {
  for (const value of [specOf(7), "name", 0, -1, true, [], {}, [1, { a: 2 }]]) {
    assert.ok(isPlainCanonicalJson(canonicalJson(value), { depthMax }));
  }
});

Deno.test("a text may nest as deep as a value, and no deeper", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  assert.ok(isPlainCanonicalJson(nested(depthMax), { depthMax }));
  assert.equal(valueTextFault(nested(depthMax)), undefined);
  assert.ok(!isPlainCanonicalJson(nested(depthMax + 1), { depthMax }));
  assert.match(valueTextFault(nested(depthMax + 1)) ?? "", /nested deeper/);
});
