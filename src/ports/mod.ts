// The ports: every way in which Pollen touches the world, as interfaces only.
// Adapters implement them on Deno, the simulator in memory, and the contract
// suites in tests/contracts hold both to the same promises.

import type { Clock } from "./clock.ts";
import type { Disk } from "./disk.ts";
import type { Host } from "./host.ts";
import type { Log } from "./log.ts";
import type { Network } from "./network.ts";
import type { Outbound } from "./outbound.ts";
import type { Random } from "./random.ts";
import type { Sandbox } from "./sandbox.ts";
import type { Signer } from "./signer.ts";
import type { Web } from "./web.ts";

export * from "./clock.ts";
export * from "./disk.ts";
export * from "./host.ts";
export * from "./log.ts";
export * from "./network.ts";
export * from "./outbound.ts";
export * from "./random.ts";
export * from "./sandbox.ts";
export * from "./signer.ts";
export * from "./sockets.ts";
export * from "./web.ts";

/** What a node is opened with; parts name the ports they need by `Pick`. */
export type Ports = {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly host: Host;
  readonly log: Log;
  readonly network: Network;
  readonly outbound: Outbound;
  readonly random: Random;
  readonly sandbox: Sandbox;
  readonly signer: Signer;
  readonly web: Web;
};
