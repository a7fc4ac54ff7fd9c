// The two networks that the contract is for: Deno's QUIC on loopback, and the
// simulated one between two machines of a world. Out come subjects that check
// that nothing stays open when a test has ended.

import assert from "node:assert/strict";
import { openClock } from "../../src/adapters/clock.ts";
import { openNetwork } from "../../src/adapters/network.ts";
import { openNetworkCounts } from "../../src/adapters/network_counts.ts";
import { openRandom } from "../../src/adapters/random.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import { openSimClock, type SimClock } from "../../src/sim/clock.ts";
import {
  openSimNetwork,
  type SimHost,
  type SimNetwork,
} from "../../src/sim/network.ts";
import { openWorld, type World } from "../../src/sim/world.ts";
import type { NetworkLab, NetworkSubject } from "./network_lab.ts";

const signer = openSigner();
const nothingOpen = { endpoints: 0, listeners: 0, sessions: 0, dials: 0 };

/** One machine, which dials itself on loopback. */
export function realLab(network = openNetwork()): NetworkLab {
  return {
    clock: openClock(),
    random: openRandom(),
    signer,
    dialler: network,
    listener: network,
    listenerIp: "127.0.0.1",
  };
}

export const realNetwork: NetworkSubject = {
  async run(work) {
    await work(realLab());
    assert.deepEqual(openNetworkCounts(), nothingOpen);
  },
};

/** Two machines of a world, "ann" who dials and "bob" who listens. */
export type SimulatedLab = NetworkLab & {
  readonly network: SimNetwork;
  readonly ann: SimulatedMachine;
  readonly bob: SimulatedMachine;
};

export type SimulatedMachine = {
  readonly clock: SimClock;
  readonly host: SimHost;
};

export function openSimulatedLab(world: World): SimulatedLab {
  const network = openSimNetwork(world);
  const machine = (name: string): SimulatedMachine => {
    const clock = openSimClock(world, { name });
    return { clock, host: network.host(name, { clock, signer }) };
  };
  const [ann, bob] = [machine("ann"), machine("bob")];
  const [listenerIp = ""] = network.ipsOf("bob");
  return {
    network,
    ann,
    bob,
    clock: ann.clock,
    random: world.random.fork("lab"),
    signer,
    dialler: ann.host,
    listener: bob.host,
    listenerIp,
  };
}

export const simulatedNetwork: NetworkSubject = {
  async run(work) {
    const world = openWorld(1, { turn: openTurn() });
    await world.complete(work(openSimulatedLab(world)));
    // Nothing of a session that has ended may keep a timer.
    await world.settle({ withinMs: 60_000 });
  },
};
