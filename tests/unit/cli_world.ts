// A world for the command line in one process: a terminal, files, a disk, a web
// of unix sockets and a daemon's control API, all in memory. In come words; out
// come what was written and the exit code. Sleeping only moves its clock.

import { type Launch, type Launched, runCli } from "../../src/cli/mod.ts";
import {
  type ControlHandlers,
  ControlServer,
  type SeedDetails,
  type StatusReport,
} from "../../src/control/mod.ts";
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
import type { DaemonPorts } from "../../src/cli/platform.ts";
import { openClock } from "../../src/adapters/clock.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import { InterruptedError } from "../../src/adapters/terminal_streams.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import { openSimDisk, type SimDisk } from "../../src/sim/disk.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { openWorld } from "../../src/sim/world.ts";
import { version } from "../../src/version.ts";

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

export const directory = "/home/ann/.pln";
export const socketPath = `${directory}/pln.sock`;

export class CliWorld {
  readonly variables = new Map([["HOME", "/home/ann"]]);
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
  readonly #served = Promise.withResolvers<void>();
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

  /** Resolves when a daemon of this world serves for the first time. */
  get served(): Promise<void> {
    return this.#served.promise;
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

  #platform(out: Uint8Array[], err: string[]) {
    return {
      terminal: this.#terminal(out, err),
      executable: undefined,
      hostname: () => "Ann's Laptop",
      openClock: () => Promise.resolve(this.#clock()),
      openDisk: (root: string) => Promise.resolve(this.disk(root)),
      openRandom: () => Promise.resolve(openSimRandom(7)),
      openSigner: () => Promise.resolve(openSigner()),
      openWeb: () => Promise.resolve(this.#web()),
      openDaemonPorts: () => Promise.resolve(this.#daemonPorts()),
    };
  }

  #daemonPorts(): DaemonPorts {
    return {
      clock: openClock(),
      disk: this.disk(),
      log: silentLog,
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
      [Symbol.asyncDispose]: () => Promise.resolve(),
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

export const silentLog = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

export const samplePeer = "a1".repeat(32);
export const sampleDigest = "d5".repeat(32);

export const sampleStatus: StatusReport = {
  version: 1,
  node: {
    peer: samplePeer,
    name: "ann",
    cluster: "c0".repeat(32),
    tier: "admin",
    properties: { zone: "home" },
    version: "1.2.3",
    processId: 99,
    directory,
    upMs: 93_784_000,
    certificateNotAfterMs: 1_790_000_000_000,
    residentBytes: 89_128_960,
  },
  alarms: [{ message: "The log is not written", hint: "Free some space" }],
  seeds: [{
    name: "hello",
    owner: samplePeer,
    digest: sampleDigest,
    sizeBytes: 2_202_009,
    publishedMs: 1_789_999_000_000,
    timeoutMs: 30_000,
    state: "ready",
    calls: 1204,
    errors: 3,
    errorsByReason: { trap: 1, timeout: 2 },
    running: 1,
    p50Ms: 0.21,
    p99Ms: 14.2,
  }, {
    name: "loops",
    owner: samplePeer,
    digest: "e6".repeat(32),
    sizeBytes: 512,
    publishedMs: 1_789_999_500_000,
    timeoutMs: 1_000,
    state: "refused",
    reason: "Its module is \u001b[31mdamaged",
    calls: 0,
    errors: 0,
    running: 0,
  }],
  state: { generation: 1, sequence: 12, entries: 5, journalBytes: 4096 },
  threads: { running: 1, lost: 0 },
  listeners: { "static-http": 8080 },
};

/** Asked to be put back, called, and failed in two ways. */
export const sampleDetails: SeedDetails = {
  version: 1,
  type: "seed",
  name: "hello",
  owner: samplePeer,
  digest: sampleDigest,
  sizeBytes: 2_202_009,
  publishedMs: 1_789_999_000_000,
  state: "ready",
  functions: ["greet", "hello"],
  configKeys: ["greeting", "next"],
  limits: { timeoutMs: 90_000, memoryBytes: 134_217_728, cpuMs: 10_000 },
  isolation: {
    asked: "restore",
    inEffect: "fresh",
    reason: "it changes \u001b[31mtables at run time",
  },
  allowHosts: ["*.example.org", "10.0.0.7"],
  calls: 1204,
  errors: 3,
  errorsByReason: { trap: 1, timeout: 2 },
  running: 1,
  p50Ms: 0.21,
  p99Ms: 14.2,
  usage: {
    threads: 1,
    instances: 4,
    memoryBytes: 4_718_592,
    peakBytes: 1_310_720,
    cpuMs: 12_345,
  },
};

export const sampleDaemon: ControlHandlers = {
  version,
  processId: 99,
  status: () => sampleStatus,
  publishSeed: (name, module) =>
    Promise.resolve({
      name,
      digest: sampleDigest,
      sizeBytes: module.length,
      functions: ["greet"],
      limits: { timeoutMs: 30_000, memoryBytes: 67_108_864, cpuMs: 10_000 },
      isolation: { asked: "restore", inEffect: "restore" },
      allowHosts: [],
    }),
  inspectSeed: (name) => Promise.resolve({ ...sampleDetails, name }),
  unpublishSeed: () => Promise.resolve(),
  call: (_target, input) => Promise.resolve(input),
  reload: () =>
    Promise.resolve({ applied: ["log-level"], needRestart: ["http"] }),
  acceptLoss: () => Promise.resolve(),
  shutdown: () => {},
};
