// One machine of a simulated world and the processes that run on it, one after
// the other: the production node over simulated ports. In come a name and a
// signer; out come ports and nodes. A process that was killed is deaf and mute:
// no timer of it runs, nothing it does reaches its disk or its log.

import { meshPortDefault } from "../config/mod.ts";
import { assert } from "../kernel/mod.ts";
import type { Log, Ports, Signer } from "../ports/mod.ts";
import {
  createCluster,
  type Node,
  type NodeIdentity,
  openIdentity,
  openNode,
} from "../node/mod.ts";
import { serveSeedThread } from "../guest/mod.ts";
import { openSimClock, type SimClock } from "./clock.ts";
import { openSimDisk, type SimDisk, type SimDiskOptions } from "./disk.ts";
import { openSimHost, type SimMachineHost } from "./host.ts";
import { openSimLog, type SimLog } from "./log.ts";
import { openSimNetwork, type SimHost } from "./network.ts";
import { openSimOutbound, type SimOutbound } from "./outbound.ts";
import {
  openSimSandbox,
  type SimSandbox,
  type ThreadProgram,
} from "./sandbox.ts";
import { openSimWeb } from "./web.ts";
import type { World } from "./world.ts";

/** `signer` is the real one: the simulator forges no signatures. */
export type SimMachineOptions = {
  readonly name: string;
  readonly signer: Signer;
  /** 2 unless told. */
  readonly cores?: number;
  readonly disk?: Omit<SimDiskOptions, "name">;
  /** Canonical IP literals in the world's network; one of 10.0.x.y unless told. */
  readonly ips?: readonly string[];
  /** Runs in seed threads; production's unless told. */
  readonly program?: ThreadProgram;
};

/** A machine with an empty disk and no process. */
export function openSimMachine(
  world: World,
  options: SimMachineOptions,
): SimMachine {
  return new SimMachine(world, options);
}

/** Keeps its disk and its log over its processes. */
export class SimMachine {
  /** In the trace, and of its nodes unless told. */
  readonly name: string;
  /** Break it here; processes use mounts of it. */
  readonly disk: SimDisk;
  /** Of all its processes. */
  readonly log: SimLog;
  /** What it says of its load and memory; set it here. */
  readonly host: SimMachineHost;
  readonly #world: World;
  readonly #options: SimMachineOptions;
  #process: SimProcess | undefined;

  /** For `openSimMachine`. */
  constructor(world: World, options: SimMachineOptions) {
    const { name } = options;
    this.name = name;
    this.disk = openSimDisk(world, { ...options.disk, name });
    this.log = openSimLog(world, { name });
    const { cores } = options;
    this.host = openSimHost(cores === undefined ? {} : { cores });
    this.#world = world;
    this.#options = options;
  }

  /** Starts a process beside those that run already. */
  spawn(): SimProcess {
    return new SimProcess(this.#world, { ...this.#options, machine: this });
  }

  /** Starts the machine's one process. */
  boot(): SimProcess {
    assert(!this.#process?.isAlive, "a machine's last process has ended");
    this.#process = this.spawn();
    return this.#process;
  }

  /** kill -9 of its process: what was written stays. */
  kill(): void {
    this.#process?.end();
    this.disk.kill();
  }

  /** Power loss: what was not synced may vanish or be torn. */
  losePower(): void {
    this.#process?.end();
    this.disk.crash();
  }
}

/** Its ports, for whatever should run on the machine. */
export class SimProcess {
  /** Freeze and set it wrong here. */
  readonly clock: SimClock;
  /** Crash and wedge its threads here. */
  readonly sandbox: SimSandbox;
  /** Its port in the world's one network, where paths can be broken. */
  readonly network: SimHost;
  /** Put names and servers of the Internet here. */
  readonly outbound: SimOutbound;
  /** After `end` its timers and its log do nothing any more. */
  readonly ports: Ports;
  readonly #ended = Promise.withResolvers<void>();
  #isAlive = true;

  /** For `boot` and `spawn` of its machine. */
  constructor(
    world: World,
    options: SimMachineOptions & { readonly machine: SimMachine },
  ) {
    const { name, signer, cores, ips, machine } = options;
    const program = options.program ?? serveSeedThread;
    const random = world.random.fork(`process ${name}`);
    const clock = openSimClock(world, { name });
    const log = this.#whileAlive(machine.log);
    this.clock = clock;
    this.sandbox = openSimSandbox({
      clock,
      random,
      program,
      signer,
      cores,
    });
    this.network = openSimNetwork(world).host(name, { ips, clock, signer });
    this.outbound = openSimOutbound({ clock });
    this.ports = {
      clock,
      disk: machine.disk.mount(),
      host: machine.host,
      log,
      network: this.network,
      outbound: this.outbound,
      random,
      sandbox: this.sandbox,
      signer,
      web: openSimWeb({
        clock,
        onError: (cause) => log.error("web.failed", { cause }),
      }),
    };
  }

  /** False for ever after `end`. */
  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Resolves when it was ended; what it promised then never settles. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Its machine ends it; also for one that has nothing more to do. */
  end(): void {
    this.#isAlive = false;
    this.clock.kill();
    this.network.kill();
    this.#ended.resolve();
  }

  #whileAlive(log: Log): Log {
    const at = (level: keyof Log): Log[keyof Log] => (event, fields) => {
      if (this.#isAlive) log[level](event, fields);
    };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
    };
  }
}

/** Makes a cluster with this machine as its first node. */
export async function initSimNode(machine: SimMachine): Promise<NodeIdentity> {
  const process = machine.spawn();
  const identity = await createCluster(process.ports, {
    properties: new Map(),
  });
  process.end();
  return identity;
}

/**
 * Opens the node of a process's machine, as its daemon does.
 *
 * @throws {PlnError} As `openIdentity` and `openNode`.
 */
export async function openSimNode(
  process: SimProcess,
  options: { readonly name?: string } = {},
): Promise<Node> {
  const { ports } = process;
  const identity = await openIdentity(ports);
  const name = options.name ?? ports.disk.label;
  const mesh = { port: meshPortDefault };
  return await openNode(ports, { identity, name, mesh });
}
