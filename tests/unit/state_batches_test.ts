// Batches and documents on their own: one encoding per batch, every rule of the
// form, replay under Loro with its known traps. In: batches made by hand. Out:
// what is read back, or the refusal. Must cover each member's range.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  canonicalJson,
  type CborValue,
  encodeCbor,
  idBytes,
  limits,
  peerIdOf,
  PlnError,
} from "../../src/kernel/mod.ts";
import {
  type Batch,
  encodeBatch,
  encodeSignedBatch,
  type Operation,
  parseBatch,
  parseSignedBatch,
  signBatch,
} from "../../src/state/mod.ts";
import {
  comparePlaces,
  isBatchStart,
  operationBytes,
} from "../../src/state/batches.ts";
import { OwnerDocument } from "../../src/state/document.ts";
import { LoroDoc } from "../../src/state/loro.ts";
import { cluster, key, otherCluster, otherKey, signer } from "./state_lab.ts";

const owner = peerIdOf(key.publicKey);
const session = new Uint8Array(16).map((_, index) => index);

function batchOf(
  operations: readonly Operation[],
  changes: Partial<Batch> = {},
): Batch {
  return {
    owner,
    generation: 1,
    session,
    seq: 1,
    prev: new Uint8Array(32),
    base: false,
    rev: 0,
    operations,
    hlc: { wallMs: 1, counter: 0 },
    ...changes,
  };
}

function set(key: string, value: unknown, section = "seeds"): Operation {
  return { section, key, text: canonicalJson(value) };
}

function removal(key: string, section = "seeds"): Operation {
  return { section, key, text: undefined };
}

/** The members of a batch's body as they are encoded, with some replaced. */
function bodyWith(changes: Record<string, CborValue | undefined>) {
  const body: Record<string, CborValue> = {
    owner: idBytes(owner),
    generation: 1,
    session,
    seq: 1,
    prev: new Uint8Array(32),
    base: false,
    rev: 0,
    ops: [["seeds", "a", "1"]],
    hlc: [1, 0],
  };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete body[name];
    else body[name] = value;
  }
  return encodeCbor(body);
}

const keys = fc.stringMatching(/^[!-~]{1,20}$/);
const sectionNames = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
const operations = fc.uniqueArray(
  fc.record({
    section: sectionNames,
    key: keys,
    text: fc.option(
      fc.jsonValue({ maxDepth: 3 }).map((value) => canonicalJson(value)),
      { nil: undefined, freq: 5 },
    ),
  }, { noNullPrototype: true }),
  { selector: (one) => `${one.section} ${one.key}`, minLength: 1 },
).map((all) => all.toSorted(comparePlaces));

Deno.test("a signed batch reads back as it was written", () => {
  fc.assert(fc.property(operations, (all) => {
    const batch = batchOf(all);
    const signed = signBatch(batch, { signer, key, cluster });
    const bytes = encodeSignedBatch(signed);
    assert.ok(isBatchStart(bytes, 0));
    const read = parseSignedBatch(bytes, { signer, cluster });
    assert.deepEqual(read.batch, batch);
    assert.deepEqual(read.hash, signer.sha256(read.body));
    assert.deepEqual(encodeBatch(read.batch), read.body);
  }));
});

Deno.test("the size of operations is known without encoding them", () => {
  fc.assert(fc.property(operations, (all) => {
    const head = all.length < 24 ? 1 : 2;
    const sum = all.reduce((total, one) => total + operationBytes(one), head);
    const encoded = encodeCbor(
      all.map(({ section, key, text }) => [section, key, text ?? null]),
    );
    assert.equal(encoded.length, sum);
  }));
});

Deno.test("R01 a batch counts for one key and one cluster", () => {
  const batch = batchOf([set("a", 1)]);
  const signed = signBatch(batch, { signer, key, cluster });
  const bytes = encodeSignedBatch(signed);
  assert.throws(
    () => parseSignedBatch(bytes, { signer, cluster: otherCluster }),
    { code: "PLN_BATCH" },
  );
  const forged = signBatch(batch, { signer, key: otherKey, cluster });
  assert.throws(
    () => parseSignedBatch(encodeSignedBatch(forged), { signer, cluster }),
    { code: "PLN_BATCH" },
  );
});

Deno.test("R03 numbers out of range are refused", () => {
  const bad = [
    -1,
    0.5,
    1.0000001,
    2 ** 48,
    2 ** 53,
    2n ** 63n,
    -(2n ** 63n),
    "1",
    true,
    [],
  ];
  for (const value of bad) {
    for (const member of ["generation", "seq", "rev"]) {
      assert.throws(() => parseBatch(bodyWith({ [member]: value })), PlnError);
    }
    assert.throws(() => parseBatch(bodyWith({ hlc: [value, 0] })), PlnError);
    assert.throws(() => parseBatch(bodyWith({ hlc: [0, value] })), PlnError);
  }
  assert.throws(() => parseBatch(bodyWith({ seq: 0 })), PlnError);
  assert.throws(() => parseBatch(bodyWith({ generation: 0 })), PlnError);
  assert.throws(() => parseBatch(bodyWith({ rev: 2 })), PlnError);
  const largest = 2 ** 48 - 1;
  const seq = largest - 1; // the largest one is the place of void generations
  const body = bodyWith({ seq, generation: largest, rev: seq });
  assert.equal(parseBatch(body).generation, largest);
  assert.throws(() => parseBatch(bodyWith({ seq: largest })), PlnError);
});

Deno.test("a batch with a malformed member is refused", () => {
  const deep = "[".repeat(40) + "]".repeat(40);
  const veryDeep = "[".repeat(4000) + "]".repeat(4000);
  const bad: readonly Record<string, CborValue | undefined>[] = [
    { owner: new Uint8Array(31) },
    { owner },
    { session: new Uint8Array(17) },
    { prev: new Uint8Array(0) },
    { base: 1 },
    { hlc: [1] },
    { hlc: [1, 2, 3] },
    { hlc: undefined },
    { more: 1 },
    { more: 1, hlc: undefined },
    { ops: [] },
    { ops: "" },
    { ops: [["seeds", "a"]] },
    { ops: [["seeds", "a", "1", "2"]] },
    { ops: [["seeds", "a", 1]] },
    { ops: [["seeds", "a", true]] },
    { ops: [[1, "a", "1"]] },
    { ops: [["Seeds", "a", "1"]] },
    { ops: [["", "a", "1"]] },
    { ops: [["a/b", "a", "1"]] },
    { ops: [["s".repeat(33), "a", "1"]] },
    { ops: [["seeds", "", "1"]] },
    { ops: [["seeds", "a b", "1"]] },
    { ops: [["seeds", "\u{1f99c}:cid:root-x:Map", "1"]] },
    { ops: [["seeds", "k".repeat(256), "1"]] },
    { ops: [["seeds", "a", "1"], ["seeds", "a", "2"]] },
    { ops: [["seeds", "b", "1"], ["seeds", "a", "2"]] },
    { ops: [["seeds", "b", "1"], ["node", "a", "2"]] },
    { ops: [["seeds", "a", " 1"]] },
    { ops: [["seeds", "a", "1.0"]] },
    { ops: [["seeds", "a", "1e999"]] },
    { ops: [["seeds", "a", '{"b":1,"a":1}']] },
    { ops: [["seeds", "a", '{"a":1,"a":1}']] },
    { ops: [["seeds", "a", '"\\ud800"']] },
    { ops: [["seeds", "a", "nonsense"]] },
    { ops: [["seeds", "a", "\u{1f99c}:cid:root-x:Map"]] },
    { ops: [["seeds", "a", deep]] },
    { ops: [["seeds", "a", veryDeep]] },
    { ops: [["seeds", "a", `"${"x".repeat(limits.stateValueBytesMax)}"`]] },
    { ops: [["seeds", "a", `"${"\u00e9".repeat(4096)}"`]] },
    { base: true, ops: [["seeds", "a", null]] },
  ];
  for (const changes of bad) {
    const shown = JSON.stringify(changes).slice(0, 100);
    assert.throws(() => parseBatch(bodyWith(changes)), PlnError, shown);
  }
  assert.ok(parseBatch(bodyWith({})));
  assert.ok(parseBatch(bodyWith({ base: true, ops: [] })));
  assert.ok(parseBatch(bodyWith({ ops: [["seeds", "a", null]] })));
});

Deno.test("a batch with more bytes after it is refused", () => {
  const body = bodyWith({});
  const longer = new Uint8Array(body.length + 1);
  longer.set(body);
  assert.throws(() => parseBatch(longer), PlnError);
  assert.throws(() => parseBatch(body.subarray(0, -1)), PlnError);
});

Deno.test("a batch over its size is refused unread", () => {
  const huge = new Uint8Array(limits.stateBatchBytesMax + 1);
  assert.throws(() => parseBatch(huge), { code: "PLN_INPUT" });
});

Deno.test("a document is what its operations say, in any order", () => {
  fc.assert(
    fc.property(fc.array(operations, { maxLength: 8 }), (batches) => {
      using document = new OwnerDocument(owner);
      const model = new Map<string, Operation>();
      for (const [index, all] of batches.entries()) {
        document.apply(batchOf(all, { seq: index + 1 }));
        for (const one of all) {
          const place = `${one.section} ${one.key}`;
          if (one.text === undefined) model.delete(place);
          else model.set(place, one);
        }
      }
      const entries = document.operations();
      assert.deepEqual(
        new Map(entries.map((one) => [`${one.section} ${one.key}`, one])),
        model,
      );
      assert.equal(document.entryCount, model.size);
      assert.equal(
        document.sizeBytes,
        entries.reduce((total, one) => total + operationBytes(one), 0),
      );
      using fresh = new OwnerDocument(owner);
      fresh.apply(
        batchOf(entries, { base: true, session: session.toReversed() }),
      );
      assert.deepEqual(fresh.operations(), entries);
    }),
    { numRuns: 50 },
  );
});

Deno.test("a document keeps keys that objects treat specially", () => {
  using document = new OwnerDocument(owner);
  const all = [set("__proto__", 1), set("constructor", 2), set("size", 3)];
  document.apply(batchOf(all));
  assert.deepEqual(document.entries("seeds"), all);
  assert.equal(document.get("seeds", "toString"), undefined);
});

Deno.test("a base opens a fresh document", () => {
  using document = new OwnerDocument(owner);
  document.apply(batchOf([set("a", 1), set("b", 1)]));
  document.apply(batchOf([set("c", 1)], { base: true, seq: 2 }));
  assert.deepEqual(document.entries("seeds"), [set("c", 1)]);
  assert.equal(document.entryCount, 1);
});

Deno.test("removing what is missing and setting what is set count not", () => {
  using document = new OwnerDocument(owner);
  document.apply(batchOf([removal("x"), set("y", 1)]));
  document.apply(batchOf([removal("x"), set("y", 1)], { seq: 2 }));
  assert.deepEqual(document.operations(), [set("y", 1)]);
});

Deno.test("a session of the largest bytes is a Loro peer too", () => {
  using document = new OwnerDocument(owner);
  const largest = new Uint8Array(16).fill(0xff);
  document.apply(batchOf([set("a", 1)], { session: largest }));
  assert.equal(document.get("seeds", "a"), "1");
});

Deno.test("a panic of Loro rebuilds the document from its batches", () => {
  using document = new OwnerDocument(owner);
  document.apply(batchOf([set("old", 0)], { base: true }));
  document.apply(batchOf([set("a", 1)], { seq: 2 }));
  const original = LoroDoc.prototype.commit;
  let panics = 0;
  LoroDoc.prototype.commit = function (...options) {
    if (panics++ === 0) throw new WebAssembly.RuntimeError("unreachable");
    return original.apply(this, options);
  };
  try {
    document.apply(batchOf([set("b", 2)], { seq: 3 }));
  } finally {
    LoroDoc.prototype.commit = original;
  }
  assert.ok(panics > 1);
  assert.deepEqual(
    document.operations(),
    [set("a", 1), set("b", 2), set("old", 0)],
  );
  assert.equal(document.entryCount, 3);
});
