// JavaScript Promise Integration (WebAssembly CG proposal, phase 4): a guest
// waits for a promise of the host while its thread runs other guests. The
// types stand here because TypeScript's library does not have them yet.

type WasmValue = number | bigint | undefined | void;

type PromiseIntegration = {
  readonly Suspending: new (
    start: (...values: never[]) => Promise<WasmValue> | WasmValue,
  ) => WebAssembly.ImportValue;
  readonly SuspendError: new () => Error;
  promising(run: () => WasmValue): () => Promise<WasmValue>;
};

const integration = WebAssembly as unknown as PromiseIntegration;

/** An import during which the guest sleeps until the promise settles. */
export function suspendingImport(
  start: (...values: never[]) => Promise<WasmValue> | WasmValue,
): WebAssembly.ImportValue {
  return new integration.Suspending(start);
}

/** An export that may suspend: it returns a promise. */
export function suspendableExport(
  run: () => WasmValue,
): () => Promise<WasmValue> {
  return integration.promising(run);
}

/** A guest called such an import in its start function: before it ran. */
export function isSuspendError(cause: unknown): boolean {
  return cause instanceof integration.SuspendError;
}
