// Decides where a function body checks whether its time is up. In goes one body
// at a time; out come edits (edits.ts) and what the body does besides. The
// promise: whatever a guest does, it runs some 100 us without a check at most,
// and yet small calls are hardly slower. Why it holds is said below.

import { BodyLimits } from "./body_limits.ts";
import { callee, type Callees, uncheckedCostMax } from "./callees.ts";
import { type FunctionType, typeAt } from "./declarations.ts";
import { editKind, type Edits } from "./edits.ts";
import { type BlockKind, blockKind, Flow } from "./flow.ts";
import {
  blockType,
  InstructionReader,
  memoryAccessCost,
} from "./instructions.ts";
import { type Form, form } from "./opcodes.ts";
import { type BlockValues, Operands } from "./operands.ts";
import type { Reader } from "./reader.ts";
import { malformed } from "./refusal.ts";
import { SideEffects } from "./side_effects.ts";

// A path through a program is endless only by loops and calls. So:
//
// 1. Each loop begins with a check: it runs at every iteration.
// 2. Each function that calls begins with a check, so that recursion, by tail
//    calls too, meets one at every level. A function without calls begins with
//    one if it costs more than 256; a loop at its very start counts as well.
// 3. Between two checks of one body lies a cost of at most 2048, on every path
//    (flow.ts). An instruction costs 1; a load or store, which may miss every
//    cache, 8; what calls into the engine or moves many values, more. A call
//    costs what its function may run unchecked: its own cost if it is known to
//    have no check, 256 if nothing is known. After a call that surely checked,
//    the account starts at 0.
// 4. What is left are the ends of functions. A deep stack may return 20,000
//    times in a row, and what each frame does between its first deep call and
//    its return adds up. If that costs more than 64, the return is checked.
// 5. The time of bulk operations grows with an operand. Those on memory are
//    replaced by functions that work in pieces and check after each
//    (added_functions.ts). After others a check follows at once; tables and
//    data are small.
// 6. A handler of exceptions begins with a check: between throwing and catching
//    the engine walks the stack.
//
// The checks of 1., 2. and 4. are in place, the others are calls of a function
// that checks: they are rare where time matters, and in place each would cost
// the engine a branch to compile.
//
// Between two checks lies thus a cost of some 4096: what follows the last check
// of a callee, and what the caller adds. Measured: a chain of loads that all
// miss runs 0.15 ms without a check, arithmetic 1 us. The worst is a stack of
// 21,000 frames (all that fit) of which each loads 7 times from memory that no
// cache holds before it returns: 25 ms, once.

/** The largest cost between two checks of one body. */
const costMax = 2048;
/** Of a call of which nothing is known: as much as it may run unchecked. */
const callCost = uncheckedCostMax;
/** Of reading or writing a table, or making a reference: engine calls. */
const referenceCost = 16;
/** Cost between a deep call and a return, without a check. */
const returnCostMax = 64;
/** Cost before a loop at the start that needs no check of its own. */
const straightCostMax = 32;
/** Moving 4 values costs as much as an instruction. */
const valuesPerCostBits = 2;

/** What bodies may refer to, by index. */
export type Surroundings = {
  readonly callees: Callees;
  readonly types: readonly FunctionType[];
  /** Values that each exception tag carries. */
  readonly tags: readonly number[];
};

/** What a body's declarations say. */
export type BodyFacts = {
  readonly type: FunctionType;
  /** Parameters included. */
  readonly locals: number;
  /** It checks when it is entered. */
  readonly isChecked: boolean;
};

export class BodyMeter {
  /** The body calls something, or lets its memory grow. */
  calls = false;
  /** Of all bodies so far. */
  readonly effects = new SideEffects();
  readonly #surroundings: Surroundings;
  readonly #edits: Edits;
  readonly #instruction = new InstructionReader();
  readonly #flow = new Flow();
  readonly #operands = new Operands();
  readonly #limits = new BodyLimits();
  /** Cost of all instructions, as if each ran once. */
  #total = 0;
  /** Where the check at the entry goes, while it is not decided. */
  #entry: number | undefined;

  constructor(surroundings: Surroundings, edits: Edits) {
    this.#surroundings = surroundings;
    this.#edits = edits;
  }

  /**
   * Reads the instructions of a body, up to the end of `code`, into the edits.
   *
   * @returns What a call of it costs, if it turns out to have no check.
   */
  read(code: Reader, body: BodyFacts): number {
    this.#open(code, body);
    while (this.#flow.depth > 0) {
      this.#straightRun();
      this.#instruction.next();
      const kind = this.#instruction.form;
      if (kind <= form.memoryAccess) this.#straightOne(kind);
      else this.#meter(kind);
    }
    if (!code.isAtEnd) throw malformed("a function has bytes after its end");
    return this.#total;
  }

  /** Passes over instructions that need no more than to be counted. */
  #straightRun(): void {
    const max = this.#entry === undefined
      ? costMax
      : straightCostMax - this.#total;
    const room = Math.min(max, costMax - this.#flow.cost);
    const cost = this.#instruction.skipStraight(room);
    this.#total += cost;
    this.#flow.spend(cost);
    this.#operands.change(this.#instruction.stackEffect);
  }

  /** One more: irregular, or beyond what may be passed over. */
  #straightOne(kind: Form): void {
    this.#enter();
    this.#spend(kind === form.memoryAccess ? memoryAccessCost : 1);
    this.#operands.change(this.#instruction.stackEffect);
  }

  #open(code: Reader, { type, locals, isChecked }: BodyFacts): void {
    this.#edits.clear();
    this.#instruction.open(code);
    this.#flow.open(type.results);
    this.#operands.open(type.results);
    this.#limits.open(locals);
    this.calls = false;
    this.#total = 0;
    this.#entry = isChecked ? code.position : undefined;
  }

  /** Decides for a check at the entry: what comes may not be a loop. */
  #enter(): void {
    if (this.#entry === undefined) return;
    this.#edits.check(this.#entry, { inPlace: true });
    this.#entry = undefined;
  }

  #check(position: number): void {
    this.#edits.check(position, { inPlace: false });
    this.#limits.move(0);
    this.#flow.checked();
  }

  /** Before the instruction at hand, which costs that much. */
  #spend(cost: number): void {
    this.#total += cost;
    if (this.#flow.cost + cost > costMax) {
      this.#enter();
      this.#check(this.#instruction.start);
    }
    this.#flow.spend(cost);
  }

  /** No path leads on from the instruction at hand. */
  #leave(): void {
    this.#flow.leave();
    this.#operands.leave();
  }

  #meter(kind: Form): void {
    switch (kind) {
      case form.block:
        return this.#block(blockKind.block);
      case form.loop:
        return this.#loop();
    }
    this.#enter();
    switch (kind) {
      case form.if:
        this.#operands.change(-1);
        return this.#block(blockKind.if);
      case form.try:
        this.#limits.try();
        return this.#block(blockKind.try);
      case form.else:
        this.#flow.otherwise();
        return this.#operands.otherwise();
      case form.catch:
        return this.#handler(this.#tagValues());
      case form.catchAll:
        return this.#handler(0);
      case form.delegate:
      case form.end:
        return this.#end(kind);
      case form.branch:
      case form.branchIf:
      case form.branchTable:
        return this.#branch(kind);
      case form.call:
      case form.callIndirect:
        return this.#call(kind);
      case form.returnCall:
      case form.returnCallIndirect:
        return this.#tailCall();
      default:
        return this.#exit(kind);
    }
  }

  #exit(kind: Form): void {
    switch (kind) {
      case form.return:
        this.#beforeReturn();
        return this.#leave();
      case form.throw:
        this.#move(this.#tagValues());
        this.#spend(callCost);
        return this.#leave();
      case form.unreachable:
      case form.rethrow:
        return this.#leave();
      case form.memorySize:
      case form.memoryGrow:
      case form.memoryFill:
      case form.memoryCopy:
        this.#memory(kind);
        break;
      case form.reference:
        this.#spend(referenceCost);
        break;
      default:
        this.effects.note(kind);
        this.#spend(1);
    }
    this.#operands.change(this.#instruction.stackEffect);
    if (!isBulk(kind)) return;
    this.#move(bulkOperands);
    this.#check(this.#instruction.end);
  }

  /** Memory instructions that give way to others. */
  #memory(kind: Form): void {
    const { start: from, end: to } = this.#instruction;
    switch (kind) {
      case form.memorySize:
        this.#spend(1);
        return this.#edits.replace(editKind.memorySize, { from, to });
      case form.memoryGrow:
        this.calls = true;
        this.#spend(callCost);
        return this.#edits.replace(editKind.memoryGrow, { from, to });
    }
    // Functions that check and call nothing: this is no deep call.
    this.#move(bulkOperands);
    this.#flow.checked();
    const isFill = kind === form.memoryFill;
    this.#edits.replace(
      isFill ? editKind.memoryFill : editKind.memoryCopy,
      { from, to },
    );
  }

  #block(kind: BlockKind): void {
    const values = this.#blockValues();
    this.#spend(1);
    this.#flow.enter(kind, values.results);
    this.#limits.block(this.#operands.height, values);
    this.#operands.enter(values);
  }

  #loop(): void {
    const values = this.#blockValues();
    this.#entry = undefined;
    this.#flow.enter(blockKind.loop, values.parameters);
    this.#limits.loop(this.#operands.height, values);
    this.#operands.enter(values);
    this.#edits.check(this.#instruction.end, { inPlace: true });
    this.#flow.checked();
  }

  #blockValues(): BlockValues {
    const { index } = this.#instruction;
    if (index === blockType.empty) return noValues;
    if (index === blockType.oneResult) return oneResult;
    return typeAt(this.#surroundings.types, index);
  }

  #end(kind: Form): void {
    if (this.#flow.depth === 1) this.#beforeReturn();
    if (kind === form.delegate) this.#flow.delegate();
    else this.#flow.exit();
    this.#operands.exit();
  }

  #handler(values: number): void {
    this.#move(values);
    this.#flow.handle();
    this.#operands.handle(values);
    this.#check(this.#instruction.end);
  }

  #tagValues(): number {
    const { index } = this.#instruction;
    const values = this.#surroundings.tags[index];
    if (values === undefined) throw malformed(`it has no tag ${index}`);
    return values;
  }

  #branch(kind: Form): void {
    const { index, labels, labelCount } = this.#instruction;
    if (kind !== form.branch) this.#operands.change(-1);
    const isTable = kind === form.branchTable;
    const values = this.#flow.values(isTable ? labels[0] ?? 0 : index);
    this.#spend(1 + (values >> valuesPerCostBits));
    if (this.#mayReturn(kind)) this.#beforeReturn();
    const count = isTable ? labelCount : 1;
    for (let at = 0; at < count; at++) {
      this.#flow.branch(isTable ? labels[at] ?? 0 : index);
      this.#limits.branch(this.#operands.height);
      this.#limits.move(values);
    }
    if (kind !== form.branchIf) this.#leave();
  }

  #mayReturn(kind: Form): boolean {
    const { index, labels, labelCount } = this.#instruction;
    if (kind !== form.branchTable) return this.#flow.returns(index);
    for (let at = 0; at < labelCount; at++) {
      if (this.#flow.returns(labels[at] ?? 0)) return true;
    }
    return false;
  }

  #call(kind: Form): void {
    const { callees } = this.#surroundings;
    const { parameters, results } = callees.typeOf(this.#instruction);
    const cost = callees.costOf(this.#instruction);
    this.calls = true;
    this.#move(parameters + results);
    if (cost === callee.checked) this.#flow.checked();
    else this.#spend(cost === callee.unknown ? callCost : cost);
    if (cost < 0) this.#flow.called();
    if (kind === form.callIndirect) this.#operands.change(-1);
    this.#operands.change(results - parameters);
  }

  #tailCall(): void {
    const { callees } = this.#surroundings;
    const { parameters, results } = callees.typeOf(this.#instruction);
    const isChecked = callees.costOf(this.#instruction) === callee.checked;
    this.calls = true;
    this.#move(parameters + results);
    this.#spend(isChecked ? 1 : callCost);
    this.#beforeReturn();
    this.#leave();
  }

  /** Values go from here to elsewhere. */
  #move(values: number): void {
    this.#limits.move(values);
    this.#spend(values >> valuesPerCostBits);
  }

  /** Before the body is left by the instruction at hand. */
  #beforeReturn(): void {
    if (this.#flow.costAfterCall <= returnCostMax) return;
    this.#edits.check(this.#instruction.start, { inPlace: true });
    this.#limits.branch(this.#operands.height);
    this.#flow.checked();
  }
}

const noValues: BlockValues = { parameters: 0, results: 0 };
const oneResult: BlockValues = { parameters: 0, results: 1 };
const bulkOperands = 3;

/** Bulk operations that stay, and so need a check behind them. */
function isBulk(kind: Form): boolean {
  return kind === form.memoryInit || kind === form.tableInit ||
    kind === form.tableCopy || kind === form.tableGrow ||
    kind === form.tableFill;
}
