// What one seed occupies on all threads together, for whoever inspects it. In
// comes what threads say of their loads, out goes one sum. It starts no thread
// and loads nothing: asking must not change the answer.

import type { Isolation, LoadUsage } from "../threads/mod.ts";
import type { Workers } from "./workers.ts";

/** Of this moment; all zero while no thread has the seed. */
export type SeedUsage = {
  /** As it runs; undefined while no thread has it. */
  readonly isolation: Isolation | undefined;
  /** Why it is not the one asked for; undefined when it is. */
  readonly isolationReason: string | undefined;
  readonly threads: number;
  readonly instances: number;
  /** Of all instances and snapshots. */
  readonly memoryBytes: number;
  /** Most that one instance had. */
  readonly peakBytes: number;
  /** Processor time of all calls since it was loaded. */
  readonly cpuMs: number;
  /** Undefined while no thread has it. */
  readonly functions: readonly string[] | undefined;
};

/** Asks each thread that has the seed of this key. */
export async function usageOf(
  workers: Workers,
  key: string,
): Promise<SeedUsage> {
  const loads = workers.threads.flatMap((thread) => {
    const load = thread.loads.get(key);
    return load?.isReady ? [{ thread, load }] : [];
  });
  const answers = loads.map(async ({ thread, load: { number } }) =>
    (await thread.ping()).filter((usage) => usage.load === number)
  );
  const usages = (await Promise.all(answers)).flat();
  const sum = (values: readonly number[]) =>
    values.reduce((total, value) => total + value, 0);
  const first = loads[0]?.load;
  const isolated = isolationOf(usages) ?? first;
  return {
    isolation: isolated?.isolation,
    isolationReason: isolated?.isolationReason,
    threads: loads.length,
    instances: sum(usages.map((usage) => usage.instances)),
    memoryBytes: sum(usages.map((usage) => usage.memoryBytes)),
    peakBytes: Math.max(0, ...usages.map((usage) => usage.peakBytes)),
    cpuMs: sum(usages.map((usage) => usage.cpuMs)),
    functions: first?.functions,
  };
}

/** Of the thread that had to settle for another, if one had to. */
function isolationOf(usages: readonly LoadUsage[]): LoadUsage | undefined {
  return usages.find(({ isolationReason }) => isolationReason !== undefined) ??
    usages[0];
}
