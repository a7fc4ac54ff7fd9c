// Machines of one owner: disks that can be copied, set back and damaged, and
// peers that keep the batches which its states have told. It knows no network:
// what a peer shows is handed over by the test.

import type { Bytes } from "../../src/kernel/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import {
  encodeSignedBatch,
  type HybridTime,
  openOwnerState,
  type Operation,
  type OwnerState,
  signBatch,
  type SignedBatch,
} from "../../src/state/mod.ts";
import { peerIdOf } from "../../src/kernel/mod.ts";
import { isBatchStart, parseSignedBatch } from "../../src/state/batches.ts";
import { noHash } from "../../src/state/batches.ts";
import { scanJournal } from "../../src/state/journal_file.ts";
import { cluster, key, LabDisk, LabLog, root, signer } from "./state_lab.ts";

export const owner = peerIdOf(key.publicKey);

/** Starts of one directory, one after the other. */
export class OwnMachine {
  readonly log = new LabLog();
  disk: LabDisk;
  wallMs = 1_767_225_600_000;
  /** What it waits for before its first publish. */
  askCopies: (() => Promise<void>) | undefined;
  expectsJournal = false;
  readonly #random;

  constructor(seed: number, disk = new LabDisk()) {
    this.#random = openSimRandom(seed);
    this.disk = disk;
  }

  open(): Promise<OwnerState> {
    const clock = {
      nowMs: () => 0,
      wallMs: () => this.wallMs,
      after: (_delayMs: number, run: () => void) => {
        const timer = setTimeout(run, 0);
        return { [Symbol.dispose]: () => clearTimeout(timer) };
      },
      sleep: () => Promise.reject(new Error("no timers in this lab")),
    };
    const { disk, log, askCopies, expectsJournal } = this;
    const needs = { clock, disk, log, random: this.#random, signer };
    return openOwnerState(needs, {
      ...{ key, root, expectsJournal },
      ...(askCopies === undefined ? {} : { askCopies }),
    });
  }

  /** The batches in the journal, the oldest first. */
  batches(): readonly SignedBatch[] {
    return this.disk.paths()
      .filter((path) => path.startsWith("journal/") && path.endsWith(".log"))
      .flatMap((path) => {
        const bytes = this.disk.bytes(path);
        return scanJournal(bytes, { isRecordStart: isBatchStart }).records;
      })
      .map((record) => parseSignedBatch(record, { signer, cluster }));
  }

  /** As peers have them. */
  row(): readonly Bytes[] {
    return this.batches().map(encodeSignedBatch);
  }
}

export async function showAll(
  state: OwnerState,
  row: readonly Bytes[],
): Promise<readonly string[]> {
  const answers: string[] = [];
  for (const bytes of row) answers.push(await state.accept(bytes, owner));
  return answers;
}

export type Forged = {
  readonly generation: number;
  readonly session: number;
  readonly seq: number;
  readonly prev?: Bytes;
  readonly base?: boolean;
  readonly operations: readonly Operation[];
  readonly hlc?: HybridTime;
};

/** A batch that this owner's key signed somewhere else. */
export function ownBatch(forged: Forged): SignedBatch {
  const { session, base = true, prev = noHash } = forged;
  const { hlc = { wallMs: 1, counter: 0 }, ...rest } = forged;
  const batch = { ...rest, owner, prev, base, rev: 1, hlc };
  return signBatch(
    { ...batch, session: new Uint8Array(16).fill(session) },
    { signer, key, cluster },
  );
}

/** Long enough for what waits for a quiet moment. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
