// One conversation of a joiner or of a member that renews: join, nonce, proof,
// credential, over a stream that somebody opened. It says how far it came, for
// an answer that was lost after the proof may be asked for again. It must never
// take longer than its signal allows.

import type { Clock } from "../ports/mod.ts";
import type { Exchange } from "./exchange.ts";
import type { Admitted, Joiner } from "./joiner.ts";

/** What happened before a conversation failed. */
export type Progress = {
  /** A connection was there. */
  hasConnected: boolean;
  /** The redeemer may have written the redemption down. */
  hasProven: boolean;
  /** The other end took all the time it had. */
  isSlow: boolean;
};

/** Of a conversation that has not begun. */
export function newProgress(): Progress {
  return { hasConnected: false, hasProven: false, isSlow: false };
}

/**
 * Carries a conversation to its end.
 *
 * @throws {ReportedError} Refused, in the other end's words.
 * @throws {UnreachableError} The other end went away, or took too long.
 * @throws {CredentialError | InputError} What came back is not to be believed.
 */
export async function converse(
  clock: Clock,
  joiner: Joiner,
  options: {
    readonly exchange: Exchange;
    readonly progress: Progress;
    readonly name?: string | undefined;
  },
): Promise<Admitted> {
  const { exchange, progress, name } = options;
  await exchange.send(joiner.join({ name }));
  const nonce = await exchange.receive();
  const proof = joiner.prove(nonce, { wallMs: clock.wallMs() });
  progress.hasProven = true;
  await exchange.send(proof);
  const last = await exchange.receive();
  return joiner.accept(last, { wallMs: clock.wallMs() });
}
