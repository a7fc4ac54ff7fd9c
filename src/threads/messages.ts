// What the pool and its threads tell each other. Messages travel in arrays, one
// array for all that one turn of the event loop produced, as tuples whose first
// member is the tag: cheaper to clone than objects at 100,000 calls a second.
// Ids and numbers are the pool's choice, but for those of requests.

import type { Bytes, Digest } from "../kernel/mod.ts";
import type { HttpAsk, LogLevel, OutboundResponse } from "../ports/mod.ts";
import type { ModuleCaps, ModulePlan } from "../wasm/mod.ts";
import type { SeedFault } from "./errors.ts";

/** How much of one call's instance the next call may see. */
export type Isolation =
  | "restore" // nothing: the instance is put back to its first state
  | "fresh" // nothing: every call gets a new instance
  | "reuse"; // everything that the seed keeps

/** What a thread needs to know of a seed beside its module. */
export type SeedSetup = {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  /** As its owner wished; "restore" may turn out to be impossible. */
  readonly isolation: Isolation;
  /** Time that one call may run on the processor. */
  readonly cpuMs: number;
  /** It was granted at least one host. */
  readonly mayFetch: boolean;
};

/** Words shared by the pool and its threads; see mail.ts and budget.ts. */
export type OpenMessage = readonly [
  "open",
  mail: SharedArrayBuffer,
  budget: SharedArrayBuffer,
  /** What of the budget this thread holds. */
  share: SharedArrayBuffer,
];
/** A module as it was published, or as `prepared` gave it for keeping. */
export type ModuleSource =
  | {
    readonly type: "original";
    readonly bytes: Bytes;
    readonly digest: Digest;
  }
  | { readonly type: "kept"; readonly bytes: Bytes };
/** Check, rewrite and compile a module; answered by "prepared". */
export type PrepareMessage = readonly [
  "prepare",
  number: number,
  source: ModuleSource,
  caps: ModuleCaps,
];
/** Make a module ready for calls: one instance is tried. */
export type LoadMessage = readonly [
  "load",
  load: number,
  module: WebAssembly.Module,
  plan: ModulePlan,
  setup: SeedSetup,
];
/** Also ends the load if it is not done: it is answered by "refused". */
export type UnloadMessage = readonly ["unload", load: number];
/** Run a function; answered by "done" or "failed". */
export type CallMessage = readonly [
  "call",
  call: number,
  load: number,
  fn: string,
  input: Bytes,
  caller: string,
  /** Milliseconds from now to its deadline. */
  leftMs: number,
];
/** The answer to a guest's request; undefined when it failed. */
export type AnswerMessage = readonly [
  "answer",
  request: number,
  output: Bytes | undefined,
];
/** What an HTTP request of a guest brought. */
export type FetchedMessage = readonly [
  "fetched",
  request: number,
  result: OutboundResponse | SeedFault,
];
/** End a call; it is answered by "failed" with this fault. */
export type CancelMessage = readonly ["cancel", call: number, fault: SeedFault];
/** Drop the instances that wait for calls: another thread needs room. */
export type TrimMessage = readonly ["trim"];
/** Also asks for the usage of all that is loaded. */
export type PingMessage = readonly ["ping"];

/** All that the pool says. */
export type ToThread =
  | OpenMessage
  | PrepareMessage
  | LoadMessage
  | UnloadMessage
  | CallMessage
  | AnswerMessage
  | FetchedMessage
  | CancelMessage
  | TrimMessage
  | PingMessage;

/** What a module's owner and its callers may know of it. */
export type ModuleFacts = {
  /** Exports that can be called: no parameters, an i32 or nothing back. */
  readonly functions: readonly string[];
};

/** What one module occupies on one thread. */
export type LoadUsage = {
  readonly load: number;
  readonly instances: number;
  /** Of all its instances and its snapshot. */
  readonly memoryBytes: number;
  /** Most that one of its instances had. */
  readonly peakBytes: number;
  /** Processor time of all its calls. */
  readonly cpuMs: number;
  /** As it is by now; "restore" may turn out to be impossible later. */
  readonly isolation: Isolation;
  /** Why it is not the one asked for; undefined when it is. */
  readonly isolationReason: string | undefined;
};

/** The module, ready for any thread. */
export type PreparedMessage = readonly [
  "prepared",
  number: number,
  module: WebAssembly.Module,
  plan: ModulePlan,
  /** To be kept and given back as "kept"; undefined when it was just that. */
  kept: Bytes | undefined,
];
/** Calls may come. */
export type LoadedMessage = readonly [
  "loaded",
  load: number,
  isolation: Isolation,
  /** Why it is not the one asked for; undefined when it is. */
  reason: string | undefined,
];
/** Also the answer to a failed "prepare", with its number. */
export type RefusedMessage = readonly [
  "refused",
  number: number,
  fault: SeedFault,
  hint: string | undefined,
];
/** A call ended well. */
export type DoneMessage = readonly ["done", call: number, output: Bytes];
/** A call ended otherwise. */
export type FailedMessage = readonly ["failed", call: number, fault: SeedFault];
/** A guest calls another seed; answered by "answer". */
export type RequestMessage = readonly [
  "request",
  request: number,
  call: number,
  uri: string,
  input: Bytes,
];
/** A guest sends an HTTP request; answered by "fetched". */
export type FetchMessage = readonly [
  "fetch",
  request: number,
  call: number,
  ask: HttpAsk,
];
/** `call` is minus the load's number while a module is tried. */
export type LogMessage = readonly [
  "log",
  call: number,
  level: LogLevel,
  text: string,
];
/** The node's budget has no room for an instance that a call needs. */
export type StarvedMessage = readonly ["starved"];
/** The answer to a ping. */
export type PongMessage = readonly ["pong", usage: readonly LoadUsage[]];

/** All that a thread says. */
export type FromThread =
  | PreparedMessage
  | LoadedMessage
  | RefusedMessage
  | DoneMessage
  | FailedMessage
  | RequestMessage
  | FetchMessage
  | LogMessage
  | StarvedMessage
  | PongMessage;

/** Buffers from this size on are moved, not copied. */
export const transferBytesMin = 16 * 1024;
