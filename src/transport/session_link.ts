// One authenticated connection as a link: streams under limits, what the peer
// says of itself, its credential as it is now. A proven session comes in; out
// goes what the folders above hold. It must never outlive its peer's right to
// be here, nor its session.

import {
  assert,
  type Bytes,
  type Decoded,
  InputError,
  LimitError,
  limits,
  type PeerId,
  PlnError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { Credential, MemberFacts } from "../identity/mod.ts";
import type { Clock, NetworkAddress, Session, Signer } from "../ports/mod.ts";
import { Control } from "./control.ts";
import type { Hello } from "./control_messages.ts";
import { Deadline, unlessAborted } from "./deadline.ts";
import type { BoundedFrameStream } from "./frame_stream.ts";
import type { Authenticated } from "./handshake.ts";
import type {
  FrameStream,
  Link,
  LinkEnd,
  PeerHello,
  RightsHead,
} from "./link.ts";
import { closeReason, goneError, linkEndOf } from "./link_end.ts";
import { heardHello, toldHello } from "./told_hello.ts";
import { openLinkStream, ProtocolPlaces } from "./link_streams.ts";
import { closeCodes, type Protocol } from "./protocols.ts";
import { Probation } from "./probation.ts";
import type { RefusalReason } from "./refusals.ts";
import { ShownCredential } from "./shown_credential.ts";

/** What a link asks of the transport it belongs to. */
export type LinkOwner = {
  readonly clock: Clock;
  readonly signer: Signer;
  /** @throws {CredentialError | DeniedError} As `Gatekeeper.admit`. */
  admit(credential: Credential): MemberFacts;
  /** What this node says of itself now. */
  hello(): PeerHello;
  credential(): Credential;
  /** How many there are, those that drain too. */
  links(): number;
  /** The peer is proven to hold the link's credential, which may be new. */
  onShown(link: Link): void;
  onHello(link: Link): void;
  /** The peer did what ends a link, or showed what does not count. */
  onRefusal(
    link: Link,
    reason: RefusalReason,
    options: { readonly cause: unknown },
  ): void;
};

/** What an authenticated connection is made of. */
export type LinkParts = {
  readonly session: Session;
  readonly control: BoundedFrameStream;
  readonly isDialer: boolean;
  readonly proven: Authenticated;
  /** The peer is still to prove it: `prove` says so. */
  readonly isProvisional?: boolean;
};

const endMsMax = 1_000;

/** See `Link`. */
export class SessionLink implements Link {
  readonly peer: PeerId;
  readonly id: string;
  readonly isDialer: boolean;
  readonly version: number;
  readonly bootId: Bytes;
  readonly sinceMs: number;
  /** Of both ends' streams, by protocol. */
  readonly servedPlaces = new ProtocolPlaces();
  readonly #openedPlaces = new ProtocolPlaces();
  readonly #owner: LinkOwner;
  readonly #session: Session;
  readonly #controlFrames: BoundedFrameStream;
  readonly #control: Control;
  readonly #shown: ShownCredential;
  readonly #ended = Promise.withResolvers<LinkEnd>();
  readonly #abort = new AbortController();
  readonly #serving = new AbortController();
  #heads: readonly RightsHead[];
  #probation: Probation | undefined;
  #localEnd: LinkEnd | undefined;
  #hello: PeerHello | undefined;
  #observed: NetworkAddress | undefined;

  constructor(owner: LinkOwner, parts: LinkParts) {
    const { session, control, isDialer, proven } = parts;
    this.peer = proven.peer;
    this.id = proven.id;
    this.isDialer = isDialer;
    this.version = proven.version;
    this.bootId = proven.bootId;
    this.sinceMs = owner.clock.nowMs();
    this.#heads = proven.heads;
    this.#probation = parts.isProvisional ? new Probation() : undefined;
    this.#owner = owner;
    this.#session = session;
    this.#controlFrames = control;
    this.#shown = this.#openShown(proven);
    this.#control = this.#openControl();
    void session.ended.then((end) => this.#finish(linkEndOf(end)));
    if (this.isProven) owner.onShown(this);
  }

  get heads(): readonly RightsHead[] {
    return this.#heads;
  }

  get credential(): Credential {
    return this.#shown.credential;
  }

  get facts(): MemberFacts {
    return this.#shown.facts;
  }

  get remote(): NetworkAddress {
    return this.#session.remote;
  }

  get rttMs(): number | undefined {
    return this.#control.rttMs;
  }

  get heardMs(): number | undefined {
    return this.#control.heardMs;
  }

  get isSuspect(): boolean {
    return this.#control.isSuspect;
  }

  get hello(): PeerHello | undefined {
    return this.#hello;
  }

  get observed(): NetworkAddress | undefined {
    return this.#observed;
  }

  get ended(): Promise<LinkEnd> {
    return this.#ended.promise;
  }

  /** Aborts when the link ends, or when handlers are told to. */
  get serving(): AbortSignal {
    return this.#serving.signal;
  }

  /** False while the peer is only taken for who it should be. */
  get isProven(): boolean {
    return this.#probation === undefined;
  }

  /** How it was closed here; undefined when it was not. */
  get localEnd(): LinkEnd | undefined {
    return this.#localEnd;
  }

  /** The link was closed here, or has ended. */
  get isOver(): boolean {
    return this.#localEnd !== undefined || this.#abort.signal.aborted;
  }

  /** Whether the peer ended it and so knows that it did. */
  isKnownToPeer(end: LinkEnd): boolean {
    return this.#localEnd === undefined && end.type === "closed";
  }

  async openStream(
    protocol: Protocol,
    signal: AbortSignal,
  ): Promise<FrameStream> {
    this.#refuseWhenOver();
    return await openLinkStream(this.#session, protocol, {
      places: this.#openedPlaces.of(protocol),
      signal,
      onViolation: (cause) => this.violated(cause),
      probation: this.#probation,
    });
  }

  async ping(signal: AbortSignal): Promise<number> {
    this.#refuseWhenOver();
    // Until then the handshake has the control stream.
    if (this.#probation) await unlessAborted(this.#probation.proof, signal);
    return await this.#control.ping(signal);
  }

  close(code: number, reason: string): void {
    this.#close({ type: "closed", code, reason: closeReason(reason) }, code);
  }

  /** The peer broke the rules. */
  violated(cause: PlnError): void {
    if (this.isOver) return;
    this.#owner.onRefusal(this, "protocol", { cause });
    this.close(closeCodes.quota, cause.message);
  }

  /** The peer has proven itself: what waited for that goes on. */
  prove(proven: Authenticated): void {
    assert(proven.id === this.id, "it is of the same handshake");
    this.#heads = proven.heads;
    this.#probation?.pass();
    this.#probation = undefined;
    this.#owner.onShown(this);
  }

  /** Says again what this node says of itself, or shows its credential. */
  say(what: "hello" | "credential"): void {
    this.#control.say(what);
  }

  /** Judges the peer by the rights as they are now. */
  judge(): void {
    this.#shown.judge();
  }

  /** Handlers of this link's streams end; the link stays. */
  stopServing(): void {
    this.#serving.abort(new UnreachableError("This node stops"));
  }

  /** Tells the peer that this node leaves; the peer closes the link then. */
  async leave(): Promise<void> {
    if (this.isOver) return;
    if (this.isProven) await this.#control.leave();
    else this.close(closeCodes.left, "left the cluster");
  }

  /** The control stream's work; ends with the link. Run it once. */
  async run(): Promise<void> {
    this.#controlFrames.frameBytesMax = limits.controlFrameBytesMax;
    this.say("hello");
    try {
      await this.#control.run();
    } catch (cause) {
      const isViolation = cause instanceof LimitError ||
        cause instanceof InputError;
      if (isViolation) this.violated(cause);
      if (!(cause instanceof PlnError)) {
        this.#lose("an internal error");
        throw cause;
      }
    }
    await this.#endSoon();
    await this.#controlFrames[Symbol.asyncDispose]();
  }

  /** Streams break a moment before their session says how it ended. */
  async #endSoon(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    using deadline = new Deadline(this.#owner.clock, {
      delayMs: endMsMax,
      signal: this.#abort.signal,
      late: () => new UnreachableError("The control stream ended"),
    });
    await unlessAborted(this.ended, deadline.signal).catch(() => undefined);
    this.#lose("the control stream ended");
    await this.ended;
  }

  #openShown(proven: Authenticated): ShownCredential {
    const { clock, admit } = this.#owner;
    return new ShownCredential(clock, {
      ...proven,
      admit,
      onRefused: (cause) => {
        if (this.isOver) return;
        this.#owner.onRefusal(this, "denied", { cause });
        const why = cause instanceof Error ? cause.message : "refused";
        this.close(closeCodes.revoked, why);
      },
    });
  }

  #openControl(): Control {
    const owner = this.#owner;
    return new Control(owner.clock, this.#controlFrames, {
      handlers: {
        onHello: (hello) => this.#heard(hello),
        onCredential: (bytes) => this.#renew(bytes),
        onLeave: () => this.close(closeCodes.left, "left the cluster"),
        onStuck: (reason) => this.#lose(reason),
      },
      speech: {
        hello: () => toldHello(owner.hello(), this.remote),
        credential: () => owner.credential(),
        links: () => owner.links(),
      },
      signal: this.#abort.signal,
    });
  }

  #heard({ observed, ...said }: Decoded<typeof Hello>): void {
    const owner = this.peer;
    const { cluster } = this.facts;
    const hello = heardHello(this.#owner, said, { cluster, owner });
    this.#hello = hello;
    this.#observed = observed;
    if (said.authorityProof !== undefined && !hello.authorityProof) {
      const cause = new InputError("The peer's authority key is not its own");
      this.#owner.onRefusal(this, "hello", { cause });
    }
    this.#owner.onHello(this);
  }

  #renew(bytes: Uint8Array): void {
    try {
      this.#shown.renew(bytes);
      this.#owner.onShown(this);
    } catch (cause) {
      this.#owner.onRefusal(this, "renewal", { cause });
    }
  }

  #lose(reason: string): void {
    this.#close({ type: "lost", reason }, closeCodes.quota);
  }

  #close(end: LinkEnd, code: number): void {
    if (this.isOver) return;
    this.#localEnd = end;
    this.#session.close(code, end.reason);
  }

  #finish(end: LinkEnd): void {
    const final = this.#localEnd ?? end;
    const fault = goneError(this.peer, final);
    this.#shown[Symbol.dispose]();
    this.#abort.abort(fault);
    this.#serving.abort(fault);
    this.#openedPlaces.close(fault);
    this.servedPlaces.close(fault);
    this.#probation?.fail(fault);
    this.#ended.resolve(final);
  }

  #refuseWhenOver(): void {
    this.#abort.signal.throwIfAborted();
    if (this.#localEnd !== undefined) {
      throw goneError(this.peer, this.#localEnd);
    }
  }
}
