// What a seed is published with beside its module, and the limits of it: the
// configuration that the guest can read, and how long a call may take. In comes
// what a user typed, out goes what the state may hold.

import { InputError, LimitError, limits, utf8 } from "../kernel/mod.ts";

/** As typed; the timeout is `callTimeoutMsDefault` unless given. */
export type SeedOptions = {
  readonly config: Readonly<Record<string, string>>;
  readonly timeoutMs?: number | undefined;
};

/**
 * The options with their defaults.
 *
 * @throws {InputError} The timeout is out of its range.
 * @throws {LimitError} The configuration is too large.
 */
export function parseSeedOptions(options: SeedOptions): Required<SeedOptions> {
  const { config, timeoutMs = limits.callTimeoutMsDefault } = options;
  if (!(timeoutMs >= 1 && timeoutMs <= limits.callTimeoutMsMax)) {
    throw new InputError("A timeout is from 1ms to 1h", {
      hint: "Such as --timeout 30s",
    });
  }
  const { length } = Object.entries(config);
  const size = utf8(JSON.stringify(config)).length;
  if (
    length <= limits.seedConfigEntriesMax && size <= limits.seedConfigBytesMax
  ) return { config, timeoutMs };
  throw new LimitError(
    `A seed's configuration may have ${limits.seedConfigEntriesMax} entries ` +
      `and ${limits.seedConfigBytesMax} bytes, not ${length} and ${size}`,
    { hint: "Let the seed read what is large from its input" },
  );
}
