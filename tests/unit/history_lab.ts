// A node's documents, its clock, and its history on a disk in memory. Time
// passes when a test says so; what it causes has settled when that returns.

import { type PeerId, TimerQueue } from "../../src/kernel/mod.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import type { EntryChange } from "../../src/state/changes.ts";
import { History } from "../../src/state/history.ts";
import type { HistoryRecord } from "../../src/state/history_record.ts";
import type { OwnerEntries } from "../../src/state/views.ts";
import { LabDisk, LabLog } from "./state_lab.ts";

export const ann = "a1".repeat(32) as PeerId;
export const bob = "b2".repeat(32) as PeerId;
/** Each of many owners; the first one is 0. */
export function ownerNumber(number: number): PeerId {
  return number.toString(16).padStart(64, "0") as PeerId;
}

export const startMs = 1_767_225_600_000;

/** A node's documents, its clock, and its history on one disk. */
export class HistoryLab {
  readonly log = new LabLog();
  readonly documents = new Map<PeerId, Map<string, string>>();
  readonly #timers = new TimerQueue();
  readonly #turn = openTurn();
  disk = new LabDisk();
  nowMs = 0;
  wallMs = startMs;
  seq = 0;

  open(): History {
    const clock = {
      nowMs: () => this.nowMs,
      wallMs: () => this.wallMs,
      after: (delayMs: number, run: () => void) =>
        this.#timers.add(this.nowMs + delayMs, run),
      sleep: () => Promise.reject(new Error("nobody sleeps here")),
    };
    return new History({ clock, disk: this.disk, log: this.log });
  }

  /** Time passes, and what it caused settles. */
  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    this.wallMs += ms;
    for (;;) {
      const due = this.#timers.takeDue(this.nowMs);
      if (due === undefined) break;
      due();
    }
    for (let turn = 0; turn < 5; turn++) {
      for (let step = 0; step < 100; step++) await Promise.resolve();
      await this.#turn();
    }
  }

  /** One batch; an undefined text deletes. */
  change(
    history: History,
    owner: PeerId,
    texts: Readonly<Record<string, string | undefined>>,
  ): void {
    const document = this.documents.get(owner) ?? new Map<string, string>();
    this.documents.set(owner, document);
    const changes: EntryChange[] = [];
    for (const [key, after] of Object.entries(texts)) {
      const before = document.get(key);
      if (before === after) continue;
      changes.push({ section: "seeds", key, before, after });
      if (after === undefined) document.delete(key);
      else document.set(key, after);
    }
    const place = { generation: 1, seq: ++this.seq };
    history.note({ owner, place, changes });
  }

  *present(): Generator<OwnerEntries> {
    for (const [owner, document] of this.documents) {
      const operations = () =>
        [...document].map(([key, text]) => ({ section: "seeds", key, text }));
      yield { owner, operations };
    }
  }

  async at(history: History, wallMs: number) {
    const { documents, isExact } = await history.at(
      wallMs,
      () => this.present(),
    );
    const owners = documents.map(({ owner, entries }) =>
      [
        owner,
        Object.fromEntries(
          entries.map(({ key, text }) => [key, text] as const).sort(),
        ),
      ] as const
    );
    return { owners: Object.fromEntries(owners), isExact };
  }
}

/** "batch 3", or why there is a gap. */
export function shortOf(records: readonly HistoryRecord[]): readonly string[] {
  return records.map((record) =>
    record.type === "gap" ? record.why : `${record.seq}`
  );
}
