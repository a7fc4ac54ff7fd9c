// What calls of other nodes need from this one: somebody who runs them, and
// somebody who knows what their callers may do now. Interfaces only; the node
// joins them with its seeds and its view of the rights.

import type { Bytes, Digest, PeerId } from "../kernel/mod.ts";
import type {
  CallChain,
  CallTarget,
  Credential,
  MemberFacts,
  OriginClock,
  Properties,
  Tier,
} from "../identity/mod.ts";

/** A call of another node, checked and complete. */
export type IncomingCall = {
  readonly target: CallTarget;
  /** The module its caller expects; undefined: whatever has the name. */
  readonly digest: Digest | undefined;
  /** The executor's own. */
  readonly input: Bytes;
  /** The true origin, with the rights that it has now. */
  readonly caller: {
    readonly peer: PeerId;
    readonly tier: Tier;
    readonly properties: Readonly<Record<string, string>>;
  };
  /** Believed; what the call needs to be passed on to a third node. */
  readonly chain: CallChain;
  /** Time left, 1 ms to 1 h: the executor ends the call by then. */
  readonly timeoutMs: number;
  /** Aborted when the caller gives up or is gone. */
  readonly signal: AbortSignal;
};

/** Runs calls. */
export interface CallExecutor {
  /**
   * Starts or queues a call before it returns. What it rejects with reaches
   * the caller, typed; it settles soon after the call's time or its signal.
   */
  run(call: IncomingCall): Promise<Bytes>;
}

/** Newest knowledge of who may do what. */
export interface CallRights {
  /**
   * What a verified member may do now.
   *
   * @throws {DeniedError} It may do nothing any more.
   */
  standing(
    facts: MemberFacts,
  ): { readonly tier: Tier; readonly properties: Properties };
  /**
   * Verifies the credential of an origin that is not at the link's other end.
   *
   * @throws {CredentialError | DeniedError} Why it is not believed.
   */
  admit(credential: Credential): MemberFacts;
  /** Whether a node that passed a call on is denied now. */
  isDenied(peer: PeerId): boolean;
  /** What is known of the clock of a node that is not at the other end. */
  clockOf(peer: PeerId): OriginClock;
}
