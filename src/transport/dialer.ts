// Links that this node asks for. A peer and an address go in; out comes the
// peer's link: the one that is there, one that comes meanwhile, or the one that
// was dialled. Who asks for the same at once shares an attempt, and it ends
// when nobody waits for it any more.

import {
  InputError,
  LimitError,
  limits,
  type PeerId,
  ReportedError,
  type Scope,
  UnreachableError,
} from "../kernel/mod.ts";
import type {
  Endpoint,
  NetworkAddress,
  Ports,
  Session,
  SessionStream,
} from "../ports/mod.ts";
import { Arrivals } from "./arrivals.ts";
import type { Authenticator, Outcome } from "./authenticator.ts";
import { Cancellation, Deadline, unlessAborted, within } from "./deadline.ts";
import { dialSession } from "./dial_session.ts";
import type { Link } from "./link.ts";
import { closeReason, dialError, goneError, linkEndOf } from "./link_end.ts";
import { closeCodes, memberProtocol } from "./protocols.ts";
import { reasonOf, type Refusals, shown } from "./refusals.ts";
import type { SessionLink } from "./session_link.ts";

/** The other parts of a transport. */
export type DialerParts = {
  readonly endpoint: Pick<Endpoint, "dial">;
  readonly authenticator: Pick<Authenticator, "answer">;
  readonly refusals: Refusals;
  readonly tasks: Scope;
  /** The peer's link, when there is one. */
  linkOf(peer: PeerId): Link | undefined;
  /** Hears of new links; see `Transport.onLink`. */
  onLink(handle: (link: Link) => void): Disposable;
  /** Ids of lost connections to the peer. */
  replacedBy(peer: PeerId): readonly string[];
  /**
   * The peer is still to prove itself, but first requests may leave: the link
   * for them, which ends with the session; undefined when none is wanted.
   */
  onProvisional(
    session: Session,
    options: Required<Pick<Outcome, "control" | "proven">>,
  ): SessionLink | undefined;
  /** Takes a proven connection; `link` is what `onProvisional` gave. */
  onProven(
    session: Session,
    arrivals: Arrivals,
    options: Outcome & {
      readonly replaces: readonly string[];
      readonly link: SessionLink | undefined;
    },
  ): void;
};

/** Whom to reach, and where. */
type Target = { readonly peer: PeerId; readonly to: NetworkAddress };

/** One dial, and how many wait for it. */
type Attempt = {
  readonly target: Target;
  readonly link: Promise<Link>;
  readonly end: Cancellation;
  waiting: number;
  /**
   * The peer may take this connection for its link and give up another one for
   * it: the attempt goes on, whoever waits.
   */
  isCommitted: boolean;
};

/** The dials of one node. */
export class Dialer {
  readonly #needs: Pick<Ports, "clock" | "random">;
  readonly #parts: DialerParts;
  readonly #attempts = new Map<string, Attempt>();

  constructor(needs: Pick<Ports, "clock" | "random">, parts: DialerParts) {
    this.#needs = needs;
    this.#parts = parts;
  }

  /** See `Transport.dial`. */
  async dial(target: Target, signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    const { peer, to } = target;
    const there = this.#parts.linkOf(peer);
    if (there !== undefined) return there;
    const key = `${peer} ${shown(to)}`;
    const attempt = this.#attempts.get(key) ?? this.#start(target, key);
    attempt.waiting++;
    const arrived = Promise.withResolvers<Link>();
    using _news = this.#parts.onLink((link) => {
      if (link.peer === peer) arrived.resolve(link);
    });
    try {
      const first = Promise.race([arrived.promise, attempt.link]);
      return await unlessAborted(first, signal);
    } finally {
      attempt.waiting--;
      this.#giveUp(attempt, key);
    }
  }

  #giveUp(attempt: Attempt, key: string): void {
    if (attempt.waiting > 0 || attempt.isCommitted) return;
    this.#forget(attempt, key);
    attempt.end.cancel(new UnreachableError("Nobody waits for this dial"));
  }

  #forget(attempt: Attempt, key: string): void {
    if (this.#attempts.get(key) === attempt) this.#attempts.delete(key);
  }

  #start(target: Target, key: string): Attempt {
    const { promise: link, resolve, reject } = Promise.withResolvers<Link>();
    // Those who wait may all have given up.
    link.catch(() => undefined);
    const { tasks } = this.#parts;
    const end = new Cancellation(tasks.signal);
    const attempt: Attempt = {
      ...{ target, link, end, waiting: 0, isCommitted: false },
    };
    this.#attempts.set(key, attempt);
    tasks.spawn("dial", async () => {
      try {
        resolve(await this.#attempt(attempt));
      } catch (cause) {
        reject(cause);
      } finally {
        end[Symbol.dispose]();
        this.#forget(attempt, key);
      }
    });
    return attempt;
  }

  async #attempt(attempt: Attempt): Promise<Link> {
    const { peer, to } = attempt.target;
    const session = await this.#connect(attempt);
    try {
      const link = await this.#authenticate(session, attempt);
      if (link !== undefined) return link;
      // The table found no room for it, or a better one went as it came.
      throw dialError(peer, linkEndOf(await session.ended));
    } catch (cause) {
      session.close(closeCodes.authFailed, "the dial failed");
      await session[Symbol.asyncDispose]();
      const isForeign = cause instanceof LimitError ||
        cause instanceof InputError;
      if (!isForeign) throw cause;
      throw new UnreachableError(`${shown(to)}: ${cause.message}`, { cause });
    }
  }

  async #connect({ target, end }: Attempt): Promise<Session> {
    const { peer, to } = target;
    using deadline = new Deadline(this.#needs.clock, {
      delayMs: limits.dialMsMax,
      signal: end.signal,
      late: () => new UnreachableError(`${named(target)} does not answer`),
    });
    return await dialSession(this.#needs, this.#parts.endpoint, {
      ...{ peer, to, protocol: memberProtocol, signal: deadline.signal },
    });
  }

  /** The peer's link; undefined when this connection did not stay. */
  async #authenticate(
    session: Session,
    attempt: Attempt,
  ): Promise<Link | undefined> {
    const { target, end } = attempt;
    const { peer } = target;
    using deadline = new Deadline(this.#needs.clock, {
      delayMs: limits.authMsMax,
      signal: end.signal,
      late: () => new UnreachableError(`${named(target)} proves nothing`),
    });
    const { signal } = deadline;
    const replaces = this.#parts.replacedBy(peer);
    const arrivals = new Arrivals(session);
    const early: { link?: SessionLink | undefined } = {};
    try {
      const first = await this.#controlOf(session, arrivals, { signal });
      const outcome = await this.#parts.authenticator.answer(first, peer, {
        ...{ replaces, signal, onAnswer: () => this.#commit(attempt) },
        onProvisional: (proven, control) => {
          early.link = this.#parts.onProvisional(session, { control, proven });
        },
      });
      this.#checkRefusal(session, outcome);
      arrivals.proven();
      const { link } = early;
      this.#parts.onProven(session, arrivals, { ...outcome, replaces, link });
      return this.#parts.linkOf(peer);
    } catch (cause) {
      const isBroken = cause instanceof UnreachableError && !signal.aborted;
      if (!isBroken) throw cause;
      const end = early.link?.localEnd;
      if (end !== undefined) throw goneError(peer, end);
      throw await this.#endOf(session, peer, { cause });
    }
  }

  /** From now on another end decides too; who waits no more changes nothing. */
  #commit(attempt: Attempt): void {
    attempt.end.signal.throwIfAborted();
    attempt.isCommitted = true;
  }

  #checkRefusal(session: Session, { refusal }: Outcome): void {
    if (refusal === undefined) return;
    const { error, closeCode, peer } = refusal;
    session.close(closeCode, closeReason(error.message));
    if (!(error instanceof ReportedError)) {
      const reason = reasonOf(refusal);
      const from = session.remote;
      this.#parts.refusals.add({ reason, from, peer, cause: error });
    }
    throw error;
  }

  /** The stream on which the peer challenges whoever dialled it. */
  async #controlOf(
    session: Session,
    arrivals: Arrivals,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<SessionStream> {
    const first = arrivals.first();
    let held = 0;
    this.#parts.tasks.spawn("arrivals", () =>
      arrivals.run({
        onStream: () => {
          if (++held <= limits.streamsHeldMax) return;
          session.close(closeCodes.quota, "streams before the handshake");
        },
      }));
    const stream = await unlessAborted(first, signal);
    if (stream !== undefined) return stream;
    throw new UnreachableError("The peer ended the session");
  }

  /** Why a session broke off: it may say so a moment after its streams. */
  async #endOf(
    session: Session,
    peer: PeerId,
    { cause }: { readonly cause: UnreachableError },
  ): Promise<Error> {
    const end = await within(this.#needs.clock, session.ended, {
      delayMs: limits.refusedMsMax,
      signal: new AbortController().signal,
      late: () => cause,
    }).catch(() => undefined);
    return end === undefined ? cause : dialError(peer, linkEndOf(end));
  }
}

function named({ peer, to }: Target): string {
  return `Node ${peer.slice(0, 8)} at ${shown(to)}`;
}
