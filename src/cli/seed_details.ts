// All about one seed as lines for people. The daemon's details come in, pairs
// of name and value come out. Foreign texts are printed without control
// characters; numbers get units, which JSON never has.

import type { SeedDetails } from "../control/mod.ts";
import { formatDurationMs } from "../kernel/mod.ts";
import { isolationText } from "./isolation.ts";
import {
  digestText,
  latencyText,
  momentText,
  pairsText,
  sizeText,
} from "./render.ts";

/** In text; JSON has all. */
const functionsShownMax = 32;

type Line = readonly [name: string, value: string];

export function seedText(seed: SeedDetails): string {
  return pairsText([
    ...identityLines(seed),
    ...termLines(seed),
    ...callLines(seed),
    ...usageLines(seed),
  ]);
}

function identityLines(seed: SeedDetails): readonly Line[] {
  const { state, reason, functions, configKeys } = seed;
  return [
    ["seed", seed.name],
    ["state", reason === undefined ? state : `${state}: ${reason}`],
    ["digest", digestText(seed.digest, { isWide: true })],
    ["size", sizeText(seed.sizeBytes)],
    ["owner", ownerText(seed)],
    ...heldLines(seed),
    ["published", momentText(seed.publishedMs)],
    ["functions", functionsText(functions)],
    ["config", listText(configKeys)],
  ];
}

function ownerText({ owner, ownerName }: SeedDetails): string {
  return ownerName === undefined ? owner : `${ownerName} (${owner})`;
}

/** Only of a name that several nodes have. */
function heldLines({ heldBy, others, address }: SeedDetails): readonly Line[] {
  if (others === undefined || others.length === 0) return [];
  const holder = heldBy?.name ?? heldBy?.peer.slice(0, 12);
  return [
    ["name held by", holder ?? "its owner"],
    ["also of", others.map((peer) => peer.slice(0, 12)).join(", ")],
    ["address", address ?? "unknown"],
  ];
}

function termLines(seed: SeedDetails): readonly Line[] {
  const { timeoutMs, cpuMs, memoryBytes } = seed.limits;
  return [
    ["timeout", formatDurationMs(timeoutMs)],
    ["cpu limit", formatDurationMs(cpuMs)],
    ["memory limit", sizeText(memoryBytes)],
    ["isolation", isolationText(seed.isolation)],
    ["hosts", listText(seed.allowHosts)],
  ];
}

function callLines(seed: SeedDetails): readonly Line[] {
  const reasons = Object.entries(seed.errorsByReason ?? {})
    .toSorted(([, left], [, right]) => right - left)
    .map(([reason, count]) => `${count} ${reason}`);
  const latencies = seed.p50Ms === undefined
    ? "no call yet"
    : `${latencyText(seed.p50Ms)} at p50, ${latencyText(seed.p99Ms)} at p99`;
  return [
    ["calls", `${seed.calls}, ${seed.running} running`],
    [
      "errors",
      `${seed.errors}${reasons.length === 0 ? "" : `: ${reasons.join(", ")}`}`,
    ],
    ["latency", latencies],
  ];
}

function usageLines({ usage }: SeedDetails): readonly Line[] {
  const { threads, instances, memoryBytes, peakBytes, cpuMs } = usage;
  return [
    [
      "loaded",
      `${counted(instances, "instance")}, ` +
      `${counted(threads, "thread")}`,
    ],
    [
      "memory used",
      `${sizeText(memoryBytes)} now, ${sizeText(peakBytes)} at most ` +
      "in one instance",
    ],
    ["cpu used", formatDurationMs(cpuMs)],
  ];
}

function functionsText(functions: readonly string[] | undefined): string {
  if (functions === undefined) return "unknown";
  const more = functions.length - functionsShownMax;
  const shown = listText(functions.slice(0, functionsShownMax));
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function listText(texts: readonly string[]): string {
  return texts.length === 0 ? "none" : texts.join(", ");
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
