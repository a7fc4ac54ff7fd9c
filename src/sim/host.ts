// The figures of one simulated machine: what a test says they are. They change
// when it says so, and never by themselves; the machine runs no faster or
// slower for it (see `SimClock.freeze`).

import { assert } from "../kernel/mod.ts";
import type { Host, HostLoad, HostMemory } from "../ports/mod.ts";

/** What a test may set. */
export type SimHostFigures = Partial<HostLoad & HostMemory>;

const gibibyte = 2 ** 30;

/** An idle machine with 4 GiB, half of them free, and 2 cores unless told. */
export function openSimHost(figures: SimHostFigures = {}): SimMachineHost {
  return new SimMachineHost(figures);
}

/** Set its figures at any time. */
export class SimMachineHost implements Host {
  #load: HostLoad = { permille: 0, cores: 2 };
  #memory: HostMemory = { freeBytes: 2 * gibibyte, totalBytes: 4 * gibibyte };

  /** For `openSimHost`. */
  constructor(figures: SimHostFigures) {
    this.set(figures);
  }

  load(): HostLoad {
    return this.#load;
  }

  memory(): HostMemory {
    return this.#memory;
  }

  /** What is not named stays. */
  set(figures: SimHostFigures): void {
    const { permille, cores } = { ...this.#load, ...figures };
    const { freeBytes, totalBytes } = { ...this.#memory, ...figures };
    const all = [permille, cores, freeBytes, totalBytes];
    assert(
      all.every((one) => Number.isSafeInteger(one) && one >= 0) &&
        cores >= 1 && freeBytes <= totalBytes,
      "a machine has whole figures, a core, and no more free than there is",
    );
    this.#load = { permille, cores };
    this.#memory = { freeBytes, totalBytes };
  }
}
