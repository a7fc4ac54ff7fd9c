// CBOR against another implementation: whatever Pollen sends is written alike by
// both, and bytes that somebody has changed are taken by both or by neither.
// The other one takes kinds that are never sent, too: those are told apart.

import assert from "node:assert/strict";
import { decode, encode, rfc8949EncodeOptions } from "cborg";
import fc from "fast-check";
import {
  type CborValue,
  decodeCbor,
  encodeCbor,
  equalBytes,
  fromHex,
  InputError,
  toHex,
} from "../../src/kernel/mod.ts";

const bytesMax = 1_000_000;

const integer = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.nat(70_000),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
  fc.constantFrom(23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32),
  fc.constantFrom(2 ** 53 - 1, 1 - 2 ** 53, -(2 ** 32), -(2 ** 32) - 1),
);
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.string({ minLength: 20, maxLength: 400 }),
);
const key = fc.string({ unit: "binary" }).filter((one) => one !== "__proto__");
const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 5 },
    integer,
    text,
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 30 }),
    fc.dictionary(key, tie("value")),
  ),
}));

function otherEncode(one: unknown): Uint8Array {
  return new Uint8Array(encode(one, rfc8949EncodeOptions));
}

/** Undefined: refused. */
function otherDecode(bytes: Uint8Array): unknown {
  try {
    const decoded = decode(bytes, {
      ...{ allowIndefinite: false, allowUndefined: false, strict: true },
      ...{ allowInfinity: false, allowNaN: false, useMaps: true },
      rejectDuplicateMapKeys: true,
    });
    return equalBytes(otherEncode(decoded), bytes) ? decoded : undefined;
  } catch {
    return undefined;
  }
}

function ownDecode(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes, { bytesMax });
  } catch (cause) {
    assert.ok(cause instanceof InputError, String(cause));
    return undefined;
  }
}

/** Whether it is made of kinds that are sent. */
function isSent(one: unknown): boolean {
  if (typeof one === "number") {
    return Number.isSafeInteger(one) && !Object.is(one, -0);
  }
  if (Array.isArray(one)) return one.every(isSent);
  if (!(one instanceof Map)) return one !== undefined;
  return [...one].every(([name, member]) =>
    typeof name === "string" && isSent(member)
  );
}

Deno.test("encodeCbor() writes what another implementation does", () => {
  fc.assert(
    fc.property(value, (one) => {
      const bytes = encodeCbor(one);
      assert.equal(toHex(bytes), toHex(otherEncode(one)));
      assert.deepEqual(ownDecode(bytes), otherDecode(bytes));
    }),
    { seed: 4711, numRuns: 2_000 },
  );
});

Deno.test("R06 decodeCbor() takes of changed bytes what another one does", () => {
  const counts = { taken: 0, refused: 0 };
  const change = fc.tuple(fc.nat(11), fc.nat(255));
  const changes = fc.array(change, { maxLength: 3 });
  fc.assert(
    fc.property(value, changes, fc.nat(1), (one, at, cutBytes) => {
      const bytes = encodeCbor(one);
      for (const [index, byte] of at) bytes[index % bytes.length] = byte;
      const changed = bytes.subarray(0, bytes.length - cutBytes);
      const other = otherDecode(changed);
      const expected = isSent(other) ? other : undefined;
      assert.deepEqual(ownDecode(changed), expected, toHex(changed));
      if (expected === undefined) counts.refused++;
      else counts.taken++;
    }),
    { seed: 4711, numRuns: 5_000 },
  );
  assert.ok(counts.taken > 500 && counts.refused > 500);
});

Deno.test("decodeCbor() gives copies, or views when it is told so", () => {
  const bytes = fromHex("824101420203");
  assert.ok(bytes);
  const copies = decodeCbor(bytes, { bytesMax });
  const views = decodeCbor(bytes, { bytesMax, isShared: true });
  bytes.fill(0xff);
  assert.deepEqual(copies, [Uint8Array.of(1), Uint8Array.of(2, 3)]);
  assert.deepEqual(views, [Uint8Array.of(0xff), Uint8Array.of(0xff, 0xff)]);
});

Deno.test("R06 numbers that are no safe integers are not taken", () => {
  for (const number of [0.5, -1.5, 2 ** 53, NaN, Infinity]) {
    const bytes = encodeCbor([number]);
    assert.throws(() => decodeCbor(bytes, { bytesMax }), InputError);
  }
});
