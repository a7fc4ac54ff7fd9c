// The instructions that may be run here, as data: codes that other files name,
// and for each code the form of what follows it. Whatever no row names is
// refused, so that a proposal the engine learns later stays out until its cost
// is known. Codes: WebAssembly Core Specification 3.0, appendix "Index of
// Instructions"; 0x06 to 0x09, 0x18 and 0x19: the legacy exception handling.

/** Codes that other files name. */
export const opcode = {
  unreachable: 0x00,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  throwRef: 0x0a,
  end: 0x0b,
  branchIf: 0x0d,
  callIndirect: 0x11,
  call: 0x10,
  callRef: 0x14,
  returnCallRef: 0x15,
  tryTable: 0x1f,
  localGet: 0x20,
  localSet: 0x21,
  globalGet: 0x23,
  memorySize: 0x3f,
  /** After a block: it takes and gives nothing. */
  emptyBlock: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32LessUnsigned: 0x49,
  i32GreaterUnsigned: 0x4b,
  i64GreaterUnsigned: 0x56,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32Or: 0x72,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64ShiftLeft: 0x86,
  i64ExtendUnsigned: 0xad,
  refNull: 0xd0,
  refFunc: 0xd2,
  typedReferenceFirst: 0xd3,
  typedReferenceLast: 0xd6,
  garbageCollected: 0xfb,
  prefixed: 0xfc,
  simd: 0xfd,
  atomic: 0xfe,
} as const;

/** Second codes after `opcode.prefixed`. */
export const prefixedOpcode = { memoryCopy: 10, memoryFill: 11 } as const;

/** Second codes after `opcode.atomic`. */
export const atomicOpcode = { i32Load: 0x10 } as const;

/** Second codes after `opcode.simd`. */
export const simdOpcode = {
  const: 0x0c,
  relaxedFirst: 0x100,
  relaxedLast: 0x113,
} as const;

/** What an instruction is and what follows its code. */
export const form = {
  unknown: 0,
  /** Nothing follows. */
  plain: 1,
  /** One index, or a number of 32 bits. */
  indexed: 2,
  i64Const: 3,
  f32Const: 4,
  f64Const: 5,
  /** An alignment and an offset. */
  memoryAccess: 6,
  block: 7,
  loop: 8,
  if: 9,
  else: 10,
  try: 11,
  catch: 12,
  catchAll: 13,
  delegate: 14,
  end: 15,
  branch: 16,
  branchIf: 17,
  branchTable: 18,
  return: 19,
  call: 20,
  callIndirect: 21,
  returnCall: 22,
  returnCallIndirect: 23,
  unreachable: 24,
  throw: 25,
  rethrow: 26,
  select: 27,
  memorySize: 28,
  memoryGrow: 29,
  refNull: 30,
  /** Reads a table, or makes a reference: a call into the engine. */
  reference: 31,
  tableSet: 32,
  /** A second code follows, and what belongs to it. */
  prefixed: 33,
  simd: 34,
  /** The forms of prefixed instructions. */
  memoryInit: 35,
  dataDrop: 36,
  memoryCopy: 37,
  memoryFill: 38,
  tableInit: 39,
  elementDrop: 40,
  tableCopy: 41,
  tableGrow: 42,
  tableSize: 43,
  tableFill: 44,
  /** The forms of simd instructions. */
  sixteenBytes: 45,
  lane: 46,
  memoryLane: 47,
} as const;

export type Form = number;

type Row = readonly [form: Form, first: number, last?: number];

function table(rows: readonly Row[]): Uint8Array {
  const forms = new Uint8Array(256);
  for (const [one, first, last] of rows) {
    forms.fill(one, first, (last ?? first) + 1);
  }
  return forms;
}

// deno-fmt-ignore
/** By the first byte of an instruction. */
export const forms: Uint8Array = table([
  [form.unreachable, 0x00], [form.plain, 0x01], [form.block, 0x02],
  [form.loop, 0x03], [form.if, 0x04], [form.else, 0x05], [form.try, 0x06],
  [form.catch, 0x07], [form.throw, 0x08], [form.rethrow, 0x09],
  [form.end, 0x0b], [form.branch, 0x0c], [form.branchIf, 0x0d],
  [form.branchTable, 0x0e], [form.return, 0x0f], [form.call, 0x10],
  [form.callIndirect, 0x11], [form.returnCall, 0x12],
  [form.returnCallIndirect, 0x13], [form.delegate, 0x18],
  [form.catchAll, 0x19], [form.plain, 0x1a, 0x1b], [form.select, 0x1c],
  [form.indexed, 0x20, 0x24], [form.reference, 0x25], [form.tableSet, 0x26],
  [form.memoryAccess, 0x28, 0x3e], [form.memorySize, 0x3f],
  [form.memoryGrow, 0x40], [form.indexed, 0x41], [form.i64Const, 0x42],
  [form.f32Const, 0x43], [form.f64Const, 0x44], [form.plain, 0x45, 0xc4],
  [form.refNull, 0xd0], [form.plain, 0xd1], [form.reference, 0xd2],
  [form.prefixed, 0xfc], [form.simd, 0xfd],
]);

// deno-fmt-ignore
/** By the second code after 0xfc. */
export const prefixedForms: Uint8Array = table([
  [form.plain, 0, 7], [form.memoryInit, 8], [form.dataDrop, 9],
  [form.memoryCopy, 10], [form.memoryFill, 11], [form.tableInit, 12],
  [form.elementDrop, 13], [form.tableCopy, 14], [form.tableGrow, 15],
  [form.tableSize, 16], [form.tableFill, 17],
]);

// deno-fmt-ignore
/** By the second code after 0xfd; the gaps are codes without instructions. */
export const simdForms: Uint8Array = table([
  [form.memoryAccess, 0x00, 0x0b], [form.sixteenBytes, 0x0c, 0x0d],
  [form.plain, 0x0e, 0x14], [form.lane, 0x15, 0x22], [form.plain, 0x23, 0x53],
  [form.memoryLane, 0x54, 0x5b], [form.memoryAccess, 0x5c, 0x5d],
  [form.plain, 0x5e, 0x99], [form.plain, 0x9b, 0xa1], [form.plain, 0xa3, 0xa4],
  [form.plain, 0xa7, 0xae], [form.plain, 0xb1], [form.plain, 0xb5, 0xba],
  [form.plain, 0xbc, 0xc1], [form.plain, 0xc3, 0xc4], [form.plain, 0xc7, 0xce],
  [form.plain, 0xd1], [form.plain, 0xd5, 0xe1], [form.plain, 0xe3, 0xed],
  [form.plain, 0xef, 0xff],
]);
