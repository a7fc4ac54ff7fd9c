// The network of a simulated world: machines with addresses, and the paths
// between them with their latency, loss and cuts. In come processes and faults;
// out comes the port with which a process dials and listens. All machines see
// each other unless told: it must never be kinder than the Internet.

import { InputError } from "../kernel/mod.ts";
import type {
  Clock,
  Endpoint,
  Network,
  NetworkAddress,
  Signer,
  TlsIdentity,
} from "../ports/mod.ts";
import { type EndpointHost, SimEndpoint } from "./network_endpoint.ts";
import { loopbackIps, type Machine, NetworkMap } from "./network_map.ts";
import type { PathOptions } from "./network_wire.ts";
import type { World } from "./world.ts";

const networks = new WeakMap<World, SimNetwork>();

/** The one network of a world. */
export function openSimNetwork(world: World): SimNetwork {
  const known = networks.get(world) ?? new SimNetwork(world);
  networks.set(world, known);
  return known;
}

/** Of a process; `signer` is the real one. */
export type SimHostOptions = {
  /** Canonical IP literals of the machine; one of 10.0.x.y unless told. */
  readonly ips?: readonly string[] | undefined;
  /** A frozen clock holds its packets back, a killed one loses them. */
  readonly clock: Clock;
  readonly signer: Signer;
};

/** What a process has open on the network. */
export type SimHostCounts = {
  readonly sessions: number;
  /** Of all sessions, those of either side. */
  readonly streams: number;
  /** Arrived on them, and not yet read. */
  readonly heldBytes: number;
};

/** The network port of one process. */
export interface SimHost extends Network {
  /** Of this moment; zero when everything was closed. */
  readonly counts: SimHostCounts;
  /** kill -9: it sends and hears nothing more; its ports are free. */
  kill(): void;
}

/** Machines and the paths between them, by the machines' names. */
export class SimNetwork {
  readonly #map: NetworkMap;

  /** For `openSimNetwork`. */
  constructor(world: World) {
    this.#map = new NetworkMap(world.random.fork("network"), world.trace);
  }

  /** The port of a new process of a machine. */
  host(machine: string, options: SimHostOptions): SimHost {
    if (options.ips !== undefined) this.setIps(machine, options.ips);
    return new ProcessHost(this.#map, { ...options, machine });
  }

  /** Of a machine, which need not have a process. */
  ipsOf(machine: string): readonly string[] {
    return this.#map.machine(machine).ips;
  }

  /** Gives a machine other addresses; its sessions live on. */
  setIps(machine: string, ips: readonly string[]): void {
    this.#map.setIps(machine, ips);
  }

  /** Both ways between two machines; what is not told stays. */
  setPath(one: string, other: string, options: PathOptions): void {
    this.setOneWay(one, other, options);
    this.setOneWay(other, one, options);
  }

  /**
   * All ways between machines, those of later ones too; what is not told
   * stays as it was.
   */
  setEverywhere(options: PathOptions): void {
    this.#map.setEverywhere(options);
  }

  /** From one machine to another, not back; what is not told stays. */
  setOneWay(from: string, to: string, options: PathOptions): void {
    this.#map.path(from, to).set(options);
  }

  /** No packet gets from one side to the other, until healed. */
  partition(one: readonly string[], other: readonly string[]): void {
    this.cutOneWay(one, other);
    this.cutOneWay(other, one);
  }

  /** No packet gets from these machines to those, until healed. */
  cutOneWay(from: readonly string[], to: readonly string[]): void {
    for (const one of from) {
      for (const other of to) this.#map.path(one, other).isCut = true;
    }
    this.#map.note("network.cut", { from: [...from], to: [...to] });
  }

  /** Ends every cut. */
  heal(): void {
    for (const path of this.#map.paths()) path.isCut = false;
    this.#map.note("network.heal");
  }
}

const anyIps: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

class ProcessHost implements SimHost {
  readonly #map: NetworkMap;
  readonly #machine: Machine;
  readonly #options: SimHostOptions;
  readonly #releases: (() => void)[] = [];
  readonly #endpoints: SimEndpoint[] = [];
  #isAlive = true;

  constructor(
    map: NetworkMap,
    options: SimHostOptions & { readonly machine: string },
  ) {
    this.#map = map;
    this.#machine = map.machine(options.machine);
    this.#options = options;
  }

  // Async, so that a refusal rejects.
  async open(
    bind: NetworkAddress,
    options: {
      readonly identity: TlsIdentity;
      readonly protocols: readonly string[];
    },
  ): Promise<Endpoint> {
    await Promise.resolve();
    // What a process that was killed asked for never comes about.
    if (!this.#isAlive) return await new Promise<never>(() => {});
    const isOurs = anyIps.has(bind.ip) || this.localIps().includes(bind.ip);
    if (!isOurs) {
      throw new InputError(`Address ${bind.ip} is not of this machine`, {
        hint: "Choose 127.0.0.1 or one of this machine's addresses",
      });
    }
    return this.#machine.ports.claim(bind, (local, release) => {
      const endpoint = new SimEndpoint(this.#host(), { ...options, local });
      // Not when it is disposed: a closed one keeps its port busy.
      this.#releases.push(release);
      this.#endpoints.push(endpoint);
      return endpoint;
    });
  }

  get counts(): SimHostCounts {
    const sessions = this.#endpoints.flatMap(({ sessions }) => [...sessions]);
    let streams = 0;
    let heldBytes = 0;
    for (const session of sessions) {
      streams += session.streamCount;
      heldBytes += session.heldBytes;
    }
    return { sessions: sessions.length, streams, heldBytes };
  }

  localIps(): readonly string[] {
    return [...this.#machine.ips, ...loopbackIps];
  }

  kill(): void {
    this.#isAlive = false;
    for (const release of this.#releases.splice(0)) release();
  }

  #host(): EndpointHost {
    const { clock, signer } = this.#options;
    const { name: machine } = this.#machine;
    const isAlive = () => this.#isAlive;
    return {
      machine,
      clock,
      signer,
      get isAlive() {
        return isAlive();
      },
      path: (to) => this.#map.path(machine, to),
      find: (to) => this.#map.find(machine, to),
      sourceIp: (to) => this.#sourceIp(to),
      note: (event, fields) => this.#map.note(event, fields),
    };
  }

  /** Of the same family as the target where there is one. */
  #sourceIp({ ip }: NetworkAddress): string {
    if (loopbackIps.has(ip)) return ip;
    const isSix = ip.includes(":");
    const { ips } = this.#machine;
    return ips.find((own) => own.includes(":") === isSix) ?? ips[0] ?? ip;
  }
}
