// Batches and proofs of one owner that are about to be taken: each is judged as
// if those before it were there already. Batches go in whose signatures were
// verified; out come judgements, what would then be kept, and what is new of
// it. Only permanent facts count, and of a base nothing that it skipped, or
// nodes would differ for ever. Never touches the document: a disk may refuse.

import type { PeerId } from "../kernel/mod.ts";
import type { MemberFacts, Tier } from "../identity/mod.ts";
import {
  type AuthorityTrust,
  isOwnAuthority,
  readOwnAuthority,
} from "./admin_entries.ts";
import type { BatchRow, Judgement, StoredBatch } from "./batch_row.ts";
import { documentLimits, Draft, type DraftGround, noGround } from "./draft.ts";
import { type Fork, forkOf } from "./fork.ts";
import type { Generations } from "./generations.ts";
import { certificateKeys } from "./node_entries.ts";
import { credentialKeys, readOwnerFacts } from "./owner_credential.ts";
import { PlainDocument } from "./plain_document.ts";
import type { Operation } from "./schema.ts";

/** Whose batches they are. */
export type IntakeConfig = {
  readonly owner: PeerId;
  readonly trust: AuthorityTrust;
};

/** What an owner's document shows of its owner. */
export type Showing = {
  /** The texts that it follows from. */
  readonly texts: readonly (string | undefined)[];
  /** Undefined when the credential proves nothing. */
  readonly facts: MemberFacts | undefined;
  /** Whether there is an authority that the root signed for the owner. */
  readonly isAdmin: boolean;
};

/** Of a document that shows nothing. */
export const noShowing: Showing = {
  texts: [undefined, undefined, undefined],
  facts: undefined,
  isAdmin: false,
};

const shownKeys = [
  certificateKeys.member,
  certificateKeys.authority,
  certificateKeys.ownAuthority,
];

/** What a document shows; `known` is the answer for the same texts. */
export function showingOf(
  { owner, trust }: IntakeConfig,
  textOf: (key: string) => string | undefined,
  { known }: { readonly known: Showing },
): Showing {
  const texts = shownKeys.map(textOf);
  if (texts.every((text, index) => text === known.texts[index])) return known;
  const authority = textOf(certificateKeys.ownAuthority);
  return {
    texts,
    facts: readOwnerFacts(trust, owner, { textOf }),
    isAdmin: authority !== undefined &&
      readOwnAuthority(trust, authority, { owner }) !== undefined,
  };
}

/** Whether an operation is of the credential that the document shows. */
export function isCredential({ section, key }: Operation): boolean {
  return section === "node" && credentialKeys.has(key);
}

/** By which a document's limits are; undefined when it shows none. */
export function tierOf({ facts, isAdmin }: Showing): Tier | undefined {
  return isAdmin ? "admin" : facts?.tier;
}

/** A document of which batches are taken, and what they add to it. */
type Ground = { readonly draft: Draft; readonly showing: Showing };

/** Batches that are taken, over a document that does not show them yet. */
export class Intake {
  generations: Generations;
  /** Of the newest generation's row. */
  showing: Showing;
  readonly fresh: StoredBatch[] = [];
  readonly forks: Fork[] = [];
  readonly #config: IntakeConfig;
  #draft: Draft;
  /** Of the batch before, which `#draft` does not show yet. */
  #taken: readonly Operation[] = [];

  /** `document` shows the row of the newest generation. */
  constructor(
    generations: Generations,
    document: DraftGround,
    options: { readonly config: IntakeConfig; readonly showing: Showing },
  ) {
    this.generations = generations;
    this.showing = options.showing;
    this.#draft = new Draft(document);
    this.#config = options.config;
  }

  /** "known" also of a batch that proves a fork: its sender did no wrong. */
  take(stored: StoredBatch): Judgement {
    const judgement = this.generations.judge(stored);
    if (typeof judgement !== "string" && judgement.rival !== undefined) {
      this.takeFork(forkOf([judgement.rival, stored]));
      return "known";
    }
    return judgement === "new" ? this.#takeNew(stored) : judgement;
  }

  takeFork(fork: Fork): Judgement {
    if (!this.generations.isNews(fork)) return "known";
    this.generations = this.generations.withFork(fork);
    this.forks.push(fork);
    return "new";
  }

  #takeNew(stored: StoredBatch): Judgement {
    this.#draft.add(this.#taken); // mostly there is no next one
    this.#taken = [];
    const row = this.generations.groundOf(stored);
    const { base, operations } = stored.batch;
    const ground = base
      ? { draft: new Draft(noGround), showing: this.showing }
      : this.#groundOf(row);
    const showing = this.#showingAfter(stored, ground);
    if (typeof showing === "string") return { reason: showing, isFork: false };
    const limit = documentLimits(tierOf(showing));
    const excess = ground.draft.excess(operations, limit, { isWhole: base });
    if (excess !== undefined) {
      return { reason: "its owner's document is too large", isFork: false };
    }
    this.generations = this.generations.with(stored);
    this.fresh.push(stored);
    if (this.generations.row.batches.at(-1) === stored) {
      this.#draft = ground.draft;
      this.#taken = operations;
      this.showing = showing;
    }
    return "new";
  }

  /** What a row shows that is extended. */
  #groundOf(row: BatchRow): Ground {
    if (row === this.generations.row) {
      return { draft: this.#draft, showing: this.showing };
    }
    const { owner } = this.#config;
    const document = new PlainDocument(owner);
    for (const { batch } of row.batches) document.apply(batch);
    const showing = showingOf(
      this.#config,
      (key) => document.get("node", key),
      { known: this.showing },
    );
    return { draft: new Draft(document), showing };
  }

  /** What the document then shows, or why the batch is refused. */
  #showingAfter(
    { batch }: StoredBatch,
    { draft, showing: before }: Ground,
  ): Showing | string {
    const { base, operations } = batch;
    const shown = operations.filter(isCredential);
    const said = shown.find(isOwnAuthority);
    if (!base && shown.length === 0) return before;
    if (!base && said !== undefined) {
      return "its owner's authority is no base's";
    }
    const texts = new Map(shown.map(({ key, text }) => [key, text]));
    const textOf = (key: string) =>
      texts.has(key) ? texts.get(key) : draft.textOf({ section: "node", key });
    const after = showingOf(this.#config, textOf, { known: before });
    if (said !== undefined && !after.isAdmin) {
      return "its owner shows no authority of the root";
    }
    const isProven = after.isAdmin || after.facts !== undefined;
    return isProven ? after : "its owner shows no credential of this cluster";
  }
}
