// The functions that every rewritten module gets: one that checks, and two that
// take the place of memory.fill and memory.copy. Those do the same in pieces,
// with a check after each, since one instruction may otherwise write a
// gigabyte. In goes the code of a check; out come bodies. What would trap traps
// first, before anything is written.

import { opcode, prefixedOpcode } from "./opcodes.ts";
import { Writer } from "./writer.ts";

/** Some 30 us, or twice that where the pages are new. */
const pieceBytes = 256 * 1024;

type Code = readonly number[];
type Block = "if" | "loop";

const local = { to: 0, source: 1, length: 2 } as const;

const get = (index: number): Code => [opcode.localGet, index];
const set = (index: number): Code => [opcode.localSet, index];
const piece = constant(pieceBytes);
const isLong: Code = [
  ...get(local.length),
  ...piece,
  opcode.i32GreaterUnsigned,
];

function constant(value: number): Code {
  const code = new Writer();
  code.byte(opcode.i32Const);
  code.signedInteger(value);
  return [...code.view()];
}

function block(kind: Block, ...code: readonly Code[]): Code {
  return [opcode[kind], opcode.emptyBlock, ...code.flat(), opcode.end];
}

/** Moves the local by a piece. */
function step(index: number, by: "i32Add" | "i32Sub"): Code {
  return [...get(index), ...piece, opcode[by], ...set(index)];
}

/** Whether `length` bytes from the local's address on end past the memory. */
function isOutside(index: number): Code {
  return [
    ...[...get(index), opcode.i64ExtendUnsigned],
    ...[...get(local.length), opcode.i64ExtendUnsigned, opcode.i64Add],
    ...[opcode.memorySize, 0, opcode.i64ExtendUnsigned],
    ...[opcode.i64Const, 16, opcode.i64ShiftLeft, opcode.i64GreaterUnsigned],
  ];
}

const again: Code = [...isLong, opcode.branchIf, 0];
const fill: Code = [opcode.prefixed, prefixedOpcode.memoryFill, 0];
const copy: Code = [opcode.prefixed, prefixedOpcode.memoryCopy, 0, 0];
const all: Code = [local.to, local.source, local.length].flatMap(get);

/** Traps as the whole operation would, if the range is not in memory. */
function trapIf(isBad: Code, operation: Code): Code {
  return [...isBad, ...block("if", all, operation, [opcode.unreachable])];
}

/** () -> () */
export function checkBody(check: Code): Code {
  return body(check);
}

/** (to, value, length) -> (), as memory.fill. */
export function fillBody(check: Code): Code {
  const pieces = block(
    "loop",
    [...get(local.to), ...get(local.source), ...piece, ...fill, ...check],
    step(local.to, "i32Add"),
    step(local.length, "i32Sub"),
    again,
  );
  const long = [...trapIf(isOutside(local.to), fill), ...pieces];
  return body([...isLong, ...block("if", long), ...all, ...fill, ...check]);
}

/** (to, from, length) -> (), as memory.copy. */
export function copyBody(check: Code): Code {
  const isBad = [
    ...isOutside(local.to),
    ...isOutside(local.source),
    opcode.i32Or,
  ];
  const long = [
    ...trapIf(isBad, copy),
    // Ranges that overlap with the target behind are copied from their ends.
    ...[...get(local.to), ...get(local.source), opcode.i32Sub],
    ...[...get(local.length), opcode.i32LessUnsigned],
    ...block("if", copyBackward(check), [opcode.else], copyForward(check)),
  ];
  return body([...isLong, ...block("if", long), ...all, ...copy, ...check]);
}

function copyForward(check: Code): Code {
  return block(
    "loop",
    [...get(local.to), ...get(local.source), ...piece, ...copy, ...check],
    step(local.to, "i32Add"),
    step(local.source, "i32Add"),
    step(local.length, "i32Sub"),
    again,
  );
}

function copyBackward(check: Code): Code {
  const end = (index: number): Code => [
    ...[...get(index), ...get(local.length), opcode.i32Add],
  ];
  return block(
    "loop",
    step(local.length, "i32Sub"),
    [...end(local.to), ...end(local.source), ...piece, ...copy, ...check],
    again,
  );
}

const noLocals = 0;

function body(code: Code): Code {
  return [noLocals, ...code, opcode.end];
}
