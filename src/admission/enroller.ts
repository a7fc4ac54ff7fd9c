// Serves enrolment: sessions of `pln-join/1`, and streams of members. An admin
// redeems, one decision at a time; any other node passes the join on to one.
// A redemption is durable and on its way to others before its joiner hears of
// it. It must never wait for a joiner longer than its time, nor take up more
// joins than its limits.

import {
  idBytes,
  InputError,
  LimitError,
  limits,
  type PeerId,
  reportError,
  Sequence,
} from "../kernel/mod.ts";
import type { NetworkAddress, Ports } from "../ports/mod.ts";
import {
  type Credential,
  encodeCredential,
  type NodeIdentity,
} from "../identity/mod.ts";
import {
  type Frame,
  type FrameStream,
  unlessAborted,
} from "../transport/mod.ts";
import { type Application, readApplication } from "./application.ts";
import { deadlineFor, Exchange, frameOf, readFrame } from "./exchange.ts";
import { Forwarder } from "./forwarder.ts";
import { JoinRate } from "./join_rate.ts";
import {
  credentialMessage,
  forwardedJoinMessage,
  joinMessage,
  type JoinRequest,
  nonceMessage,
  proofMessage,
  refusalMessage,
} from "./messages.ts";
import type {
  AdmissionLinks,
  AdmissionMembers,
  AdmissionState,
} from "./needs.ts";
import { checkApplication, claimsFor, decide, type Proven } from "./redeem.ts";
import {
  certify,
  redeemerFault,
  type RedeemerView,
  usableAuthority,
} from "./redeemer.ts";

/** What an enroller takes of the world. */
export type EnrollerNeeds = Pick<Ports, "clock" | "log" | "random" | "signer">;

/** Who redeems here, and who else could. */
export type EnrollerConfig = {
  /** The newest: it changes with each renewal. */
  readonly identity: () => NodeIdentity;
  readonly state: AdmissionState;
  readonly links: AdmissionLinks;
  /** For certificates above those that their subjects have shown here. */
  readonly members?: Pick<AdmissionMembers, "factsOf">;
  /** Shared with whoever else decides here; see `AdminsConfig.decisions`. */
  readonly decisions?: Sequence;
};

/** Where an enrolment comes from. */
export type EnrollContext = {
  readonly remote: NetworkAddress;
  readonly signal: AbortSignal;
  /** The member at the other end of a link; undefined: `pln-join/1`. */
  readonly peer?: PeerId;
};

/** One enrolment that is served. */
type Served = {
  readonly exchange: Exchange;
  readonly signal: AbortSignal;
  /** Its place is taken until that is over, whoever waits for it. */
  decision?: Promise<unknown>;
};

/** Serves `pln-join/1` and the streams of `protocols.enroll`. */
export class Enroller {
  readonly #needs: EnrollerNeeds;
  readonly #config: EnrollerConfig;
  readonly #forwarder: Forwarder;
  readonly #rate = new JoinRate();
  /** What one decision publishes, the next one knows. */
  readonly #decisions: Sequence;

  /** Opens nothing: streams are handed in. */
  constructor(needs: EnrollerNeeds, config: EnrollerConfig) {
    const { identity, links, state } = config;
    this.#needs = needs;
    this.#config = config;
    this.#decisions = config.decisions ?? new Sequence();
    this.#forwarder = new Forwarder({
      clock: needs.clock,
      identity,
      links,
      rights: () => state.rights(),
    });
  }

  /** Enrolments under way, at most `joinsUnderWayMax`. */
  get underWay(): number {
    return this.#rate.underWay;
  }

  /**
   * Serves one enrolment or renewal, and ends when its joiner has the answer
   * or after `joinMsMax`. Never rejects: who is refused is told why. The stream
   * stays the caller's to dispose.
   */
  async handle(stream: FrameStream, context: EnrollContext): Promise<void> {
    const exchange = new Exchange(stream, context.signal);
    const last = await this.#answer(exchange, context);
    await this.#end(exchange, context, { last });
  }

  /** What is left to be sent: nothing, or why the joiner was refused. */
  async #answer(
    exchange: Exchange,
    context: EnrollContext,
  ): Promise<Frame | undefined> {
    try {
      const place = this.#place(context);
      using limit = deadlineFor(this.#needs.clock, "The joiner", {
        timeMs: limits.joinMsMax - limits.enrollGoodbyeMsMax,
        signal: context.signal,
      });
      const { signal } = limit;
      exchange.signal = signal;
      const served: Served = { exchange, signal };
      try {
        await this.#serve(served, context);
      } finally {
        const leave = () => place[Symbol.dispose]();
        void Promise.resolve(served.decision).then(leave, leave);
      }
      return undefined;
    } catch (cause) {
      this.#log(cause, context);
      return frameOf(refusalMessage, { error: reportError(cause) });
    }
  }

  #log(cause: unknown, { remote, peer }: EnrollContext): void {
    const { code, message } = reportError(cause);
    const fields = { from: remote.ip, peer, code, message };
    const { log } = this.#needs;
    if (code === "PLN_INTERNAL") log.error("enroll.failed", fields);
    else if (code === "PLN_LIMIT") log.debug("enroll.busy", fields); // a flood
    else log.info("enroll.refused", fields);
  }

  /** The last message, and some time for it to arrive. */
  async #end(
    exchange: Exchange,
    { signal }: EnrollContext,
    { last }: { readonly last: Frame | undefined },
  ): Promise<void> {
    try {
      using limit = deadlineFor(this.#needs.clock, "The joiner", {
        timeMs: limits.enrollGoodbyeMsMax,
        signal,
      });
      exchange.signal = limit.signal;
      if (last !== undefined) await exchange.send(last);
      await exchange.finish();
    } catch (cause) {
      const { code, message } = reportError(cause);
      const { log } = this.#needs;
      if (code === "PLN_INTERNAL") log.error("enroll.failed", { message });
      else log.debug("enroll.unheard", { message });
    }
  }

  async #serve(served: Served, context: EnrollContext): Promise<void> {
    const { exchange, signal } = served;
    const { kind, body } = await exchange.receive();
    const isForwarded = kind === forwardedJoinMessage.kind;
    if (isForwarded && context.peer === undefined) {
      throw new InputError("Only members pass a join on");
    }
    const message = isForwarded ? forwardedJoinMessage : joinMessage;
    const request = readFrame(message, { kind, body });
    const mayRedeem = redeemerFault(this.#needs, this.#view()) === undefined;
    if (mayRedeem) return await this.#redeem(served, request);
    if (isForwarded) usableAuthority(this.#needs, this.#view()); // says why
    await this.#forwarder.forward(exchange, { body, signal });
  }

  #place({ remote, peer }: EnrollContext): Disposable {
    const nowMs = this.#needs.clock.nowMs();
    const place = this.#rate.take(nowMs, { ip: remote.ip, peer });
    if (place !== undefined) return place;
    throw new LimitError("This node is busy with other joins", {
      hint: "Try again in some seconds",
    });
  }

  #view(): RedeemerView {
    const { identity, state } = this.#config;
    return {
      identity: identity(),
      rights: state.rights(),
      wallMs: this.#needs.clock.wallMs(),
    };
  }

  async #redeem(served: Served, request: JoinRequest): Promise<void> {
    const { exchange, signal } = served;
    const view = this.#view();
    const { root, credential: own } = view.identity;
    const application = readApplication(this.#needs, root, { request });
    checkApplication(this.#needs, view, { application });
    const nonce = this.#needs.random.bytes(32);
    const redeemer = encodeCredential(own);
    await exchange.send(frameOf(nonceMessage, { nonce, redeemer }));
    const proof = readFrame(proofMessage, await exchange.receive());
    const decision = this.#decisions.run(() =>
      this.#conclude({ application, nonce, proof }, signal)
    );
    served.decision = decision;
    // A disk that hangs holds up the decision, and not the joiner.
    const credential = await unlessAborted(decision, signal);
    await exchange.send(frameOf(credentialMessage, {
      credential: encodeCredential(credential),
    }));
  }

  async #conclude(proven: Proven, signal: AbortSignal): Promise<Credential> {
    signal.throwIfAborted(); // its time may have passed in the queue
    const change = decide(this.#needs, this.#view(), proven);
    if (change !== undefined) await this.#config.state.publish([change]);
    const view = this.#view(); // with what was published
    const { application } = proven;
    const seen = this.#config.members?.factsOf(application.joiner);
    const credential = certify(this.#needs, view, {
      publicKey: idBytes(application.joiner),
      claims: claimsFor(view, { application, seen }),
    });
    this.#report(application, credential);
    return credential;
  }

  #report(application: Application, { member }: Credential): void {
    const { joiner, type } = application;
    const tier = member.claims?.type === "member" ? member.claims.tier : "leaf";
    const invite = type === "invite" ? application.invite.terms.id : undefined;
    const event = type === "invite" ? "enroll.admitted" : "enroll.renewed";
    this.#needs.log.info(event, { peer: joiner, tier, invite });
  }
}
