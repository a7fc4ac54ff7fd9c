// Where this host and the reference differ, and why: one entry per case of the
// corpus. Both ways to end are stated, so that a difference that goes away
// fails as well. "Its kernel" is extism's kernel/src/lib.rs and "its runtime"
// runtime/src/pdk.rs, the first implementation of the ABI; the reference is
// another one, in JavaScript, with an ArrayBuffer for each block.

import {
  answered,
  type Ending,
  failed,
  failedWith,
  reported,
  type Run,
} from "./oracle_case.ts";

/** A log that varies depends on when an instance was made. */
export type Stated = {
  readonly ending: Ending;
  readonly log: readonly string[] | "varies";
};

/** What is not stated is as on the reference. */
export type Difference = {
  readonly why: string;
  readonly ours: Partial<Stated>;
  readonly theirs: Partial<Run>;
};

/** As the endings of the first input, without logs. */
function ends(
  why: string,
  ours: Ending,
  { theirs }: { readonly theirs: Ending },
): Difference {
  return { why, ours: { ending: ours }, theirs: { ending: theirs } };
}

const fails = { theirs: failed };
const range = "Extism's kernel answers with the range that output_set names, " +
  "the reference with the whole block that it begins in";
const bounds = "Extism's kernel reads 0 outside its memory and ignores " +
  "writes, the reference throws";
const freed = "The reference frees a block that it was given as a key or as " +
  "a line; Extism's runtime leaves that to the guest";
const room = "What has no room is offset 0, as in Extism's kernel; the " +
  "reference throws or has no limit";
const callable = "What is no export without parameters that returns an i32 " +
  "or nothing cannot be called here; initializers run by themselves";

const exchange: Readonly<Record<string, Difference>> = {
  "gives a range of no bytes": ends(
    "The reference has a block of one byte at offset 0",
    answered(""),
    { theirs: answered("\0") },
  ),
  "gives the first part of a block": ends(range, answered("hell"), {
    theirs: answered("hello"),
  }),
  "gives the last part of a block": ends(range, answered("ello"), {
    theirs: answered("hello"),
  }),
  "gives a range that wraps around": ends(range, failed, {
    theirs: answered("hello"),
  }),
  "gives a block that it has freed": ends(
    "Extism's kernel leaves a block that was freed as it is until its place " +
      "is needed",
    answered("hello"),
    { theirs: answered("") },
  ),
  "gives 17 MiB": {
    why: "An output may have 16 MiB",
    ours: { ending: failed },
    theirs: { ending: answered(new Uint8Array(17 * 1024 * 1024)) },
  },
  "sets the error to 0": ends(
    "Offset 0 means no error, as in Extism's kernel; the reference takes it " +
      "for a block of one byte",
    answered("other \u2603"),
    { theirs: failedWith("\0") },
  ),
  "sets an error at an offset that is none": ends(
    "Extism's kernel takes any offset for an error; the reference throws",
    failedWith("unknown error"),
    fails,
  ),
};

const blocks: Readonly<Record<string, Difference>> = {
  "reserves no bytes": ends(
    "Offset 0 stands for no bytes, as in Extism's kernel",
    reported(0, 0),
    { theirs: reported(1, 0) },
  ),
  "reserves a terabyte": ends(room, reported(0), fails),
  "reserves a negative length": ends(room, reported(0), fails),
  "reserves 40 MiB": ends(room, reported(0), { theirs: reported(1) }),
  "asks for the length of offset 0": ends(
    "Offset 0 is no block in Extism's kernel; the reference has one there",
    reported(0),
    { theirs: reported(1) },
  ),
  "asks for the length inside a block": ends(
    "Only the start of a block has a length in Extism's kernel",
    reported(0),
    { theirs: reported(64) },
  ),
  "loads a byte behind a block": ends(bounds, reported(0), fails),
  "loads a word across the end of a block": ends(bounds, reported(0), fails),
  "stores behind a block": ends(bounds, reported(1), fails),
  "loads a word from what is no block": ends(bounds, reported(0), fails),
  "loads a byte behind its input": ends(bounds, reported(0), fails),
  "loads a word across the end of its input": ends(bounds, reported(0), fails),
  "loads a byte of an empty input": ends(bounds, reported(0), fails),
  "loads a byte of a block that it has freed": ends(
    "Extism's kernel leaves a block that was freed as it is until its place " +
      "is needed",
    reported(7),
    { theirs: reported(0) },
  ),
  "reserves again what it has filled and freed": ends(
    "Extism's kernel does not clear a block that it uses again",
    reported(7),
    { theirs: reported(0) },
  ),
  "asks whether its empty input has an offset": ends(
    "Offset 0 stands for no bytes, as in Extism's kernel",
    reported(0),
    { theirs: reported(1) },
  ),
};

const tooMuch =
  "var memory limit exceeded: 1500000 bytes requested, 1048576 allowed";

const settings: Readonly<Record<string, Difference>> = {
  "reads a configuration that every JavaScript object has": ends(
    "The reference finds what plain objects inherit",
    reported(0),
    fails,
  ),
  "reads a configuration that is empty": ends(
    "Offset 0 stands for no bytes, as in Extism's kernel",
    reported(0),
    { theirs: reported(1) },
  ),
  "uses the name of a configuration again": ends(freed, reported(3), {
    theirs: reported(0),
  }),
  "uses the name of a variable again after a read": ends(freed, reported(7), {
    theirs: reported(0),
  }),
  "uses a logged block again": ends(freed, reported(5), {
    theirs: reported(0),
  }),
  "changes what it has read from a variable": ends(
    "The reference gives the variable itself instead of a copy",
    answered("one"),
    { theirs: answered("Xne") },
  ),
  "sets a variable from an offset that is none": {
    why: "The reference complains in the guest's log",
    ours: { log: [] },
    theirs: {
      log: [
        "error: attempted to set variable to invalid address " +
        '(key="name \u00fc"; addr="-1000H")',
      ],
    },
  },
  "keeps an empty block as a variable": ends(
    "Offset 0 stands for no bytes, as in Extism's kernel, and deletes",
    reported(0),
    { theirs: reported(1) },
  ),
  "keeps more in a variable than it may": {
    why:
      "A variable that is too large ends the call, as in Extism's runtime; " +
      "the reference sets an error, complains in the log and goes on",
    ours: { ending: failed, log: [] },
    theirs: { ending: failedWith(tooMuch), log: [`error: ${tooMuch}`] },
  },
  "logs what is no block": {
    why: "The reference complains in the guest's log",
    ours: { log: ["info: "] },
    theirs: {
      log: [
        "error: failed to log(info): bad block reference in addr 0x" +
        "-1000".padStart(64, "0"),
      ],
    },
  },
};

const memory: Readonly<Record<string, Difference>> = {
  "grows beyond the 64 MiB that a seed has by default": ends(
    "A seed's memory has a limit, which the reference has not",
    reported(1, -1, 1001),
    { theirs: reported(1, 1001, 1025) },
  ),
};

const starts: Readonly<Record<string, Difference>> = {
  "exports its constructors only": ends(
    "Modules of wasm-ld need __wasm_call_ctors to run; the reference forgets",
    reported(3),
    { theirs: reported(0) },
  ),
  "logs at the start": {
    why: "An instance starts once, for many calls; the reference's are new",
    ours: { log: "varies" },
    theirs: { log: ["info: from the start"] },
  },
  "looks at its input at the start": ends(
    "There is no input before a call: it is empty; the reference throws",
    reported(0),
    fails,
  ),
  "is called by the name of its initializer": ends(callable, failed, {
    theirs: answered(""),
  }),
  "takes a parameter": ends(callable, failed, { theirs: answered("") }),
  "returns an i64": ends(callable, failed, { theirs: answered("") }),
};

const wasi: Readonly<Record<string, Difference>> = {
  "is told how much it printed": {
    why: "The reference prints to /dev/null, this host into the log",
    ours: {
      log: [
        "info: a line",
        "warn: a line",
        "info: half a linea ",
        "warn: half a line",
      ],
    },
    theirs: { log: [] },
  },
  "asks what kind its stdio is of": ends(
    "It is a character device; Deno's WASI calls /dev/null a file",
    reported(0, 2, 0, 2, 0, 2, 8),
    { theirs: reported(0, 4, 0, 4, 0, 4, 8) },
  ),
  "seeks on stdout": ends(
    "Stdout is a stream (ESPIPE); Deno's WASI says it is not open (EBADF)",
    reported(70),
    { theirs: reported(8) },
  ),
  "exits with 0": ends(
    "An exit with 0 is a success; the reference takes every exit for a failure",
    answered("a line\nhalf a line"),
    fails,
  ),
  "sets an error and exits with 0": ends(
    "An exit with 0 is like a return; the reference takes it for a failure",
    failedWith("a line\nhalf a line"),
    fails,
  ),
  "exits with 0 in its initializer": ends(
    "An exit with 0 is a success; the reference takes every exit for a failure",
    reported(1),
    fails,
  ),
  "is a command that exits with 1": ends(
    "The reference runs no _start of a module with WASI",
    failed,
    { theirs: reported(1) },
  ),
  "is a command that is called as one": ends(callable, failed, {
    theirs: answered("a line\nhalf a line"),
  }),
};

/** By the name of their case. */
export const differences: ReadonlyMap<string, Difference> = new Map(
  [exchange, blocks, settings, memory, starts, wasi].flatMap(Object.entries),
);
