// A seed as the pool knows it: a module with one configuration and one set of
// settings under one name. Seeds that are equal in all of them share what
// threads have loaded; the bytes are fetched only when a thread needs them.

import { type Bytes, canonicalJson, type Digest } from "../kernel/mod.ts";
import type { SeedSettings } from "./options.ts";

/** What makes one hosted seed another than the next. */
export type SeedVersion = {
  readonly name: string;
  readonly digest: Digest;
  readonly config: Readonly<Record<string, string>>;
  readonly settings: SeedSettings;
};

/** A seed as the pool hosts it. */
export type HostedSeed = SeedVersion & {
  /** Names this version; equal keys share a load. */
  readonly key: string;
  /** The module's bytes; they stay the giver's and may be read once more. */
  readModule(): Promise<Bytes>;
};

/**
 * A version as the pool hosts it.
 *
 * @param readModule The bytes of `digest`, each time anew.
 */
export function hostSeed(
  { name, digest, config, settings: given }: SeedVersion,
  readModule: () => Promise<Bytes>,
): HostedSeed {
  const { memoryBytes, cpuMs, isolation, allowHosts } = given;
  const settings = { memoryBytes, cpuMs, isolation, allowHosts };
  const key = canonicalJson([name, digest, config, settings]);
  return { key, name, digest, config, settings, readModule };
}
