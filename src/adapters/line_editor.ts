// One line typed at a terminal in raw mode, without echo. In come the bytes of
// keys; out goes the line, its end, or an interrupt. It knows Enter, Backspace,
// Ctrl-C, Ctrl-D, Ctrl-U; other control keys are ignored. Never prints.

import { LimitError } from "../kernel/mod.ts";

export type LineEvent =
  | { readonly type: "line"; readonly bytes: Uint8Array }
  | { readonly type: "end" }
  | { readonly type: "interrupt" };

const ctrlC = 0x03;
const ctrlD = 0x04;
const backspace = 0x08;
const ctrlU = 0x15;
const escape = 0x1b;
const del = 0x7f;

export class LineEditor {
  readonly #bytes: number[] = [];
  readonly #bytesMax: number;
  #escape: "none" | "started" | "sequence" = "none";

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * What `keys` lead to; undefined while the line goes on.
   *
   * @throws {LimitError} The line is longer than its limit.
   */
  feed(keys: Uint8Array): LineEvent | undefined {
    for (const key of keys) {
      const event = this.#press(key);
      if (event !== undefined) return event;
    }
    return undefined;
  }

  #press(key: number): LineEvent | undefined {
    if (this.#isOfEscape(key)) return undefined;
    switch (key) {
      case ctrlC:
        return { type: "interrupt" };
      case ctrlD:
        return this.#bytes.length === 0 ? { type: "end" } : undefined;
      case 0x0a:
      case 0x0d:
        return { type: "line", bytes: Uint8Array.from(this.#bytes) };
      case backspace:
      case del:
        this.#eraseCharacter();
        return undefined;
      case ctrlU:
        this.#bytes.length = 0;
        return undefined;
      case escape:
        this.#escape = "started";
        return undefined;
      default:
        if (key >= 0x20) this.#append(key);
        return undefined;
    }
  }

  /**
   * Whether `key` belongs to a sequence such as an arrow key's: Escape, "[" or
   * "O", and all up to a byte from 0x40 to 0x7e (ECMA-48 section 5.4).
   */
  #isOfEscape(key: number): boolean {
    const before = this.#escape;
    if (before === "none") return false;
    const starts = before === "started" && (key === 0x5b || key === 0x4f);
    const goesOn = before === "sequence" && key >= 0x20 && key < 0x40;
    const ends = before === "sequence" && key >= 0x40 && key < del;
    this.#escape = starts || goesOn ? "sequence" : "none";
    return starts || goesOn || ends;
  }

  #append(key: number): void {
    if (this.#bytes.length >= this.#bytesMax) {
      throw new LimitError(`The line is over ${this.#bytesMax} bytes`);
    }
    this.#bytes.push(key);
  }

  /** UTF-8: continuation bytes are 10xxxxxx and follow their lead byte. */
  #eraseCharacter(): void {
    let last = this.#bytes.pop();
    while (last !== undefined && (last & 0xc0) === 0x80) {
      last = this.#bytes.pop();
    }
  }
}
