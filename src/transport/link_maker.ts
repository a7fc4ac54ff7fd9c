// Makes the links of a transport. Sessions whose peers are proven go in, and
// such as this node dialled whose peers are still to prove what it takes them
// for; links come out. What a proven peer has shown is remembered for the next
// handshake with it, and forgotten when either end refused the other.

import type { Ports } from "../ports/mod.ts";
import type { Credential } from "../identity/mod.ts";
import type { HeldCredentials } from "./held_credentials.ts";
import type { Gatekeeper, Link, PeerHello } from "./link.ts";
import { isRefusal } from "./link_end.ts";
import type { LinkListeners } from "./link_listeners.ts";
import type { Refusals } from "./refusals.ts";
import { type LinkOwner, type LinkParts, SessionLink } from "./session_link.ts";

/** The other parts of a transport. */
export type LinkMakerParts = {
  readonly gatekeeper: Gatekeeper;
  readonly hello: () => PeerHello;
  /** This node's own, as it is now. */
  readonly credential: () => Credential;
  readonly held: HeldCredentials;
  readonly helloListeners: LinkListeners;
  readonly refusals: Refusals;
};

/** Of one transport. */
export class LinkMaker {
  readonly #needs: Pick<Ports, "clock" | "signer">;
  readonly #parts: LinkMakerParts;
  readonly #owner: LinkOwner;
  #links = 0;

  constructor(needs: Pick<Ports, "clock" | "signer">, parts: LinkMakerParts) {
    this.#needs = needs;
    this.#parts = parts;
    this.#owner = this.#makeOwner();
  }

  /** The link of a session; it is not run yet. */
  make(parts: LinkParts): SessionLink {
    const link = new SessionLink(this.#owner, parts);
    this.#links++;
    void link.ended.then((end) => {
      this.#links--;
      if (isRefusal(end) || !link.isProven) this.#parts.held.forget(link.peer);
    });
    return link;
  }

  #makeOwner(): LinkOwner {
    const { gatekeeper, hello, credential, held, refusals } = this.#parts;
    return {
      clock: this.#needs.clock,
      signer: this.#needs.signer,
      admit: (shown) => gatekeeper.admit(shown),
      hello: () => hello(),
      credential: () => credential(),
      links: () => this.#links,
      onShown: (link: Link) => held.note(link.peer, link.credential),
      onHello: (link) => this.#parts.helloListeners.tell(link),
      onRefusal: ({ peer, remote }, reason, { cause }) =>
        refusals.add({ reason, from: remote, peer, cause }),
    };
  }
}
