// The kernel's codecs: bytes, CBOR, JSON, checksums, shapes. Vectors come from
// the RFCs they follow; properties say that one value has one encoding.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  canonicalJson,
  concatBytes,
  crc32c,
  decodeCbor,
  encodeCbor,
  equalBytes,
  fromBase64,
  fromBase64url,
  fromHex,
  InputError,
  parseJson,
  shape,
  toBase32,
  toBase64,
  toBase64url,
  toHex,
  utf8,
  utf8Text,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";

const limit = { bytesMax: 1024 };

Deno.test("toBase32() gives the vectors of RFC 4648 in lower case", () => {
  const vectors: [string, string][] = [
    ["", ""],
    ["f", "my"],
    ["fo", "mzxq"],
    ["foo", "mzxw6"],
    ["foob", "mzxw6yq"],
    ["fooba", "mzxw6ytb"],
    ["foobar", "mzxw6ytboi"],
  ];
  for (const [text, base32] of vectors) {
    assert.equal(toBase32(utf8(text)), base32);
  }
  assert.equal(toBase32(new Uint8Array(32)).length, 52);
});

Deno.test("fromHex() refuses odd, upper-case and foreign digits", () => {
  for (const text of ["0", "AB", "0g", " 00", "00 ", "0x00"]) {
    assert.equal(fromHex(text), undefined, text);
  }
  assert.deepEqual(fromHex("00ff10"), new Uint8Array([0, 255, 16]));
});

Deno.test("hex and base64 give every byte string back", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    assert.ok(equalBytes(fromHex(toHex(bytes)) ?? utf8("?"), bytes));
    assert.ok(equalBytes(fromBase64(toBase64(bytes)) ?? utf8("?"), bytes));
  }));
});

Deno.test("fromBase64() refuses what is not base64", () => {
  for (const text of ["a", "a===", "!!!!", "ab\u0000d"]) {
    assert.equal(fromBase64(text), undefined, text);
  }
});

Deno.test("base64url gives back every byte string, without padding", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    const text = toBase64url(bytes);
    assert.match(text, /^[A-Za-z0-9_-]*$/);
    assert.ok(equalBytes(fromBase64url(text) ?? utf8("?"), bytes));
  }));
});

Deno.test("fromBase64url() refuses every second spelling", () => {
  assert.deepEqual(fromBase64url("-_8"), new Uint8Array([251, 255]));
  const spellings = [
    "+/8",
    "-_8=",
    "-_9",
    " -_8",
    "-_8\n",
    "-_ 8",
    "-",
    "-_8-_",
  ];
  for (const text of spellings) {
    assert.equal(fromBase64url(text), undefined, text);
  }
});

Deno.test("utf8Text() refuses malformed bytes, utf8TextLossy() marks", () => {
  const malformed = new Uint8Array([0x61, 0xff, 0x62]);
  assert.equal(utf8Text(malformed), undefined);
  assert.equal(utf8TextLossy(malformed), "a\ufffdb");
  assert.equal(utf8Text(new Uint8Array([0xef, 0xbb, 0xbf])), "\ufeff");
});

Deno.test("concatBytes() and equalBytes() respect order and length", () => {
  const whole = concatBytes(utf8("ab"), utf8(""), utf8("c"));
  assert.ok(equalBytes(whole, utf8("abc")));
  assert.ok(!equalBytes(whole, utf8("ab")));
  assert.ok(!equalBytes(whole, utf8("acb")));
});

Deno.test("crc32c() gives the vectors of RFC 3720 appendix B.4", () => {
  const rising = Uint8Array.from({ length: 32 }, (_, index) => index);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(rising), 0x46dd794e);
  assert.equal(crc32c(rising.toReversed()), 0x113fdb5c);
  assert.equal(crc32c(utf8("123456789")), 0xe3069283);
});

Deno.test("encodeCbor() sorts map keys by their encoding (RFC 8949)", () => {
  const bytes = encodeCbor({ b: 1, aa: 2, a: 3 });
  assert.equal(toHex(bytes), "a361610361620162616102");
});

Deno.test("decodeCbor() gives back what encodeCbor() took", () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.uint8Array().map((bytes) => new Uint8Array(bytes)),
  );
  fc.assert(fc.property(fc.array(leaf), (value) => {
    assert.deepEqual(decodeCbor(encodeCbor(value), limit), value);
  }));
});

Deno.test("R06 decodeCbor() refuses other encodings of a value", () => {
  const refused = [
    "1801", // 1 in two bytes
    "9f01ff", // indefinite length
    "a2616101616101", // a key twice
    "a2616201616101", // keys out of order
    "f97e00", // NaN
    "f7", // undefined
    "01" + "01", // trailing bytes
    "8201", // truncated
    "5bffffffffffffffff", // a length of 2^64 - 1
    "9bffffffffffffffff", // as many items
    "baffffffff", // 2^32 - 1 pairs
    "fb3ff8000000000000", // 1.5
    "c001", // a tag
    "e0", // an unassigned simple value
    "1c", // a reserved length
    "",
  ];
  for (const hex of refused) {
    const bytes = fromHex(hex);
    assert.ok(bytes);
    assert.throws(() => decodeCbor(bytes, limit), InputError, hex);
  }
});

Deno.test("R06 decodeCbor() refuses long and deep input at once", () => {
  assert.throws(
    () => decodeCbor(new Uint8Array(1025), limit),
    /over its limit/,
  );
  const nested = (depth: number) =>
    new Uint8Array(depth).fill(0x81).with(depth - 1, 0x80);
  const generous = { bytesMax: 1_000_000 };
  assert.doesNotThrow(() => decodeCbor(nested(64), generous));
  for (const depth of [65, 5_000, 100_000]) {
    assert.throws(() => decodeCbor(nested(depth), generous), /nests deeper/);
  }
  assert.throws(() => decodeCbor(nested(66).fill(0xa1), generous), InputError);
});

Deno.test("decodeCbor() throws nothing but InputError on any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeCbor(bytes, limit);
      } catch (cause) {
        assert.ok(cause instanceof InputError, String(cause));
      }
    }),
    { seed: 4711, numRuns: 5_000 },
  );
});

Deno.test("canonicalJson() is RFC 8785: sorted keys, shortest numbers", () => {
  assert.equal(
    canonicalJson({ b: [1e21, 0.1, -0], a: "\u20ac\n", "\u00e9": undefined }),
    '{"a":"€\\n","b":[1e+21,0.1,0]}',
  );
  assert.throws(() => canonicalJson({ a: "\ud800" }));
});

Deno.test("parseJson() says what is not JSON", () => {
  assert.deepEqual(parseJson("[1]", "A list"), [1]);
  assert.throws(() => parseJson("{", "The spec"), {
    name: "InputError",
    message: "The spec is not JSON",
  });
});

Deno.test("parseShape() names the member that does not fit", () => {
  const form = shape.strictObject({ port: shape.number() });
  assert.deepEqual(shape.parseShape(form, { port: 1 }, { what: "It" }), {
    port: 1,
  });
  for (const value of [{ port: "1" }, { port: 1, more: 2 }, [], 1]) {
    assert.throws(
      () => shape.parseShape(form, value, { what: "It" }),
      InputError,
    );
  }
  assert.throws(
    () => shape.parseShape(form, { port: "x" }, { what: "It" }),
    /It member "port"/,
  );
});
