// The server's half of the handshake: it sends a challenge, before it knows who
// asks, and then judges one answer. Frames go in, steps come out. It must never
// reveal its own credential, or ask who may enter, before the client has proven
// that it holds the key of what it shows.

import { assert, limits, type PeerId, peerIdOf, toHex } from "../kernel/mod.ts";
import {
  type Credential,
  CredentialError,
  parseCredential,
} from "../identity/mod.ts";
import {
  checkSide,
  clientSignedInput,
  type HandshakeNeeds,
  type HandshakeSide,
  type HandshakeStep,
  misplacedFrame,
  refusalOf,
  serverSignedInput,
  toldReport,
  type Transcript,
  UnknownFrames,
  UpgradeError,
} from "./handshake.ts";
import {
  Accept,
  Authenticate,
  Challenge,
  Refuse,
} from "./handshake_messages.ts";
import type { Frame } from "./link.ts";

/** One connection's; it ends with the step that has `done` or `refuse`. */
export class ServerHandshake {
  readonly #needs: HandshakeNeeds;
  readonly #side: HandshakeSide;
  readonly #unknown = new UnknownFrames();
  /** Known once the client has proven it. */
  #peer: PeerId | undefined;
  #isOver = false;

  constructor(needs: HandshakeNeeds, side: HandshakeSide) {
    checkSide(side);
    this.#needs = needs;
    this.#side = side;
  }

  /** The first frame, to be sent before anything was received. */
  challenge(): Frame {
    const { versions, nonce, credential, bootId } = this.#side;
    const body = Challenge.encode({
      versionMin: versions.min,
      versionMax: versions.max,
      nonce,
      credentialHash: this.#needs.signer.sha256(credential),
      bootId,
    });
    return { kind: Challenge.kind, body };
  }

  /** What to do about a frame of the client; never throws for its content. */
  onFrame(frame: Frame): HandshakeStep {
    assert(!this.#isOver, "the handshake is over");
    try {
      if (this.#unknown.isSkipped(frame)) return {};
      if (frame.kind !== Authenticate.kind) throw misplacedFrame(frame);
      const step = this.#judge(Authenticate.decode(frame.body, {
        bytesMax: limits.authFrameBytesMax,
      }));
      this.#isOver = true;
      return step;
    } catch (cause) {
      this.#isOver = true;
      const { wallMs } = this.#side;
      const refuse = refusalOf(cause, { wallMs, peer: this.#peer });
      const body = Refuse.encode({ report: toldReport(refuse) });
      return { refuse, send: { kind: Refuse.kind, body } };
    }
  }

  #judge(claim: Authenticate): HandshakeStep {
    this.#checkVersion(claim.version);
    const { signer } = this.#needs;
    const hash = signer.sha256(claim.credential);
    const credential = this.#side.held?.(hash) ??
      parseCredential(claim.credential);
    const transcript = this.#transcript(claim, { credential, hash });
    this.#peer = transcript.client;
    const facts = this.#side.admit(credential);
    assert(facts.peer === transcript.client, "facts are of who was proven");
    const { key, heads, credential: own } = this.#side;
    const input = serverSignedInput(transcript, claim.signature);
    const signature = signer.sign(key, input);
    return {
      send: {
        kind: Accept.kind,
        body: Accept.encode({ credential: own, heads, signature }),
      },
      done: {
        peer: facts.peer,
        facts,
        credential,
        bootId: claim.bootId,
        version: claim.version,
        heads: claim.heads,
        replaces: claim.replaces,
        id: toHex(claim.signature),
      },
    };
  }

  #checkVersion(version: number): void {
    const { min, max } = this.#side.versions;
    if (version >= min && version <= max) return;
    throw new UpgradeError(
      `The dialled node speaks versions ${min} to ${max} of the protocol, ` +
        `not ${version}`,
      { hint: "Upgrade pln on the older of the two nodes" },
    );
  }

  /** The transcript, once the client's signature over it is verified. */
  #transcript(
    claim: Authenticate,
    shown: { readonly credential: Credential; readonly hash: Uint8Array },
  ): Transcript {
    const { member } = shown.credential;
    const { peer: server, nonce, credential } = this.#side;
    const { signer } = this.#needs;
    const client = peerIdOf(member.publicKey);
    if (client === server) {
      throw new CredentialError("role", "A node has dialled itself", {
        hint: "Remove this node's own address from those it dials",
      });
    }
    const transcript: Transcript = {
      client,
      server,
      clientNonce: claim.nonce,
      serverNonce: nonce,
      clientCredentialHash: shown.hash,
      serverCredentialHash: signer.sha256(credential),
    };
    const input = clientSignedInput(transcript);
    if (signer.verify(member.publicKey, input, claim.signature)) {
      return transcript;
    }
    throw new CredentialError(
      "signature",
      "The dialler has not proven that the credential is its own",
    );
  }
}
