// A daemon over simulated ports. In come settings and a machine; out come the
// running daemon with its client, its signal and its end. Time is virtual and
// no permission is needed.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import type { Settings } from "../../src/config/mod.ts";
import { ControlClient, type StatusReport } from "../../src/control/mod.ts";
import { type DaemonNeeds, runDaemon } from "../../src/daemon/mod.ts";
import { utf8, utf8TextLossy } from "../../src/kernel/mod.ts";
import {
  initSimNode,
  openSimMachine,
  openWorld,
  type SimMachine,
  type SimMachineOptions,
  type SimProcess,
  type World,
} from "../../src/sim/mod.ts";

export const socketPath = "/n/pln.sock";
export const settings: Settings = { name: "ann", logLevel: "info" };

export type DaemonLab = {
  readonly world: World;
  readonly machine: SimMachine;
};

/** One daemon of a machine, from its start to its end. */
export type RunningDaemon = {
  readonly process: SimProcess;
  readonly client: ControlClient;
  /** Settles with the daemon. */
  readonly ended: Promise<void>;
  readonly logLevels: readonly string[];
  /** What the next reload reads; throws if it is an error. */
  settings: Settings | Error;
  stop(): void;
  status(): Promise<StatusReport>;
  /** The text that a seed's call answers. */
  call(seed: string, fn: string, input?: string): Promise<string>;
};

type Options = Partial<Omit<SimMachineOptions, "name" | "signer">>;

/** A test on a machine that has a cluster already. */
export function daemonTest(
  name: string,
  run: (lab: DaemonLab) => Promise<void>,
  options: Options = {},
): void {
  const fn = async () => {
    const world = openWorld(1, { turn: openTurn() });
    const signer = openSigner();
    const machine = openSimMachine(world, { ...options, name: "n", signer });
    const scenario = async () => {
      await initSimNode(machine);
      await run({ world, machine });
    };
    await world.complete(scenario(), { withinMs: 30 * 86_400_000 });
  };
  Deno.test({ name, permissions: "none", fn });
}

export type StartOptions = {
  readonly settings?: Settings;
  readonly process?: SimProcess;
  readonly needs?: Partial<DaemonNeeds>;
  /** Aborted before it is ready. */
  readonly isStopped?: boolean;
};

/** Starts a daemon and waits until it is ready. @throws Why it is not. */
export async function startDaemon(
  { machine }: DaemonLab,
  options: StartOptions = {},
): Promise<RunningDaemon> {
  const process = options.process ?? machine.boot();
  const stop = new AbortController();
  if (options.isStopped === true) stop.abort();
  const ready = Promise.withResolvers<void>();
  const logLevels: string[] = [];
  const needs: DaemonNeeds = {
    ...process.ports,
    residentBytes: () => 12_345_678,
    setLogLevel: (level) => void logLevels.push(level),
    sweepDirectory: () => Promise.resolve(0),
    ...options.needs,
  };
  const client = new ControlClient(process.ports.web, socketPath);
  const running = {
    process,
    client,
    logLevels,
    settings: options.settings ?? settings as Settings | Error,
    stop: () => stop.abort(),
    status: () => client.status(),
    call: async (seed: string, fn: string, input = "") => {
      const target = { seed, function: fn };
      return utf8TextLossy(await client.call(target, utf8(input)));
    },
  };
  const ended = runDaemon(needs, {
    socketPath,
    processId: 4711,
    settings: options.settings ?? settings,
    reloadSettings: () =>
      running.settings instanceof Error
        ? Promise.reject(running.settings)
        : Promise.resolve(running.settings),
  }, { onReady: ready.resolve, signal: stop.signal });
  const early = async () => {
    await ended;
    assert.ok(options.isStopped, "a daemon ends when it is told to");
  };
  await Promise.race([ready.promise, early()]);
  return Object.assign(running, { ended });
}

/** Events of the machine's log, from the first on. */
export function eventsOf({ machine }: DaemonLab): readonly string[] {
  return machine.log.records.map(({ event }) => event);
}

/** Stops a daemon, waits for its end and ends its process. */
export async function stopDaemon(daemon: RunningDaemon): Promise<void> {
  daemon.stop();
  await daemon.ended;
  daemon.process.end();
}
