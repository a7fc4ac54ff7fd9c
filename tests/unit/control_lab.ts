// A control server and its client over the simulated web. In come handlers; out
// come the client, raw requests and what reached the log. No permission is
// needed, and time is virtual.

import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import {
  ControlClient,
  type ControlHandlers,
  ControlServer,
} from "../../src/control/mod.ts";
import type { WebHandler } from "../../src/ports/mod.ts";
import {
  openSimMachine,
  openWorld,
  type SimLogRecord,
  type SimProcess,
  type World,
} from "../../src/sim/mod.ts";
import { sampleDaemon } from "./cli_world.ts";

export const socketPath = "/run/pln.sock";

export type ControlLab = {
  readonly world: World;
  readonly process: SimProcess;
  readonly client: ControlClient;
  readonly records: readonly SimLogRecord[];
  /** The answer to a request that no client of ours would send. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** Ends the server at once, as a crash would. */
  cut(): Promise<void>;
};

type Setup = Partial<ControlHandlers> | { readonly handle: WebHandler };

/** A test of a control server: handlers, or whatever answers in its place. */
export function controlTest(
  name: string,
  setup: Setup,
  run: (lab: ControlLab) => Promise<void>,
): void {
  const fn = async () => {
    const world = openWorld(1, { turn: openTurn() });
    await world.complete(runIn(world, setup, run));
  };
  Deno.test({ name, permissions: "none", fn });
}

async function runIn(
  world: World,
  setup: Setup,
  run: (lab: ControlLab) => Promise<void>,
): Promise<void> {
  const machine = openSimMachine(world, { name: "m", signer: openSigner() });
  const process = machine.boot();
  const { web, log } = process.ports;
  const address = { type: "unix", path: socketPath } as const;
  const server = new ControlServer({
    log,
    handlers: { ...sampleDaemon, ...setup },
  });
  await using listening = await web.serve(
    address,
    "handle" in setup ? setup.handle : (request) => server.handle(request),
  );
  await run({
    world,
    process,
    client: new ControlClient(web, socketPath),
    cut: async () => await listening[Symbol.asyncDispose](),
    records: machine.log.records,
    ask: (path, init) =>
      web.request(address, new Request(`http://pln${path}`, init)),
  });
}

/** The report of a refused request. */
export async function reportOf(
  answer: Response,
): Promise<{ code: string; outcome: string; message: string; hint?: string }> {
  return await answer.json();
}
