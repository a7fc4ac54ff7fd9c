// Batches and proofs of forks as they arrive from peers. Bytes of anybody come
// in; out comes what became of them. What is known, too early or too much is
// told by the head alone; then the signature is checked, and only what its owner
// signed is read. What that costs is the owner's, who has a limit; whom nobody
// named have one together.

import {
  type Bytes,
  ClosedError,
  limits,
  type PeerId,
  PlnError,
  TokenBucket,
} from "../kernel/mod.ts";
import type { Rights } from "../identity/mod.ts";
import type { Ports } from "../ports/mod.ts";
import { type AuthorityTrust, isOwnAuthority } from "./admin_entries.ts";
import { type BatchHead, readBatchHead, readVerified } from "./batch_head.ts";
import type { Judgement, Refusal, RowPlace, StoredBatch } from "./batch_row.ts";
import { BatchError } from "./batches.ts";
import { type ForkHalves, forkOf, type ForkProof, readFork } from "./fork.ts";
import { comparePlace, voidSeq } from "./places.ts";
import type { HeadJudgement, Replica, ReplicaItem } from "./replica.ts";
import { isNamed, type Replicas } from "./replicas.ts";

/**
 * What became of a batch: "gap" when something before it is missing, "later"
 * when its owner sends more than is taken, "waiting" when it is right and
 * nobody has named its owner. None of these was stored.
 */
export type Acceptance =
  | "new"
  | "known"
  | "gap"
  | "later"
  | "waiting"
  | "refused";

/** Counts since the start. */
export type ArrivalCounts = {
  readonly refused: number;
  /** Put off: their owners sent more than is taken. */
  readonly deferred: number;
};

/** This node's own batches, as peers show them. */
export interface OwnArrivals {
  /** Undefined: it has to be read. */
  judgeHead(head: BatchHead): "known" | undefined;
  /** Takes one whose signature was verified. */
  take(stored: StoredBatch): Judgement;
  /** Takes a proof that was verified. */
  takeFork(halves: ForkHalves): Judgement;
}

export type ArrivalsConfig = {
  readonly self: PeerId;
  readonly trust: AuthorityTrust;
  readonly replicas: Replicas;
  readonly own: OwnArrivals;
  /** Of this moment. */
  readonly rights: () => Rights;
};

/** One of a node. */
export class Arrivals {
  readonly #needs: Pick<Ports, "clock" | "log">;
  readonly #config: ArrivalsConfig;
  readonly #strangers = new TokenBucket({
    burst: limits.strangersBurstMax,
    perSecond: limits.strangersPerSecondMax,
  });
  #refused = 0;
  #deferred = 0;

  /** Nothing is read before it arrives. */
  constructor(needs: Pick<Ports, "clock" | "log">, config: ArrivalsConfig) {
    this.#needs = needs;
    this.#config = config;
  }

  get counts(): ArrivalCounts {
    return { refused: this.#refused, deferred: this.#deferred };
  }

  /** As `OwnerState.accept`; `bytes` are passed on as they are. */
  async accept(bytes: Bytes, said?: PeerId): Promise<Acceptance> {
    this.#checkOpen();
    const head = this.#unlessFaulty(() => headOf(bytes, said));
    if (head === undefined) return "refused";
    const { owner } = head;
    if (owner === this.#config.self) return this.#acceptOwn(bytes, head);
    const known = this.#config.replicas.find(owner);
    const early = known === undefined
      ? this.#judgeStranger(head)
      : this.#judgeKnown(known, head, { sizeBytes: bytes.length });
    // No pause before this: the next batch of this turn builds on this one.
    if (early !== undefined) return this.#outcome(await early, known);
    const stored = this.#unlessFaulty(() => this.#read(bytes, head, { known }));
    return stored === undefined ? "refused" : await this.#take(stored, known);
  }

  /** As `OwnerState.acceptFork`. */
  async acceptFork(proof: ForkProof, said?: PeerId): Promise<Acceptance> {
    this.#checkOpen();
    const head = this.#unlessFaulty(() => headOf(proof.first, said));
    if (head === undefined) return "refused";
    const { owner, generation } = head;
    if (owner === this.#config.self) return this.#acceptOwnFork(proof);
    const replica = this.#config.replicas.find(owner);
    if (replica === undefined) return await this.#takeFirstFork(proof, head);
    const place = { generation, seq: voidSeq };
    const isKnown = isAtOrBefore(place, replica.forgotten) ||
      !replica.generations.isNews(head);
    if (isKnown) return "known";
    const sizeBytes = proof.first.length + proof.second.length;
    if (!replica.hasRoom(head, sizeBytes)) {
      return this.#outcome("later", replica);
    }
    const halves = this.#unlessFaulty(() => readFork(proof, this.#trust));
    if (halves === undefined) return "refused";
    replica.charge(head, sizeBytes);
    return this.#outcome(await replica.take(forkOf(halves)), replica);
  }

  get #trust() {
    const { signer, root: { cluster } } = this.#config.trust;
    return { signer, cluster };
  }

  #acceptOwn(bytes: Bytes, head: BatchHead): Acceptance {
    const { own } = this.#config;
    if (own.judgeHead(head) === "known") return "known";
    const stored = this.#unlessFaulty(() =>
      readVerified(bytes, head, this.#trust)
    );
    return stored === undefined
      ? "refused"
      : this.#outcome(own.take(stored), undefined);
  }

  #acceptOwnFork(proof: ForkProof): Acceptance {
    const halves = this.#unlessFaulty(() => readFork(proof, this.#trust));
    return halves === undefined
      ? "refused"
      : this.#outcome(this.#config.own.takeFork(halves), undefined);
  }

  #checkOpen(): void {
    if (this.#config.replicas.isClosed) {
      throw new ClosedError("Cannot store: closing");
    }
  }

  #judgeKnown(
    replica: Replica,
    head: BatchHead,
    { sizeBytes }: { readonly sizeBytes: number },
  ): HeadJudgement | Promise<HeadJudgement> | undefined {
    if (isAtOrBefore(head, replica.forgotten)) return "known";
    return replica.judgeHead(head, sizeBytes);
  }

  /** What a batch of an unknown owner is before it is read. */
  #judgeStranger(head: BatchHead): HeadJudgement | undefined {
    const { base, owner } = head;
    const rights = this.#config.rights();
    if (!base) {
      return isAtOrBefore(head, rights.forgetOf(owner)) ? "known" : "gap";
    }
    if (isNamed(rights, owner)) return undefined;
    const hasRoom = this.#strangers.has(1, this.#needs.clock.nowMs());
    return hasRoom ? undefined : "later";
  }

  /** The signature first: it is cheap, and who did not sign pays nothing. */
  #read(
    bytes: Bytes,
    head: BatchHead,
    { known }: { readonly known: Replica | undefined },
  ): StoredBatch {
    return readVerified(bytes, head, {
      ...this.#trust,
      onSigned: () => {
        if (known?.isStored !== true) {
          this.#strangers.take(1, this.#needs.clock.nowMs());
        }
        known?.charge(head, bytes.length);
      },
    });
  }

  async #take(
    stored: StoredBatch,
    known: Replica | undefined,
  ): Promise<Acceptance> {
    const { replicas } = this.#config;
    const { base, operations } = stored.batch;
    const isAdmins = base && operations.some(isOwnAuthority);
    const isMoved = isAdmins && known?.isStored === false;
    if (known === undefined || isMoved) {
      return await this.#takeFirst(stored, { isAdmins });
    }
    const judgement = await known.take(stored);
    replicas.keep(known);
    return this.#outcome(judgement, known);
  }

  /** Of an owner of whom there is nothing: it has to be named. */
  async #takeFirstFork(
    proof: ForkProof,
    { owner, generation }: BatchHead,
  ): Promise<Acceptance> {
    const rights = this.#config.rights();
    if (!isNamed(rights, owner)) return "waiting"; // its base comes first
    const forgotten = rights.forgetOf(owner);
    if (isAtOrBefore({ generation, seq: voidSeq }, forgotten)) return "known";
    const halves = this.#unlessFaulty(() => readFork(proof, this.#trust));
    if (halves === undefined) return "refused";
    return await this.#takeInto(owner, forkOf(halves), { forgotten });
  }

  /** Of an owner that is not here, or whose authority makes it an admin. */
  async #takeFirst(
    stored: StoredBatch,
    { isAdmins }: { readonly isAdmins: boolean },
  ): Promise<Acceptance> {
    const { replicas } = this.#config;
    const { owner } = stored.batch;
    const rights = this.#config.rights();
    const forgotten = rights.forgetOf(owner, { isAdmin: isAdmins });
    if (isAtOrBefore(stored.batch, forgotten)) return "known";
    // Above that admins wait to be named: nobody is refused for being late.
    const isAdmin = isAdmins && replicas.adminCount < limits.adminsMax;
    return await this.#takeInto(owner, stored, { forgotten, isAdmin });
  }

  async #takeInto(
    owner: PeerId,
    item: ReplicaItem,
    { forgotten, isAdmin = false }: {
      readonly forgotten: RowPlace | undefined;
      readonly isAdmin?: boolean;
    },
  ): Promise<Acceptance> {
    const { replicas } = this.#config;
    const replica = replicas.open(owner);
    replica.forgotten = forgotten;
    replica.isNamed = isNamed(this.#config.rights(), owner);
    replica.isStored = (replica.isNamed || isAdmin) && replicas.hasRoom();
    replicas.add(replica);
    try {
      return this.#outcome(await replica.take(item), replica);
    } finally {
      await replicas.settle(replica);
    }
  }

  #outcome(
    judgement: Judgement | "later",
    replica: Replica | undefined,
  ): Acceptance {
    if (typeof judgement !== "string") {
      return this.#refuse(judgement, replica?.owner);
    }
    if (judgement === "later") this.#deferred++;
    const isHidden = replica !== undefined && !replica.isShown;
    return judgement === "new" && isHidden ? "waiting" : judgement;
  }

  /** Undefined, and counted, when foreign bytes are to blame. */
  #unlessFaulty<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      this.#refuse({ reason: cause.message, isFork: false });
      return undefined;
    }
  }

  #refuse({ reason }: Refusal, owner?: PeerId): "refused" {
    this.#refused++;
    this.#needs.log.warn("state.batch_refused", { owner, reason });
    return "refused";
  }
}

function isAtOrBefore(place: RowPlace, last: RowPlace | undefined): boolean {
  return last !== undefined && comparePlace(place, last) <= 0;
}

/** `said` is whose batch its sender says it is. */
function headOf(bytes: Bytes, said: PeerId | undefined): BatchHead {
  const head = readBatchHead(bytes);
  if (said === undefined || said === head.owner) return head;
  throw new BatchError("A batch is of another owner than its sender says");
}
