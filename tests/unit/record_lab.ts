// Nodes that sign records, without network or clock: a few keys, one cluster,
// and stores that take whom they are told to. In: numbers. Out: signed records
// and stores to put them into.

import { clusterIdOf, type PeerId, peerIdOf } from "../../src/kernel/mod.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import {
  type EphemeralRecord,
  type RecordBody,
  type RecordSigner,
  signRecord,
} from "../../src/gossip/record.ts";
import { RecordStore } from "../../src/gossip/record_store.ts";

export const signer = openSigner();
export const cluster = clusterIdOf(new Uint8Array(32).fill(7));

/** Who signs: the key of 32 equal bytes. */
export function speaker(number: number): RecordSigner & {
  readonly owner: PeerId;
} {
  const key = signer.privateKey(new Uint8Array(32).fill(number));
  return { signer, cluster, key, owner: peerIdOf(key.publicKey) };
}

/** What an idle node says. */
export const idleBody: RecordBody = {
  periodMs: 5_000,
  wallMs: 1_767_225_600_000,
  load: {
    permille: 250,
    cores: 2,
    freeBytes: 2 ** 31,
    totalBytes: 2 ** 32,
    callsUnderWay: 0,
  },
  seeds: [],
  rtts: [],
};

/** A record of a speaker, with whatever is to be different. */
export function recordOf(
  number: number,
  different: Partial<EphemeralRecord> = {},
): EphemeralRecord {
  const { owner } = speaker(number);
  return { owner, generation: 1, seq: 1, ...idleBody, ...different };
}

/** Its signed bytes. */
export function signed(
  number: number,
  different: Partial<EphemeralRecord> = {},
): Uint8Array<ArrayBuffer> {
  return signRecord(speaker(number), recordOf(number, different));
}

/** A store of speaker 1, and the owners that it knows. */
export function openStore(
  { generation = 1 }: { readonly generation?: number | undefined } = {},
) {
  const self = speaker(1);
  const taken = new Set([2, 3, 4].map((number) => speaker(number).owner));
  const heard: PeerId[] = [];
  const store = new RecordStore({
    ...self,
    self: self.owner,
    isTaken: (owner) => taken.has(owner),
    generation: () => generation === 0 ? undefined : generation,
  });
  store.onRecord((owner) => heard.push(owner));
  return { store, taken, heard, self: self.owner };
}
