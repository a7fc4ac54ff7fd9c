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
   * Asks the thread to end. Running WASM goes on until it returns (Deno 2.9.6);
   * nothing arrives from the thread any more.
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
  /** Calls `run` once, `delayMs` from now. */
  after(delayMs: number, run: () => void): void;
}

/** Nobody but its starter ends a thread: call `terminate`. */
export interface Sandbox {
  /** Processor cores of the machine, at least 1. */
  readonly cores: number;
  /** Starts a thread; messages posted before it runs are kept. */
  spawn(name: string): SandboxThread;
}
