// One instance of a seed, made for one call and never used again: its imports,
// its variables, its log. Whatever the guest does ends as bytes or as a
// SeedError; it reaches nothing but what its imports hand it.

import {
  assert,
  AssertionError,
  type Bytes,
  limits,
  utf8TextLossy,
} from "../kernel/mod.ts";
import type { LogLevel, ThreadScope } from "../ports/mod.ts";
import { SeedError } from "./errors.ts";
import { extismImports, userImports } from "./host.ts";
import { isSuspendError, suspendableExport, suspendingImport } from "./jspi.ts";
import type { KernelInstance } from "./kernel_instance.ts";
import type { SeedSetup } from "./messages.ts";
import type { LoadedModule } from "./module.ts";
import {
  extismNamespace,
  suspendingNames,
  userNamespace,
  wasiNamespace,
} from "./signatures.ts";
import type { Turns } from "./turns.ts";
import { ExitSignal, Wasi } from "./wasi.ts";

/** What a thread offers to its guests. */
export interface GuestHost {
  readonly scope: Pick<
    ThreadScope,
    "nowMs" | "wallMs" | "fillRandom" | "after"
  >;
  readonly turns: Turns;
  /** Undefined when the request failed; the reason is in the log. */
  request(
    call: CallContext,
    uri: string,
    input: Bytes,
  ): Promise<Bytes | undefined>;
  log(
    call: CallContext,
    level: LogLevel,
    line: { readonly text: string },
  ): void;
}

/** One call as its guest's imports see it. */
export type CallContext = {
  /** The call's id, or minus the load's number while a module is tried. */
  readonly id: number;
  /** JSON for pollen_caller_info; "" when there is none. */
  readonly caller: string;
  /** Set when nobody waits for the result any more. */
  cancelled: SeedError | undefined;
  /** Rejects what the guest waits for. */
  readonly waits: Set<(fault: SeedError) => void>;
  loggedBytes: number;
};

export type GuestParts = {
  readonly loaded: LoadedModule;
  readonly setup: SeedSetup;
  readonly kernel: KernelInstance;
  readonly host: GuestHost;
  readonly call: CallContext;
};

export class Guest {
  readonly variables = new Map<string, Bytes>();
  variableBytes = 0;
  readonly kernel: KernelInstance;
  readonly call: CallContext;
  readonly host: GuestHost;
  readonly setup: SeedSetup;
  readonly #loaded: LoadedModule;
  readonly #wasi: Wasi;
  #instance: WebAssembly.Instance | undefined;

  constructor(parts: GuestParts) {
    this.kernel = parts.kernel;
    this.call = parts.call;
    this.host = parts.host;
    this.setup = parts.setup;
    this.#loaded = parts.loaded;
    this.#wasi = new Wasi(this);
  }

  /** @throws {SeedError} Link, trap, stack, memory, exit or timeout. */
  async open(): Promise<void> {
    const { module, initializer } = this.#loaded;
    try {
      const imports = this.#imports();
      this.#instance = this.host.turns.run(
        this.call.id,
        () => new WebAssembly.Instance(module, imports),
      );
      if (initializer !== undefined) await this.#enter(initializer);
    } catch (cause) {
      this.#wasi.flush();
      throw seedErrorOf(cause);
    }
  }

  /** @throws {SeedError} What went wrong inside the guest. */
  async run(fn: string, input: Bytes): Promise<Bytes> {
    if (!this.#loaded.callable.has(fn)) {
      throw new SeedError(
        "no-function",
        `Seed "${this.setup.name}" has no function "${fn}"`,
      );
    }
    this.kernel.setInput(input);
    try {
      await this.#enter(fn);
      const error = this.kernel.error();
      if (error !== undefined) throw seedsOwnError(error);
      return this.kernel.output();
    } finally {
      this.#wasi.flush();
    }
  }

  get memory(): WebAssembly.Memory | undefined {
    const memory = this.#instance?.exports["memory"];
    return memory instanceof WebAssembly.Memory ? memory : undefined;
  }

  log(level: LogLevel, text: string): void {
    const { call, host } = this;
    if (call.loggedBytes >= limits.callLogBytesMax) return;
    const line = { text: text.slice(0, limits.logLineCharactersMax) };
    call.loggedBytes += logMessageBytes + line.text.length;
    host.log(call, level, line);
    if (call.loggedBytes < limits.callLogBytesMax) return;
    host.log(call, "warn", { text: "The log of this call is full from here" });
  }

  /** Waits for what `start` begins, or until the call is cancelled. */
  async wait<T>(start: () => Promise<T>): Promise<T> {
    const { call } = this;
    if (call.cancelled !== undefined) throw call.cancelled;
    const cancelled = Promise.withResolvers<never>();
    call.waits.add(cancelled.reject);
    try {
      return await Promise.race([start(), cancelled.promise]);
    } finally {
      call.waits.delete(cancelled.reject);
    }
  }

  async #enter(name: string): Promise<void> {
    const run = this.#instance?.exports[name];
    assert(typeof run === "function", "an export was checked at load");
    const entry = run as () => number | undefined;
    const { call, host: { turns } } = this;
    try {
      const { suspends } = this.#loaded;
      const start = suspends ? suspendableExport(entry) : entry;
      await turns.run<unknown>(call.id, start);
    } catch (cause) {
      if (cause instanceof ExitSignal && cause.code === 0) return;
      throw seedErrorOf(cause);
    } finally {
      turns.end(call.id);
    }
  }

  #imports(): WebAssembly.Imports {
    const imports: Record<string, WebAssembly.ModuleImports> = {};
    for (const [namespace, names] of this.#loaded.imports) {
      const offered = this.#offered(namespace, names);
      imports[namespace] = Object.fromEntries(names.map((name) => {
        const value = offered[name];
        assert(value !== undefined, `${namespace} ${name} checked at load`);
        const suspends = suspendingNames.has(name);
        return [name, suspends ? this.#suspending(value as Suspends) : value];
      }));
    }
    return imports;
  }

  /** The engine suspends the guest whatever `handle` returns (V8 15.0). */
  #suspending(handle: Suspends): WebAssembly.ImportValue {
    const { call, host: { turns } } = this;
    return suspendingImport(async (...values: never[]) => {
      turns.end(call.id);
      try {
        return await handle(...values);
      } finally {
        await turns.resume(call.id);
      }
    });
  }

  #offered(
    namespace: string,
    names: readonly string[],
  ): WebAssembly.ModuleImports {
    switch (namespace) {
      case extismNamespace:
        return extismImports(this);
      case userNamespace:
        return userImports(this);
      case wasiNamespace:
        return this.#wasi.imports(names);
      default:
        throw new AssertionError(`Namespace ${namespace} was checked at load`);
    }
  }
}

type Suspends = (...values: never[]) => number | bigint | Promise<bigint>;

/** What a line costs beside its text: empty ones cannot flood the log. */
const logMessageBytes = 64;

function seedsOwnError(text: Bytes): SeedError {
  const message = utf8TextLossy(
    text.subarray(0, limits.seedErrorCharactersMax),
  );
  return new SeedError("seed", message === "" ? "unknown error" : message);
}

/** What a guest ended with, as its caller understands it. */
function seedErrorOf(cause: unknown): Error {
  if (cause instanceof SeedError) return cause;
  if (cause instanceof ExitSignal) {
    return new SeedError("exit", `The seed called exit(${cause.code})`);
  }
  if (cause instanceof WebAssembly.LinkError) {
    return new SeedError("link", `The seed does not link: ${cause.message}`);
  }
  if (cause instanceof RangeError && /call stack/i.test(cause.message)) {
    return new SeedError("stack", "The seed overflowed its stack");
  }
  if (cause instanceof RangeError) {
    return new SeedError("memory", `Out of memory: ${cause.message}`);
  }
  if (cause instanceof WebAssembly.RuntimeError) {
    return new SeedError("trap", `The seed trapped: ${trapText(cause)}`);
  }
  if (isSuspendError(cause)) {
    return new SeedError("trap", "The seed waits in its start function");
  }
  if (cause instanceof Error) return cause; // ours: no guest can throw one
  return new SeedError("trap", "The seed threw an exception it did not catch");
}

const frameForm =
  /^\s*at (?:(.+) \()?wasm:\/\/\S*:wasm-function\[(\d+)\]:(0x\w+)/m;

/** V8 names the frame as `at name (wasm://...:wasm-function[7]:0x1f)`. */
function trapText(cause: Error): string {
  const frame = frameForm.exec(cause.stack?.slice(0, stackCharactersMax) ?? "");
  if (!frame) return cause.message;
  // The module's own text, unless it has none.
  const known = frame[1]?.replaceAll(/[^ -~]/g, "?").slice(0, 80);
  const isNamed = known !== undefined && known !== "<anonymous>";
  const name = isNamed ? known : `function ${frame[2]}`;
  return `${cause.message} (in ${name} at ${frame[3]})`;
}

const stackCharactersMax = 4096;
