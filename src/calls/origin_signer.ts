// The signed parts of calls that leave this node: the beginning of each, and
// the hop that passes a call on. Targets come in, parts of frames come out. It
// signs as this node and for nobody else.

import {
  type Bytes,
  type ClusterId,
  DeniedError,
  nodeLabel,
  type PeerId,
} from "../kernel/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import {
  type CallChain,
  type CallOrigin,
  type CallTarget,
  type ChainSigner,
  type Credential,
  encodeCallChain,
  isOriginSigned,
  signHop,
  signOrigin,
} from "../identity/mod.ts";
import type { DirectPart } from "./messages.ts";
import type { OutgoingCall } from "./outgoing_call.ts";

/** This node as it signs; `credential` may have been renewed when asked. */
export type CallSelf = {
  readonly peer: PeerId;
  readonly cluster: ClusterId;
  readonly key: PrivateKey;
  credential(): Credential;
};

type BeginTerms = Pick<CallOrigin, "owner" | "digest" | "timeLeftMs">;

const idPoolBytes = 4096;

export class OriginSigner {
  readonly #needs: Pick<Ports, "clock" | "random">;
  readonly #self: CallSelf;
  readonly #by: ChainSigner;
  /** Origins of others whose signature was found right. */
  readonly #believed = new WeakSet<CallOrigin>();
  #ids: Bytes = new Uint8Array(0);
  #usedBytes = 0;

  constructor(
    needs: Pick<Ports, "clock" | "random" | "signer">,
    self: CallSelf,
  ) {
    this.#needs = needs;
    this.#self = self;
    const { cluster, key } = self;
    this.#by = { signer: needs.signer, cluster, key };
  }

  /** A chain without hops. */
  begin(
    target: CallTarget,
    terms: BeginTerms,
  ): CallOrigin {
    const peer = this.#self.peer;
    const credential = this.#self.credential();
    return { ...this.#sign(target, terms), peer, credential };
  }

  /**
   * What a call carries about where it comes from.
   *
   * @throws {LimitError} Its chain is too long.
   * @throws {DeniedError} Its origin did not sign for it.
   */
  originOf(call: OutgoingCall, timeLeftMs: number): DirectPart | Bytes {
    const { target, digest, peer, via } = call;
    if (via === undefined) {
      return this.#sign(target, { owner: peer, digest, timeLeftMs });
    }
    this.#checkOrigin(via.chain);
    const chain: CallChain = signHop(this.#by, via.chain, {
      id: this.#newId(8),
      by: this.#self.peer,
      from: via.from,
      isTail: via.isTail,
      to: target,
      executor: peer,
    });
    return encodeCallChain(chain);
  }

  /**
   * Of a call that came from its origin itself, the link has proven who that
   * is. Whoever it is passed on to believes the signature alone, and holds this
   * node to it.
   */
  #checkOrigin({ origin, hops }: CallChain): void {
    const isProven = hops.length > 0 || origin.peer === this.#self.peer ||
      this.#believed.has(origin);
    if (isProven) return;
    if (!isOriginSigned(this.#by, origin)) {
      throw new DeniedError(
        `${nodeLabel(origin.peer)} did not sign its call, so that it goes no ` +
          "further",
        { hint: "Compare the versions of both nodes" },
      );
    }
    this.#believed.add(origin);
  }

  #sign(target: CallTarget, terms: BeginTerms) {
    const callId = this.#newId(16);
    const issuedMs = Math.round(this.#needs.clock.wallMs());
    const signed = { ...terms, callId, target, issuedMs };
    return { ...signed, signature: signOrigin(this.#by, signed) };
  }

  /** Asking the system once for many ids is cheaper. */
  #newId(length: number): Bytes {
    if (this.#usedBytes + length > this.#ids.length) {
      this.#ids = this.#needs.random.bytes(idPoolBytes);
      this.#usedBytes = 0;
    }
    const start = this.#usedBytes;
    this.#usedBytes += length;
    return this.#ids.slice(start, this.#usedBytes);
  }
}
