// Who is where in a simulated network: machines with their addresses and ports,
// and the paths between them. In come names and addresses; out come endpoints
// and paths. Whoever has the map can reach everything: processes get a host.

import { assert, parseAddress } from "../kernel/mod.ts";
import type { NetworkAddress, Random } from "../ports/mod.ts";
import type { SimEndpoint } from "./network_endpoint.ts";
import { Path, type PathOptions } from "./network_wire.ts";
import { PortTable } from "./port_table.ts";
import type { Trace, TraceFields } from "./trace.ts";

/** One machine; its processes share all of this. */
export type Machine = {
  readonly name: string;
  ips: readonly string[];
  readonly ports: PortTable<SimEndpoint>;
};

export const loopbackIps: ReadonlySet<string> = new Set(["127.0.0.1", "::1"]);

/** Machines by name, and paths by the names at their ends. */
export class NetworkMap {
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #machines = new Map<string, Machine>();
  readonly #paths = new Map<string, Path>();
  #everywhere: PathOptions = {};

  constructor(random: Random, trace: Trace) {
    this.#random = random;
    this.#trace = trace;
  }

  /** Made when it is first named, with an address of its own. */
  machine(name: string): Machine {
    const known = this.#machines.get(name);
    if (known !== undefined) return known;
    const number = this.#machines.size + 1;
    const ips = [`10.0.${number >> 8}.${number & 255}`];
    const machine = { name, ips, ports: new PortTable<SimEndpoint>() };
    this.#machines.set(name, machine);
    return machine;
  }

  setIps(name: string, ips: readonly string[]): void {
    for (const ip of ips) {
      assert(parseAddress(ip)?.text === ip, "an ip is canonical");
      const holder = this.#holderOf(ip);
      assert(
        holder === undefined || holder.name === name,
        "an ip is of one machine",
      );
    }
    this.machine(name).ips = [...ips];
  }

  path(from: string, to: string): Path {
    const key = `${from} > ${to}`;
    const known = this.#paths.get(key);
    if (known !== undefined) return known;
    const isInside = from === to;
    const random = this.#random.fork(key);
    const path = new Path(isInside ? 0 : 1, random, { isInside });
    if (!isInside) path.set(this.#everywhere);
    this.#paths.set(key, path);
    return path;
  }

  setEverywhere(options: PathOptions): void {
    this.#everywhere = { ...this.#everywhere, ...options };
    for (const path of this.#paths.values()) {
      if (!path.isInside) path.set(options);
    }
  }

  paths(): Iterable<Path> {
    return this.#paths.values();
  }

  /** Who listens at an address, as a machine sees it. */
  find(from: string, to: NetworkAddress): SimEndpoint | undefined {
    const machine = loopbackIps.has(to.ip)
      ? this.machine(from)
      : this.#holderOf(to.ip);
    const found = machine?.ports.find(to);
    const isOther = found?.local.ip === "0.0.0.0" && to.ip.includes(":");
    return isOther ? undefined : found;
  }

  note(event: string, fields: TraceFields = {}): void {
    this.#trace.note(event, fields);
  }

  #holderOf(ip: string): Machine | undefined {
    return this.#machines.values().find(({ ips }) => ips.includes(ip));
  }
}
