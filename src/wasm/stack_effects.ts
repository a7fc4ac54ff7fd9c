// How many values each instruction adds to the operand stack or takes from it,
// as data. Blocks, calls and jumps are not listed: theirs depend on types, and
// operands.ts knows them. Order and codes as in opcodes.ts.

type Row = readonly [effect: number, ...ranges: readonly Range[]];
type Range = number | readonly [first: number, last: number];

function table(rows: readonly Row[]): Int8Array {
  const effects = new Int8Array(256);
  for (const [effect, ...ranges] of rows) {
    for (const range of ranges) {
      const [first, last] = typeof range === "number" ? [range, range] : range;
      effects.fill(effect, first, last + 1);
    }
  }
  return effects;
}

// deno-fmt-ignore
/** By the first byte of an instruction. */
export const stackEffects: Int8Array = table([
  // Variables, constants, memory.size, references.
  [1, 0x20, 0x23, 0x3f, [0x41, 0x44], 0xd0, 0xd2],
  // drop; set; tests; two numbers to one.
  [-1, 0x1a, 0x21, 0x24, [0x46, 0x4f], [0x51, 0x66], [0x6a, 0x78],
    [0x7c, 0x8a], [0x92, 0x98], [0xa0, 0xa6]],
  // select; table.set; stores.
  [-2, 0x1b, 0x1c, 0x26, [0x36, 0x3e]],
]);

// deno-fmt-ignore
/** By the second code after 0xfc. */
export const prefixedStackEffects: Int8Array = table([
  [1, 16], [-1, 15], [-3, 8, [10, 12], 14, 17],
]);

// deno-fmt-ignore
/** By the second code after 0xfd. */
export const simdStackEffects: Int8Array = table([
  [1, 0x0c],
  [-1, [0x0d, 0x0e], 0x17, 0x1a, 0x1c, 0x1e, 0x20, 0x22, [0x23, 0x4c],
    [0x4e, 0x51], [0x54, 0x57], [0x65, 0x66], [0x6b, 0x73], [0x76, 0x79], 0x7b,
    0x82, [0x85, 0x86], [0x8b, 0x93], [0x95, 0x99], [0x9b, 0x9f], [0xab, 0xae],
    0xb1, [0xb5, 0xba], [0xbc, 0xbf], [0xcb, 0xce], 0xd1, [0xd5, 0xdf],
    [0xe4, 0xeb], [0xf0, 0xf7]],
  [-2, 0x0b, 0x52, [0x58, 0x5b]],
]);
