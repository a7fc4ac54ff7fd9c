// The world of a large cluster, as cheap as can be: one clock that moves in
// steps, and disks that keep nothing. In: timers. Out: what is due. Nothing
// here is as the simulator's ports, which are far too dear a thousand times.

import { sleepBy, TimerQueue } from "../../src/kernel/mod.ts";
import {
  type AppendFile,
  type Clock,
  type Disk,
  DiskError,
  type Log,
} from "../../src/ports/mod.ts";

const wallStartMs = Date.UTC(2026, 0, 1);

/** For all nodes at once. */
export class SteppedClock implements Clock {
  readonly #timers = new TimerQueue();
  #nowMs = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return wallStartMs + this.#nowMs;
  }

  after(delayMs: number, run: () => void): Disposable {
    return this.#timers.add(this.#nowMs + delayMs, run);
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepBy((delay, run) => this.after(delay, run), { delayMs, signal });
  }

  /** Runs what comes due on the way. */
  step(durationMs: number): void {
    this.#nowMs += durationMs;
    for (;;) {
      const run = this.#timers.takeDue(this.#nowMs);
      if (run === undefined) return;
      run();
    }
  }
}

/** Takes everything and has nothing. */
export const forgetfulDisk: Disk = {
  label: "nowhere",
  read: (path) =>
    Promise.reject(new DiskError("not-found", `There is no "${path}"`)),
  writeAtomic: () => Promise.resolve(),
  openAppend: () => Promise.resolve(new ForgetfulFile()),
  list: () => Promise.resolve([]),
  stat: () => Promise.resolve(undefined),
  makeDirectory: () => Promise.resolve(),
  rename: () => Promise.resolve(),
  remove: () => Promise.resolve(),
  lock: () => Promise.resolve({ [Symbol.asyncDispose]: async () => {} }),
};

class ForgetfulFile implements AppendFile {
  sizeBytes = 0;

  append(bytes: Uint8Array): Promise<void> {
    this.sizeBytes += bytes.length;
    return Promise.resolve();
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  truncate(sizeBytes: number): Promise<void> {
    this.sizeBytes = sizeBytes;
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Keeps errors. */
export class ErrorLog implements Log {
  readonly errors: string[] = [];
  debug(): void {}
  info(): void {}
  warn(): void {}

  error(event: string, fields?: unknown): void {
    this.errors.push(`${event} ${JSON.stringify(fields)}`);
  }
}
