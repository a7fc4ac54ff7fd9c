// The control API: what the CLI asks a daemon over its unix socket. Paths,
// shapes and status codes stand here once, for server and client. Shapes carry
// a version; members may be added, never renamed (golden tests hold them).

import type { ErrorReport, Outcome, Shape } from "../kernel/mod.ts";
import { shape as s } from "../kernel/mod.ts";
import { type PeerStatus, peerStatusShape } from "./member_api.ts";
import { type StateStatus, stateStatusShape } from "./state_api.ts";

/** The only Host a request may name: no browser page can send it. */
export const controlHost = "pln";

/** Response header with the daemon's version. */
export const versionHeader = "pln-version";

/** Names follow as further parts, each URL-encoded. */
export const apiPaths = {
  status: "/v1/status",
  seeds: "/v1/seeds",
  calls: "/v1/calls",
  shutdown: "/v1/shutdown",
  reload: "/v1/reload",
  recover: "/v1/recover",
} as const;

const outcomes = {
  "error": 500,
  "usage": 400,
  "not-found": 404,
  "permission": 403,
  "ambiguous": 409,
  "unreachable": 503,
} as const satisfies Record<Outcome, number>;

/** 400 to 503; the client goes by the report in the body. */
export function httpStatusOf(outcome: Outcome): number {
  return outcomes[outcome];
}

/** Takes codes that only a later daemon knows. */
export const errorReportShape: Shape<ErrorReport> = s.object({
  code: s.pipe(s.string(), s.regex(/^PLN_[A-Z_]+$/)),
  kind: s.picklist(["input", "peer", "local"]),
  outcome: s.picklist([
    "error",
    "usage",
    "not-found",
    "permission",
    "ambiguous",
    "unreachable",
  ]),
  message: s.string(),
  hint: s.optional(s.string()),
}) as Shape<ErrorReport>;

const wholeNumber = s.pipe(s.number(), s.integer(), s.minValue(0));
const text = s.string();

/** How much of one call's instance the next call may see. */
export type IsolationMode = "restore" | "fresh" | "reuse";

const isolationMode = s.picklist(["restore", "fresh", "reuse"]);

/**
 * What `pln seed` asks for beside the module's bytes (query `spec`); the daemon
 * has a default for what is left out.
 */
export type SeedRequest = {
  readonly config: Readonly<Record<string, string>>;
  readonly timeoutMs?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly cpuMs?: number | undefined;
  readonly isolation?: IsolationMode | undefined;
  readonly allowHosts?: readonly string[] | undefined;
  /** Although another node that is alive has the name. */
  readonly isTakeover?: boolean | undefined;
};

/** Strict: an option the daemon does not know is refused. */
export const seedRequestShape: Shape<SeedRequest> = s.strictObject({
  config: s.record(s.string(), s.string()),
  timeoutMs: s.optional(wholeNumber),
  memoryBytes: s.optional(wholeNumber),
  cpuMs: s.optional(wholeNumber),
  isolation: s.optional(isolationMode),
  allowHosts: s.optional(s.array(s.string())),
  isTakeover: s.optional(s.boolean()),
});

/** What a seed runs with, defaults filled in. */
export type SeedTerms = {
  readonly limits: {
    readonly timeoutMs: number;
    readonly memoryBytes: number;
    readonly cpuMs: number;
  };
  readonly isolation: {
    readonly asked: IsolationMode;
    /** Absent while the module cannot be loaded. */
    readonly inEffect?: IsolationMode | undefined;
    /** Why it is not the one asked for. */
    readonly reason?: string | undefined;
  };
  readonly allowHosts: readonly string[];
};

const limitsShape = s.object({
  timeoutMs: s.number(),
  memoryBytes: s.number(),
  cpuMs: s.number(),
});
const isolationShape = s.object({
  asked: isolationMode,
  inEffect: s.optional(isolationMode),
  reason: s.optional(text),
});

/** What a version that was replaced ran with. */
export type TermsBefore = SeedTerms & {
  /** Sorted. */
  readonly configKeys: readonly string[];
};

/**
 * Answered when the seed is durable; `replaces` and `before` are undefined for
 * a new name.
 */
export type SeedPublished = Partial<SeedTerms> & {
  readonly name: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly functions: readonly string[];
  /** Digest of the version that this one takes the place of. */
  readonly replaces?: string | undefined;
  readonly before?: TermsBefore | undefined;
  /** Another node that still holds the name: calls of it go there. */
  readonly heldBy?: NameHolder | undefined;
};

/** A node that holds a name. */
export type NameHolder = {
  readonly peer: string;
  readonly name?: string | undefined;
};

/** Lenient, as to terms too: daemons before 0.2 tell none. */
export const seedPublishedShape: Shape<SeedPublished> = s.object({
  name: text,
  digest: text,
  sizeBytes: s.number(),
  functions: s.array(text),
  replaces: s.optional(text),
  before: s.optional(s.object({
    limits: limitsShape,
    isolation: isolationShape,
    allowHosts: s.array(text),
    configKeys: s.array(text),
  })),
  heldBy: s.optional(s.object({ peer: text, name: s.optional(text) })),
  limits: s.optional(limitsShape),
  isolation: s.optional(isolationShape),
  allowHosts: s.optional(s.array(text)),
});

/** Options of a call (query `timeoutMs`, `on`). */
export type CallOptions = {
  /** The node that runs it, as typed; default: this one. */
  readonly on?: string | undefined;
  readonly timeoutMs?: number | undefined;
};

/** Of this node since its daemon started. */
export type CallCounts = {
  readonly calls: number;
  readonly errors: number;
  /** What the errors were: "trap", "timeout", "seed", ... */
  readonly errorsByReason?: Readonly<Record<string, number>> | undefined;
  readonly running: number;
  /** Of the last 256 calls, queue wait included; absent before the first. */
  readonly p50Ms?: number | undefined;
  readonly p99Ms?: number | undefined;
};

const callCounts = {
  calls: s.number(),
  errors: s.number(),
  errorsByReason: s.optional(s.record(text, s.number())),
  running: s.number(),
  p50Ms: s.optional(s.number()),
  p99Ms: s.optional(s.number()),
};

/** What a seed is, and whether this node runs it. */
export type SeedIdentity = {
  readonly name: string;
  readonly owner: string;
  /** As its owner calls itself. */
  readonly ownerName?: string | undefined;
  /** "name@" and digits of the owner's id: this seed, whoever holds the name. */
  readonly address?: string | undefined;
  /** Who holds the name; absent when its owner does, or nobody is known to. */
  readonly heldBy?: NameHolder | undefined;
  /** Other owners of the name, the holder among them; absent: none. */
  readonly others?: readonly string[] | undefined;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly publishedMs: number;
  /**
   * "refused": this node has its module damaged, or not at all; "remote": its
   * owner is another node, which runs it.
   */
  readonly state: "ready" | "refused" | "remote";
  readonly reason?: string | undefined;
};

const seedIdentity = {
  name: text,
  owner: text,
  ownerName: s.optional(text),
  address: s.optional(text),
  heldBy: s.optional(s.object({ peer: text, name: s.optional(text) })),
  others: s.optional(s.array(text)),
  digest: text,
  sizeBytes: s.number(),
  publishedMs: s.number(),
  state: s.picklist(["ready", "refused", "remote"]),
  reason: s.optional(text),
};

/** One seed in a status. */
export type SeedStatus = SeedIdentity & CallCounts & {
  readonly timeoutMs: number;
};

const seedStatusShape = s.object({
  ...seedIdentity,
  ...callCounts,
  timeoutMs: s.number(),
});

/** What a seed occupies on this node now; all 0 while it is not loaded. */
export type SeedUsage = {
  readonly threads: number;
  readonly instances: number;
  readonly memoryBytes: number;
  /** Most that one of its instances had. */
  readonly peakBytes: number;
  /** Processor time of all its calls. */
  readonly cpuMs: number;
};

/** What `pln inspect --json` prints of a seed; `type` leaves room for others. */
export type SeedDetails = SeedIdentity & SeedTerms & CallCounts & {
  readonly version: 1;
  readonly type: "seed";
  /** Absent while the module cannot be loaded. */
  readonly functions?: readonly string[] | undefined;
  /** Sorted; their values are the seed's own business. */
  readonly configKeys: readonly string[];
  readonly usage: SeedUsage;
};

/** Lenient: members of a later daemon are left out. */
export const seedDetailsShape: Shape<SeedDetails> = s.object({
  version: s.literal(1),
  type: s.literal("seed"),
  ...seedIdentity,
  functions: s.optional(s.array(text)),
  configKeys: s.array(text),
  limits: limitsShape,
  isolation: isolationShape,
  allowHosts: s.array(text),
  ...callCounts,
  usage: s.object({
    threads: s.number(),
    instances: s.number(),
    memoryBytes: s.number(),
    peakBytes: s.number(),
    cpuMs: s.number(),
  }),
});

/** What an operator has to act on; `hint` says how, if that is known. */
export type Alarm = { readonly message: string; readonly hint?: string };

/** `certificateNotAfterMs` is wall clock; `upMs` is a duration. */
export type NodeStatus = {
  readonly peer: string;
  readonly name: string;
  readonly cluster: string;
  readonly tier: "leaf" | "publisher" | "admin";
  readonly properties: Readonly<Record<string, string>>;
  readonly version: string;
  readonly processId: number;
  readonly directory: string;
  readonly upMs: number;
  readonly certificateNotAfterMs: number;
  readonly residentBytes: number;
};

/** Who is linked to this node, and who was not let in. */
export type MeshStatus = {
  readonly links: number;
  /** Sessions that have not yet shown who they are. */
  readonly unauthenticated: number;
  /** Since the daemon's start, by reason: "denied", "expired", ... */
  readonly refusals: Readonly<Record<string, number>>;
};

const noMesh = { links: 0, unauthenticated: 0, refusals: {} };

/**
 * What `pln status --json` prints; `listeners` are ports by what they serve:
 * "mesh" (UDP), and the settings "http" and "static-http".
 */
export type StatusReport = {
  readonly version: 1;
  readonly node: NodeStatus;
  readonly alarms: readonly Alarm[];
  /** Every node this one knows of, itself first. */
  readonly nodes: readonly PeerStatus[];
  readonly mesh: MeshStatus;
  readonly seeds: readonly SeedStatus[];
  readonly state: StateStatus;
  /** `lost` ended under their seeds and were replaced. */
  readonly threads: { readonly running: number; readonly lost: number };
  readonly listeners: Readonly<Record<string, number>>;
};

/** Lenient: members of a later daemon are left out. */
export const statusShape: Shape<StatusReport> = s.object({
  version: s.literal(1),
  node: s.object({
    peer: text,
    name: text,
    cluster: text,
    tier: s.picklist(["leaf", "publisher", "admin"]),
    properties: s.record(text, text),
    version: text,
    processId: s.number(),
    directory: text,
    upMs: s.number(),
    certificateNotAfterMs: s.number(),
    residentBytes: s.number(),
  }),
  alarms: s.array(s.object({ message: text, hint: s.optional(text) })),
  // Daemons before 0.2 know no others.
  nodes: s.optional(s.array(peerStatusShape as never), []),
  mesh: s.optional(
    s.object({
      links: s.number(),
      unauthenticated: s.number(),
      refusals: s.record(text, s.number()),
    }),
    noMesh,
  ),
  seeds: s.array(seedStatusShape),
  state: stateStatusShape as never,
  threads: s.object({
    running: s.number(),
    lost: s.optional(s.number(), 0), // daemons before 0.2 know none
  }),
  listeners: s.record(text, s.number()),
}) as Shape<StatusReport>;

/** What a reload of config.yaml changed at once, and what waits. */
export type Reloaded = {
  readonly applied: readonly string[];
  readonly needRestart: readonly string[];
};

/** Lenient: members of a later daemon are left out. */
export const reloadedShape: Shape<Reloaded> = s.object({
  applied: s.array(text),
  needRestart: s.array(text),
});
