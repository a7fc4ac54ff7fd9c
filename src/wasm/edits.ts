// What changes within one function body, in the order of its bytes: a check is
// put before a position, or one instruction gives way to others. In go
// positions; out comes the new body, its length first. One list serves all
// bodies of a module, so that bodies allocate nothing.

import type { ModuleFrame } from "./sections.ts";
import type { ByteRange, Writer } from "./writer.ts";

/** What stands at the place of an edit. */
export const editKind = {
  /** A check, in place: the fastest. */
  check: 0,
  /** A call of a function that checks: the smallest. */
  checkCall: 1,
  memorySize: 2,
  memoryGrow: 3,
  memoryFill: 4,
  memoryCopy: 5,
} as const;

export type EditKind = (typeof editKind)[keyof typeof editKind];

export type EditCode = {
  /** The code of each kind of edit. */
  readonly of: Readonly<Record<EditKind, ArrayLike<number>>>;
  /** Where a check branches, counted from its start. */
  readonly branchAt: number;
};

export class Edits {
  /** Where the checks of the body written last branch. */
  readonly branches: number[] = [];
  #count = 0;
  readonly #kinds: EditKind[] = [];
  readonly #from: number[] = [];
  readonly #to: number[] = [];

  clear(): void {
    this.#count = 0;
  }

  /** Puts a check before `position`. */
  check(
    position: number,
    { inPlace }: { readonly inPlace: boolean },
  ): void {
    this.#add(inPlace ? editKind.check : editKind.checkCall, {
      from: position,
      to: position,
    });
  }

  /** Replaces the instruction of that range. */
  replace(kind: EditKind, range: ByteRange): void {
    this.#add(kind, range);
  }

  #add(kind: EditKind, { from, to }: ByteRange): void {
    const at = this.#count++;
    this.#kinds[at] = kind;
    this.#from[at] = from;
    this.#to[at] = to;
  }

  /** Writes the bytes of `body`, edited, after their new length. */
  write(
    writer: Writer,
    body: ByteRange,
    { frame, code }: { readonly frame: ModuleFrame; readonly code: EditCode },
  ): void {
    writer.integer(this.#length(body, code));
    const start = writer.length;
    let position = body.from;
    this.branches.length = 0;
    for (let at = 0; at < this.#count; at++) {
      const from = this.#from[at] ?? position;
      writer.range(frame.bytes, { from: position, to: from });
      const kind = this.#kinds[at] ?? editKind.check;
      if (kind === editKind.check) {
        this.branches.push(writer.length - start + code.branchAt);
      }
      writer.all(code.of[kind]);
      position = this.#to[at] ?? from;
    }
    writer.range(frame.bytes, { from: position, to: body.to });
  }

  #length({ from, to }: ByteRange, code: EditCode): number {
    let length = to - from;
    for (let at = 0; at < this.#count; at++) {
      length += code.of[this.#kinds[at] ?? editKind.check].length;
      length -= (this.#to[at] ?? 0) - (this.#from[at] ?? 0);
    }
    return length;
  }
}
