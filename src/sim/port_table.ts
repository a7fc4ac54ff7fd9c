// Who holds which port of one machine. In come addresses to bind; out go
// holders, and who is behind an address. Ports chosen by the system count up,
// so that no two runs differ.

import { ConflictError } from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";

const ephemeralPortMin = 49_152; // RFC 6335 section 6

const anyAddress = ["0.0.0.0", "::"];

/** An unspecified address holds its port on all addresses. */
export class PortTable<T> {
  readonly #held = new Map<number, Map<string, T>>();
  #nextPort = ephemeralPortMin;

  /** @throws {ConflictError} The port is in use. */
  claim(
    bind: NetworkAddress,
    open: (local: NetworkAddress, release: () => void) => T,
  ): T {
    const port = bind.port === 0 ? this.#freePort() : bind.port;
    const local = { ip: bind.ip, port };
    const holders = this.#held.get(port) ?? new Map<string, T>();
    const clashes = [...holders.keys()].some((ip) =>
      ip === bind.ip || anyAddress.includes(ip) || anyAddress.includes(bind.ip)
    );
    if (clashes) {
      throw new ConflictError(`Port ${local.ip}:${port} is in use`, {
        hint: "Choose another port",
      });
    }
    const holder = open(local, () => {
      if (holders.get(bind.ip) !== holder) return;
      holders.delete(bind.ip);
      if (holders.size === 0) this.#held.delete(port);
    });
    holders.set(bind.ip, holder);
    this.#held.set(port, holders);
    return holder;
  }

  find({ ip, port }: NetworkAddress): T | undefined {
    const holders = this.#held.get(port);
    if (holders === undefined) return undefined;
    return holders.get(ip) ?? anyAddress.map((any) => holders.get(any))
      .find((holder) => holder !== undefined);
  }

  #freePort(): number {
    while (this.#held.has(this.#nextPort)) this.#nextPort++;
    return this.#nextPort++;
  }
}
