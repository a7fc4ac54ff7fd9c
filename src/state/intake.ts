// Batches of one owner that are about to be stored: each is judged as if those
// before it were stored already. Batches go in whose signatures were verified;
// out come judgements, the row and what is new of it. Never touches the document
// itself: a disk may still refuse.

import type { PeerId } from "../kernel/mod.ts";
import {
  type AuthorityTrust,
  isOwnAuthority,
  readOwnAuthority,
} from "./admin_entries.ts";
import type { BatchRow, Judgement, StoredBatch } from "./batch_row.ts";
import { Draft, type DraftGround, noGround } from "./draft.ts";

/** Whose batches they are. */
export type IntakeConfig = {
  readonly owner: PeerId;
  readonly trust: AuthorityTrust;
};

/** Batches that are taken, over a document that does not show them yet. */
export class Intake {
  row: BatchRow;
  readonly fresh: StoredBatch[] = [];
  readonly #config: IntakeConfig;
  #draft: Draft;

  constructor(
    row: BatchRow,
    document: DraftGround,
    options: { readonly config: IntakeConfig },
  ) {
    this.row = row;
    this.#draft = new Draft(document);
    this.#config = options.config;
  }

  take(stored: StoredBatch): Judgement {
    const judgement = this.row.judge(stored);
    if (judgement !== "new") return judgement;
    const reason = this.#fault(stored);
    if (reason !== undefined) return { reason, isFork: false };
    const { base, operations } = stored.batch;
    if (base) this.#draft = new Draft(noGround);
    this.#draft.add(operations);
    this.row = this.row.with(stored);
    this.fresh.push(stored);
    return "new";
  }

  #fault({ batch }: StoredBatch): string | undefined {
    const { base, operations } = batch;
    const said = operations.find(isOwnAuthority);
    if (said === undefined && base) return "its owner is not known as an admin";
    if (said !== undefined) {
      const { owner, trust } = this.#config;
      const isShown = said.text !== undefined &&
        readOwnAuthority(trust, said.text, { owner }) !== undefined;
      if (!isShown) return "its owner shows no authority of the root";
    }
    const excess = base ? undefined : this.#draft.excess(operations);
    return excess === undefined
      ? undefined
      : "its owner's document is too large";
  }
}
