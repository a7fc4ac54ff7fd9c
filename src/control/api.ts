// The control API: what the CLI asks a daemon over its unix socket. Paths,
// shapes and status codes stand here once, for server and client. Shapes carry
// a version; members may be added, never renamed (golden tests hold them).

import type { ErrorReport, Outcome, Shape } from "../kernel/mod.ts";
import { shape as s } from "../kernel/mod.ts";

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

const milliseconds = s.pipe(s.number(), s.integer(), s.minValue(0));
const text = s.string();

/** What `pln seed` asks for beside the module's bytes (query `spec`). */
export type SeedRequest = {
  readonly config: Readonly<Record<string, string>>;
  readonly timeoutMs?: number | undefined;
};

/** Strict: an option the daemon does not know is refused. */
export const seedRequestShape: Shape<SeedRequest> = s.strictObject({
  config: s.record(s.string(), s.string()),
  timeoutMs: s.optional(milliseconds),
});

/**
 * Answered when the seed is durable; `replaces` is undefined for a new name.
 */
export type SeedPublished = {
  readonly name: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly functions: readonly string[];
  /** Digest of the version that this one takes the place of. */
  readonly replaces?: string | undefined;
};

/** Lenient: members of a later daemon are left out. */
export const seedPublishedShape: Shape<SeedPublished> = s.object({
  name: text,
  digest: text,
  sizeBytes: s.number(),
  functions: s.array(text),
  replaces: s.optional(text),
});

/** Options of a call (query `timeoutMs`). */
export type CallOptions = {
  readonly timeoutMs?: number | undefined;
};

/** Counts are of this node since its daemon started. */
export type SeedStatus = {
  readonly name: string;
  readonly owner: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly publishedMs: number;
  readonly timeoutMs: number;
  /** "refused": its runaway calls cost too many threads, or it is damaged. */
  readonly state: "ready" | "refused";
  readonly reason?: string | undefined;
  readonly calls: number;
  readonly errors: number;
  readonly running: number;
  /** Of the last 256 calls, queue wait included; absent before the first. */
  readonly p50Ms?: number | undefined;
  readonly p99Ms?: number | undefined;
};

const seedStatusShape = s.object({
  name: text,
  owner: text,
  digest: text,
  sizeBytes: s.number(),
  publishedMs: s.number(),
  timeoutMs: s.number(),
  state: s.picklist(["ready", "refused"]),
  reason: s.optional(text),
  calls: s.number(),
  errors: s.number(),
  running: s.number(),
  p50Ms: s.optional(s.number()),
  p99Ms: s.optional(s.number()),
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

/** What `pln status --json` prints; `listeners` are ports by setting. */
export type StatusReport = {
  readonly version: 1;
  readonly node: NodeStatus;
  readonly alarms: readonly Alarm[];
  readonly seeds: readonly SeedStatus[];
  readonly state: {
    readonly generation: number;
    readonly sequence: number;
    readonly entries: number;
    readonly journalBytes: number;
  };
  readonly threads: { readonly running: number; readonly abandoned: number };
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
  seeds: s.array(seedStatusShape),
  state: s.object({
    generation: s.number(),
    sequence: s.number(),
    entries: s.number(),
    journalBytes: s.number(),
  }),
  threads: s.object({ running: s.number(), abandoned: s.number() }),
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
