// Runs the handshake of one session over its control stream, at either end. A
// session and the peer's frames go in; out comes a link, or the reason why
// there is none. Every wait ends with its caller's signal. It must never make
// a link of a session before the engine says that its peer is proven.

import {
  limits,
  type PeerId,
  type PlnError,
  UnreachableError,
} from "../kernel/mod.ts";
import {
  type Credential,
  encodeCredential,
  type NodeIdentity,
} from "../identity/mod.ts";
import type { Ports, Session, SessionStream } from "../ports/mod.ts";
import { unlessAborted } from "./deadline.ts";
import { type BoundedFrameStream, openFrameStream } from "./frame_stream.ts";
import type {
  Authenticated,
  HandshakeSide,
  HandshakeStep,
  Refusal,
} from "./handshake.ts";
import { ClientHandshake } from "./handshake_client.ts";
import { ServerHandshake } from "./handshake_server.ts";
import type { HeldCredentials } from "./held_credentials.ts";
import type { Frame, Gatekeeper } from "./link.ts";
import { versions } from "./protocols.ts";

/** What authenticating takes of the world. */
export type AuthenticatorNeeds = Pick<Ports, "clock" | "random" | "signer">;

/** Who this node is, and whom it asks about others. */
export type AuthenticatorOptions = {
  readonly identity: Pick<NodeIdentity, "peer" | "key">;
  readonly gatekeeper: Gatekeeper;
  readonly held: Pick<HeldCredentials, "find" | "prepare">;
  /** 16 bytes of this process. */
  readonly bootId: Uint8Array<ArrayBuffer>;
  /** As it is now. */
  readonly credential: () => Credential;
};

/** What a handshake came to; `control` is the session's first stream. */
export type Outcome = {
  readonly control: BoundedFrameStream;
  readonly proven?: Authenticated;
  readonly refusal?: Refusal;
  /** The last frame of this end is on its way. */
  readonly sent: Promise<void>;
};

/** Either engine. */
type Engine = { onFrame(frame: Frame): HandshakeStep };

/** The handshakes of one node. */
export class Authenticator {
  readonly #needs: AuthenticatorNeeds;
  readonly #options: AuthenticatorOptions;

  constructor(needs: AuthenticatorNeeds, options: AuthenticatorOptions) {
    this.#needs = needs;
    this.#options = options;
  }

  /**
   * Challenges whoever dialled.
   *
   * @throws {LimitError | InputError} What came is no handshake.
   * @throws {UnreachableError} The session ended.
   */
  async accept(session: Session, signal: AbortSignal): Promise<Outcome> {
    const stream = await session.openStream(signal);
    const control = this.#frames(stream);
    const engine = new ServerHandshake(this.#needs, this.#side());
    const { kind, body } = engine.challenge();
    await unlessAborted(control.write(kind, body), signal);
    return await this.#converse(control, engine, { signal });
  }

  /**
   * Answers whom this node dialled.
   *
   * @param stream The first that the peer opened.
   * @throws {LimitError | InputError} What came is no handshake.
   * @throws {UnreachableError} The session ended.
   */
  async answer(
    stream: SessionStream,
    expected: PeerId,
    options: {
      readonly replaces: readonly string[];
      readonly signal: AbortSignal;
      /** From when it returns on the peer may hold this node for connected. */
      readonly onAnswer: () => void;
      /** The answer has left; see `HandshakeStep.provisional`. */
      readonly onProvisional?: (
        proven: Authenticated,
        control: BoundedFrameStream,
      ) => void;
    },
  ): Promise<Outcome> {
    const { replaces, ...others } = options;
    this.#options.held.prepare(expected);
    const engine = new ClientHandshake(this.#needs, this.#side(), {
      expected,
      replaces,
    });
    return await this.#converse(this.#frames(stream), engine, others);
  }

  #frames(stream: SessionStream): BoundedFrameStream {
    const frameBytesMax = limits.authFrameBytesMax;
    return openFrameStream(stream, { frameBytesMax });
  }

  async #converse(
    control: BoundedFrameStream,
    engine: Engine,
    options: {
      readonly signal: AbortSignal;
      readonly onAnswer?: () => void;
      readonly onProvisional?: (
        proven: Authenticated,
        control: BoundedFrameStream,
      ) => void;
    },
  ): Promise<Outcome> {
    const { signal, onAnswer, onProvisional } = options;
    while (true) {
      const frame = await unlessAborted(control.read(), signal);
      if (frame === undefined) throw brokenOff();
      const step = engine.onFrame(frame);
      const { send, provisional, done: proven, refuse: refusal } = step;
      if (send !== undefined) onAnswer?.();
      const sent = send === undefined
        ? Promise.resolve()
        : control.write(send.kind, send.body);
      if (proven !== undefined || refusal !== undefined) {
        // Whoever does not wait for it learns of a fault from the session.
        sent.catch(() => undefined);
        return { control, proven, refusal, sent };
      }
      await unlessAborted(sent, signal);
      if (provisional !== undefined) onProvisional?.(provisional, control);
    }
  }

  #side(): HandshakeSide {
    const { clock, random } = this.#needs;
    const { identity, gatekeeper, held, bootId, credential } = this.#options;
    return {
      ...{ peer: identity.peer, key: identity.key, bootId, versions },
      credential: encodeCredential(credential()),
      nonce: random.bytes(32),
      heads: gatekeeper.heads().slice(0, limits.rightsHeadsMax),
      wallMs: clock.wallMs(),
      admit: (shown) => gatekeeper.admit(shown),
      held: (hash) => held.find(hash),
    };
  }
}

function brokenOff(): PlnError {
  return new UnreachableError("The peer ended the handshake");
}
