// What the tests of the mesh stand on: peers and addresses by number.

import { type PeerId, peerIdOf } from "../../src/kernel/mod.ts";
import type { NetworkAddress } from "../../src/ports/mod.ts";

/** Ids in the order of their numbers; no keys. */
export function peerNumber(number: number): PeerId {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, number);
  return peerIdOf(bytes);
}

/** A near address, another one for each number to 65,000. */
export function addressNumber(number: number): NetworkAddress {
  return { ip: `10.1.${number >> 8}.${number & 255}`, port: 60_611 };
}
