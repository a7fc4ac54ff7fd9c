// The journal of one node's own batches: the newest of `journal/<8 digits>.log`
// counts. A file is born whole with a base (temporary file, sync, rename), then
// grows by batches. In come records, out goes the promise that they are on the
// disk. Never appends to a file after a failed sync or a failed repair of it,
// and never removes a damaged file: it is renamed to `.damaged` before a base
// follows, and counts like a `.log` until then.

import { asPlnError, assert, LimitError, limits } from "../kernel/mod.ts";
import type { AppendFile, Ports } from "../ports/mod.ts";
import { encodeJournalFile, encodeJournalRecord } from "./journal_file.ts";

export type JournalNeeds = Pick<Ports, "disk" | "log">;

export const journalDirectory = "journal";
const fileName = /^(\d{8})\.(log|damaged)$/;
const fileNumberMax = 99_999_999;

/** A file of the journal, by its name. */
export type JournalName = {
  readonly path: string;
  readonly number: number;
  /** Whether it is kept for good. */
  readonly isKept: boolean;
};

function journalPath(number: number, ending: "log" | "damaged"): string {
  return `${journalDirectory}/${String(number).padStart(8, "0")}.${ending}`;
}

/** The files that are there, ascending. */
export async function listJournal(
  needs: JournalNeeds,
): Promise<readonly JournalName[]> {
  const entries = await needs.disk.list(journalDirectory);
  return entries
    .filter((entry) => entry.type === "file" && fileName.test(entry.name))
    .map(({ name }) => ({
      path: `${journalDirectory}/${name}`,
      number: Number.parseInt(name, 10),
      isKept: name.endsWith(".damaged"),
    }))
    .sort((left, right) => left.number - right.number);
}

/**
 * Cuts a torn end and makes what was read durable, so that a power loss cannot
 * take back what a reader was shown.
 */
export async function settleJournal(
  needs: JournalNeeds,
  options: { readonly path: string; readonly endBytes: number },
): Promise<void> {
  await using file = await needs.disk.openAppend(options.path);
  if (file.sizeBytes > options.endBytes) await file.truncate(options.endBytes);
  await file.sync();
}

export class Journal implements AsyncDisposable {
  readonly #needs: JournalNeeds;
  #damagedNumber: number;
  #number: number;
  #sizeBytes: number;
  /** What a sync has confirmed of `#file`. */
  #durableBytes = 0;
  #file: AppendFile | undefined;
  #isBroken = false;
  #isDirty = false;
  #batchesSinceBase = 0;

  /**
   * @param newest The newest file there is; the next one is a new one. When it
   * is damaged, all files up to it are renamed to `.damaged` before that.
   */
  constructor(
    needs: JournalNeeds,
    newest: {
      readonly number: number;
      readonly sizeBytes: number;
      readonly isDamaged: boolean;
    },
  ) {
    this.#needs = needs;
    this.#damagedNumber = newest.isDamaged ? newest.number : 0;
    this.#number = newest.number;
    this.#sizeBytes = newest.sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether a failure made the file unfit for more records. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /**
   * Whether the next record has to be a base in a new file.
   *
   * @param liveBytes What a base would take now.
   */
  needsBase(liveBytes: number): boolean {
    const sizeBytesMax = Math.max(
      limits.journalRewriteBytesMin,
      2 * liveBytes,
    );
    return this.#file === undefined || this.#isBroken ||
      this.#batchesSinceBase >= limits.batchesPerBase ||
      this.#sizeBytes > sizeBytesMax;
  }

  /**
   * Adds a record; it is durable after `sync`. A failure takes it back.
   *
   * @throws {DiskError} Nothing was added; safe to retry.
   */
  async append(record: Uint8Array): Promise<void> {
    const file = this.#file;
    assert(
      file !== undefined && !this.#isBroken,
      "a journal takes batches after a base",
    );
    const bytes = encodeJournalRecord(record, {
      durableBytes: this.#durableBytes,
    });
    try {
      await file.append(bytes);
    } catch (cause) {
      await this.#takeBack(file, cause);
      throw cause;
    }
    this.#isDirty = true;
    this.#batchesSinceBase++;
    this.#sizeBytes += bytes.length;
  }

  async #takeBack(file: AppendFile, cause: unknown): Promise<void> {
    this.#isDirty = true; // until a sync, a power loss may bring it back
    this.#needs.log.error("state.append_failed", {
      reason: asPlnError(cause).message,
    });
    try {
      await file.truncate(this.#sizeBytes);
    } catch (failure) {
      this.#isBroken = true;
      this.#needs.log.error("state.truncate_failed", {
        reason: asPlnError(failure).message,
      });
    }
  }

  /**
   * Makes every record durable. A failure leaves it open whether they are, and
   * a second sync of the file could lie: the next record needs a new file.
   *
   * @throws {DiskError} Nothing since the last sync is acknowledged.
   */
  async sync(): Promise<void> {
    if (!this.#isDirty || this.#file === undefined) return;
    try {
      await this.#file.sync();
      this.#isDirty = false;
      this.#durableBytes = this.#sizeBytes;
    } catch (cause) {
      this.#isBroken = true;
      throw cause;
    }
  }

  /**
   * Starts a new file with a base, durably, and removes the older files.
   *
   * After a failure the new file may or may not be found by the next start.
   * Both are right for what was acknowledged before, but not for what would be
   * appended to the old file after: so the next record needs a base again.
   *
   * @throws {DiskError} A damaged file cannot be renamed, or the base is not
   * acknowledged; safe to retry.
   */
  async startFile(
    base: Uint8Array,
    options: { readonly generation: number },
  ): Promise<void> {
    this.#isBroken = true;
    if (this.#number >= fileNumberMax) {
      throw new LimitError("The journal has used up its file numbers", {
        hint: `Rename the newest file of ${journalDirectory}/ to ` +
          "00000001.log and move its .damaged files away",
      });
    }
    await this.#keepDamaged();
    const number = ++this.#number;
    const { generation } = options;
    const bytes = encodeJournalFile({ number, generation }, base);
    const path = journalPath(number, "log");
    await this.#needs.disk.writeAtomic(path, bytes);
    const file = await this.#needs.disk.openAppend(path);
    await this.#close();
    this.#file = file;
    this.#isBroken = false;
    this.#isDirty = false;
    this.#batchesSinceBase = 0;
    this.#sizeBytes = bytes.length;
    this.#durableBytes = bytes.length;
    await this.#removeOlder();
  }

  /**
   * Renames what is damaged, durably. A start that finds it renamed without a
   * base after it reads it as before: the loss still has to be accepted.
   */
  async #keepDamaged(): Promise<void> {
    if (this.#damagedNumber === 0) return;
    const { disk } = this.#needs;
    for (const { path, number, isKept } of await listJournal(this.#needs)) {
      if (!isKept) await disk.rename(path, journalPath(number, "damaged"));
    }
    const newest = journalPath(this.#damagedNumber, "damaged");
    // Syncs also the names that an earlier try renamed and could not sync.
    await using _named = await disk.openAppend(newest);
    this.#damagedNumber = 0;
  }

  /** Older files only take room: a failure is tried again with the next. */
  async #removeOlder(): Promise<void> {
    const { disk, log } = this.#needs;
    try {
      for (const { path, number, isKept } of await listJournal(this.#needs)) {
        if (!isKept && number < this.#number) await disk.remove(path);
      }
    } catch (cause) {
      log.warn("state.old_journal_stays", {
        reason: asPlnError(cause).message,
      });
    }
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    try {
      await file?.[Symbol.asyncDispose]();
    } catch (cause) {
      this.#needs.log.warn("state.journal_close_failed", {
        reason: asPlnError(cause).message,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
