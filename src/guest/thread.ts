// The program of a sandbox thread: it prepares modules, keeps instances of the
// loaded ones, runs calls and relays what guests ask for, by messages alone. It
// holds no right and no state of a call after its answer. No guest can hold the
// thread: the meter takes it back.

import { assert, type Bytes, Slots, unreachable } from "../kernel/mod.ts";
import type {
  HttpAsk,
  LogLevel,
  OutboundResponse,
  ThreadScope,
} from "../ports/mod.ts";
import {
  Budget,
  type CallMessage,
  errorOfFault,
  faultOf,
  type FetchedMessage,
  type FromThread,
  type LoadMessage,
  Mail,
  type OpenMessage,
  type PrepareMessage,
  SeedError,
  type ToThread,
  transferBytesMin,
} from "../threads/mod.ts";
import type { CallState } from "./call_state.ts";
import type { GuestHost } from "./guest.ts";
import { Housekeeping } from "./housekeeping.ts";
import { LoadedSeed } from "./loaded_seed.ts";
import { Meter } from "./meter.ts";
import { prepareSource } from "./module.ts";

/** Answers leave in batches of this size, so that the pool works meanwhile. */
const batchMessages = 32;
/** And at least this often while a batch of calls is worked through. */
const flushEveryMs = 1;
/** How often the other threads are asked for room. */
const starvedEveryMs = 500;

/** Starts the thread's program; called once per thread. */
export function serveSeedThread(scope: ThreadScope): void {
  const program = new SeedThreadProgram(scope);
  scope.onMessage((batch) => program.receive(batch as readonly ToThread[]));
}

type Pending<T> = {
  resolve(value: T): void;
  reject(cause: SeedError): void;
};

class SeedThreadProgram implements GuestHost {
  readonly scope: ThreadScope;
  readonly meter: Meter;
  /** By the number of their load. */
  readonly #seeds = new Map<number, LoadedSeed>();
  readonly #calls = new Slots<CallState>();
  readonly #requests = new Map<number, Pending<Bytes | undefined>>();
  readonly #fetches = new Map<number, Pending<OutboundResponse>>();
  readonly #housekeeping: Housekeeping;
  #budget: Budget | undefined;
  #mail = new Mail();
  #nextRequest = 1;
  /** When the other threads were last asked for room. */
  #starvedMs = -Infinity;
  #outgoing: FromThread[] = [];
  #transfer: ArrayBuffer[] = [];
  #isFlushDue = false;
  /** Messages of the batches in hand that have not been looked at. */
  #unread = 0;
  /** Batches in hand. */
  #reading = 0;

  constructor(scope: ThreadScope) {
    this.scope = scope;
    this.meter = new Meter(scope, {
      isMailWaiting: () => this.#mail.isWaiting,
      isMailUnread: () => this.#unread > 0,
    });
    this.#housekeeping = new Housekeeping(scope, {
      seeds: this.#seeds,
      warn: (load, text) => this.#post(["log", -load, "warn", text]),
      isBusy: () => this.#calls.size > 0,
    });
  }

  get budget(): Budget {
    assert(this.#budget !== undefined, "a thread is opened first");
    return this.#budget;
  }

  /** One call after the other, so that few instances serve many calls. */
  async receive(batch: readonly ToThread[]): Promise<void> {
    this.#mail.handled();
    this.#unread += batch.length;
    this.#reading++;
    let lastFlushMs = this.meter.look();
    for (const message of batch) {
      this.#unread--;
      this.#handle(message);
      while (this.meter.awake > 0) await undefined;
      const isFull = this.#outgoing.length >= batchMessages;
      if (!isFull && this.meter.lastMs - lastFlushMs < flushEveryMs) continue;
      this.#flush();
      lastFlushMs = this.meter.lastMs;
    }
    this.#reading--;
    this.#flush();
    if (!this.#mail.isWaiting) this.#housekeeping.clean();
  }

  request(
    call: CallState,
    uri: string,
    input: Bytes,
  ): Promise<Bytes | undefined> {
    const request = this.#nextRequest++;
    const pending = Promise.withResolvers<Bytes | undefined>();
    this.#requests.set(request, pending);
    this.#post(["request", request, call.id, uri, input], input);
    return pending.promise;
  }

  fetch(call: CallState, ask: HttpAsk): Promise<OutboundResponse> {
    const request = this.#nextRequest++;
    const pending = Promise.withResolvers<OutboundResponse>();
    this.#fetches.set(request, pending);
    this.#post(["fetch", request, call.id, ask]);
    return pending.promise;
  }

  log(call: CallState, level: LogLevel, { text }: { text: string }): void {
    this.#post(["log", call.id, level, text]);
  }

  makeRoom(): void {
    this.#housekeeping.makeRoom();
    const nowMs = this.meter.look();
    if (nowMs - this.#starvedMs < starvedEveryMs) return;
    this.#starvedMs = nowMs;
    this.#post(["starved"]);
  }

  #handle(message: ToThread): void {
    switch (message[0]) {
      case "open":
        return this.#open(message);
      case "prepare":
        void this.#prepare(message);
        return;
      case "load":
        void this.#load(message);
        return;
      case "unload":
        return this.#unload(message[1]);
      case "call":
        void this.#call(message);
        return;
      case "answer":
        this.#requests.get(message[1])?.resolve(message[2]);
        this.#requests.delete(message[1]);
        return;
      case "fetched":
        return this.#fetched(message);
      case "cancel":
        this.#calls.get(message[1])?.end(errorOfFault(message[2]));
        return;
      case "trim":
        return this.#housekeeping.makeRoom();
      case "ping":
        return this.#post(["pong", this.#usage()]);
      default:
        return unreachable(message);
    }
  }

  /** The batch that brought it is the first that its words count. */
  #open([, mail, budget, share]: OpenMessage): void {
    this.#mail = new Mail(mail);
    this.#mail.handled();
    this.#budget = new Budget(budget, share);
  }

  async #prepare(message: PrepareMessage): Promise<void> {
    const [, number, source, caps] = message;
    try {
      const prepared = await prepareSource(source, caps, this.scope);
      const { module, plan, kept } = prepared;
      this.#post(["prepared", number, module, plan, kept], kept);
    } catch (cause) {
      const { hint, ...fault } = faultOf(cause);
      this.#post(["refused", number, fault, hint]);
    }
  }

  async #load([, number, module, plan, setup]: LoadMessage): Promise<void> {
    const seed = new LoadedSeed({ module, plan, setup, host: this });
    const call = seed.trialCall(-number);
    this.#calls.add(call);
    try {
      await seed.open(call);
      if (call.fault !== undefined) throw call.fault;
      this.#seeds.set(number, seed);
      const { isolation, isolationReason } = seed.instances;
      this.#post(["loaded", number, isolation, isolationReason]);
    } catch (cause) {
      seed.close();
      const { hint, ...fault } = faultOf(cause);
      this.#post(["refused", number, fault, hint]);
    } finally {
      this.#calls.delete(call.id);
      this.#housekeeping.plan(this.meter.lastMs);
    }
  }

  #unload(number: number): void {
    this.#seeds.get(number)?.close();
    this.#seeds.delete(number);
    const gone = new SeedError("lost", "The seed is no longer wanted");
    this.#calls.get(-number)?.end(gone);
  }

  async #call(message: CallMessage): Promise<void> {
    const [, id, number, fn, input, caller, leftMs] = message;
    const seed = this.#seeds.get(number);
    if (seed === undefined) {
      const gone = new SeedError("lost", "The seed is no longer loaded");
      return this.#post(["failed", id, faultOf(gone)]);
    }
    const call = seed.newCall(id, caller, { fn, leftMs });
    this.#calls.add(call);
    try {
      const output = await seed.run(call, fn, input);
      this.#post(["done", id, output], output);
    } catch (cause) {
      this.#post(["failed", id, faultOf(cause)]);
    } finally {
      this.#calls.delete(id);
      this.#housekeeping.plan(this.meter.lastMs);
    }
  }

  #fetched([, request, result]: FetchedMessage): void {
    const pending = this.#fetches.get(request);
    this.#fetches.delete(request);
    if ("reason" in result) pending?.reject(errorOfFault(result));
    else pending?.resolve(result);
  }

  #usage() {
    return [...this.#seeds].map(([load, { instances }]) => ({
      load,
      instances: instances.count,
      memoryBytes: instances.memoryBytes,
      peakBytes: instances.peakBytes,
      cpuMs: instances.cpuMs,
      isolation: instances.isolation,
      isolationReason: instances.isolationReason,
    }));
  }

  #post(message: FromThread, bytes?: Bytes): void {
    this.#outgoing.push(message);
    // A buffer with other users is copied.
    const isOwned = bytes !== undefined && bytes.length >= transferBytesMin &&
      bytes.length === bytes.buffer.byteLength;
    if (isOwned) this.#transfer.push(bytes.buffer);
    if (this.#isFlushDue || this.#reading > 0) return;
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
