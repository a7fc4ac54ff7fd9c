// The joiner's end, before any daemon runs: bootstrap peers are tried in order
// until one leads to an admin that admits this node. A token and the node's
// keys go in, a verified credential comes out, or the reason that helps most:
// a refusal rather than silence. Nothing is written here, and a second attempt
// with the same keys is the same joiner.

import {
  DeniedError,
  limits,
  type PeerId,
  peerIdOf,
  PlnError,
  ReportedError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { NetworkAddress, Ports } from "../ports/mod.ts";
import {
  clockFault,
  type ClusterRoot,
  type Credential,
  CredentialError,
  type InviteToken,
  isoTime,
  type MemberFacts,
  type NodeKeys,
} from "../identity/mod.ts";
import { candidateText, type DialOptions, reach } from "./bootstrap.ts";
import { converse, newProgress, type Progress } from "./conversation.ts";
import { deadlineFor, Exchange } from "./exchange.ts";
import { isBusy } from "./forwarder.ts";
import { Joiner } from "./joiner.ts";
import type { JoinCandidate } from "./needs.ts";

/** What joining takes of the world. */
export type JoinNeeds = Pick<Ports, "clock" | "random" | "signer">;

/** How to join. */
export type JoinOptions = DialOptions & {
  /** The same keys again make a second attempt the same joiner. */
  readonly keys: NodeKeys;
  /** What the node calls itself. */
  readonly name?: string;
};

/** What a join gave; for `writeMembership`. */
export type Joined = {
  readonly root: ClusterRoot;
  readonly credential: Credential;
  /** Permanent facts, verified for the joiner's own key. */
  readonly facts: MemberFacts;
  /** The admin who admitted this node. */
  readonly redeemer: PeerId;
  /** The bootstrap peer that took the join, and where. */
  readonly via: PeerId;
  readonly address: NetworkAddress;
  /** The invite is for an admin: the root has to sign its authority. */
  readonly isAdminPending: boolean;
};

/**
 * Redeems an invite. Nothing is written: the caller does that with the result.
 * What the token says (its cluster above all) is known before:
 * `parseInviteToken`.
 *
 * @throws {UnreachableError} No bootstrap peer answers; lists what was tried.
 * @throws {ReportedError} Refused, in the words of who refused.
 * @throws {DeniedError} The token is for another node.
 * @throws {CredentialError} What came back is not to be believed, or this
 * machine's clock is wrong: the text says which.
 */
export async function joinCluster(
  needs: JoinNeeds,
  token: InviteToken,
  options: JoinOptions,
): Promise<Joined> {
  checkClock(needs);
  checkSubject(token, options);
  using limit = deadlineFor(needs.clock, "The cluster", {
    timeMs: limits.joinTotalMsMax,
    signal: options.signal,
  });
  const attempts = new Attempts(needs, token, {
    ...options,
    signal: limit.signal,
  });
  try {
    return await attempts.run();
  } catch (cause) {
    options.signal.throwIfAborted();
    throw cause;
  }
}

function checkClock({ clock }: JoinNeeds): void {
  const fault = clockFault(clock.wallMs());
  if (fault === undefined) return;
  throw new CredentialError("time", fault, {
    hint: "Set the clock (date), then join again",
  });
}

function checkSubject({ invite }: InviteToken, { keys }: JoinOptions): void {
  const { subject } = invite.terms;
  const self = peerIdOf(keys.key.publicKey);
  if (subject === undefined || subject === self) return;
  throw new DeniedError(
    `The invite is for node ${subject.slice(0, 8)}, and this is ` +
      self.slice(0, 8),
    { hint: `Ask an admin for another one: "pln invite ${self}"` },
  );
}

/** Where one attempt came to. */
type Failure = Readonly<Progress> & { readonly cause: PlnError };

class Attempts {
  readonly #needs: JoinNeeds;
  readonly #token: InviteToken;
  readonly #options: JoinOptions;
  readonly #tried: JoinCandidate[] = [];
  #refusal: PlnError | undefined;
  #busy: PlnError | undefined;
  #silence: PlnError | undefined;

  constructor(needs: JoinNeeds, token: InviteToken, options: JoinOptions) {
    this.#needs = needs;
    this.#token = token;
    this.#options = options;
  }

  async run(): Promise<Joined> {
    const { bootstraps } = this.#token.context;
    for (const candidate of bootstraps) {
      if (this.#options.signal.aborted) break;
      this.#tried.push(candidate);
      const joined = await this.#through(candidate);
      if (joined !== undefined) return joined;
    }
    throw this.#refusal ?? this.#busy ?? this.#nobody();
  }

  /** Undefined when the next bootstrap peer is to be tried. */
  async #through(candidate: JoinCandidate): Promise<Joined | undefined> {
    for (let attempt = 1;; attempt++) {
      const outcome = await this.#once(candidate);
      if (!("cause" in outcome)) return outcome;
      this.#note(candidate, outcome);
      const isLast = attempt >= limits.joinRetriesMax;
      if (isLast || !isWorthAgain(outcome)) return undefined;
      if (!await this.#pause(attempt)) return undefined;
    }
  }

  async #once(candidate: JoinCandidate): Promise<Joined | Failure> {
    const progress = newProgress();
    try {
      return await this.#join(candidate, progress);
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      return { cause, ...progress };
    }
  }

  async #join(candidate: JoinCandidate, progress: Progress): Promise<Joined> {
    const { clock } = this.#needs;
    const { keys, name, signal } = this.#options;
    const { connection, address } = await reach(
      clock,
      candidate,
      this.#options,
    );
    await using open = connection;
    using limit = deadlineFor(clock, `Node ${candidate.peer.slice(0, 8)}`, {
      timeMs: limits.joinMsMax + limits.enrollGoodbyeMsMax,
      signal,
    });
    progress.hasConnected = true;
    const exchange = new Exchange(open.stream, limit.signal);
    const title = { type: "invite", token: this.#token } as const;
    const joiner = new Joiner(this.#needs, title, { keys });
    const conversation = converse(clock, joiner, { exchange, progress, name });
    const admitted = await conversation.finally(() => {
      progress.isSlow = limit.signal.aborted;
    });
    return {
      ...admitted,
      root: this.#token.root,
      via: candidate.peer,
      address,
      isAdminPending: this.#token.invite.terms.tier === "admin",
    };
  }

  /**
   * The issuer's own refusal is the last word; what others say may be their
   * lack of news, so the next one is asked before it is believed.
   */
  #note(candidate: JoinCandidate, { cause }: Failure): void {
    if (isSilence(cause)) {
      // What somebody said about it helps more than a list of addresses.
      if (!(this.#silence instanceof ReportedError)) this.#silence = cause;
      return;
    }
    if (isBusy(cause)) {
      this.#busy = cause;
      return;
    }
    this.#refusal ??= cause;
    if (candidate.peer === this.#token.invite.terms.issuer) throw cause;
  }

  /** False when no time is left. */
  async #pause(attempt: number): Promise<boolean> {
    const { clock, random } = this.#needs;
    const delayMs = 500 * attempt + random.integer(1_000);
    const { signal } = this.#options;
    try {
      await clock.sleep(delayMs, signal);
      return true;
    } catch (cause) {
      if (signal.aborted) return false;
      throw cause;
    }
  }

  #nobody(): PlnError {
    const cause = this.#silence;
    if (cause instanceof ReportedError) return cause;
    const places = this.#tried.map(candidateText).join("; ");
    return new UnreachableError(
      places === ""
        ? "The invite names no node to join through"
        : `No node of the cluster answers: tried ${places}`,
      { cause, hint: this.#hint() },
    );
  }

  /** A wrong clock also makes servers look wrong (their TLS lives a day). */
  #hint(): string {
    const { issuedMs, expiresMs } = this.#token.invite.terms;
    const wallMs = this.#needs.clock.wallMs();
    if (wallMs >= issuedMs - clockDoubtMs && wallMs <= expiresMs) {
      return "Check that UDP gets through to one of these addresses";
    }
    return `This machine's clock says ${isoTime(wallMs)}, and the invite is ` +
      `from ${isoTime(issuedMs)} until ${isoTime(expiresMs)}: set the clock, ` +
      "or ask for a new invite";
  }
}

const clockDoubtMs = 60_000;

function isSilence(cause: PlnError): boolean {
  return cause.outcome === "unreachable";
}

/**
 * Busy nodes, broken connections, and answers that were lost: whoever asks
 * again is the same joiner, so nothing happens twice.
 */
function isWorthAgain(failure: Failure): boolean {
  const { cause, hasConnected, hasProven, isSlow } = failure;
  if (isBusy(cause)) return true;
  if (!isSilence(cause)) return false;
  if (hasProven) return true;
  return hasConnected && !isSlow && !(cause instanceof ReportedError);
}
