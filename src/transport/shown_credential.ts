// The credential that a link's peer has shown, and whether it still counts. In
// come renewed credentials and the judgement of whoever knows the rights; out
// go facts as they are now. It is judged again when it would expire, so that a
// link ends with its peer's membership and not later.

import { DeniedError, limits, type PeerId } from "../kernel/mod.ts";
import {
  clockToleranceMs,
  type Credential,
  encodeCredential,
  type MemberFacts,
  parseCredential,
} from "../identity/mod.ts";
import type { Clock } from "../ports/mod.ts";

/** A peer's first credential, and who judges it. */
export type ShownOptions = {
  readonly peer: PeerId;
  readonly credential: Credential;
  readonly facts: MemberFacts;
  /** @throws {CredentialError | DeniedError} It does not count now. */
  admit(credential: Credential): MemberFacts;
  /** It does not count any more. */
  onRefused(cause: unknown): void;
};

/** Of one link; disposed with it. */
export class ShownCredential implements Disposable {
  readonly #clock: Clock;
  readonly #options: ShownOptions;
  #credential: Credential;
  #facts: MemberFacts;
  #timer: Disposable | undefined;
  #isDisposed = false;

  constructor(clock: Clock, options: ShownOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#credential = options.credential;
    this.#facts = options.facts;
    this.#arm();
  }

  /** As last shown. */
  get credential(): Credential {
    return this.#credential;
  }

  /** As last judged. */
  get facts(): MemberFacts {
    return this.#facts;
  }

  /** Judges it by what holds now. */
  judge(): void {
    if (this.#isDisposed) return;
    try {
      this.#facts = this.#options.admit(this.#credential);
      this.#arm();
    } catch (cause) {
      this.#options.onRefused(cause);
    }
  }

  /**
   * Takes another credential of the same peer in its place.
   *
   * @throws {PlnError} It does not count: the one before stays.
   */
  renew(bytes: Uint8Array): void {
    if (this.#isDisposed) return;
    const credential = parseCredential(bytes);
    const facts = this.#options.admit(credential);
    if (facts.peer !== this.#options.peer) {
      throw new DeniedError("The renewed credential is another node's");
    }
    this.#credential = credential;
    this.#facts = facts;
    this.#arm();
  }

  /** The wire form, to dial its holder again. */
  get bytes(): Uint8Array {
    return encodeCredential(this.#credential);
  }

  /** Judges nothing any more; harmless twice. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** Wall clocks jump, so it looks now and then. */
  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    const { notAfterMs, accessDeadlineMs = Infinity } = this.#facts;
    const dueMs = Math.min(notAfterMs + clockToleranceMs, accessDeadlineMs);
    // One more: at its very end a certificate still counts.
    const leftMs = Math.max(0, dueMs - this.#clock.wallMs()) + 1;
    const delayMs = Math.min(leftMs, limits.credentialLookMsMax);
    this.#timer = this.#clock.after(delayMs, () => this.judge());
  }
}
