// Reports about seeds, made of what a node knows of them. In come a published
// spec, counts and usage, in the node's own terms; out go the shapes of the
// API. Values of a seed's configuration stay here.

import type {
  CallCounts,
  IsolationMode,
  NameHolder,
  SeedDetails,
  SeedIdentity,
  SeedPublished,
  SeedStatus,
  SeedTerms,
  SeedUsage,
} from "./api.ts";

/** As the state has it. */
export type KnownSpec = {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly config: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly memoryBytes: number;
  readonly cpuMs: number;
  readonly isolation: IsolationMode;
  readonly allowHosts: readonly string[];
  readonly publishedMs: number;
};

/** A published seed. */
export type KnownSeed = {
  readonly name: string;
  readonly owner: string;
  readonly spec: KnownSpec;
};

/** Whose seed it is among those of its name. */
export type KnownOwner = {
  readonly ownerName?: string | undefined;
  readonly address?: string | undefined;
  readonly heldBy?: NameHolder | undefined;
  readonly others?: readonly string[] | undefined;
  /** Another node's. */
  readonly isRemote: boolean;
};

/** Counts of a seed's calls, and why it is refused, if so. */
export type KnownCalls = CallCounts & { readonly refusal: string | undefined };

/** What a seed occupies, and how its calls are kept apart. */
export type KnownUsage = SeedUsage & {
  /** Undefined while its module is not loaded. */
  readonly isolation: IsolationMode | undefined;
  /** Why it is not the one asked for. */
  readonly isolationReason: string | undefined;
};

/** One line of the status. */
export function seedStatus(
  seed: KnownSeed,
  known: KnownCalls,
  owner: KnownOwner = { isRemote: false },
): SeedStatus {
  const { timeoutMs } = seed.spec;
  const identity = identityOf(seed, known.refusal, owner);
  return { ...identity, timeoutMs, ...countsOf(known) };
}

/** The answer to a publish. */
export function seedPublished(
  name: string,
  published: {
    readonly spec: KnownSpec;
    readonly functions: readonly string[];
    readonly replaces: string | undefined;
    readonly before: KnownSpec | undefined;
    readonly usage: KnownUsage;
    readonly heldBy?: NameHolder | undefined;
  },
): SeedPublished {
  const { spec, functions, replaces, usage, heldBy } = published;
  const { digest, sizeBytes } = spec;
  const before = published.before && {
    ...termsOf(published.before),
    configKeys: configKeysOf(published.before),
  };
  const facts = {
    ...{ name, digest, sizeBytes, functions, replaces, before },
    ...(heldBy === undefined ? {} : { heldBy }),
  };
  return { ...facts, ...termsOf(spec, usage) };
}

/** The answer to an inspection. */
export function seedDetails(
  inspection: KnownCalls & {
    readonly entry: KnownSeed;
    readonly functions: readonly string[] | undefined;
    readonly usage: KnownUsage;
  },
  owner: KnownOwner = { isRemote: false },
): SeedDetails {
  const { entry, refusal, functions, usage } = inspection;
  const { threads, instances, memoryBytes, peakBytes } = usage;
  const cpuMs = roundedMs(usage.cpuMs);
  return {
    version: 1,
    type: "seed",
    ...identityOf(entry, refusal, owner),
    functions,
    configKeys: configKeysOf(entry.spec),
    ...termsOf(entry.spec, usage),
    ...countsOf(inspection),
    usage: { threads, instances, memoryBytes, peakBytes, cpuMs },
  };
}

function identityOf(
  { name, owner, spec }: KnownSeed,
  refusal: string | undefined,
  { isRemote, ...named }: KnownOwner,
): SeedIdentity {
  const { digest, sizeBytes, publishedMs } = spec;
  const here = refusal === undefined ? "ready" : "refused";
  return {
    name,
    owner,
    ...named,
    digest,
    sizeBytes,
    publishedMs,
    state: isRemote ? "remote" : here,
    reason: refusal,
  };
}

function countsOf(known: KnownCalls): CallCounts {
  const { calls, errors, errorsByReason, running, p50Ms, p99Ms } = known;
  return {
    calls,
    errors,
    errorsByReason,
    running,
    p50Ms: p50Ms === undefined ? undefined : roundedMs(p50Ms),
    p99Ms: p99Ms === undefined ? undefined : roundedMs(p99Ms),
  };
}

/** To a microsecond: clocks tell no more, and nobody reads 17 digits. */
function roundedMs(durationMs: number): number {
  return Math.round(durationMs * 1_000) / 1_000;
}

function configKeysOf({ config }: KnownSpec): readonly string[] {
  return Object.keys(config).sort();
}

function termsOf(
  spec: KnownSpec,
  usage: Partial<Pick<KnownUsage, "isolation" | "isolationReason">> = {},
): SeedTerms {
  const { isolation: inEffect, isolationReason: reason } = usage;
  const { timeoutMs, memoryBytes, cpuMs, isolation, allowHosts } = spec;
  return {
    limits: { timeoutMs, memoryBytes, cpuMs },
    isolation: { asked: isolation, inEffect, reason },
    allowHosts,
  };
}
