// Opens a transport with a fixed identity key, says how that went, and ends. A
// process of its own, since flags and environment decide whom it trusts.

import { openClock } from "../../src/adapters/clock.ts";
import { openNetwork } from "../../src/adapters/network.ts";
import { openRandom } from "../../src/adapters/random.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import { PlnError } from "../../src/kernel/mod.ts";
import { LabCluster, openMember } from "../unit/transport_cluster.ts";

if (import.meta.main) await main();

async function main(): Promise<void> {
  const needs = {
    clock: openClock(),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    network: openNetwork(),
    random: openRandom(),
    signer: openSigner(),
  };
  const key = needs.signer.privateKey(new Uint8Array(32).fill(5));
  try {
    const member = await openMember(needs, new LabCluster(needs), { key });
    await member.transport[Symbol.asyncDispose]();
    console.log("started");
  } catch (cause) {
    if (!(cause instanceof PlnError)) throw cause;
    console.log(`${cause.code} ${cause.message} (${cause.hint})`);
  }
}
