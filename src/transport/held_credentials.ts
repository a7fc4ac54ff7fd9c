// Credentials of peers that this node holds already: of links that were, and of
// what peers showed since. A sha256 goes in, as a handshake announces it; out
// comes the credential whose wire form has it. To hold one proves nothing: who
// may be here is asked of the gatekeeper each time.

import { limits, type PeerId, toHex } from "../kernel/mod.ts";
import { type Credential, encodeCredential } from "../identity/mod.ts";
import type { Ports } from "../ports/mod.ts";

type Held = { readonly hash: string; readonly credential: Credential };

/** The newest of each peer; the longest unseen peers are forgotten first. */
export class HeldCredentials {
  readonly #needs: Pick<Ports, "signer">;
  readonly #elsewhere: (peer: PeerId) => Credential | undefined;
  /** Undefined: not even what is held elsewhere counts. */
  readonly #peers = new Map<PeerId, Held | undefined>();
  readonly #hashes = new Map<string, Credential>();

  /** `elsewhere` is asked for peers of which nothing is held here. */
  constructor(
    needs: Pick<Ports, "signer">,
    elsewhere: (peer: PeerId) => Credential | undefined = () => undefined,
  ) {
    this.#needs = needs;
    this.#elsewhere = elsewhere;
  }

  /** The newest of a peer: it has proven to be its holder, or is to do so. */
  note(peer: PeerId, credential: Credential): void {
    const known = this.#peers.get(peer);
    const held = known?.credential === credential
      ? known
      : { hash: this.#hashOf(credential), credential };
    this.#put(peer, held);
  }

  /** Holds nothing of this peer before it has proven itself again. */
  forget(peer: PeerId): void {
    this.#put(peer, undefined);
  }

  /** Asks elsewhere for a peer that is about to be dialled. */
  prepare(peer: PeerId): void {
    if (this.#peers.has(peer)) return;
    const credential = this.#elsewhere(peer);
    if (credential !== undefined) this.note(peer, credential);
  }

  /** The credential whose wire form has this sha256. */
  find(hash: Uint8Array): Credential | undefined {
    return this.#hashes.get(toHex(hash));
  }

  #put(peer: PeerId, held: Held | undefined): void {
    this.#drop(peer);
    this.#peers.set(peer, held);
    if (held !== undefined) this.#hashes.set(held.hash, held.credential);
    if (this.#peers.size <= limits.credentialsHeldMax) return;
    const [oldest] = this.#peers.keys();
    if (oldest !== undefined) this.#drop(oldest);
  }

  #drop(peer: PeerId): void {
    const held = this.#peers.get(peer);
    this.#peers.delete(peer);
    if (held !== undefined) this.#hashes.delete(held.hash);
  }

  #hashOf(credential: Credential): string {
    return toHex(this.#needs.signer.sha256(encodeCredential(credential)));
  }
}
