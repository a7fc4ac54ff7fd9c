// What the mesh needs of the folders beside it: the links of a transport, and
// what the rights say of a peer. The node hands in the real parts, tests hand in
// small ones. Nothing here knows how links are made.

import type { PeerId } from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";
import type { Properties, Tier } from "../identity/mod.ts";
import type { Link, Protocol, StreamHandler } from "../transport/mod.ts";

/** A transport, as the mesh uses it. */
export interface MeshTransport {
  /** Where it listens, with the port that the system chose. */
  readonly local: NetworkAddress;
  /** Live: at most one per peer. */
  readonly links: ReadonlyMap<PeerId, Link>;
  /** Hears of each new link. */
  onLink(handle: (link: Link) => void): Disposable;
  /** Hears when a peer has said who it is, or where it sees this node. */
  onHello(handle: (link: Link) => void): Disposable;
  /**
   * One attempt at one address. Others to the same peer may be under way at
   * other addresses; the first that succeeds counts.
   *
   * @throws {UnreachableError} Nobody answers there, or it is another node.
   * @throws {PlnError} With outcome "permission": one side refuses the other.
   */
  dial(
    peer: PeerId,
    to: NetworkAddress,
    options: { readonly signal: AbortSignal },
  ): Promise<Link>;
  /** Tells all peers anew what this node says of itself. */
  sayHello(): void;
  /** Serves the streams of a protocol until disposed. */
  serve(protocol: Protocol, handler: StreamHandler): Disposable;
}

/**
 * What the admins' documents say, as the mesh uses it. Of one moment: what is
 * decided later comes as another object, by `Mesh.setRights`.
 */
export interface MeshRights {
  /** Undefined: it may be here. */
  denialOf(peer: PeerId): { readonly reason?: string | undefined } | undefined;
  /** Undefined: its certificate counts, as far as it was seen. */
  grantOf(
    peer: PeerId,
  ):
    | { readonly tier: Tier; readonly properties: Properties }
    | undefined;
  /** Whether admins have forgotten it, and it has published nothing since. */
  isForgotten?(peer: PeerId): boolean;
  /** Undefined: nothing is known yet, and anybody may be a member. */
  readonly admins?: readonly { readonly peer: PeerId }[] | undefined;
}

/** Before anything is known of the admins. */
export const noRights: MeshRights = {
  denialOf: () => undefined,
  grantOf: () => undefined,
};
