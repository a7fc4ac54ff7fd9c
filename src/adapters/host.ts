// The machine that this process runs on, as Deno sees it. Figures of the system
// come out as whole numbers within the port's bounds. What this process may not
// ask is 0, and said once in the log: a node runs without it as well.

import type { Host, HostMemory, Log } from "../ports/mod.ts";
import { isDenied } from "./denied.ts";

/** `log` hears of each refused question once. */
export function openHost({ log }: { readonly log: Pick<Log, "warn"> }): Host {
  const refused = new Set<string>();
  const ask = <T>(
    what: string,
    read: () => T,
    { otherwise }: { readonly otherwise: T },
  ): T => {
    if (refused.has(what)) return otherwise;
    try {
      return read();
    } catch (cause) {
      if (!isDenied(cause)) throw cause;
      refused.add(what);
      log.warn("host.denied", { what });
      return otherwise;
    }
  };
  const nothing: HostMemory = { freeBytes: 0, totalBytes: 0 };
  return {
    load: () => {
      const read = () => Deno.loadavg()[0] ?? 0;
      const load = ask("loadavg", read, { otherwise: 0 });
      return {
        permille: Math.max(0, Math.round(load * 1_000)),
        cores: Math.max(1, Math.trunc(navigator.hardwareConcurrency)),
      };
    },
    memory: () => ask("systemMemoryInfo", readMemory, { otherwise: nothing }),
  };
}

function readMemory(): HostMemory {
  // "available" counts what the system's caches would give back.
  const { total, available } = Deno.systemMemoryInfo();
  const totalBytes = Math.max(0, Math.trunc(total));
  const freeBytes = Math.max(0, Math.trunc(available));
  return { freeBytes: Math.min(freeBytes, totalBytes), totalBytes };
}
