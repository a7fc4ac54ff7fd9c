// Memory for the answers that are under way, of all seeds together. A share is
// opened for each request and takes bytes while its answer grows; it gives all
// back when it is disposed. Nothing here waits: who gets none ends at once, as
// answers that wait for each other would never end.

/** Of one request. */
export type BodyShare = Disposable & {
  /** False when there are not so many left: then none are taken. */
  take(bytes: number): boolean;
};

export class BodyBudget {
  #leftBytes: number;

  constructor(bytesMax: number) {
    this.#leftBytes = bytesMax;
  }

  open(): BodyShare {
    let taken = 0;
    return {
      take: (bytes) => {
        if (bytes > this.#leftBytes) return false;
        this.#leftBytes -= bytes;
        taken += bytes;
        return true;
      },
      [Symbol.dispose]: () => {
        this.#leftBytes += taken;
        taken = 0;
      },
    };
  }
}
