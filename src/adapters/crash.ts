// Errors that nobody caught: a bug, after which no promise about the state of
// this process holds. They go to the log before the process ends, where
// `pln logs` shows them; nothing here tries to go on.

import { InternalError } from "../kernel/mod.ts";
import type { LogControl } from "./log.ts";

export interface CrashWatch extends Disposable {
  /** Rejects once the first such error is in the log; never resolves. */
  readonly crashed: Promise<never>;
}

/** Takes over uncaught errors and rejections of this process. */
export function watchCrashes(log: LogControl): CrashWatch {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {}); // it may happen before anybody waits
  const report = async (cause: unknown) => {
    log.error("daemon.crashed", { cause });
    await log.flush();
    const text = cause instanceof Error ? cause.message : String(cause);
    reject(
      new InternalError(`The daemon crashed: ${text}`, {
        cause,
        hint: 'This is a bug; "pln logs" has the details',
      }),
    );
  };
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    void report(event.error);
  };
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    void report(event.reason);
  };
  globalThis.addEventListener("error", onError);
  globalThis.addEventListener("unhandledrejection", onRejection);
  return {
    crashed: promise,
    [Symbol.dispose]() {
      globalThis.removeEventListener("error", onError);
      globalThis.removeEventListener("unhandledrejection", onRejection);
    },
  };
}
