// What a new version of a seed changes of what the one before ran with. In come
// both; out go short texts for people, none when nothing changed. A publish
// sets everything anew, so whoever leaves an option out must see what it did.

import type { SeedPublished, SeedTerms } from "../control/mod.ts";
import { formatDurationMs } from "../kernel/mod.ts";
import { sizeText } from "./render.ts";

/** @param configKeys What the new version is configured with. */
export function termChanges(
  published: SeedPublished,
  configKeys: readonly string[],
): readonly string[] {
  const { before, limits, isolation, allowHosts } = published;
  if (before === undefined || limits === undefined) return [];
  return [
    ...limitChanges(before.limits, limits),
    ...changed("isolation", before.isolation.asked, {
      to: isolation?.asked ?? before.isolation.asked,
    }),
    ...listChange("no longer may reach", before.allowHosts, {
      without: allowHosts ?? before.allowHosts,
    }),
    ...listChange("now may reach", allowHosts ?? [], {
      without: before.allowHosts,
    }),
    ...listChange("no longer configured:", before.configKeys, {
      without: configKeys,
    }),
  ];
}

function limitChanges(
  before: SeedTerms["limits"],
  now: SeedTerms["limits"],
): readonly string[] {
  const duration = (name: string, key: "timeoutMs" | "cpuMs") =>
    changed(name, formatDurationMs(before[key]), {
      to: formatDurationMs(now[key]),
    });
  return [
    ...duration("timeout", "timeoutMs"),
    ...duration("cpu", "cpuMs"),
    ...changed("memory", sizeText(before.memoryBytes), {
      to: sizeText(now.memoryBytes),
    }),
  ];
}

function changed(
  name: string,
  from: string,
  { to }: { readonly to: string },
): readonly string[] {
  return from === to ? [] : [`${name} ${from} -> ${to}`];
}

function listChange(
  what: string,
  list: readonly string[],
  { without }: { readonly without: readonly string[] },
): readonly string[] {
  const different = list.filter((one) => !without.includes(one));
  return different.length === 0 ? [] : [`${what} ${different.join(", ")}`];
}
