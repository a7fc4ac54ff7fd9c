// A world for the command line in one process: a terminal, files, a disk, a web
// of unix sockets and a daemon's control API, all in memory. In come words; out
// come what was written and the exit code. Sleeping only moves its clock.

import { type Launch, type Launched, runCli } from "../../src/cli/mod.ts";
import { type ControlHandlers, ControlServer } from "../../src/control/mod.ts";
import {
  type Bytes,
  concatBytes,
  emptyBytes,
  LimitError,
  UnreachableError,
  utf8,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";
import {
  type Clock,
  ConnectionLostError,
  type Disk,
  type Web,
  type WebHandler,
} from "../../src/ports/mod.ts";
import type { DaemonPorts, Platform } from "../../src/cli/platform.ts";
import { openClock } from "../../src/adapters/clock.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import { InterruptedError } from "../../src/adapters/terminal_streams.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import { openSimDisk, type SimDisk } from "../../src/sim/disk.ts";
import { openSimHost } from "../../src/sim/host.ts";
import { openSimNetwork, type SimHost } from "../../src/sim/network.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { openWorld } from "../../src/sim/world.ts";
import {
  directory,
  sampleDaemon,
  silentLog,
  socketPath,
} from "./cli_samples.ts";

export * from "./cli_samples.ts";

/** What a command wrote, and how it ended. */
export type Ran = {
  readonly code: number;
  readonly out: string;
  readonly bytes: Bytes;
  readonly err: string;
};

/** A user's file; a giant has a size and a start, and cannot be read. */
export type WorldFile =
  | Bytes
  | "directory"
  | "other"
  | { readonly sizeBytes: number; readonly head: Bytes };

export class CliWorld {
  readonly variables = new Map([["HOME", "/home/ann"]]);
  /** Parts of the platform in the place of the world's own. */
  platform: Partial<Platform> = {};
  readonly files = new Map<string, WorldFile>();
  readonly launches: Launch[] = [];
  readonly #servers = new Map<string, WebHandler>();
  readonly #disks = new Map<string, SimDisk>();
  readonly #signals = new Set<(signal: string) => void>();
  interruptsQuestions = false;
  /** Every timer fires at once. */
  isAlwaysLate = false;
  /** The daemon is killed in the middle of each call. */
  breaksCalls = false;
  /** Answers to questions at the terminal. */
  answers: string[] = [];
  input: Bytes = emptyBytes;
  isTerminal = { stdin: false, stdout: false, stderr: false };
  /** After this many writes the reader of stdout is gone. */
  writesUntilClosed = Infinity;
  /** Called at each sleep, with its number from 0; the sleep waits for it. */
  onSleep: (number: number) => void | PromiseLike<void> = () => {};
  onLaunch: (launch: Launch) => Launched | Promise<Launched> = () => {
    throw new Error("Nothing may be launched here");
  };
  readonly #random = openSimRandom(7);
  readonly #served = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();
  #nowMs = 0;
  #sleeps = 0;

  async run(...words: string[]): Promise<Ran> {
    const out: Uint8Array[] = [];
    const err: string[] = [];
    const code = await runCli(words, this.#platform(out, err));
    const bytes = concatBytes(...out);
    return { code, bytes, out: utf8TextLossy(bytes), err: err.join("") };
  }

  /** A daemon's control API at the directory's socket. */
  serve(handlers: Partial<ControlHandlers> = {}): void {
    const log = silentLog;
    const server = new ControlServer({
      log,
      handlers: { ...sampleDaemon, ...handlers },
    });
    this.#servers.set(socketPath, (request) => server.handle(request));
  }

  /** A daemon that takes every question and answers none. */
  hang(): void {
    this.#servers.set(socketPath, () => new Promise(() => {}));
  }

  /** Resolves when a daemon of this world serves for the first time. */
  get served(): Promise<void> {
    return this.#served.promise;
  }

  /** Resolves when a daemon of this world has ended and let its ports go. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  stopServing(): void {
    this.#servers.clear();
  }

  get isServing(): boolean {
    return this.#servers.has(socketPath);
  }

  signal(name: string): void {
    for (const handle of [...this.#signals]) handle(name);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  disk(root: string = directory): Disk {
    return this.simDisk(root).mount();
  }

  simDisk(root: string = directory): SimDisk {
    const known = this.#disks.get(root);
    if (known !== undefined) return known;
    const disk = openSimDisk(openWorld(1, { turn: openTurn() }), {
      name: root,
    });
    this.#disks.set(root, disk);
    return disk;
  }

  #platform(out: Uint8Array[], err: string[]): Platform {
    return {
      terminal: this.#terminal(out, err),
      executable: undefined,
      hostname: () => "Ann's Laptop",
      openClock: () => Promise.resolve(this.#clock()),
      openDisk: (root: string) => Promise.resolve(this.disk(root)),
      openRandom: () => Promise.resolve(this.#random),
      openSigner: () => Promise.resolve(openSigner()),
      openTurn: () => Promise.resolve(openTurn()),
      openWeb: () => Promise.resolve(this.#web()),
      openNetwork: () => Promise.resolve(this.#network(this.#clock())),
      openDaemonPorts: () => Promise.resolve(this.#daemonPorts()),
      ...this.platform,
    };
  }

  /** Of a machine that is alone in its world. */
  #network(clock: Clock): SimHost {
    const world = openWorld(1, { turn: openTurn() });
    return openSimNetwork(world).host("ann", { clock, signer: openSigner() });
  }

  #daemonPorts(): DaemonPorts {
    const wire = new EndingClock();
    return {
      clock: openClock(),
      disk: this.disk(),
      host: openSimHost(),
      log: silentLog,
      network: this.#network(wire),
      outbound: {
        resolve: () => Promise.reject(new Error("No seed runs here")),
        request: () => Promise.reject(new Error("No seed runs here")),
        localNetworks: () => [],
      },
      random: openSimRandom(8),
      signer: openSigner(),
      web: this.#web(),
      sandbox: {
        canSpawn: () => false,
        cores: 1,
        spawn: () => {
          throw new Error("No seed runs here");
        },
      },
      residentBytes: () => 1,
      setLogLevel: () => {},
      sweepDirectory: () => Promise.resolve(0),
      crashed: new Promise<never>(() => {}),
      [Symbol.asyncDispose]: () => {
        wire[Symbol.dispose]();
        this.#released.resolve();
        return Promise.resolve();
      },
    };
  }

  #terminal(out: Uint8Array[], err: string[]) {
    const { isTerminal } = this;
    const isClosed = () => out.length >= this.writesUntilClosed;
    return {
      processId: 4711,
      platform: { os: "linux", arch: "x86_64", denoVersion: "2.9.6" },
      stdin: {
        isTerminal: isTerminal.stdin,
        read: (bytesMax: number) => {
          if (this.input.length <= bytesMax) return Promise.resolve(this.input);
          throw new LimitError(`Standard input is over ${bytesMax} bytes`);
        },
        readLine: (prompt: string) => {
          err.push(prompt);
          if (this.interruptsQuestions) throw new InterruptedError("Ctrl-C");
          return Promise.resolve(this.answers.shift());
        },
      },
      stdout: {
        isTerminal: isTerminal.stdout,
        get closed() {
          return isClosed();
        },
        write: (data: Uint8Array | string) => {
          out.push(typeof data === "string" ? utf8(data) : data);
          return Promise.resolve();
        },
      },
      stderr: {
        isTerminal: isTerminal.stderr,
        closed: false,
        write: (data: Uint8Array | string) => {
          err.push(typeof data === "string" ? data : utf8TextLossy(data));
          return Promise.resolve();
        },
      },
      env: (name: string) => this.variables.get(name),
      cwd: () => "/home/ann/work",
      onSignal: (handle: (signal: string) => void) => {
        this.#signals.add(handle);
        return { [Symbol.dispose]: () => void this.#signals.delete(handle) };
      },
      ...this.#userFiles(),
      launchDetached: async (launch: Launch) => {
        this.launches.push(launch);
        return await this.onLaunch(launch);
      },
    };
  }

  #userFiles() {
    const sizeOf = (file: WorldFile | undefined) =>
      file instanceof Uint8Array ? file.length : sizeBytesOf(file);
    return {
      fileType: (path: string) => {
        const file = this.files.get(path);
        if (file === undefined) return Promise.resolve(undefined);
        const type = typeof file === "string" ? file : "file" as const;
        return Promise.resolve(type);
      },
      readHead: (path: string, bytesMax: number) => {
        const file = this.files.get(path);
        if (file instanceof Uint8Array) {
          return Promise.resolve(file.slice(0, bytesMax));
        }
        if (typeof file === "object") return Promise.resolve(file.head);
        throw new Error(`${path} cannot be read`);
      },
      readFile: (path: string, options: { readonly bytesMax: number }) => {
        const file = this.files.get(path);
        if (sizeOf(file) > options.bytesMax) {
          throw new LimitError(`${path} is too large`);
        }
        if (file instanceof Uint8Array) return Promise.resolve(file);
        throw new Error(`${path} cannot be read`);
      },
    };
  }

  #clock(): Clock {
    return {
      nowMs: () => this.#nowMs,
      wallMs: () => 1_790_000_000_000 + this.#nowMs,
      after: (_delayMs, run) => {
        if (this.isAlwaysLate) queueMicrotask(run);
        return { [Symbol.dispose]: () => {} };
      },
      sleep: async (delayMs, signal) => {
        signal.throwIfAborted();
        this.#nowMs += delayMs;
        await this.onSleep(this.#sleeps++);
      },
    };
  }

  /** A daemon listens before it is ready, and says so. */
  async #awaitReady(handle: WebHandler): Promise<void> {
    for (;;) {
      const answer = await handle(new Request("http://pln/v1/status"));
      if (answer.ok) return this.#served.resolve();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #web(): Web & AsyncDisposable {
    return {
      serve: (address, handle) => {
        const path = address.type === "unix" ? address.path : "tcp";
        this.#servers.set(path, handle);
        void this.#awaitReady(handle);
        const close = () => {
          this.#servers.delete(path);
          return Promise.resolve();
        };
        const server = { address, drain: close, [Symbol.asyncDispose]: close };
        return Promise.resolve(server);
      },
      request: async (address, request) => {
        const path = address.type === "unix" ? address.path : "tcp";
        const handle = this.#servers.get(path);
        if (handle !== undefined) {
          const answer = await unlessAborted(request.signal, handle(request));
          const isCall = new URL(request.url).pathname.startsWith("/v1/calls");
          if (!isCall || !this.breaksCalls) return answer;
          throw new ConnectionLostError("The connection broke");
        }
        throw new UnreachableError(`Nobody listens on ${path}`);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
}

/** What is on the wire when a process ends is on no clock any more. */
class EndingClock implements Clock, Disposable {
  readonly #clock = openClock();
  readonly #timers = new DisposableStack();

  nowMs(): number {
    return this.#clock.nowMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  after(delayMs: number, run: () => void): Disposable {
    if (this.#timers.disposed) return new DisposableStack();
    return this.#timers.use(this.#clock.after(delayMs, run));
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return this.#clock.sleep(delayMs, signal);
  }

  [Symbol.dispose](): void {
    this.#timers.dispose();
  }
}

async function unlessAborted<T>(
  signal: AbortSignal,
  running: Promise<T>,
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([running, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function sizeBytesOf(file: WorldFile | undefined): number {
  return typeof file === "object" && "sizeBytes" in file ? file.sizeBytes : 0;
}
