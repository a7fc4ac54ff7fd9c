// One replica on the disk: `replicas/<peer id>.log`, the row of one foreign
// owner's batches, in the record form of the journal. In come rows, out goes
// the promise that they are durable; at a start, what is good of a file comes
// back. It is a copy: what is damaged is cut or dropped and fetched again. Never
// appends to a file after a failure: then the whole row is written anew.

import { asPlnError, limits, parsePeerId, type PeerId } from "../kernel/mod.ts";
import { type AppendFile, DiskError, type Ports } from "../ports/mod.ts";
import { isBatchStart } from "./batches.ts";
import type { BatchRow, StoredBatch } from "./batch_row.ts";
import { settleJournal } from "./journal.ts";
import {
  encodeJournalHeader,
  encodeJournalRecord,
  encodeWholeFile,
  journalContents,
  scanJournal,
} from "./journal_file.ts";

export type ReplicaFileNeeds = Pick<Ports, "disk" | "log">;

export const replicaDirectory = "replicas";
const fileName = /^[0-9a-f]{64}\.log$/;

function replicaPath(owner: PeerId): string {
  return `${replicaDirectory}/${owner}.log`;
}

/** Whose replicas the disk has, by id. */
export async function listReplicas(
  needs: ReplicaFileNeeds,
): Promise<readonly PeerId[]> {
  const entries = await needs.disk.list(replicaDirectory);
  return entries
    .filter(({ type, name }) => type === "file" && fileName.test(name))
    .map(({ name }) => parsePeerId(name.slice(0, 64)))
    .sort();
}

/** What a start finds: records up to the first damage, and how it looks. */
export type ReplicaRecords = {
  readonly records: readonly Uint8Array[];
  readonly endBytes: number;
  readonly isDamaged: boolean;
};

/** Of one owner; whoever opens it disposes it. */
export class ReplicaFile implements AsyncDisposable {
  readonly #needs: ReplicaFileNeeds;
  readonly #path: string;
  readonly #owner: PeerId;
  #file: AppendFile | undefined;
  #durableBytes = 0;

  constructor(needs: ReplicaFileNeeds, owner: PeerId) {
    this.#needs = needs;
    this.#owner = owner;
    this.#path = replicaPath(owner);
  }

  /**
   * Reads the file; a disk that refuses counts as damage.
   *
   * @throws {NewerFormatError} A later program wrote it.
   */
  async read(): Promise<ReplicaRecords> {
    const { disk, log } = this.#needs;
    try {
      const bytes = await disk.read(this.#path, {
        bytesMax: limits.replicaFileBytesMax,
      });
      const { header, records, badRegions, endBytes } = scanJournal(bytes, {
        isRecordStart: isBatchStart,
        content: journalContents.replica,
      });
      const isDamaged = header === undefined || badRegions > 0;
      return { records, endBytes, isDamaged };
    } catch (cause) {
      if (!(cause instanceof DiskError)) throw cause;
      const reason = cause.message;
      log.error("state.replica_unread", { owner: this.#owner, reason });
      return { records: [], endBytes: 0, isDamaged: true };
    }
  }

  /** Cuts a torn end and appends from there on; a failure means a new file. */
  async resume(endBytes: number): Promise<void> {
    const { disk, log } = this.#needs;
    const path = this.#path;
    try {
      await settleJournal(this.#needs, { path, endBytes });
      this.#file = await disk.openAppend(path);
      this.#durableBytes = endBytes;
    } catch (cause) {
      if (!(cause instanceof DiskError)) throw cause;
      const reason = cause.message;
      log.warn("state.replica_not_settled", { owner: this.#owner, reason });
    }
  }

  /**
   * Makes a row durable of which `fresh` is new.
   *
   * @throws {DiskError} It is not; the next one writes the whole row.
   */
  async store(row: BatchRow, fresh: readonly StoredBatch[]): Promise<void> {
    const file = this.#file;
    const isWhole = file === undefined || fresh.some(({ batch }) => batch.base);
    if (isWhole) return await this.#write(row);
    this.#file = undefined;
    try {
      const durableBytes = this.#durableBytes;
      for (const { bytes } of fresh) {
        await file.append(encodeJournalRecord(bytes, { durableBytes }));
      }
      await file.sync();
    } catch (cause) {
      await this.#close(file);
      throw cause;
    }
    this.#durableBytes = file.sizeBytes;
    this.#file = file;
  }

  async #write(row: BatchRow): Promise<void> {
    const old = this.#file;
    this.#file = undefined;
    if (old !== undefined) await this.#close(old);
    const generation = row.head?.generation ?? 0;
    const header = encodeJournalHeader(
      { number: 1, generation },
      journalContents.replica,
    );
    const bytes = encodeWholeFile(
      header,
      row.batches.map(({ bytes }) => bytes),
    );
    await this.#needs.disk.writeAtomic(this.#path, bytes);
    this.#file = await this.#needs.disk.openAppend(this.#path);
    this.#durableBytes = bytes.length;
  }

  /** What cannot be removed is read, and dropped, again. */
  async remove(): Promise<void> {
    const { disk, log } = this.#needs;
    try {
      await disk.remove(this.#path);
    } catch (cause) {
      if (!(cause instanceof DiskError)) throw cause;
      const reason = cause.message;
      log.warn("state.replica_stays", { owner: this.#owner, reason });
    }
  }

  async #close(file: AppendFile): Promise<void> {
    try {
      await file[Symbol.asyncDispose]();
    } catch (cause) {
      this.#needs.log.warn("state.replica_close_failed", {
        reason: asPlnError(cause).message,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) await this.#close(file);
  }
}
