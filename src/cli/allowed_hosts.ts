// Hosts as --allow-host gives them, looked at before the daemon is asked: how
// many there are, and no range of addresses among them. Texts come in and go
// out as they were typed; what a host is only the daemon says.

import { InputError, limits } from "../kernel/mod.ts";

/** Addresses and the length of their prefix: 10.0.0.0/8, fd00::/8. */
const range = /^\[?[0-9a-f.:]+\]?\/[0-9]{1,3}$/i;

/** @throws {InputError} A range, or too many hosts. */
export function checkHosts(hosts: readonly string[]): readonly string[] {
  const found = hosts.find((host) => range.test(host));
  if (found !== undefined) {
    const shown = JSON.stringify(found.slice(0, 60));
    throw new InputError(
      `--allow-host takes one host, and ${shown} is a range of addresses`,
      { hint: "Name each address: --allow-host 10.0.0.7" },
    );
  }
  const different = new Set(hosts.map((host) => host.toLowerCase())).size;
  const max = limits.seedHostsMax;
  if (different <= max) return hosts;
  throw new InputError(
    `--allow-host takes ${max} hosts at most, not ${different}`,
    { hint: 'Allow all below a name at once: --allow-host "*.example.org"' },
  );
}
