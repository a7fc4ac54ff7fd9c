// The control API about the cluster's state: what changed and when, how it was
// at a moment, how a peer's copy differs, and forgetting an owner for good.
// Shapes stand here once, for server and client; members may be added, never
// renamed (golden tests hold them). Ids are full hex, times are wall clock.

import { type JsonValue, type Shape, shape as s } from "../kernel/mod.ts";
import type { Tier } from "./member_api.ts";

const text = s.string();
const tier = s.picklist(["leaf", "publisher", "admin"]);
const anyJson = s.unknown() as unknown as Shape<JsonValue | undefined>;

/** How the state is, in a status; what is absent a daemon before 0.2 had not. */
export type StateStatus = {
  readonly generation: number;
  readonly sequence: number;
  readonly entries: number;
  readonly journalBytes: number;
  /** Over all documents; nodes whose views are equal share it. */
  readonly digest?: string | undefined;
  /** That are stored here, the own one too. */
  readonly documents?: number | undefined;
  /** Owners of whom nobody has said that they are members; kept in memory. */
  readonly waiting?: number | undefined;
  /** Documents that peers told of and did not bring when they were asked. */
  readonly unfilled?: number | undefined;
  /** Batches since the start that were refused. */
  readonly refused?: number | undefined;
  /** Batches since the start that were put off: they came too fast. */
  readonly deferred?: number | undefined;
  /** Owners whose newest generation is void: they published in two ways. */
  readonly forks?: readonly string[] | undefined;
  /** Entries of others that are stored and do not count. */
  readonly ignored?: number | undefined;
};

/** Lenient: members of a later daemon are left out. */
export const stateStatusShape: Shape<StateStatus> = s.object({
  generation: s.number(),
  sequence: s.number(),
  entries: s.number(),
  journalBytes: s.number(),
  digest: s.optional(text),
  documents: s.optional(s.number()),
  waiting: s.optional(s.number()),
  unfilled: s.optional(s.number()),
  refused: s.optional(s.number()),
  deferred: s.optional(s.number()),
  forks: s.optional(s.array(text)),
  ignored: s.optional(s.number()),
});

/**
 * One entry of an owner's document; absent: it was not there. With neither: the
 * owner published so much that the values were not kept.
 */
export type StateEntryChange = {
  readonly section: string;
  readonly key: string;
  readonly before?: JsonValue | undefined;
  readonly after?: JsonValue | undefined;
};

/** One batch that was applied here, or a place where batches may be missing. */
export type StateEvent =
  | {
    readonly type: "batch";
    readonly atMs: number;
    readonly owner: string;
    readonly name?: string | undefined;
    readonly generation: number;
    readonly seq: number;
    readonly changes: readonly StateEntryChange[];
  }
  | {
    readonly type: "gap";
    readonly atMs: number;
    /** "stopped", "killed", "disk", "damage", "flood". */
    readonly why: string;
  };

/** What `pln history --json` prints; the newest event is the last. */
export type StateHistory = {
  readonly version: 1;
  /** Of the oldest record that was looked at. */
  readonly beginsMs?: number | undefined;
  /** Whether older ones would have fitted the question. */
  readonly isCut: boolean;
  readonly events: readonly StateEvent[];
};

/** What `pln history` asks for. */
export type StateHistoryQuery = {
  readonly sinceMs?: number | undefined;
  /** A node as typed. */
  readonly owner?: string | undefined;
  /** The newest so many batches; the daemon has a default. */
  readonly limit?: number | undefined;
};

/** Lenient: members of a later daemon are left out. */
export const stateHistoryShape: Shape<StateHistory> = s.object({
  version: s.literal(1),
  beginsMs: s.optional(s.number()),
  isCut: s.boolean(),
  events: s.array(s.union([
    s.object({
      type: s.literal("batch"),
      atMs: s.number(),
      owner: text,
      name: s.optional(text),
      generation: s.number(),
      seq: s.number(),
      changes: s.array(s.object({
        section: text,
        key: text,
        before: s.optional(anyJson as never),
        after: s.optional(anyJson as never),
      })),
    }),
    s.object({ type: s.literal("gap"), atMs: s.number(), why: text }),
  ])),
}) as unknown as Shape<StateHistory>;

/** A node as the state had it. */
export type PastNode = {
  readonly peer: string;
  readonly name?: string | undefined;
  readonly tier?: Tier | undefined;
  readonly properties: Readonly<Record<string, string>>;
  readonly state: "member" | "left" | "denied";
  readonly version?: string | undefined;
};

/** A seed as the state had it. */
export type PastSeed = {
  readonly name: string;
  readonly owner: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly publishedMs: number;
  /** Other owners of the same name. */
  readonly others: readonly string[];
};

/** What `pln status --at --json` prints. */
export type PastStatus = {
  readonly version: 1;
  readonly atMs: number;
  /** False when changes since then may be missing from the log. */
  readonly isExact: boolean;
  /** Over all documents; equal states share it. */
  readonly digest: string;
  readonly nodes: readonly PastNode[];
  readonly seeds: readonly PastSeed[];
};

/** Lenient: members of a later daemon are left out. */
export const pastStatusShape: Shape<PastStatus> = s.object({
  version: s.literal(1),
  atMs: s.number(),
  isExact: s.boolean(),
  digest: text,
  nodes: s.array(s.object({
    peer: text,
    name: s.optional(text),
    tier: s.optional(tier),
    properties: s.record(text, text),
    state: s.picklist(["member", "left", "denied"]),
    version: s.optional(text),
  })),
  seeds: s.array(s.object({
    name: text,
    owner: text,
    digest: text,
    sizeBytes: s.number(),
    publishedMs: s.number(),
    others: s.array(text),
  })),
});

/** How far a document reaches; equal digests: equal documents. */
export type DocumentPlace = {
  readonly generation: number;
  readonly seq: number;
  readonly digest: string;
};

const place = s.object({
  generation: s.number(),
  seq: s.number(),
  digest: text,
});

/** An owner whose document differs. */
export type DocumentDifference = {
  readonly owner: string;
  readonly name?: string | undefined;
  /** Of this node against the peer; "forked": same place, other content. */
  readonly state: "ahead" | "behind" | "forked";
  /** Absent: there is no copy. */
  readonly here?: DocumentPlace | undefined;
  readonly there?: DocumentPlace | undefined;
};

/** What `pln diff --json` prints. */
export type StateDifference = {
  readonly version: 1;
  readonly peer: string;
  readonly name?: string | undefined;
  readonly isEqual: boolean;
  /** Of this node's state. */
  readonly digest: string;
  readonly documents: number;
  /** Only those that differ. */
  readonly owners: readonly DocumentDifference[];
};

/** Lenient: members of a later daemon are left out. */
export const stateDifferenceShape: Shape<StateDifference> = s.object({
  version: s.literal(1),
  peer: text,
  name: s.optional(text),
  isEqual: s.boolean(),
  digest: text,
  documents: s.number(),
  owners: s.array(s.object({
    owner: text,
    name: s.optional(text),
    state: s.picklist(["ahead", "behind", "forked"]),
    here: s.optional(place),
    there: s.optional(place),
  })),
});

/** What `pln forget` asks for. */
export type ForgetRequest = {
  /** Also while the node is connected. */
  readonly force?: boolean | undefined;
  /** Only says what would go. */
  readonly dryRun?: boolean | undefined;
};

/** Strict: an option the daemon does not know is refused. */
export const forgetRequestShape: Shape<ForgetRequest> = s.strictObject({
  force: s.optional(s.boolean()),
  dryRun: s.optional(s.boolean()),
});

/** What `pln forget --json` prints. */
export type Forgotten = {
  readonly version: 1;
  readonly peer: string;
  readonly name?: string | undefined;
  /** False when nothing had to be changed, and with `isDryRun`. */
  readonly isChanged: boolean;
  readonly isDryRun: boolean;
  /** Entries of its document that go, by section; empty: it had none. */
  readonly entries: Readonly<Record<string, number>>;
  /** Names of the seeds that go. */
  readonly seeds: readonly string[];
};

/** Lenient: members of a later daemon are left out. */
export const forgottenShape: Shape<Forgotten> = s.object({
  version: s.literal(1),
  peer: text,
  name: s.optional(text),
  isChanged: s.boolean(),
  isDryRun: s.boolean(),
  entries: s.record(text, s.number()),
  seeds: s.array(text),
});

/** Paths of the API about the state; peers follow as further parts. */
export const statePaths = {
  history: "/v1/history",
  past: "/v1/past",
  diffs: "/v1/diffs",
  forgets: "/v1/forgets",
} as const;

/** What the API about the state needs from the daemon. */
export interface StateHandlers {
  /** The newest last. @throws {NotFoundError | AmbiguousError | DiskError} */
  history(query: StateHistoryQuery): Promise<StateHistory>;
  /** As it was. @throws {NotFoundError | InputError} Too old; yet to come. */
  past(atMs: number): Promise<PastStatus>;
  /** Dials when there is no link. @throws {UnreachableError} */
  diff(peer: string, signal: AbortSignal): Promise<StateDifference>;
  /** Durable when done. @throws {DeniedError | ConflictError} */
  forget(peer: string, request: ForgetRequest): Promise<Forgotten>;
}
