// Calls to seeds of other nodes, as seeds need them: a peer and a target go in,
// an answer comes out. An interface only: the node gives it whatever makes
// calls over the mesh.

import type { Bytes, PeerId } from "../kernel/mod.ts";
import type { CallChain } from "../identity/mod.ts";
import type { SeedTarget } from "./uri.ts";

/** What a remote call is part of, and how long it may take. */
export type RemoteCallOptions = {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly via: {
    readonly chain: CallChain;
    /** The seeds here that wait, `seed/function`, the asking one last. */
    readonly from: readonly string[];
    /** The asking one handed the call over and does not wait. */
    readonly isTail: boolean;
  };
};

/** The other nodes, and what they know this one by. */
export interface RemoteCalls {
  /** This node, as errors name it. */
  readonly self: { readonly peer: PeerId; readonly name: string };
  /**
   * Whom a seed means by a name or the start of an id; may be this node.
   *
   * @throws {PlnError} Nobody, or more than one.
   */
  resolve(text: string): PeerId;
  /** Another node that holds a seed's name; undefined: this one, or nobody. */
  holderOf(seed: string): PeerId | undefined;
  /** The beginning of a chain: a call of this node to a seed of its own. */
  originate(first: SeedTarget, timeLeftMs: number): CallChain;
  /** Rejects with what the other node says, or that it cannot be asked. */
  call(
    to: SeedTarget & { readonly peer: PeerId },
    input: Bytes,
    options: RemoteCallOptions,
  ): Promise<Bytes>;
}
