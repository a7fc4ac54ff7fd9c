// A seed as the pool knows it: a module with one configuration under one name.
// Seeds that are equal in all three share what threads have loaded; the bytes
// are fetched only when a thread needs them.

import { type Bytes, canonicalJson, type Digest } from "../kernel/mod.ts";
import type { HostedSeed } from "./thread_handle.ts";

/** What makes one hosted seed another than the next. */
export type SeedVersion = {
  readonly name: string;
  readonly digest: Digest;
  readonly config: Readonly<Record<string, string>>;
};

/**
 * A version as the pool hosts it.
 *
 * @param readModule The verified bytes of `digest`, each time anew.
 */
export function hostSeed(
  { name, digest, config }: SeedVersion,
  readModule: () => Promise<Bytes>,
): HostedSeed & SeedVersion {
  const key = canonicalJson([name, digest, config]);
  return { key, name, digest, config, readModule };
}
