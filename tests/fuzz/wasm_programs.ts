// Random programs that end, made of blocks, branches, loops, calls and
// exceptions. They draw their decisions from a generator of their own, so that
// each run takes another path, and count their work in a global. In goes
// randomness; out come modules that are valid.

import type { Bytes } from "../../src/kernel/mod.ts";
import type { Random } from "../../src/ports/mod.ts";
import {
  assemble,
  code,
  end,
  exported,
  functionType,
  i32,
  type Item,
  signedLeb,
} from "../fixtures/evil/module_builder.ts";

/** Globals: work done, state of the generator, calls and rounds left. */
const global = { work: 0, state: 1, fuel: 2, depth: 3 } as const;

const get = (index: number): Item => [0x23, index];
const set = (index: number): Item => [0x24, index];
const constant = (value: number): Item => [0x41, ...signedLeb(value)];

/** Adds `by` to a global. */
function add(index: number, by: number): Item {
  return [...get(index), ...constant(by), 0x6a, ...set(index)];
}

/** Four instructions that add 1 to the work. */
const work = add(global.work, 1);

/** A random bit on the stack. */
const coin: Item = [
  ...[...get(global.state), ...constant(1_103_515_245), 0x6c],
  ...[...constant(12_345), 0x6a, ...set(global.state)],
  ...[...get(global.state), ...constant(16), 0x76, ...constant(1), 0x71],
];

const plainFunctions = 4;
const leaves = 2;
const depthMax = 40;
const type = { none: 0 } as const;

type Label = "block" | "loop" | "function";

/** Writes one function body. */
class BodyWriter {
  readonly #random: Random;
  readonly #index: number;
  readonly #labels: Label[] = ["function"];
  #statements = 60;

  constructor(random: Random, index: number) {
    this.#random = random;
    this.#index = index;
  }

  /** Some statements; they leave the stack as it was. */
  sequence(): Item {
    const count = 1 + this.#random.integer(4);
    const parts: Item[] = [];
    for (let at = 0; at < count && this.#statements > 0; at++) {
      this.#statements--;
      parts.push(this.#statement());
    }
    return parts.flat();
  }

  #within(label: Label, head: Item): Item {
    this.#labels.push(label);
    const body = [...head, ...this.sequence(), end];
    this.#labels.pop();
    return body;
  }

  #statement(): Item {
    const nests = this.#labels.length < 8;
    switch (this.#random.integer(nests ? 16 : 9)) {
      case 0:
      case 1:
        return this.#work(3);
      case 2:
        return this.#work(550);
      case 3:
        return [...coin, 0x0d, this.#label()];
      case 4:
        return this.#jump();
      case 5:
        return this.#call();
      case 6:
        return [0x10, plainFunctions + this.#random.integer(leaves)];
      case 7:
        return this.#indirectCall();
      case 8:
        return [...constant(0), ...constant(1), ...constant(9), 0xfc, 11, 0];
      case 9:
      case 10:
        return this.#within("block", [0x02, 0x40]);
      case 11:
        return this.#loop();
      case 12:
        return this.#try();
      default:
        return this.#if();
    }
  }

  #work(max: number): Item {
    const count = 1 + this.#random.integer(max);
    return Array.from({ length: count }, () => work).flat();
  }

  /** Of a block around, or of the function; never of a loop. */
  #label(): number {
    const depth = this.#labels.length;
    const label = this.#random.integer(depth);
    return this.#labels[depth - 1 - label] === "loop" ? depth - 1 : label;
  }

  /** Goes elsewhere, in an arm, so that something follows. */
  #jump(): Item {
    const kind = this.#random.integer(4);
    this.#labels.push("block");
    const [first, second] = [this.#label(), this.#label()];
    this.#labels.pop();
    const jump = [
      [0x0c, first],
      [0x0f],
      [...coin, 0x0e, 2, first, second, first],
      [0x00],
    ][kind === 3 ? 0 : kind] ?? [];
    return [...coin, 0x04, 0x40, ...jump, end];
  }

  /** A call that happens while there is fuel. */
  #fuelled(call: Item): Item {
    return [
      ...[...get(global.fuel), ...constant(0), 0x4a, 0x04, 0x40],
      ...[...add(global.fuel, -1), ...call, end],
    ];
  }

  #call(): Item {
    const later = this.#index + 1;
    const isLast = later >= plainFunctions;
    if (isLast || this.#random.integer(2) === 0) return this.#recursion();
    const target = later + this.#random.integer(plainFunctions - later);
    return this.#fuelled([0x10, target]);
  }

  /** Calls itself, so deep and no deeper. */
  #recursion(): Item {
    return [
      ...[...get(global.depth), ...constant(depthMax), 0x48, 0x04, 0x40],
      ...add(global.depth, 1),
      ...this.#fuelled([0x10, this.#index]),
      ...[...add(global.depth, -1), end],
    ];
  }

  #indirectCall(): Item {
    const leaf = plainFunctions + this.#random.integer(leaves);
    return [...constant(leaf), 0x11, type.none, 0];
  }

  #loop(): Item {
    this.#labels.push("loop");
    const body = this.sequence();
    this.#labels.pop();
    return [
      ...[0x03, 0x40, ...body, ...add(global.fuel, -1)],
      ...[...get(global.fuel), ...constant(0), 0x4a, ...coin, 0x71],
      ...[0x0d, 0, end],
    ];
  }

  #try(): Item {
    this.#labels.push("block");
    const body = [...this.sequence(), ...coin, 0x04, 0x40, 0x08, 0, end];
    const handler = this.#random.integer(2) === 0 ? [0x07, 0] : [0x19];
    const rest = this.sequence();
    this.#labels.pop();
    return [0x06, 0x40, ...body, ...handler, ...rest, end];
  }

  #if(): Item {
    const then = this.#within("block", [...coin, 0x04, 0x40]);
    if (this.#random.integer(2) === 0) return then;
    this.#labels.push("block");
    const otherwise = this.sequence();
    this.#labels.pop();
    return [...then.slice(0, -1), 0x05, ...otherwise, end];
  }
}

const funcref = 0x70;

/** A program whose "f" ends, exporting its work as "n" and its seed "s". */
export function programOf(random: Random): Bytes {
  const bodies: Item[] = [];
  for (let index = 0; index < plainFunctions; index++) {
    bodies.push(code(new BodyWriter(random, index).sequence()));
  }
  for (let leaf = 0; leaf < leaves; leaf++) {
    const count = 1 + random.integer(34);
    bodies.push(code(Array.from({ length: count }, () => work).flat()));
  }
  const functions = plainFunctions + leaves;
  return assemble({
    types: [functionType([], [])],
    functions: Array.from({ length: functions }, () => [type.none]),
    tables: [[funcref, 1, functions, functions]],
    memories: [[0, 1]],
    tags: [[0, type.none]],
    globals: Object.values(global).map((index) => [
      ...[i32, 1, ...constant(index === global.fuel ? 3000 : 0), end],
    ]),
    exports: [
      exported("f", { kind: "function", index: 0 }),
      exported("n", { kind: "global", index: global.work }),
      exported("s", { kind: "global", index: global.state }),
    ],
    elements: [[
      ...[0, ...constant(0), end, functions],
      ...Array.from({ length: functions }, (_, index) => index),
    ]],
    code: bodies,
  });
}

/** What four instructions of `work` cost. */
export const workCost = 4;
/** Frames that "f" may have on the stack. */
export const stackDepthMax = depthMax + plainFunctions + 1;
