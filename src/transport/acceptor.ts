// Sessions that somebody asks for: a bounded number of strangers at once, each
// with a bounded time and a bounded number of bytes to prove who it is. Links
// and enrolments come out. It must never serve a stream, or keep more than
// unauthenticatedBytesMax, of somebody who is not proven.

import {
  type ErrorCode,
  type ErrorKind,
  InputError,
  LimitError,
  limits,
  PlnError,
  type Scope,
} from "../kernel/mod.ts";
import type { IncomingSession, Ports, Session } from "../ports/mod.ts";
import { Arrivals } from "./arrivals.ts";
import type { Authenticator, Outcome } from "./authenticator.ts";
import { Cancellation, Deadline, unlessAborted, within } from "./deadline.ts";
import { closeReason } from "./link_end.ts";
import { closeCodes, joinProtocol } from "./protocols.ts";
import { reasonOf, type RefusalReason, type Refusals } from "./refusals.ts";
import {
  UnauthenticatedGuard,
  UnauthenticatedSessions,
  type WaitingId,
} from "./unauthenticated.ts";

/** The other parts of a transport. */
export type AcceptorParts = {
  readonly authenticator: Pick<Authenticator, "accept">;
  readonly refusals: Refusals;
  readonly tasks: Scope;
  /** Whether links come from this address at other times. */
  readonly isKnown: (ip: string) => boolean;
  /** Whether there is no room for one more link. */
  readonly isFull: () => boolean;
  /** Takes a proven connection; its streams wait until this returns. */
  onProven(session: Session, arrivals: Arrivals, outcome: Outcome): void;
  /** Serves an enrolment; the session ends with it. */
  onJoin(session: Session, signal: AbortSignal): Promise<void>;
};

/** Why a session ends before it is anything. */
class UnwelcomeError extends PlnError {
  readonly code: ErrorCode = "PLN_LIMIT";
  readonly kind: ErrorKind = "peer";

  constructor(
    message: string,
    readonly refusal: {
      readonly closeCode: number;
      readonly reason: RefusalReason;
    },
  ) {
    super(message);
  }
}

const { authTimeout, quota } = closeCodes;
const lateText = "It did not prove who it is in time";
const late = { closeCode: authTimeout, reason: "timeout" } as const;
const busyText = "More strangers come than there are places";
const busy = { closeCode: quota, reason: "busy" } as const;
const floodText = "It sent too much before it had proven who it is";
const flood = { closeCode: quota, reason: "flood" } as const;

/** A session from its arrival until it is a link, an enrolment or gone. */
type Stranger = {
  readonly id: WaitingId;
  readonly session: Session;
  /** Ends it for a reason. */
  readonly end: Cancellation;
};

/** The accept loop of one endpoint, and its strangers. */
export class Acceptor {
  readonly #needs: Pick<Ports, "clock">;
  readonly #parts: AcceptorParts;
  readonly #waiting: UnauthenticatedSessions;
  readonly #strangers = new Map<WaitingId, Stranger>();
  readonly #opened = Promise.withResolvers<void>();
  #isStopped = false;

  constructor(needs: Pick<Ports, "clock">, parts: AcceptorParts) {
    this.#needs = needs;
    this.#parts = parts;
    this.#waiting = new UnauthenticatedSessions({ isKnown: parts.isKnown });
  }

  /** Sessions whose peers are not proven yet. */
  get unauthenticatedCount(): number {
    return this.#waiting.pendingCount + this.#waiting.establishedCount;
  }

  /** Lets peers prove themselves; until then they wait. */
  open(): void {
    this.#opened.resolve();
  }

  /** Ignores whoever comes from now on. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Takes sessions until the endpoint is closed. */
  async run(incoming: AsyncIterable<IncomingSession>): Promise<void> {
    for await (const session of incoming) {
      if (this.#isStopped) session.ignore();
      else this.#take(session);
    }
  }

  #take(incoming: IncomingSession): void {
    const id = this.#waiting.arrive();
    if (id === undefined) {
      this.#parts.refusals.count("busy");
      return incoming.ignore();
    }
    const session = incoming.accept();
    if (session === undefined) return this.#waiting.leave(id);
    const { tasks } = this.#parts;
    const stranger = { id, session, end: new Cancellation(tasks.signal) };
    this.#strangers.set(id, stranger);
    tasks.spawn("accept", () => this.#host(stranger));
    void session.established.then((isUp) => {
      if (isUp) this.#makeRoom(stranger);
    });
  }

  /** Its address is proven: others may have to go for it. */
  #makeRoom({ id, session }: Stranger): void {
    if (!this.#strangers.has(id)) return;
    for (const other of this.#waiting.establish(id, session.remote.ip)) {
      this.#strangers.get(other)?.end.cancel(
        new UnwelcomeError(busyText, busy),
      );
    }
  }

  async #host(stranger: Stranger): Promise<void> {
    const { id, session, end } = stranger;
    const isJoin = session.protocol === joinProtocol;
    try {
      await this.#prove(stranger, { isJoin });
    } catch (cause) {
      await using _ended = session;
      return this.#refuse(session, cause);
    } finally {
      end[Symbol.dispose]();
      this.#strangers.delete(id);
      this.#waiting.leave(id);
    }
    if (isJoin) await this.#parts.onJoin(session, this.#parts.tasks.signal);
  }

  /** Returns once it is a link, or may enrol. */
  async #prove(
    stranger: Stranger,
    { isJoin }: { readonly isJoin: boolean },
  ): Promise<void> {
    const { session, end } = stranger;
    using deadline = new Deadline(this.#needs.clock, {
      delayMs: limits.authMsMax,
      signal: end.signal,
      late: () => new UnwelcomeError(lateText, late),
    });
    const { signal } = deadline;
    await unlessAborted(this.#opened.promise, signal);
    if (isJoin) await unlessAborted(session.established, signal);
    else await this.#authenticate(stranger, signal);
  }

  async #authenticate(
    stranger: Stranger,
    signal: AbortSignal,
  ): Promise<void> {
    const { session } = stranger;
    if (this.#parts.isFull()) throw new UnwelcomeError(busyText, busy);
    const arrivals = new Arrivals(session);
    const guard = new UnauthenticatedGuard();
    const check = (isFine: boolean) => {
      if (isFine) return;
      stranger.end.cancel(new UnwelcomeError(floodText, flood));
    };
    this.#parts.tasks.spawn("arrivals", () =>
      arrivals.run({
        onStream: () => check(guard.onStream()),
        onBytes: (count) => check(guard.onBytes(count)),
      }));
    const outcome = await this.#parts.authenticator.accept(session, signal);
    signal.throwIfAborted();
    if (outcome.refusal !== undefined) {
      return await this.#turnAway(stranger, outcome, { signal });
    }
    arrivals.proven();
    this.#parts.onProven(session, arrivals, outcome);
  }

  /** Lets who was refused read why: it closes the session then. */
  async #turnAway(
    { session }: Stranger,
    outcome: Outcome,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    const { refusal } = outcome;
    if (refusal === undefined) return;
    const { error, closeCode, peer } = refusal;
    this.#parts.refusals.add({
      reason: reasonOf(refusal),
      from: session.remote,
      peer,
      cause: error,
    });
    await within(this.#needs.clock, session.ended, {
      delayMs: limits.refusedMsMax,
      signal,
      late: () => error,
    }).catch(() => undefined);
    session.close(closeCode, closeReason(error.message));
    await session[Symbol.asyncDispose]();
  }

  #refuse(session: Session, cause: unknown): void {
    const from = session.remote;
    if (cause instanceof UnwelcomeError) {
      const { reason, closeCode } = cause.refusal;
      this.#parts.refusals.add({ reason, from, cause });
      return session.close(closeCode, closeReason(cause.message));
    }
    if (cause instanceof InputError || cause instanceof LimitError) {
      this.#parts.refusals.add({ reason: "handshake", from, cause });
      return session.close(closeCodes.authFailed, closeReason(cause.message));
    }
    // It went by itself, or this node stops.
    session.close(closeCodes.shutdown, "");
    if (!(cause instanceof PlnError)) throw cause;
  }
}
