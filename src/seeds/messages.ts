// What the pool and its threads tell each other. Messages travel in arrays, one
// array for all that one turn of the event loop produced, as tuples whose first
// member is the tag: cheaper to clone than objects at 10,000 calls a second.

import type { Bytes } from "../kernel/mod.ts";
import type { LogLevel } from "../ports/mod.ts";
import type { SeedFault } from "./errors.ts";
import type { ModuleFacts } from "./module.ts";

/** What a thread needs to know of a seed beside its module. */
export type SeedSetup = {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
};

/** Shared words between the pool and one thread; see `claims.ts`. */
export type OpenMessage = readonly ["open", claims: SharedArrayBuffer];
/** Compile, check and try a module under a number of the pool's choice. */
export type LoadMessage = readonly [
  "load",
  load: number,
  module: Bytes,
  setup: SeedSetup,
];
/** Also ends the load if it is not done: it is answered by "refused". */
export type UnloadMessage = readonly ["unload", load: number];
export type CallMessage = readonly [
  "call",
  call: number,
  load: number,
  fn: string,
  input: Bytes,
  caller: string,
];
/** The answer to a guest's request; undefined when it failed. */
export type AnswerMessage = readonly [
  "answer",
  request: number,
  output: Bytes | undefined,
];
export type CancelMessage = readonly [
  "cancel",
  call: number,
  fault: SeedFault,
];
export type PingMessage = readonly ["ping"];

export type ToThread =
  | OpenMessage
  | LoadMessage
  | UnloadMessage
  | CallMessage
  | AnswerMessage
  | CancelMessage
  | PingMessage;

export type LoadedMessage = readonly [
  "loaded",
  load: number,
  facts: ModuleFacts,
];
export type RefusedMessage = readonly [
  "refused",
  load: number,
  fault: SeedFault,
  hint: string | undefined,
];
export type DoneMessage = readonly ["done", call: number, output: Bytes];
export type FailedMessage = readonly [
  "failed",
  call: number,
  fault: SeedFault,
];
export type RequestMessage = readonly [
  "request",
  request: number,
  call: number,
  uri: string,
  input: Bytes,
];
/** `call` is minus the load's number while a module is tried. */
export type LogMessage = readonly [
  "log",
  call: number,
  level: LogLevel,
  text: string,
];
export type PongMessage = readonly ["pong"];

export type FromThread =
  | LoadedMessage
  | RefusedMessage
  | DoneMessage
  | FailedMessage
  | RequestMessage
  | LogMessage
  | PongMessage;

/** Output buffers above this are moved, not copied. */
export const transferBytesMin = 16 * 1024;
