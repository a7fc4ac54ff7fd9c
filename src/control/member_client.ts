// The CLI's questions about members: peers, invites, grants, denials. One
// method per thing a command asks; each asks the daemon once and returns what
// it answered, in shape. How a request travels is the control client's matter.

import { type Bytes, type Shape, shape, utf8 } from "../kernel/mod.ts";
import {
  type Decision,
  decisionShape,
  type DenyRequest,
  type GrantRequest,
  type InviteList,
  inviteListShape,
  type InviteMade,
  inviteMadeShape,
  type InviteRequest,
  type InviteStatus,
  inviteStatusShape,
  memberPaths,
  type PeerDetails,
  peerDetailsShape,
  type PingResult,
  pingResultShape,
} from "./member_api.ts";

/** Method, path, and the names that follow it. */
export type Route = readonly [method: string, path: string, ...names: string[]];

/** Sends one request and reads its answer in shape. */
export type Ask = <T>(
  route: Route,
  form: Shape<T>,
  parts?: {
    readonly query?: Readonly<Record<string, string | number | undefined>>;
    readonly body?: Bytes;
    readonly signal?: AbortSignal | undefined;
  },
) => Promise<T>;

const anything: Shape<unknown> = shape.unknown();

/** Every method throws as those of the control client do. */
export class MemberClient {
  readonly #ask: Ask;

  /** For the control client. */
  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** PLN_NOT_FOUND or PLN_AMBIGUOUS when `peer` names none or several. */
  inspect(peer: string, signal?: AbortSignal): Promise<PeerDetails> {
    const route: Route = ["GET", memberPaths.peers, peer];
    return this.#ask(route, peerDetailsShape, { signal });
  }

  /** One round trip; `signal` gives up waiting. */
  ping(peer: string, signal?: AbortSignal): Promise<PingResult> {
    const route: Route = ["POST", memberPaths.pings, peer];
    return this.#ask(route, pingResultShape, { signal });
  }

  /** The answer holds a secret: the token. */
  invite(request: InviteRequest): Promise<InviteMade> {
    const route: Route = ["POST", memberPaths.invites];
    return this.#ask(route, inviteMadeShape, { body: json(request) });
  }

  /** Of all admins this daemon knows. */
  invites(): Promise<InviteList> {
    return this.#ask(["GET", memberPaths.invites], inviteListShape);
  }

  /** By its id, or a prefix of it. */
  revokeInvite(id: string): Promise<InviteStatus> {
    return this.#ask(["DELETE", memberPaths.invites, id], inviteStatusShape);
  }

  /** Done when it is durable. */
  grant(peer: string, request: GrantRequest): Promise<Decision> {
    const route: Route = ["POST", memberPaths.grants, peer];
    return this.#ask(route, decisionShape, { body: json(request) });
  }

  /** Done when it is durable; sessions close within a second. */
  deny(peer: string, request: DenyRequest): Promise<Decision> {
    const route: Route = ["POST", memberPaths.denials, peer];
    return this.#ask(route, decisionShape, { body: json(request) });
  }

  /** Lifts a denial. */
  allow(peer: string): Promise<Decision> {
    return this.#ask(["DELETE", memberPaths.denials, peer], decisionShape);
  }

  /** Hands over what the root signed. */
  applyStatement(statement: string): Promise<Decision> {
    const route: Route = ["POST", memberPaths.statements];
    return this.#ask(route, decisionShape, { body: json({ statement }) });
  }

  /** The daemon tells its peers and stops. */
  async leave(): Promise<void> {
    await this.#ask(["POST", memberPaths.leave], anything);
  }
}

function json(value: object): Bytes {
  return utf8(JSON.stringify(value));
}
