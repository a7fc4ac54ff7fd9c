// Who may enrol at the same time: a bounded number of sessions, few of them
// from one address. Sessions that come, wait for their joiner, work and go, go
// in; out comes who has to go for a newcomer: whoever has been silent longest.
// It must never end an enrolment that waits for this node.

import { limits, sourceOf } from "../kernel/mod.ts";

/** A session that enrols; given out by `enter`. */
export type JoinId = number;

/** A newcomer's place, and who must be closed for it; at most one. */
export type JoinEntry = {
  readonly id: JoinId;
  readonly leaving: JoinId | undefined;
};

/** The places of one endpoint. */
export class JoinPlaces {
  /** What counts as one source of sessions. */
  readonly #sources = new Map<JoinId, string>();
  /** Those whose joiner has to say something, the longest silent first. */
  readonly #silent = new Set<JoinId>();
  #lastId = 0;

  /** Sessions that enrol now. */
  get count(): number {
    return this.#sources.size;
  }

  /** A session comes, silent at first; undefined: there is no room. */
  enter(ip: string): JoinEntry | undefined {
    const { name, isLoopback } = sourceOf(ip);
    const ofSource = [...this.#sources]
      .filter(([, source]) => source === name).map(([id]) => id);
    const isSourceFull = !isLoopback &&
      ofSource.length >= limits.joinSessionsPerSourceMax;
    const isFull = this.count >= limits.joinsUnderWayMax;
    const leaving = isSourceFull
      ? this.#longestSilent((id) => ofSource.includes(id))
      : this.#longestSilent(() => isFull);
    if ((isSourceFull || isFull) && leaving === undefined) return undefined;
    if (leaving !== undefined) this.leave(leaving);
    const id = ++this.#lastId;
    this.#sources.set(id, name);
    this.#silent.add(id);
    return { id, leaving };
  }

  /** From now on its joiner has to say something. */
  wait(id: JoinId): void {
    if (this.#sources.has(id)) this.#silent.add(id);
  }

  /** Its joiner has said something: this node's turn. */
  work(id: JoinId): void {
    this.#silent.delete(id);
  }

  /** It has ended; harmless twice. */
  leave(id: JoinId): void {
    this.#sources.delete(id);
    this.#silent.delete(id);
  }

  #longestSilent(isMeant: (id: JoinId) => boolean): JoinId | undefined {
    return this.#silent.values().find(isMeant);
  }
}
