// WASI preview 1 with nothing behind it: no files, no sockets, no arguments, no
// environment. Clocks tick in milliseconds, randomness is secure, stdout and
// stderr become log lines, sleeping suspends. All else answers with the errno
// that says so (wasi_snapshot_preview1, errno numbers of its witx).

import { limits } from "../kernel/mod.ts";
import type { Guest } from "./guest.ts";
import type { WasiName } from "./signatures.ts";

const errno = {
  success: 0,
  badFile: 8,
  fault: 21,
  invalid: 28,
  notSupported: 58,
  seekPipe: 70,
} as const;

/** Thrown through the guest by proc_exit. */
export class ExitSignal extends Error {
  constructor(readonly code: number) {
    super(`exit(${code})`);
  }
}

const subscriptionBytes = 48;
const eventBytes = 32;
const subscriptionsMax = 64;
const vectorsMax = 1024;
const randomBytesMax = 1024 * 1024;
/** Wall, monotonic, and processor time of process and thread. */
const clocks = 4;
const sleepStepMs = 1_000;
const nanosecondsPerMs = 1_000_000n;

type FourInts = [number, number, number, number];
type Handler = (...values: never[]) => number | Promise<number>;

export class Wasi {
  readonly #guest: Guest;
  /** What the guest learns now is in its snapshot. */
  isInitialising = false;
  /** Unfinished lines of file descriptors 1 and 2. */
  readonly #lines = new Map<number, Line>();

  constructor(guest: Guest) {
    this.#guest = guest;
  }

  /** Every function of preview 1; what is not offered says so. */
  imports(names: readonly string[]): WebAssembly.ModuleImports {
    const offered: Partial<Record<string, Handler>> = this.#offered();
    return Object.fromEntries(
      names.map((name) => [name, guarded(offered[name] ?? refusalOf(name))]),
    );
  }

  /** Logs lines that had no end yet. */
  flush(): void {
    if (this.#lines.size === 0) return;
    for (const [descriptor, line] of this.#lines) {
      const text = line.text + line.decoder.decode();
      if (text !== "") this.#emit(descriptor, text);
    }
    this.#lines.clear();
  }

  #offered(): Partial<Record<WasiName, Handler>> {
    return {
      args_get: () => errno.success,
      args_sizes_get: (count: number, size: number) => this.#zero(count, size),
      environ_get: () => errno.success,
      environ_sizes_get: (n: number, size: number) => this.#zero(n, size),
      clock_res_get: (id: number, at: number) => {
        if (id >>> 0 >= clocks) return errno.invalid;
        this.#view().setBigUint64(at >>> 0, nanosecondsPerMs, true);
        return errno.success;
      },
      clock_time_get: (...[id, _precision, at]: [number, bigint, number]) =>
        this.#clock(id, at),
      fd_write: (...[fd, at, count, written]: FourInts) =>
        this.#write(fd, { at: at >>> 0, count: count >>> 0, written }),
      fd_read: (...[fd, _at, _count, read]: FourInts) => {
        if (fd !== 0) return errno.badFile;
        this.#view().setUint32(read >>> 0, 0, true);
        return errno.success;
      },
      fd_fdstat_get: (fd: number, at: number) => this.#descriptor(fd, at),
      fd_fdstat_set_flags: stdioOnly(errno.success),
      fd_close: stdioOnly(errno.success),
      fd_seek: stdioOnly(errno.seekPipe),
      fd_tell: stdioOnly(errno.seekPipe),
      poll_oneoff: (...[from, to, count, at]: FourInts) =>
        this.#poll({ from: from >>> 0, to: to >>> 0, count: count >>> 0, at }),
      proc_exit: (code: number) => {
        throw new ExitSignal(code);
      },
      random_get: (at: number, length: number) => this.#random(at, length),
      sched_yield: () => errno.success,
    };
  }

  #view(): DataView {
    const { memory } = this.#guest;
    // No memory: an empty view, whose accesses throw RangeError.
    return new DataView(memory?.buffer ?? new ArrayBuffer(0));
  }

  #bytes(at: number, length: number): Uint8Array<ArrayBuffer> {
    const buffer = this.#view().buffer as ArrayBuffer;
    return new Uint8Array(buffer, at >>> 0, length >>> 0);
  }

  #zero(first: number, second: number): number {
    const view = this.#view();
    view.setUint32(first >>> 0, 0, true);
    view.setUint32(second >>> 0, 0, true);
    return errno.success;
  }

  /**
   * Clock 0 is the wall, all others are monotonic since the thread's start: an
   * instance may be put back to what another one knew of the time. They start
   * at 1 ms, because Go refuses a monotonic clock that says zero.
   */
  #clockMs(id: number): number {
    if (this.isInitialising) this.#guest.isSeeded = true;
    const { scope } = this.#guest.host;
    return Math.floor(id === 0 ? scope.wallMs() : scope.nowMs() + 1);
  }

  #clock(id: number, at: number): number {
    if (id >>> 0 >= clocks) return errno.invalid;
    const nanoseconds = BigInt(this.#clockMs(id)) * nanosecondsPerMs;
    this.#view().setBigUint64(at >>> 0, nanoseconds, true);
    return errno.success;
  }

  #random(at: number, length: number): number {
    if (length >>> 0 > randomBytesMax) return errno.invalid;
    if (this.isInitialising) this.#guest.isSeeded = true;
    this.#guest.host.scope.fillRandom(this.#bytes(at, length));
    return errno.success;
  }

  #descriptor(fd: number, at: number): number {
    if (fd < 0 || fd > 2) return errno.badFile;
    const characterDevice = 2;
    const rightToWrite = 64n;
    this.#bytes(at, 24).fill(0);
    const view = this.#view();
    view.setUint8(at >>> 0, characterDevice);
    if (fd !== 0) view.setBigUint64((at >>> 0) + 8, rightToWrite, true);
    return errno.success;
  }

  #write(
    fd: number,
    vectors: { at: number; count: number; written: number },
  ): number {
    if (fd !== 1 && fd !== 2) return errno.badFile;
    if (vectors.count > vectorsMax) return errno.invalid;
    const view = this.#view();
    let written = 0;
    for (let i = 0; i < vectors.count; i++) {
      const start = view.getUint32(vectors.at + i * 8, true);
      const length = view.getUint32(vectors.at + i * 8 + 4, true);
      const bytes = this.#bytes(start, length);
      this.#print(fd, bytes);
      written += length;
    }
    view.setUint32(vectors.written >>> 0, written, true);
    return errno.success;
  }

  #print(fd: number, all: Uint8Array): void {
    const room = limits.callLogBytesMax - this.#guest.call.loggedBytes;
    if (room <= 0) return;
    const bytes = all.subarray(0, room);
    const line = this.#lines.get(fd) ?? newLine();
    this.#lines.set(fd, line);
    // One character may be split over two writes: the decoder keeps its half.
    const text = line.text + line.decoder.decode(bytes, { stream: true });
    const lines = text.split("\n");
    const rest = lines.pop() ?? "";
    for (const ended of lines) this.#emit(fd, ended);
    const isLong = rest.length > limits.logLineCharactersMax;
    if (isLong) this.#emit(fd, rest);
    line.text = isLong ? "" : rest;
  }

  #emit(fd: number, line: string): void {
    this.#guest.log(fd === 2 ? "warn" : "info", line);
  }

  /** Sleeps until the first clock subscription; files are never ready. */
  #poll(
    polled: { from: number; to: number; count: number; at: number },
  ): number | Promise<number> {
    if (polled.count === 0 || polled.count > subscriptionsMax) {
      return errno.invalid;
    }
    const timers: Timer[] = [];
    const refused: Event[] = [];
    for (let i = 0; i < polled.count; i++) {
      const at = polled.from + i * subscriptionBytes;
      const view = this.#view();
      const user = view.getBigUint64(at, true);
      const type = view.getUint8(at + 8);
      if (type === 0) timers.push({ user, afterMs: this.#timerMs(at) });
      else refused.push({ user, type, error: errno.badFile });
    }
    const firstMs = Math.min(...timers.map((timer) => timer.afterMs));
    if (refused.length > 0 || firstMs <= 0) {
      return this.#report(polled, [...refused, ...dueBy(timers, 0)]);
    }
    return this.#guest.call.wait(() => this.#sleep(firstMs))
      .then(() => this.#report(polled, dueBy(timers, firstMs)));
  }

  #timerMs(at: number): number {
    const view = this.#view();
    const clock = view.getUint32(at + 16, true);
    const timeoutMs = Number(view.getBigUint64(at + 24, true)) / 1e6;
    const isAbsolute = (view.getUint16(at + 40, true) & 1) === 1;
    const afterMs = timeoutMs - (isAbsolute ? this.#clockMs(clock) : 0);
    return Math.min(Math.max(0, Math.ceil(afterMs)), 2 ** 31 - 1);
  }

  /** In steps: nobody can take a timer back when the call is cancelled. */
  async #sleep(delayMs: number): Promise<void> {
    const { call, host: { scope } } = this.#guest;
    const untilMs = scope.nowMs() + delayMs;
    let leftMs = delayMs;
    while (leftMs > 0 && call.fault === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      scope.after(Math.min(leftMs, sleepStepMs), resolve);
      await promise;
      leftMs = untilMs - scope.nowMs();
    }
  }

  #report(
    polled: { to: number; at: number },
    events: readonly Event[],
  ): number {
    const view = this.#view();
    for (const [index, event] of events.entries()) {
      const at = polled.to + index * eventBytes;
      this.#bytes(at, eventBytes).fill(0);
      view.setBigUint64(at, event.user, true);
      view.setUint16(at + 8, event.error, true);
      view.setUint8(at + 10, event.type);
    }
    view.setUint32(polled.at >>> 0, events.length, true);
    return errno.success;
  }
}

type Line = { text: string; readonly decoder: TextDecoder };

function newLine(): Line {
  return { text: "", decoder: new TextDecoder("utf-8", { ignoreBOM: true }) };
}

type Timer = { readonly user: bigint; readonly afterMs: number };
type Event = {
  readonly user: bigint;
  readonly type: number;
  readonly error: number;
};

function dueBy(timers: readonly Timer[], waitedMs: number): Event[] {
  return timers.filter((timer) => timer.afterMs <= waitedMs)
    .map(({ user }) => ({ user, type: 0, error: errno.success }));
}

function stdioOnly(answer: number): Handler {
  return (fd: number) => fd >= 0 && fd <= 2 ? answer : errno.badFile;
}

/** A pointer outside the guest's memory is errno fault, not our error. */
function guarded(handle: Handler): Handler {
  return (...values: never[]) => {
    try {
      const result = handle(...values);
      return result instanceof Promise ? result.catch(faultOf) : result;
    } catch (cause) {
      return faultOf(cause);
    }
  };
}

function faultOf(cause: unknown): number {
  if (cause instanceof RangeError) return errno.fault;
  throw cause;
}

/** There are no files but stdio, and no sockets. */
function refusalOf(name: string): Handler {
  const code = name.startsWith("fd_") || name.startsWith("path_") ||
      name.startsWith("sock_")
    ? errno.badFile
    : errno.notSupported;
  return () => code;
}
