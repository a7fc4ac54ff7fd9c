// Valid bytes made wrong: a few octets replaced, cut out or put in. What comes
// out is often almost what was meant, which is what parsers get wrong.

import fc from "fast-check";

/** `bytes` with some octets replaced, some cut out and some put in. */
export function mutated(
  bytes: Uint8Array,
): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const edit = fc.record({
    type: fc.constantFrom("set", "cut", "insert"),
    at: fc.nat({ max: bytes.length - 1 }),
    count: fc.integer({ min: 1, max: 8 }),
    octets: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  });
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
    const octets = [...bytes];
    for (const { type, at, count, octets: fresh } of edits) {
      if (type === "set") octets.splice(at, fresh.length, ...fresh);
      else if (type === "cut") octets.splice(at, count);
      else octets.splice(at, 0, ...fresh);
    }
    return Uint8Array.from(octets);
  });
}
