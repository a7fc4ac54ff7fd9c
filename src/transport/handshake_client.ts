// The client's half of the handshake: it answers the server's challenge as soon
// as that comes, then checks who accepted it. Frames go in, steps come out. It
// must never sign for another server than the one its TLS is anchored to, nor
// believe a server that has not signed.

import {
  assert,
  equalBytes,
  type ErrorReport,
  InputError,
  limits,
  type PeerId,
  peerIdOf,
  PlnError,
  ReportedError,
  toHex,
} from "../kernel/mod.ts";
import {
  type Credential,
  CredentialError,
  type MemberFacts,
  parseCredential,
} from "../identity/mod.ts";
import {
  type Authenticated,
  checkSide,
  clientSignedInput,
  commonVersion,
  type HandshakeNeeds,
  type HandshakeSide,
  type HandshakeStep,
  misplacedFrame,
  refusalOf,
  serverSignedInput,
  type Transcript,
  UnknownFrames,
} from "./handshake.ts";
import {
  Accept,
  Authenticate,
  Challenge,
  Refuse,
} from "./handshake_messages.ts";
import type { Frame } from "./link.ts";

/** Whom the client dials, and what that ends. */
export type ClientOptions = {
  /** Whose key the TLS of this connection is anchored to. */
  readonly expected: PeerId;
  /** Ids of connections to this server that are given up, at most 4. */
  readonly replaces?: readonly string[];
};

/** The answered challenge, of which the server's acceptance must be. */
type Answered = {
  readonly challenge: Challenge;
  readonly version: number;
  readonly transcript: Transcript;
  readonly signature: Uint8Array;
  /** What the server has announced, when it is known here. */
  readonly held: Credential | undefined;
};

const bytesMax = limits.authFrameBytesMax;

/** One connection's; it ends with the step that has `done` or `refuse`. */
export class ClientHandshake {
  readonly #needs: HandshakeNeeds;
  readonly #side: HandshakeSide;
  readonly #options: ClientOptions;
  readonly #unknown = new UnknownFrames();
  #answered: Answered | undefined;
  #isOver = false;

  /** @throws {InputError} A node cannot dial itself. */
  constructor(
    needs: HandshakeNeeds,
    side: HandshakeSide,
    options: ClientOptions,
  ) {
    checkSide(side);
    const { expected, replaces = [] } = options;
    assert(replaces.length <= limits.replacesMax, "few links are replaced");
    if (expected === side.peer) {
      throw new InputError("A node cannot dial itself");
    }
    this.#needs = needs;
    this.#side = side;
    this.#options = options;
  }

  /** What to do about a frame of the server; never throws for its content. */
  onFrame(frame: Frame): HandshakeStep {
    assert(!this.#isOver, "the handshake is over");
    try {
      if (this.#unknown.isSkipped(frame)) return {};
      const step = this.#take(frame);
      this.#isOver = step.done !== undefined;
      return step;
    } catch (cause) {
      this.#isOver = true;
      const { wallMs } = this.#side;
      return { refuse: refusalOf(cause, { wallMs }) };
    }
  }

  #take(frame: Frame): HandshakeStep {
    const { kind, body } = frame;
    if (kind === Refuse.kind) {
      throw this.#refused(Refuse.decode(body, { bytesMax }).report);
    }
    if (this.#answered === undefined && kind === Challenge.kind) {
      return this.#answer(Challenge.decode(body, { bytesMax }));
    }
    if (this.#answered !== undefined && kind === Accept.kind) {
      return this.#conclude(this.#answered, Accept.decode(body, { bytesMax }));
    }
    throw misplacedFrame(frame);
  }

  #refused(report: ErrorReport): ReportedError {
    const who = this.#options.expected.slice(0, 8);
    const message = `Node ${who} refuses this node: ${report.message}`;
    return new ReportedError({ ...report, message });
  }

  #answer(challenge: Challenge): HandshakeStep {
    const { signer } = this.#needs;
    const { peer, key, nonce, credential, bootId, heads } = this.#side;
    const { expected, replaces = [] } = this.#options;
    const { versionMin: min, versionMax: max } = challenge;
    const version = commonVersion(this.#side.versions, { min, max });
    const transcript: Transcript = {
      client: peer,
      server: expected,
      clientNonce: nonce,
      serverNonce: challenge.nonce,
      clientCredentialHash: signer.sha256(credential),
      serverCredentialHash: challenge.credentialHash,
    };
    const signature = signer.sign(key, clientSignedInput(transcript));
    const held = this.#side.held?.(challenge.credentialHash);
    const answered = { challenge, version, transcript, signature, held };
    this.#answered = answered;
    const body = Authenticate.encode({
      ...{ version, nonce, credential, bootId },
      ...{ replaces, heads, signature },
    });
    return {
      send: { kind: Authenticate.kind, body },
      provisional: this.#provisional(answered),
    };
  }

  /**
   * The dialled peer, as far as TLS and what it showed before tell; undefined
   * when that is not enough to send it anything.
   */
  #provisional(
    { challenge, version, signature, held: credential }: Answered,
  ): Authenticated | undefined {
    if (credential === undefined) return undefined;
    let facts: MemberFacts;
    try {
      facts = this.#side.admit(credential);
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      return undefined; // judged again, and told, when the server has signed
    }
    const { expected: peer } = this.#options;
    if (facts.peer !== peer) return undefined;
    return {
      ...{ peer, facts, credential, version, heads: [], replaces: [] },
      bootId: challenge.bootId,
      id: toHex(signature),
    };
  }

  #conclude(answered: Answered, accept: Accept): HandshakeStep {
    const { challenge, version, signature } = answered;
    const credential = this.#checkServer(answered, accept);
    const facts = this.#admit(credential);
    const { expected: peer } = this.#options;
    assert(facts.peer === peer, "facts are of who was proven");
    return {
      done: {
        ...{ peer, facts, credential, version },
        bootId: challenge.bootId,
        heads: accept.heads,
        replaces: [],
        id: toHex(signature),
      },
    };
  }

  #admit(credential: Credential): MemberFacts {
    try {
      return this.#side.admit(credential);
    } catch (cause) {
      if (!(cause instanceof CredentialError)) throw cause;
      const { check, message, hint } = cause;
      const who = this.#options.expected.slice(0, 8);
      throw new CredentialError(
        check,
        `Node ${who} is not believed: ${message}`,
        hint === undefined ? {} : { hint },
      );
    }
  }

  /** The server's credential, proven to be its own. */
  #checkServer(answered: Answered, accept: Accept): Credential {
    const { signer } = this.#needs;
    const { transcript, challenge, signature, held } = answered;
    const hash = signer.sha256(accept.credential);
    if (!equalBytes(hash, challenge.credentialHash)) {
      throw new CredentialError(
        "signature",
        "The credential is not the one that the challenge announced",
      );
    }
    const credential = held ?? parseCredential(accept.credential);
    const { publicKey } = credential.member;
    const peer = peerIdOf(publicKey);
    if (peer !== this.#options.expected) {
      const [shown, wanted] = [peer, this.#options.expected];
      throw new CredentialError(
        "name",
        `The credential is of node ${shown.slice(0, 8)}, not of ` +
          `${wanted.slice(0, 8)}, which was dialled`,
      );
    }
    const input = serverSignedInput(transcript, signature);
    if (signer.verify(publicKey, input, accept.signature)) return credential;
    throw new CredentialError(
      "signature",
      "The dialled node has not proven that the credential is its own",
    );
  }
}
