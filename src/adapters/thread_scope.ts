// The world of a thread without permissions, seen from inside: messages to and
// from the thread that started it, clocks, randomness, timers. In comes what
// the worker's global scope gives; out goes a ThreadScope. It must never be
// opened twice in one thread, and never touch what needs a permission.

import { assert } from "../kernel/mod.ts";
import type { ThreadScope } from "../ports/mod.ts";
import { ThreadEpoch } from "./thread_scope_epoch.ts";
import { serveTicker } from "./ticker.ts";

/** The part of DedicatedWorkerGlobalScope that is used (HTML standard). */
type WorkerScope = {
  readonly name: string;
  close(): void;
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  addEventListener(
    type: "message",
    handle: (event: MessageEvent<unknown>) => void,
  ): void;
  removeEventListener(
    type: "message",
    handle: (event: MessageEvent<unknown>) => void,
  ): void;
};

/** In the thread's first message: "from now on nothing gets lost". */
export const listeningMark = "pln.thread.listening";

/** getRandomValues() refuses more at once (Web Cryptography API). */
const randomBytesMax = 65_536;

/** The name given to spawn(); undefined outside a thread. */
export function threadRole(): string | undefined {
  const scope = globalThis as unknown as Partial<WorkerScope>;
  // The main thread has a name too, and cannot post to a parent.
  return typeof scope.postMessage === "function" ? scope.name : undefined;
}

let opened = false;

/** For use inside a thread, once; register onMessage() soon after. */
export function openThreadScope(): ThreadScope {
  const scope = takeScope();
  const epoch = new ThreadEpoch(() => scope.close());
  let listening = false;
  return {
    epoch,
    post: (message, transfer = []) => scope.postMessage(message, transfer),
    onMessage(handle) {
      assert(!listening, "onMessage() is set once");
      listening = true;
      listen(scope, {
        announced: epoch.memory.buffer,
        onFirst: (bell) => epoch.hear(bell as Int32Array<SharedArrayBuffer>),
        onMessage: handle,
      });
    },
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    fillRandom(bytes) {
      for (let at = 0; at < bytes.length; at += randomBytesMax) {
        crypto.getRandomValues(bytes.subarray(at, at + randomBytesMax));
      }
    },
    async sha256(bytes) {
      // Not node:crypto: loading it costs each thread 12 ms and 2 MB.
      return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    },
    after(delayMs, run) {
      setTimeout(run, delayMs);
    },
    soon(run) {
      // The global: importing node:timers costs each thread 3 ms.
      setImmediate(run);
    },
  };
}

/** For the thread of the role "ticker": serves it until it is ended. */
export function runTicker(): void {
  const scope = takeScope();
  serveTicker({
    listen: (handle) => listen(scope, { onFirst: handle, onMessage: handle }),
    nowMs: () => performance.now(),
  });
}

function takeScope(): WorkerScope {
  assert(threadRole() !== undefined, "a thread scope opens inside a thread");
  assert(!opened, "a thread has one scope");
  opened = true;
  return globalThis as unknown as WorkerScope;
}

/** The first message comes from the adapter that started the thread. */
function listen(
  scope: WorkerScope,
  options: {
    readonly announced?: unknown;
    readonly onFirst: (message: unknown) => void;
    readonly onMessage: (message: unknown) => void;
  },
): void {
  const { announced, onFirst, onMessage } = options;
  const first = (event: MessageEvent<unknown>) => {
    scope.removeEventListener("message", first);
    scope.addEventListener("message", (event) => onMessage(event.data));
    onFirst(event.data);
  };
  scope.addEventListener("message", first);
  scope.postMessage([listeningMark, announced]);
}
