// The program of a sandbox thread: it loads modules, runs calls and relays what
// guests ask for, by messages alone. It holds no right and no state of a call
// after its answer. A guest that does not return stops this whole thread; the
// pool notices by the claims and an unanswered ping.

import { type Bytes, unreachable } from "../kernel/mod.ts";
import type { LogLevel, ThreadScope } from "../ports/mod.ts";
import { Claims } from "./claims.ts";
import { SeedError, type SeedFault } from "./errors.ts";
import { type CallContext, Guest, type GuestHost } from "./guest.ts";
import { KernelInstance } from "./kernel_instance.ts";
import {
  type AnswerMessage,
  type CallMessage,
  type FromThread,
  type LoadMessage,
  type SeedSetup,
  type ToThread,
  transferBytesMin,
} from "./messages.ts";
import { type LoadedModule, loadModule } from "./module.ts";
import { Turns } from "./turns.ts";

type ThreadSeed = {
  readonly loaded: LoadedModule;
  readonly setup: SeedSetup;
};

/** Kernels kept for reuse: cleared ones, as many as calls run at once. */
const kernelsKept = 64;
/** Answers leave at least this often while a batch of calls runs. */
const flushEveryMs = 1;

/** Starts the thread's program; called once per thread. */
export function serveSeedThread(scope: ThreadScope): void {
  const program = new SeedThreadProgram(scope);
  scope.onMessage((batch) => program.receive(batch as readonly ToThread[]));
}

class SeedThreadProgram implements GuestHost {
  readonly scope: ThreadScope;
  /** By the number of their load. */
  readonly #seeds = new Map<number, ThreadSeed>();
  readonly #calls = new Map<number, CallContext>();
  readonly #requests = new Map<number, (output: Bytes | undefined) => void>();
  readonly #kernels: KernelInstance[] = [];
  #claims = new Claims();
  turns = new Turns(this.#claims);
  #nextRequest = 1;
  #outgoing: FromThread[] = [];
  #transfer: ArrayBuffer[] = [];
  #isFlushDue = false;

  constructor(scope: ThreadScope) {
    this.scope = scope;
  }

  async receive(batch: readonly ToThread[]): Promise<void> {
    let lastFlushMs = this.scope.nowMs();
    for (const message of batch) {
      this.#handle(message);
      // What has started ends or sleeps before the next may start, or a guest
      // that never returns would take its neighbours' answers with it.
      while (this.#isAnyAwake) await undefined;
      if (this.scope.nowMs() - lastFlushMs < flushEveryMs) continue;
      this.#flush();
      lastFlushMs = this.scope.nowMs();
    }
  }

  get #isAnyAwake(): boolean {
    for (const call of this.#calls.values()) {
      if (call.waits.size === 0) return true;
    }
    return false;
  }

  request(
    call: CallContext,
    uri: string,
    input: Bytes,
  ): Promise<Bytes | undefined> {
    const request = this.#nextRequest++;
    const { promise, resolve } = Promise.withResolvers<Bytes | undefined>();
    this.#requests.set(request, resolve);
    this.#post(["request", request, call.id, uri, input]);
    return promise;
  }

  log(call: CallContext, level: LogLevel, { text }: { text: string }): void {
    this.#post(["log", call.id, level, text]);
  }

  #handle(message: ToThread): void {
    switch (message[0]) {
      case "open":
        this.#claims = new Claims(message[1]);
        this.turns = new Turns(this.#claims);
        return;
      case "load":
        void this.#load(message);
        return;
      case "unload":
        return this.#unload(message[1]);
      case "call":
        if (this.#claims.claim(message[1])) void this.#call(message);
        return;
      case "answer":
        return this.#answer(message);
      case "cancel":
        return this.#cancel(message[1], message[2]);
      case "ping":
        return this.#post(["pong"]);
      default:
        return unreachable(message);
    }
  }

  async #load([, number, bytes, setup]: LoadMessage): Promise<void> {
    const call = newContext({ id: -number, caller: "" });
    this.#calls.set(call.id, call);
    try {
      const loaded = this.turns.run(call.id, () => loadModule(bytes));
      await this.#try({ loaded, setup }, call);
      if (call.cancelled !== undefined) throw call.cancelled;
      this.#seeds.set(number, { loaded, setup });
      this.#post(["loaded", number, loaded.facts]);
    } catch (cause) {
      const { reason, message, hint } = asSeedError(cause);
      this.#post(["refused", number, { reason, message }, hint]);
    } finally {
      this.#calls.delete(call.id);
    }
  }

  /** Instantiates once, so that a module that cannot start is refused now. */
  async #try(seed: ThreadSeed, call: CallContext): Promise<void> {
    const kernel = this.#takeKernel();
    await new Guest({ ...seed, kernel, host: this, call }).open();
    this.#keepKernel(kernel);
  }

  #unload(number: number): void {
    this.#seeds.delete(number);
    const message = "The seed is no longer wanted";
    this.#cancel(-number, { reason: "lost", message });
  }

  async #call(message: CallMessage): Promise<void> {
    const [, id, number, fn, input, caller] = message;
    const call = newContext({ id, caller });
    this.#calls.set(id, call);
    try {
      const seed = this.#seeds.get(number);
      if (seed === undefined) {
        throw new SeedError("lost", "The seed is no longer loaded");
      }
      const kernel = this.#takeKernel();
      const guest = new Guest({ ...seed, kernel, host: this, call });
      await guest.open();
      const output = await guest.run(fn, input);
      this.#post(["done", id, output], output);
      this.#keepKernel(kernel);
    } catch (cause) {
      const { reason, message } = asSeedError(cause);
      this.#post(["failed", id, { reason, message }]);
    } finally {
      this.#calls.delete(id);
    }
  }

  #answer([, request, output]: AnswerMessage): void {
    const resolve = this.#requests.get(request);
    this.#requests.delete(request);
    resolve?.(output);
  }

  #cancel(id: number, { reason, message }: SeedFault): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    call.cancelled = new SeedError(reason, message);
    for (const reject of call.waits) reject(call.cancelled);
  }

  #takeKernel(): KernelInstance {
    return this.#kernels.pop() ?? new KernelInstance();
  }

  /** Only after a call that ended well: a guest may have kept its imports. */
  #keepKernel(kernel: KernelInstance): void {
    if (this.#kernels.length < kernelsKept && kernel.reset()) {
      this.#kernels.push(kernel);
    }
  }

  #post(message: FromThread, output?: Bytes): void {
    this.#outgoing.push(message);
    if (output !== undefined && output.length >= transferBytesMin) {
      this.#transfer.push(output.buffer);
    }
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushDue = false;
    if (this.#outgoing.length === 0) return;
    const messages = this.#outgoing;
    const transfer = this.#transfer;
    this.#outgoing = [];
    this.#transfer = [];
    this.scope.post(messages, transfer);
  }
}

function newContext(
  parts: Pick<CallContext, "id" | "caller">,
): CallContext {
  return { ...parts, cancelled: undefined, waits: new Set(), loggedBytes: 0 };
}

function asSeedError(cause: unknown): SeedError {
  if (cause instanceof SeedError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new SeedError("lost", `The host failed: ${text}`, { cause });
}
