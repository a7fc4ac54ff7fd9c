// The way of a join through a node that is no admin: frames go between the
// joiner and one admin this node has a link to, as they are. Another admin is
// tried while the joiner has not signed for one. It must never pass on what was
// passed on before, and reads no more of a frame than its kind and, from an
// admin, why it was refused.

import {
  InputError,
  LimitError,
  limits,
  type PeerId,
  PlnError,
  ReportedError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { Clock } from "../ports/mod.ts";
import type { NodeIdentity, Rights } from "../identity/mod.ts";
import { type Frame, type FrameStream, protocols } from "../transport/mod.ts";
import { deadlineFor, Exchange, readFrame } from "./exchange.ts";
import {
  credentialMessage,
  forwardedJoinMessage,
  nonceMessage,
  proofMessage,
  refusalMessage,
} from "./messages.ts";
import type { AdmissionLink, AdmissionLinks } from "./needs.ts";

/** What passing on takes, beside the joiner's end. */
export type ForwarderConfig = {
  readonly clock: Clock;
  readonly identity: () => NodeIdentity;
  readonly rights: () => Rights;
  readonly links: AdmissionLinks;
};

/** Whether another admin may do what this one did not. */
export function isWorthAnother(cause: unknown): boolean {
  if (!(cause instanceof ReportedError)) return cause instanceof PlnError;
  return cause.outcome === "unreachable" || isBusy(cause);
}

/** Whether the other end has no room just now. */
export function isBusy(cause: unknown): boolean {
  return cause instanceof ReportedError && cause.code === "PLN_LIMIT";
}

/** Links to admins that nobody has denied. */
export function* adminLinks(
  links: AdmissionLinks,
  rights: Rights,
): Iterable<AdmissionLink> {
  for (const link of links.links()) {
    const isAdmin = link.facts.tier === "admin";
    if (isAdmin && rights.denialOf(link.peer) === undefined) yield link;
  }
}

/** An admin that has answered a join, and what it said. */
type Answered = { readonly stream: FrameStream; readonly first: Frame };

/** One hop between a joiner and an admin. */
export class Forwarder {
  readonly #config: ForwarderConfig;

  constructor(config: ForwarderConfig) {
    this.#config = config;
  }

  /**
   * Carries one enrolment to its end.
   *
   * @param joiner The joiner's end, whose join was read.
   * @param options.body Of that join.
   * @throws {UnreachableError} No admin answers, or it went away.
   * @throws {ReportedError} An admin refuses, in its words.
   */
  async forward(
    joiner: Exchange,
    options: { readonly body: Frame["body"]; readonly signal: AbortSignal },
  ): Promise<void> {
    const { signal } = options;
    const { stream, first } = await this.#firstAnswer(options);
    await using admin = stream;
    const upstream = new Exchange(admin, signal);
    await joiner.send(first);
    const proof = await joiner.receive();
    readFrame(proofMessage, proof);
    await upstream.send(proof);
    await joiner.send(await lastAnswer(upstream));
  }

  async #firstAnswer(
    options: { readonly body: Frame["body"]; readonly signal: AbortSignal },
  ): Promise<Answered> {
    const { identity, links, rights } = this.#config;
    const failed: PeerId[] = [];
    let last: unknown;
    for (const link of [...adminLinks(links, rights())]) {
      try {
        return await this.#ask(link, options);
      } catch (cause) {
        options.signal.throwIfAborted();
        if (!isWorthAnother(cause)) throw cause;
        failed.push(link.peer);
        last = cause;
      }
    }
    const who = `from node ${identity().peer.slice(0, 8)}`;
    // Whoever is told that asks again, as the admin itself would have said.
    if (isBusy(last)) {
      throw new LimitError(`The admins are busy with other joins ${who}`, {
        cause: last,
        hint: "Try again in some seconds",
      });
    }
    const asked = failed.map((peer) => peer.slice(0, 8)).join(", ");
    throw new UnreachableError(
      failed.length === 0
        ? `No admin can be reached ${who}`
        : `No admin answers ${who}: asked ${asked}`,
      { cause: last, hint: "Try again when an admin is up" },
    );
  }

  /** The stream is the caller's when this succeeds. */
  async #ask(
    link: AdmissionLink,
    options: { readonly body: Frame["body"]; readonly signal: AbortSignal },
  ): Promise<Answered> {
    using limit = deadlineFor(
      this.#config.clock,
      `Admin ${link.peer.slice(0, 8)}`,
      {
        timeMs: limits.enrollAnswerMsMax,
        signal: options.signal,
      },
    );
    await using scope = new AsyncDisposableStack();
    const stream = scope.use(
      await link.openStream(protocols.enroll, limit.signal),
    );
    const admin = new Exchange(stream, limit.signal);
    await admin.send({ kind: forwardedJoinMessage.kind, body: options.body });
    const first = await admin.receive();
    readFrame(nonceMessage, first);
    scope.move();
    return { stream, first };
  }
}

async function lastAnswer(admin: Exchange): Promise<Frame> {
  const last = await admin.receive();
  const isEnd = last.kind === credentialMessage.kind ||
    last.kind === refusalMessage.kind;
  if (isEnd) return last;
  throw new InputError("The admin answered with what is no end of a join");
}
