// What a seed is published with beside its module, and the limits of it: the
// configuration that the guest can read, how long a call may take, how much it
// may use, and which hosts it may reach. In comes what a user typed, out goes
// what the state may hold.

import { InputError, LimitError, limits, utf8 } from "../kernel/mod.ts";
import { parseHostPattern } from "../egress/mod.ts";
import type { Isolation } from "../threads/mod.ts";

/** How a seed runs: part of what makes one hosted seed another than the next. */
export type SeedSettings = {
  /** That its memory may grow to, whole pages of 64 KiB of it. */
  readonly memoryBytes: number;
  /** Time on the processor of one call. */
  readonly cpuMs: number;
  /** How much of one call the next may see. */
  readonly isolation: Isolation;
  /** Host patterns that it may send HTTP requests to. */
  readonly allowHosts: readonly string[];
};

/** As typed; each has the default of limits.ts unless given. */
export type SeedOptions = {
  readonly config: Readonly<Record<string, string>>;
  readonly timeoutMs?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly cpuMs?: number | undefined;
  /** "restore" unless given. */
  readonly isolation?: Isolation | undefined;
  /** None unless given. */
  readonly allowHosts?: readonly string[] | undefined;
};

const isolations: readonly string[] = [
  "restore",
  "fresh",
  "reuse",
] satisfies readonly Isolation[];

/**
 * The options with their defaults, hosts sorted and each once.
 *
 * @throws {InputError} A value is out of its range.
 * @throws {LimitError} The configuration is too large, or hosts too many.
 */
export function parseSeedOptions(options: SeedOptions): Required<SeedOptions> {
  const { config, timeoutMs = limits.callTimeoutMsDefault } = options;
  const { cpuMs = limits.callCpuMsDefault, isolation = "restore" } = options;
  const { memoryBytes = limits.guestMemoryBytesDefault } = options;
  checkConfig(config);
  const longest = limits.callTimeoutMsMax;
  if (!isWhole(timeoutMs, 1, { most: longest })) {
    throw new InputError("A timeout is from 1ms to 1h", {
      hint: "Such as --timeout 30s",
    });
  }
  if (!isWhole(cpuMs, 1, { most: longest })) {
    throw new InputError("A call's processor time is from 1ms to 1h", {
      hint: "Such as --cpu 10s",
    });
  }
  const most = limits.guestMemoryBytesMax;
  if (!isWhole(memoryBytes, limits.guestMemoryBytesMin, { most })) {
    throw new InputError("A seed's memory is from 1MiB to 1GiB", {
      hint: "Such as --memory 64MiB",
    });
  }
  if (!isolations.includes(isolation)) {
    throw new InputError("A seed's isolation is restore, fresh or reuse", {
      hint: "Leave it out: no call sees anything of another",
    });
  }
  const allowHosts = parseHosts(options.allowHosts ?? []);
  return { config, timeoutMs, memoryBytes, cpuMs, isolation, allowHosts };
}

function isWhole(
  value: number,
  least: number,
  { most }: { readonly most: number },
): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function checkConfig(config: Readonly<Record<string, string>>): void {
  const { length } = Object.entries(config);
  const size = utf8(JSON.stringify(config)).length;
  if (
    length <= limits.seedConfigEntriesMax && size <= limits.seedConfigBytesMax
  ) return;
  throw new LimitError(
    `A seed's configuration may have ${limits.seedConfigEntriesMax} entries ` +
      `and ${limits.seedConfigBytesMax} bytes, not ${length} and ${size}`,
    { hint: "Let the seed read what is large from its input" },
  );
}

function parseHosts(hosts: readonly string[]): readonly string[] {
  const texts = hosts.map((host) => parseHostPattern(host).text);
  const different = [...new Set(texts)].sort();
  if (different.length <= limits.seedHostsMax) return different;
  throw new LimitError(
    `A seed may be allowed ${limits.seedHostsMax} hosts, not ` +
      `${different.length}`,
    { hint: "Allow all below a name at once, such as *.example.org" },
  );
}
