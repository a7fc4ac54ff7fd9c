// Threads without any permission, in which seeds run. The port carries
// messages and nothing else: what runs inside is the seeds folder's thread
// program, so that the simulator runs the very same code in one process.

/** A value that structured clone accepts. */
export type ThreadMessage = unknown;

/** The end that starts a thread. */
export interface SandboxThread {
  /** `transfer` moves buffers instead of copying them. */
  post(message: ThreadMessage, transfer?: readonly ArrayBuffer[]): void;
  /**
   * Calls `run` when the events that are ready now have been handled: what
   * they left to post leaves together, which halves the cost of a message.
   */
  soon(run: () => void): void;
  /** Set once, before the first `post`. */
  onMessage(handle: (message: ThreadMessage) => void): void;
  /** Called at most once, when the thread died of an error of its own. */
  onFailure(handle: (cause: Error) => void): void;
  /**
   * Ends the thread; nothing arrives from it any more. Deno 2.9.6 does not stop
   * running WASM: a metered guest ends when it next acknowledges the epoch.
   */
  terminate(): void;
}

/** The end inside a thread, with the little a guest may see of the world. */
export interface ThreadScope {
  /** To the thread's starter. `transfer` moves buffers, not copies them. */
  post(message: ThreadMessage, transfer?: readonly ArrayBuffer[]): void;
  /** Set once, soon after the start: until then messages are kept. */
  onMessage(handle: (message: ThreadMessage) => void): void;
  /** Monotonic milliseconds of this thread. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Fills `bytes` with cryptographically secure randomness. */
  fillRandom(bytes: Uint8Array<ArrayBuffer>): void;
  /** FIPS 180-4; 32 bytes. */
  sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  /** Calls `run` once, `delayMs` from now. */
  after(delayMs: number, run: () => void): void;
  /** Calls `run` once, after the messages and timers that are due now. */
  soon(run: () => void): void;
  /** By which guests that run learn that time passes. */
  readonly epoch: Epoch;
}

/**
 * The word that metered guests look at. Between `enter` and `leave` it becomes
 * other than 0 every few milliseconds, whatever this thread does. In simulated
 * threads it always is: there each `acknowledge` takes virtual time instead.
 */
export interface Epoch {
  /**
   * One shared page; the word is its first i32. The others belong to the
   * adapter, so guests must have no other way to the page than the look.
   */
  readonly memory: WebAssembly.Memory;
  /** A guest runs from now on. Costs nanoseconds, as all of these. */
  enter(): void;
  /** No guest runs from now on. */
  leave(): void;
  /** The tick was seen: the word is 0 until the next one. */
  acknowledge(): void;
}

/** Nobody but its starter ends a thread: call `terminate`. */
export interface Sandbox {
  /** Processor cores of the machine, at least 1. */
  readonly cores: number;
  /** The machine's memory; undefined when it may not be asked. */
  readonly memoryBytes?: number | undefined;
  /** Whether the process has what one more thread takes: file descriptors. */
  canSpawn(): boolean;
  /**
   * Starts a thread; messages posted before it runs are kept. Never while it
   * cannot: that ends the process (Deno 2.9.6).
   */
  spawn(name: string): SandboxThread;
}
