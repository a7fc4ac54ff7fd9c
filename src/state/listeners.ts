// Who hears of new batches and of forks. What was stored comes in, word of it
// goes out to everybody who asked for it, in that order. A listener that throws
// is logged and stops none of the others.

import { asPlnError, type Bytes, type PeerId } from "../kernel/mod.ts";
import type { Log } from "../ports/mod.ts";
import type { StoredBatch } from "./batch_row.ts";
import { rightsSections } from "./schema.ts";

/**
 * Hears of a batch; `bytes` are those that were accepted. Must not throw.
 *
 * @param options.isUrgent It touches rights.
 */
export type BatchHandler = (
  bytes: Bytes,
  owner: PeerId,
  options: { readonly isUrgent: boolean },
) => void;

/** Hears that an owner is proven to have forked. Must not throw. */
export type ForkHandler = (owner: PeerId) => void;

/** Of one state. */
export class Listeners {
  readonly #log: Log;
  readonly #ofBatches = new Set<BatchHandler>();
  readonly #ofForks = new Set<ForkHandler>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Until disposed; one handle may be set twice. */
  onBatch(handle: BatchHandler): Disposable {
    const own: BatchHandler = (...heard) => handle(...heard);
    this.#ofBatches.add(own);
    return { [Symbol.dispose]: () => void this.#ofBatches.delete(own) };
  }

  /** Until disposed; one handle may be set twice. */
  onFork(handle: ForkHandler): Disposable {
    const own: ForkHandler = (owner) => handle(owner);
    this.#ofForks.add(own);
    return { [Symbol.dispose]: () => void this.#ofForks.delete(own) };
  }

  /** @param options.isAdmin Whether their owner decides about rights. */
  tellBatches(
    fresh: readonly StoredBatch[],
    { isAdmin }: { readonly isAdmin: boolean },
  ): void {
    for (const { bytes, batch: { owner, base, operations } } of fresh) {
      const isUrgent = isAdmin && (base ||
        operations.some(({ section }) => rightsSections.has(section)));
      for (const handle of [...this.#ofBatches]) {
        this.#guarded(() => handle(bytes, owner, { isUrgent }));
      }
    }
  }

  tellFork(owner: PeerId): void {
    for (const handle of [...this.#ofForks]) this.#guarded(() => handle(owner));
  }

  #guarded(tell: () => void): void {
    try {
      tell();
    } catch (cause) {
      const reason = asPlnError(cause).message;
      this.#log.error("state.listener_failed", { reason });
    }
  }
}
