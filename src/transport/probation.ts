// What may leave on a link whose server has not proven itself yet: as much as
// that server keeps for one who has proven nothing to it (DESIGN.md section 5).
// Streams and bytes are asked for here; what is more waits for the proof, and so
// does all that comes. It must never let more out, or anything in, before.

import { limits, type PlnError } from "../kernel/mod.ts";
import { unlessAborted } from "./deadline.ts";

/** Of one link; it ends with `pass` or `fail`. */
export class Probation {
  #streamsLeft: number = limits.unauthenticatedStreamsMax;
  #bytesLeft: number = limits.unauthenticatedBytesMax;
  readonly #proof = Promise.withResolvers<void>();
  #isPassed = false;

  constructor() {
    // Perhaps nothing waits for it.
    this.#proof.promise.catch(() => undefined);
  }

  /** Whether nothing waits any more. */
  get isPassed(): boolean {
    return this.#isPassed;
  }

  /** Resolves with the proof. @throws What `fail` was given. */
  get proof(): Promise<void> {
    return this.#proof.promise;
  }

  /** Waits until one stream more may be opened. */
  async stream(signal: AbortSignal): Promise<void> {
    if (this.#streamsLeft-- > 0) return;
    await unlessAborted(this.proof, signal);
  }

  /** When so many bytes may leave; undefined: now. */
  bytes(count: number): Promise<void> | undefined {
    if (this.#isPassed) return undefined; // the usual case, for ever after
    if (count > this.#bytesLeft) return this.proof;
    this.#bytesLeft -= count;
    return undefined;
  }

  /** The server is who it should be: there are no limits any more. */
  pass(): void {
    this.#isPassed = true;
    this.#proof.resolve();
  }

  /** It will not be proven; harmless when it was. */
  fail(fault: PlnError): void {
    this.#proof.reject(fault);
  }
}
