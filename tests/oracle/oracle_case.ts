// What is run on both hosts, and how a run may end. One case is one module, one
// of its functions and the inputs for it; its name says "a guest that ...".

import type { Bytes } from "../../src/kernel/mod.ts";

/** `failed`: by a trap, by exit or by the host; the text is not compared. */
export type Ending =
  | { readonly type: "output"; readonly bytes: Bytes }
  | { readonly type: "error"; readonly text: string }
  | { readonly type: "failed" };

/** A call with what it logged, "level: text". */
export type Run = { readonly ending: Ending; readonly log: readonly string[] };

export type OracleCase = {
  /** What the guest does, after "a guest that ..."; no two are the same. */
  readonly name: string;
  readonly module: Bytes;
  /** Default "f". */
  readonly fn?: string;
  /** Default one input of five bytes. */
  readonly inputs?: readonly Bytes[];
  readonly config?: Readonly<Record<string, string>>;
};

export const failed: Ending = { type: "failed" };

export function failedWith(message: string): Ending {
  return { type: "error", text: message };
}

export function answered(bytes: Bytes | string): Ending {
  if (typeof bytes !== "string") return { type: "output", bytes };
  return { type: "output", bytes: new TextEncoder().encode(bytes) };
}

/** What a guest made by `guest` answers when it reports these values. */
export function reported(...values: readonly (number | bigint)[]): Ending {
  const words = BigInt64Array.from(values, BigInt);
  return { type: "output", bytes: new Uint8Array(words.buffer) };
}

export function utf8Bytes(value: string): Bytes {
  return new TextEncoder().encode(value);
}

/** `length` bytes that repeat only after 251. */
export function pattern(length: number): Bytes {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + 7) % 251);
}

/** What every exchange of bytes is tried with. */
export const shapes: readonly Bytes[] = [
  new Uint8Array(0),
  Uint8Array.of(0),
  Uint8Array.from({ length: 256 }, (_, index) => index),
  utf8Bytes("text \u2603 \u{1f600}\r\n\0"),
  pattern(65_536),
  pattern(1_048_576),
];
