// Reads the instructions of one function body, one at a time: what each is and
// the numbers in it that matter here. Every instruction that is not known is
// refused, with the name of its proposal where it has one. One reader serves
// all bodies of a module, and no instruction allocates anything.

import { emptyBytes, limits } from "../kernel/mod.ts";
import {
  type Form,
  form,
  forms,
  opcode,
  prefixedForms,
  simdForms,
  simdOpcode,
} from "./opcodes.ts";
import { Reader } from "./reader.ts";
import {
  excess,
  malformed,
  type ModuleRefusal,
  unsupported,
} from "./refusal.ts";
import {
  prefixedStackEffects,
  simdStackEffects,
  stackEffects,
} from "./stack_effects.ts";
import {
  checkValueType,
  readReferenceType,
  readValueType,
  usesExceptionReferences,
  usesGarbageCollection,
} from "./value_types.ts";

/** In place of a type's index: a block without values, or with one result. */
export const blockType = { empty: -1, oneResult: -2 } as const;

/** Of a load or store, where other instructions cost 1: it may miss caches. */
export const memoryAccessCost = 8;

const explicitMemory = 0x40; // flag in the alignment of a memory access

export class InstructionReader {
  /** Of the instruction read last. */
  form: Form = form.unknown;
  /** Where it starts. */
  start = 0;
  /** A function, type, label or tag; of a block `blockType` or a type. */
  index = 0;
  /** The label of each entry of a br_table, its default last. */
  readonly labels: Uint32Array = new Uint32Array(
    limits.functionBranchTargetsMax + 1,
  );
  labelCount = 0;
  /** Values it adds to the operand stack, as stack_effects.ts has it. */
  stackEffect = 0;
  #branchTargets = 0;
  #reader: Reader = new Reader(emptyBytes, { position: 0, end: 0 });

  /** Goes on with the instructions of a body. */
  open(reader: Reader): void {
    this.#reader = reader;
    this.#branchTargets = 0;
  }

  /** Where the instruction read last ends. */
  get end(): number {
    return this.#reader.position;
  }

  /**
   * Reads straight instructions while they cost no more than `costMax`, faster
   * than `next`; what is irregular is left to it.
   *
   * @returns What they cost, with `stackEffect` of all together.
   */
  skipStraight(costMax: number): number {
    const reader = this.#reader;
    const { bytes, end } = reader;
    let cost = 0;
    let effect = 0;
    let position = reader.position;
    for (;;) {
      const code = bytes[position] ?? 0;
      let next = position + 1;
      let costAfter = cost + 1;
      switch (forms[code]) {
        case form.plain:
          break;
        case form.indexed:
          next = integerEnd(bytes, next);
          break;
        case form.memoryAccess:
          if ((bytes[next] ?? explicitMemory) >= explicitMemory) next = nowhere;
          else next = integerEnd(bytes, next + 1);
          costAfter = cost + memoryAccessCost;
          break;
        default:
          next = nowhere;
      }
      if (next > end || costAfter > costMax) break;
      effect += stackEffects[code] ?? 0;
      position = next;
      cost = costAfter;
    }
    reader.position = position;
    this.stackEffect = effect;
    return cost;
  }

  /** Reads one instruction. */
  next(): void {
    const reader = this.#reader;
    this.start = reader.position;
    const code = reader.byte();
    this.form = forms[code] ?? form.unknown;
    this.stackEffect = stackEffects[code] ?? 0;
    switch (this.form) {
      case form.plain:
        return;
      case form.indexed:
        return reader.skipInteger();
      case form.memoryAccess:
        return skipMemoryAccess(reader);
      case form.unknown:
        throw refusedInstruction(code);
      case form.prefixed:
        return this.#prefixed();
      case form.simd:
        return this.#simd();
      default:
        return this.#operands();
    }
  }

  #operands(): void {
    const reader = this.#reader;
    switch (this.form) {
      case form.block:
      case form.loop:
      case form.if:
      case form.try:
        this.index = readBlockType(reader);
        return;
      case form.i64Const:
        return reader.skipLongInteger();
      case form.f32Const:
        return reader.skip(4);
      case form.f64Const:
        return reader.skip(8);
      case form.branchTable:
        return this.#branchTable();
      case form.select:
        return skipValueTypes(reader);
      case form.refNull:
        readReferenceType(reader);
        return;
      case form.memorySize:
      case form.memoryGrow:
        return checkMemoryIndex(reader);
      case form.callIndirect:
      case form.returnCallIndirect:
        this.index = reader.integer();
        return reader.skipInteger();
      default:
        if (hasIndex(this.form)) this.index = reader.integer();
    }
  }

  #branchTable(): void {
    const count = this.#reader.integer();
    this.#branchTargets += count + 1;
    const max = limits.functionBranchTargetsMax;
    if (this.#branchTargets > max) {
      throw excess({
        what: "branch table entries in one function",
        count: this.#branchTargets,
        max,
        hint: "Split its largest functions",
      });
    }
    this.labelCount = count + 1;
    for (let at = 0; at <= count; at++) {
      this.labels[at] = this.#reader.integer();
    }
  }

  #prefixed(): void {
    const reader = this.#reader;
    const code = reader.integer();
    this.form = prefixedForms[code] ?? form.unknown;
    this.stackEffect = prefixedStackEffects[code] ?? 0;
    switch (this.form) {
      case form.plain:
        return;
      case form.memoryInit:
        reader.skipInteger();
        return checkMemoryIndex(reader);
      case form.memoryCopy:
        checkMemoryIndex(reader);
        return checkMemoryIndex(reader);
      case form.memoryFill:
        return checkMemoryIndex(reader);
      case form.tableInit:
      case form.tableCopy:
        reader.skipInteger();
        return reader.skipInteger();
      case form.unknown:
        throw unknownInstruction(`0xfc ${code}`);
      default:
        return reader.skipInteger();
    }
  }

  #simd(): void {
    const reader = this.#reader;
    const code = reader.integer();
    this.form = simdForms[code] ?? form.unknown;
    this.stackEffect = simdStackEffects[code] ?? 0;
    switch (this.form) {
      case form.plain:
        return;
      case form.memoryAccess:
        return skipMemoryAccess(reader);
      case form.sixteenBytes:
        return reader.skip(16);
      case form.lane:
        return reader.skip(1);
      case form.memoryLane:
        skipMemoryAccess(reader);
        return reader.skip(1);
    }
    const isRelaxed = code >= simdOpcode.relaxedFirst &&
      code <= simdOpcode.relaxedLast;
    throw isRelaxed ? usesRelaxedSimd() : unknownInstruction(`0xfd ${code}`);
  }
}

function usesRelaxedSimd(): ModuleRefusal {
  return unsupported(
    "relaxed SIMD",
    "Its results differ between machines; build it with plain SIMD",
  );
}

/** Beyond the end of every module, and still a small integer. */
const nowhere = 0x3fff_ffff;

/** Where an integer of up to 32 bits ends; `nowhere` if it is longer. */
function integerEnd(bytes: Uint8Array, position: number): number {
  for (let at = position; at < position + 5; at++) {
    if ((bytes[at] ?? 0x80) < 0x80) return at + 1;
  }
  return nowhere;
}

/** Whether one index follows the instruction's first byte. */
function hasIndex(one: Form): boolean {
  switch (one) {
    case form.branch:
    case form.branchIf:
    case form.call:
    case form.returnCall:
    case form.throw:
    case form.rethrow:
    case form.catch:
    case form.delegate:
    case form.reference:
    case form.tableSet:
      return true;
    default:
      return false;
  }
}

function skipMemoryAccess(reader: Reader): void {
  if ((reader.integer() & explicitMemory) !== 0) throw usesOtherMemory();
  reader.skipInteger();
}

function checkMemoryIndex(reader: Reader): void {
  if (reader.integer() !== 0) throw usesOtherMemory();
}

function usesOtherMemory(): ModuleRefusal {
  return unsupported(
    "more than one memory",
    "Build it without the multi-memory proposal",
  );
}

function skipValueTypes(reader: Reader): void {
  const count = reader.integer();
  for (let index = 0; index < count; index++) readValueType(reader);
}

/** A negative number of 33 bits is a type of its own, else it is an index. */
function readBlockType(reader: Reader): number {
  const first = reader.bytes[reader.position];
  if (first !== undefined && (first & 0xc0) === 0x40) {
    reader.skip(1);
    if (first === opcode.emptyBlock) return blockType.empty;
    checkValueType(first);
    return blockType.oneResult;
  }
  const index = reader.integer();
  const last = reader.bytes[reader.position - 1] ?? 0;
  if ((last & 0x40) !== 0) throw malformed("it has a block of unknown type");
  return index;
}

function unknownInstruction(code: string): ModuleRefusal {
  return unsupported(
    `the unknown instruction ${code}`,
    "Build it without new proposals",
  );
}

function refusedInstruction(code: number): ModuleRefusal {
  if (code === opcode.tryTable || code === opcode.throwRef) {
    return usesExceptionReferences();
  }
  const isTypedReference = code === opcode.callRef ||
    code === opcode.returnCallRef ||
    (code >= opcode.typedReferenceFirst && code <= opcode.typedReferenceLast);
  if (isTypedReference || code === opcode.garbageCollected) {
    return usesGarbageCollection();
  }
  if (code === opcode.atomic) {
    return unsupported("atomic instructions", "Build it without threads");
  }
  return unknownInstruction(`0x${code.toString(16)}`);
}
