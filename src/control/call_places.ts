// Places for calls under way. In come the names of seeds as clients spelled
// them; out go places to dispose, or a refusal before anything ran. Calls never
// take all that the control API has, and one seed never takes all of theirs.

import { limits } from "../kernel/mod.ts";
import { BusyError } from "./refusals.ts";

const callsMax = limits.controlRequestsMax - limits.controlRequestsKept;

export class CallPlaces {
  readonly #bySeed = new Map<string, number>();
  #taken = 0;

  /**
   * A place until the result is disposed.
   *
   * @throws {BusyError} There is none now; safe to retry.
   */
  take(seed: string): Disposable {
    const ofSeed = this.#bySeed.get(seed) ?? 0;
    const most = limits.controlCallsPerSeedMax;
    if (ofSeed >= most) {
      const name = JSON.stringify(seed.slice(0, 80));
      throw new BusyError(`Seed ${name} has ${most} calls under way already`);
    }
    if (this.#taken >= callsMax) {
      throw new BusyError(`This node has ${callsMax} calls under way already`);
    }
    this.#taken++;
    this.#bySeed.set(seed, ofSeed + 1);
    return { [Symbol.dispose]: () => this.#release(seed) };
  }

  #release(seed: string): void {
    this.#taken--;
    const left = (this.#bySeed.get(seed) ?? 1) - 1;
    if (left > 0) this.#bySeed.set(seed, left);
    else this.#bySeed.delete(seed);
  }
}
