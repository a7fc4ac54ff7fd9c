// The seeds of a status as a table: what each is, how its calls went, and who
// published it. Rows come in as the daemon reports them; of a name that several
// nodes have, those that do not hold it are shown with their owners' digits.

import type { SeedStatus } from "../control/mod.ts";
import { formatDurationMs } from "../kernel/mod.ts";
import {
  type Column,
  digestText,
  latencyText,
  momentText,
  peerText,
  printable,
  sizeText,
  tableText,
} from "./render.ts";

type Look = { readonly isWide: boolean; readonly isBold: boolean };

export function seedsText(seeds: readonly SeedStatus[], look: Look): string {
  if (seeds.length === 0) {
    return 'No seeds yet: publish one with "pln seed ./hello.wasm"\n';
  }
  const columns: Column[] = [
    { title: "SEED" },
    { title: "STATE" },
    { title: "CALLS", align: "right" },
    { title: "ERRORS", align: "right" },
    { title: "P50", align: "right" },
    { title: "P99", align: "right" },
    { title: "SIZE", align: "right" },
    { title: "DIGEST" },
    ...look.isWide
      ? [
        { title: "RUNNING", align: "right" as const },
        { title: "TIMEOUT", align: "right" as const },
        { title: "PUBLISHED" },
      ]
      : [],
    { title: "OWNER" },
  ];
  const refusals = seeds.flatMap(({ name, reason }) =>
    reason === undefined ? [] : [`${name}: ${printable(reason)}\n`]
  );
  const rows = seeds.map((seed) => seedRow(seed, look));
  return tableText(columns, rows, look) + refusals.join("");
}

function seedRow(seed: SeedStatus, look: Look): readonly string[] {
  return [
    heldName(seed),
    seed.state,
    `${seed.calls}`,
    `${seed.errors}`,
    latencyText(seed.p50Ms),
    latencyText(seed.p99Ms),
    sizeText(seed.sizeBytes),
    digestText(seed.digest, look),
    ...look.isWide
      ? [
        `${seed.running}`,
        formatDurationMs(seed.timeoutMs),
        momentText(seed.publishedMs),
      ]
      : [],
    ownerText(seed, look),
  ];
}

/** The name alone means the seed of who holds it. */
function heldName({ name, address, heldBy }: SeedStatus): string {
  return heldBy === undefined ? name : address ?? name;
}

function ownerText({ owner, ownerName }: SeedStatus, look: Look): string {
  if (look.isWide) return owner;
  return ownerName ?? peerText(owner, look);
}
