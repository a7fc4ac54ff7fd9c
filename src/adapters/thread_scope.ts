// The world of a thread without permissions, seen from inside: messages to and
// from the thread that started it, clocks, randomness, timers. In comes what
// the worker's global scope gives; out goes a ThreadScope. It must never be
// opened twice in one thread, and never touch what needs a permission.

import { assert } from "../kernel/mod.ts";
import type { ThreadScope } from "../ports/mod.ts";

/** The part of DedicatedWorkerGlobalScope that is used (HTML standard). */
type WorkerScope = {
  readonly name: string;
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  addEventListener(
    type: "message",
    handle: (event: MessageEvent<unknown>) => void,
  ): void;
};

/** The thread's first message: "from now on nothing gets lost". */
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
  assert(threadRole() !== undefined, "a thread scope opens inside a thread");
  assert(!opened, "a thread has one scope");
  opened = true;
  const scope = globalThis as unknown as WorkerScope;
  let listening = false;
  return {
    post: (message, transfer = []) => scope.postMessage(message, transfer),
    onMessage(handle) {
      assert(!listening, "onMessage() is set once");
      listening = true;
      scope.addEventListener("message", (event) => handle(event.data));
      scope.postMessage(listeningMark);
    },
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    fillRandom(bytes) {
      for (let at = 0; at < bytes.length; at += randomBytesMax) {
        crypto.getRandomValues(bytes.subarray(at, at + randomBytesMax));
      }
    },
    after(delayMs, run) {
      setTimeout(run, delayMs);
    },
  };
}
