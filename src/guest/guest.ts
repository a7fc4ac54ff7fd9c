// One instance of a seed: its imports, its memory, its variables. It runs one
// call at a time; between two calls its owner puts it back (snapshot.ts).
// Whatever the guest does ends as bytes or as a SeedError; it reaches nothing
// but what its imports hand it.

import {
  assert,
  AssertionError,
  type Bytes,
  limits,
  pageBytes,
} from "../kernel/mod.ts";
import type {
  HttpAsk,
  LogLevel,
  OutboundResponse,
  ThreadScope,
} from "../ports/mod.ts";
import { hidden, hooks } from "../wasm/mod.ts";
import { type Budget, SeedError, type SeedSetup } from "../threads/mod.ts";
import type { CallState } from "./call_state.ts";
import { endingOf, seedsOwnError } from "./endings.ts";
import { extismImports, userImports } from "./host.ts";
import { suspendableExport, suspendingImport } from "./jspi.ts";
import { KernelInstance, kernelPagesMin } from "./kernel_instance.ts";
import type { LoadedModule } from "./loaded_module.ts";
import type { Meter } from "./meter.ts";
import {
  extismNamespace,
  suspendingNames,
  userNamespace,
  wasiNamespace,
} from "./signatures.ts";
import { Wasi } from "./wasi.ts";

/** What a thread offers to its guests. */
export interface GuestHost {
  readonly scope: Pick<
    ThreadScope,
    "nowMs" | "wallMs" | "fillRandom" | "after" | "epoch"
  >;
  readonly meter: Meter;
  readonly budget: Budget;
  /** Undefined when the request failed; the reason is in the log. */
  request(
    call: CallState,
    uri: string,
    input: Bytes,
  ): Promise<Bytes | undefined>;
  /** Rejects with a SeedError, "egress", when it is refused or fails. */
  fetch(call: CallState, ask: HttpAsk): Promise<OutboundResponse>;
  log(call: CallState, level: LogLevel, line: { readonly text: string }): void;
  /** Drops instances that wait for calls, here and on other threads. */
  makeRoom(): void;
}

export type GuestParts = {
  readonly loaded: LoadedModule;
  readonly setup: SeedSetup;
  readonly host: GuestHost;
};

type Run = () => number | undefined;

const tableEntryBytes = 16;

/** What the engine keeps beside the memories, the stack of a sleeper first. */
const enginePages = 4;

/** Pages that one instance takes from the budget when it is made. */
export function firstPagesOf({ plan }: LoadedModule): number {
  const tables = Math.ceil(plan.tableEntriesMax * tableEntryBytes / pageBytes);
  return (plan.memory?.minPages ?? 0) + tables + kernelPagesMin + enginePages;
}

export class Guest {
  readonly variables = new Map<string, Bytes>();
  variableBytes = 0;
  readonly kernel: KernelInstance;
  readonly host: GuestHost;
  readonly setup: SeedSetup;
  readonly memory: WebAssembly.Memory | undefined;
  readonly exports: WebAssembly.Exports;
  /** Status and headers of its newest HTTP answer. */
  fetched: Omit<OutboundResponse, "body"> | undefined;
  /** Its initialisation asked for randomness or the time. */
  isSeeded = false;
  /** Its memory was refused more pages since the call began. */
  isStarved = false;
  /** Pages taken from the budget; given back by `close`. */
  pages: number;
  readonly #loaded: LoadedModule;
  readonly #wasi: Wasi;
  readonly #entries = new Map<string, () => Promise<unknown>>();
  #call: CallState | undefined;

  /**
   * The budget's pages must have been taken: see `firstPagesOf`.
   *
   * @throws {SeedError} "memory" or "link".
   */
  constructor({ loaded, setup, host }: GuestParts) {
    this.host = host;
    this.setup = setup;
    this.pages = firstPagesOf(loaded);
    this.#loaded = loaded;
    this.#wasi = new Wasi(this);
    const { meter } = host;
    try {
      this.kernel = new KernelInstance({
        tick: () => meter.tick(this.call),
        suspend: () => meter.suspend(this.call),
        grow: (pages) => this.#grow(pages >>> 0),
        allow: (pages) => this.#take(pages >>> 0) ? 1 : 0,
      });
      const { memory } = loaded.plan;
      this.memory = memory && new WebAssembly.Memory({
        initial: memory.minPages,
        maximum: memory.maxPages,
      });
      const { exports } = new WebAssembly.Instance(
        loaded.module,
        this.#imports(),
      );
      this.exports = exports;
    } catch (cause) {
      throw endingOf(cause);
    }
    const table = this.exports[hidden.hooks] as WebAssembly.Table;
    table.set(hooks.yield, this.kernel.exports.yield);
    table.set(hooks.grow, this.kernel.exports.grow);
  }

  /** The call that it runs. */
  get call(): CallState {
    assert(this.#call !== undefined, "a guest runs only in a call");
    return this.#call;
  }

  /** Bytes of its memories. */
  get memoryBytes(): number {
    return (this.memory?.buffer.byteLength ?? 0) + this.kernel.memoryBytes;
  }

  /** Runs its start function and the toolchain's, before the first call. */
  async initialise(call: CallState): Promise<void> {
    this.#call = call;
    this.#wasi.isInitialising = true;
    try {
      for (const name of this.#loaded.initializers) {
        await this.#enter(call, name);
      }
    } finally {
      this.#wasi.isInitialising = false;
      this.kernel.clearAnswer();
      this.#end(call);
    }
  }

  /** @throws {SeedError} What went wrong inside the guest. */
  async run(call: CallState, fn: string, input: Bytes): Promise<Bytes> {
    if (!this.#loaded.callable.has(fn)) {
      throw new SeedError(
        "no-function",
        `Seed "${this.setup.name}" has no function "${fn}"`,
      );
    }
    this.#call = call;
    this.isStarved = false;
    this.fetched = undefined;
    try {
      this.kernel.setInput(input);
      await this.#enter(call, fn);
      const error = this.kernel.error();
      if (error !== undefined) throw seedsOwnError(error);
      return this.kernel.output();
    } finally {
      this.#end(call);
    }
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

  /** False when the budget has no room for so large a memory. */
  enlargeTo(pages: number): boolean {
    const { memory } = this;
    if (memory === undefined) return true;
    const missing = pages - memory.buffer.byteLength / pageBytes;
    return missing <= 0 || this.#enlarge(missing);
  }

  /** Its pages go back to the budget; harmless twice. */
  close(): void {
    if (this.pages === 0) return;
    this.host.budget.givePages(this.pages);
    this.host.budget.giveInstance();
    this.pages = 0;
  }

  async #enter(call: CallState, name: string): Promise<void> {
    const { meter } = this.host;
    const start = this.#entry(name);
    meter.enter(call);
    try {
      await start();
    } catch (cause) {
      const ending = call.fault ?? endingOf(cause, this);
      if (ending !== undefined) throw ending;
    } finally {
      meter.leave(call);
    }
    if (call.fault !== undefined) throw call.fault;
  }

  #entry(name: string): () => Promise<unknown> {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const run = this.exports[name];
    assert(typeof run === "function", "an export was checked at load");
    const entry = suspendableExport(run as Run);
    this.#entries.set(name, entry);
    return entry;
  }

  #end(call: CallState): void {
    if (this.#call !== call) return;
    this.#wasi.flush();
    this.#call = undefined;
  }

  /** What memory.grow answers: the guest sees a size of its own. */
  #grow(more: number): number {
    const { memory } = this;
    const size = this.exports[hidden.pages] as WebAssembly.Global;
    assert(memory !== undefined, "only a memory grows");
    const before = (size.value as number) >>> 0;
    const real = memory.buffer.byteLength / pageBytes;
    const missing = before + more - real;
    const max = this.#loaded.plan.memory?.maxPages ?? 0;
    if (before + more > max || (missing > 0 && !this.#enlarge(missing))) {
      this.isStarved = true;
      return -1;
    }
    size.value = before + more;
    return before;
  }

  #enlarge(pages: number): boolean {
    if (!this.#take(pages)) return false;
    try {
      this.memory?.grow(pages);
      return true;
    } catch (cause) {
      this.pages -= pages;
      this.host.budget.givePages(pages);
      if (!(cause instanceof RangeError)) throw cause;
      return false;
    }
  }

  #take(pages: number): boolean {
    if (!this.host.budget.takePages(pages)) return false;
    this.pages += pages;
    return true;
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
    imports[hidden.namespace] = {
      [hidden.epoch]: this.host.scope.epoch.memory,
      ...this.memory && { [hidden.memory]: this.memory },
    };
    return imports;
  }

  /** The engine suspends the guest whatever `handle` returns (V8 15.0). */
  #suspending(handle: Suspends): WebAssembly.ImportValue {
    const { meter } = this.host;
    return suspendingImport(async (...values: never[]) => {
      const { call } = this;
      // What it does at once is on the guest's account.
      const pending = handle(...values);
      meter.sleep(call);
      try {
        return await pending;
      } finally {
        // An answer that came at once must not keep the thread from others.
        if (meter.isTurnOver) await meter.turn();
        meter.wake(call);
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
