// How many function types this process has shown the engine, which keeps each
// for ever and ends the process near two million of them (V8 15.0). In go
// modules by their digest, each counted once; a new one is refused when they
// are too many. Nothing is ever given back: only a restart forgets them.

import { type Digest, limits } from "../kernel/mod.ts";
import { SeedError } from "../threads/mod.ts";

/** A type takes so many bytes at least: its form, and two counts. */
const typeBytesMin = 3;
/** No module counts for less, so that there cannot be too many of them. */
const typesMin = 3;

export class TypeCount {
  readonly #digests = new Set<Digest>();
  #types = 0;

  /** @throws {SeedError} It is a new one, and there are too many. */
  check(digest: Digest): void {
    if (this.#types < limits.moduleTypesOfProcessMax) return;
    if (this.#digests.has(digest)) return;
    throw new SeedError(
      "invalid",
      "This node has prepared as many different modules as it can since it " +
        "started",
      { hint: 'Restart it with "pln restart"' },
    );
  }

  /** One that was prepared, with so many types. */
  add(digest: Digest, types: number): void {
    if (this.#digests.has(digest)) return;
    this.#digests.add(digest);
    this.#types += Math.max(types, typesMin);
  }

  /** One that was refused, perhaps after the engine has seen its types. */
  addRefused(digest: Digest, bytesLength: number): void {
    const types = Math.floor(bytesLength / typeBytesMin);
    this.add(digest, Math.min(types, limits.moduleTypesMax));
  }
}
