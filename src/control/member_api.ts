// The control API about members: peers, invites, grants, denials. Shapes stand
// here once, for server and client; they carry a version where people's scripts
// read them, and members may be added, never renamed. Ids are full hex; what
// people type (prefixes, names) the daemon resolves.

import { type Shape, shape as s } from "../kernel/mod.ts";

const text = s.string();
const wholeNumber = s.pipe(s.number(), s.integer(), s.minValue(0));
const texts = s.record(text, text);
const tier = s.picklist(["leaf", "publisher", "admin"]);

/** What a member may do: consume; publish; admit others too. */
export type Tier = "leaf" | "publisher" | "admin";

/** How this node stands with a peer; "self" is the node that was asked. */
export type PeerLinkState =
  | "self"
  | "connected"
  | "suspect"
  | "dialing"
  | "unreachable"
  | "left"
  | "denied";

/** Whether a node is alive, as the node that was asked sees it. */
export type PeerLiveness = "alive" | "suspect" | "lost" | "left";

/** What a node says of itself. */
export type PeerLoad = {
  /** 1000 for each core that is never idle. */
  readonly permille: number;
  readonly cores: number;
  readonly freeBytes: number;
  /** 0: not known. */
  readonly totalBytes: number;
  readonly callsUnderWay: number;
};

/** One row of `pln status nodes`. */
export type PeerStatus = {
  readonly peer: string;
  /** Absent until the peer has said it. */
  readonly name?: string | undefined;
  readonly tier?: Tier | undefined;
  readonly properties: Readonly<Record<string, string>>;
  readonly state: PeerLinkState;
  /** "ip:port", "[ip]:port" for IPv6: of the link, or last known. */
  readonly address?: string | undefined;
  readonly rttMs?: number | undefined;
  /** How long the link has been up. */
  readonly connectedMs?: number | undefined;
  readonly version?: string | undefined;
  /** Why there is no link. */
  readonly reason?: string | undefined;
  /** Absent for the node that was asked, and for who is no member. */
  readonly liveness?: PeerLiveness | undefined;
  /** For how long it has been so. */
  readonly livenessMs?: number | undefined;
  /** Since its newest sign of life. */
  readonly silentMs?: number | undefined;
  /** Absent while nothing new is heard of it. */
  readonly load?: PeerLoad | undefined;
};

const load = s.object({
  permille: wholeNumber,
  cores: wholeNumber,
  freeBytes: wholeNumber,
  totalBytes: wholeNumber,
  callsUnderWay: wholeNumber,
});

const peerMembers = {
  peer: text,
  name: s.optional(text),
  tier: s.optional(tier),
  properties: texts,
  state: s.picklist([
    ...["self", "connected", "suspect", "dialing"] as const,
    ...["unreachable", "left", "denied"] as const,
  ]),
  address: s.optional(text),
  rttMs: s.optional(s.number()),
  connectedMs: s.optional(s.number()),
  version: s.optional(text),
  reason: s.optional(text),
  liveness: s.optional(s.picklist(["alive", "suspect", "lost", "left"])),
  livenessMs: s.optional(s.number()),
  silentMs: s.optional(s.number()),
  load: s.optional(load),
};

/** Lenient: members of a later daemon are left out. */
export const peerStatusShape: Shape<PeerStatus> = s.object(peerMembers);

/** One certificate of a chain, the member's first. */
export type CertificateStatus = {
  readonly role: "member" | "authority" | "own-authority" | "root";
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
};

/** Who decided what about a peer, and when. */
export type DecisionStatus = {
  readonly verdict: "grant" | "deny" | "allow" | "join";
  /** A peer id, or "root". */
  readonly by: string;
  readonly atMs: number;
  readonly number: number;
  readonly tier?: Tier | undefined;
  readonly reason?: string | undefined;
};

/** What `pln inspect <peer> --json` prints. */
export type PeerDetails = {
  readonly version: 1;
  readonly type: "node";
  readonly node: PeerStatus;
  readonly addresses: readonly string[];
  /** Empty while this node has not seen its credential. */
  readonly chain: readonly CertificateStatus[];
  readonly issue?: number | undefined;
  readonly memberSinceMs?: number | undefined;
  readonly accessDeadlineMs?: number | undefined;
  /** Where the tier comes from. */
  readonly source?: "grant" | "certificate" | undefined;
  /** Waits for the root to sign its authority. */
  readonly isAdminPending: boolean;
  readonly decisions: readonly DecisionStatus[];
  /** Where the peer sees this node. */
  readonly observed?: string | undefined;
};

/** Lenient: members of a later daemon are left out. */
export const peerDetailsShape: Shape<PeerDetails> = s.object({
  version: s.literal(1),
  type: s.literal("node"),
  node: s.object(peerMembers),
  addresses: s.array(text),
  chain: s.array(s.object({
    role: s.picklist(["member", "authority", "own-authority", "root"]),
    subject: text,
    issuer: text,
    serial: text,
    notBeforeMs: s.number(),
    notAfterMs: s.number(),
  })),
  issue: s.optional(s.number()),
  memberSinceMs: s.optional(s.number()),
  accessDeadlineMs: s.optional(s.number()),
  source: s.optional(s.picklist(["grant", "certificate"])),
  isAdminPending: s.boolean(),
  decisions: s.array(s.object({
    verdict: s.picklist(["grant", "deny", "allow", "join"]),
    by: text,
    atMs: s.number(),
    number: s.number(),
    tier: s.optional(tier),
    reason: s.optional(text),
  })),
  observed: s.optional(text),
});

/** One round trip to a peer. */
export type PingResult = {
  readonly peer: string;
  readonly name?: string | undefined;
  readonly address: string;
  readonly rttMs: number;
};

/** Lenient: members of a later daemon are left out. */
export const pingResultShape: Shape<PingResult> = s.object({
  peer: text,
  name: s.optional(text),
  address: text,
  rttMs: s.number(),
});

/** What `pln invite` asks for; the daemon has a default for what is absent. */
export type InviteRequest = {
  readonly subject?: string | undefined;
  readonly ttlMs?: number | undefined;
  readonly tier?: Tier | undefined;
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** How long the membership may last, from joining on. */
  readonly accessMs?: number | undefined;
  readonly uses?: number | undefined;
};

/** Strict: an option the daemon does not know is refused. */
export const inviteRequestShape: Shape<InviteRequest> = s.strictObject({
  subject: s.optional(text),
  ttlMs: s.optional(wholeNumber),
  tier: s.optional(tier),
  properties: s.optional(texts),
  accessMs: s.optional(wholeNumber),
  uses: s.optional(wholeNumber),
});

/** The token is a secret: who has it can join. */
export type InviteMade = InviteStatus & { readonly token: string };

/** One row of `pln invite ls`. */
export type InviteStatus = {
  readonly id: string;
  readonly state: "open" | "used" | "expired" | "revoked";
  readonly tier: Tier;
  readonly subject?: string | undefined;
  /** The admin who made it. */
  readonly by: string;
  readonly atMs: number;
  readonly expiresMs: number;
  readonly uses: number;
  readonly used: number;
};

const inviteMembers = {
  id: text,
  state: s.picklist(["open", "used", "expired", "revoked"]),
  tier,
  subject: s.optional(text),
  by: text,
  atMs: s.number(),
  expiresMs: s.number(),
  uses: s.number(),
  used: s.number(),
};

/** Lenient: members of a later daemon are left out. */
export const inviteStatusShape: Shape<InviteStatus> = s.object(inviteMembers);
/** What `pln invite ls --json` prints. */
export type InviteList = {
  readonly version: 1;
  readonly invites: readonly InviteStatus[];
};

/** Lenient: members of a later daemon are left out. */
export const inviteListShape: Shape<InviteList> = s.object({
  version: s.literal(1),
  invites: s.array(s.object(inviteMembers)),
});
/** Lenient: members of a later daemon are left out. */
export const inviteMadeShape: Shape<InviteMade> = s.object({
  ...inviteMembers,
  token: text,
});

/** What `pln grant` and `pln props` change; what is absent stays. */
export type GrantRequest = {
  readonly tier?: Tier | undefined;
  /** An empty value removes the property. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** From now on; 0 lifts an end that was set. */
  readonly accessMs?: number | undefined;
};

/** Strict: an option the daemon does not know is refused. */
export const grantRequestShape: Shape<GrantRequest> = s.strictObject({
  tier: s.optional(tier),
  properties: s.optional(texts),
  accessMs: s.optional(wholeNumber),
});

/** What `pln deny` asks for. */
export type DenyRequest = {
  readonly reason?: string | undefined;
  /** What becomes of the members that a denied admin admitted. */
  readonly children?: "keep" | "cascade" | undefined;
  /** Whether the denials that a denied admin made end with it. */
  readonly dropDenies?: boolean | undefined;
};

/** Strict: an option the daemon does not know is refused. */
export const denyRequestShape: Shape<DenyRequest> = s.strictObject({
  reason: s.optional(text),
  children: s.optional(s.picklist(["keep", "cascade"])),
  dropDenies: s.optional(s.boolean()),
});

/**
 * What became of a grant, a deny or an allow: done, or a request for the root
 * key's holder to sign (`pln root sign`).
 */
export type Decision =
  | {
    readonly type: "done";
    readonly peer: string;
    readonly name?: string | undefined;
    readonly tier?: Tier | undefined;
    readonly properties?: Readonly<Record<string, string>> | undefined;
    readonly accessDeadlineMs?: number | undefined;
    /** False when nothing had to be changed. */
    readonly isChanged: boolean;
    /** Members of a denied admin that were granted anew. */
    readonly kept?: number | undefined;
    /** Members that a denied admin let in, and that go with it. */
    readonly gone?: number | undefined;
  }
  | {
    readonly type: "needs-root";
    readonly peer: string;
    /** One line of text for `pln root sign`. */
    readonly request: string;
  };

/** Lenient: members of a later daemon are left out. */
export const decisionShape: Shape<Decision> = s.union([
  s.object({
    type: s.literal("done"),
    peer: text,
    name: s.optional(text),
    tier: s.optional(tier),
    properties: s.optional(texts),
    accessDeadlineMs: s.optional(s.number()),
    isChanged: s.boolean(),
    kept: s.optional(s.number()),
    gone: s.optional(s.number()),
  }),
  s.object({
    type: s.literal("needs-root"),
    peer: text,
    request: text,
  }),
]);

/** Paths of the API about members; peers and ids follow as further parts. */
export const memberPaths = {
  peers: "/v1/peers",
  pings: "/v1/pings",
  invites: "/v1/invites",
  grants: "/v1/grants",
  denials: "/v1/denials",
  statements: "/v1/statements",
  leave: "/v1/leave",
} as const;

/** What the API about members needs from the daemon. */
export interface MemberHandlers {
  /** `peer` as typed. @throws {NotFoundError | AmbiguousError} */
  inspectPeer(peer: string): PeerDetails;
  /** Dials when there is no link. @throws {UnreachableError} */
  ping(peer: string, signal: AbortSignal): Promise<PingResult>;
  /** Durable when it resolves. @throws {DeniedError} This node is no admin. */
  invite(request: InviteRequest): Promise<InviteMade>;
  /** Of all admins this node knows, the newest first. */
  invites(): readonly InviteStatus[];
  /** `id` or a prefix of it. @throws {NotFoundError | DeniedError} */
  revokeInvite(id: string): Promise<InviteStatus>;
  /** Durable when done. @throws {DeniedError | NotFoundError} */
  grant(peer: string, request: GrantRequest): Promise<Decision>;
  /** Durable when done. @throws {DeniedError | NotFoundError | InputError} */
  deny(peer: string, request: DenyRequest): Promise<Decision>;
  /** Lifts a denial. @throws {DeniedError | NotFoundError} */
  allow(peer: string): Promise<Decision>;
  /** Takes what the root signed. @throws {InputError | DeniedError} */
  applyStatement(statement: string): Promise<Decision>;
  /** Tells the peers that this node goes for good, then stops the daemon. */
  leave(): Promise<void>;
}
