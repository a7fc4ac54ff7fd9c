// Keeps the objects of a store that somebody needs, and removes the others: an
// object stays while the state may name it or a hold is on it. It remembers
// what could not be read or written, for the status.

import {
  type Bytes,
  type Digest,
  Holds,
  PlnError,
  reportError,
  Sequence,
} from "../kernel/mod.ts";
import type { Log } from "../ports/mod.ts";
import type { ContentStore } from "./store.ts";

/** What a keeper is opened with. */
export type ObjectKeeperNeeds = {
  readonly store: ContentStore;
  readonly log: Log;
  /** Whether the durable state names the digest, or may after a crash. */
  isNamed(digest: Digest): boolean;
};

/** One a store: all changes to the store go through it. */
export class ObjectKeeper {
  readonly #needs: ObjectKeeperNeeds;
  readonly #holds = new Holds<Digest>();
  /** Why objects that are named cannot be read. */
  readonly #damaged = new Map<Digest, string>();
  /** Whether a digest is still wanted is asked where it is removed. */
  readonly #changes = new Sequence();
  #fault: string | undefined;

  /** Takes `needs` as they are; opens nothing. */
  constructor(needs: ObjectKeeperNeeds) {
    this.#needs = needs;
  }

  /** Why the newest object could not be stored; undefined when it was. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Why a named object could not be read; undefined when it could. */
  damageOf(digest: Digest): string | undefined {
    return this.#damaged.get(digest);
  }

  /** The object stays until the hold is disposed; then it may go. */
  hold(digest: Digest): Disposable {
    return this.#holds.take(digest, () => {
      if (!this.#needs.isNamed(digest)) void this.discard(digest);
    });
  }

  /**
   * Stores an object durably. Hold its digest before.
   *
   * @throws {DiskError} Nothing was stored; safe to retry.
   */
  async put(object: Bytes): Promise<void> {
    try {
      const { store } = this.#needs;
      const digest = await this.#changes.run(() => store.put(object));
      this.#damaged.delete(digest);
      this.#fault = undefined;
    } catch (cause) {
      this.#fault = reportError(cause).message;
      throw cause;
    }
  }

  /** As the store's read; a failure is remembered while it is named. */
  async read(
    digest: Digest,
    options: { readonly bytesMax: number },
  ): Promise<Bytes> {
    try {
      const object = await this.#needs.store.read(digest, options);
      this.#damaged.delete(digest);
      return object;
    } catch (cause) {
      const isNoticed = cause instanceof PlnError &&
        this.#needs.isNamed(digest);
      if (isNoticed) this.#damaged.set(digest, cause.message);
      throw cause;
    }
  }

  /** Notices a named object that is missing or has another size. */
  async inspect(
    digest: Digest,
    { sizeBytes }: { readonly sizeBytes: number },
  ): Promise<void> {
    if (await this.#needs.store.has(digest, { sizeBytes })) return;
    if (!this.#needs.isNamed(digest)) return;
    this.#damaged.set(
      digest,
      `Object ${digest} in the store is missing or damaged`,
    );
  }

  /** Removes an object unless it is named or held; never rejects. */
  async discard(digest: Digest): Promise<void> {
    await this.#remove(() => Promise.resolve([digest]));
  }

  /** Removes all that is neither named nor held; never rejects. */
  async collect(): Promise<void> {
    await this.#remove(() => this.#needs.store.list());
  }

  /** Resolves when the changes so far have ended. */
  async settle(): Promise<void> {
    await this.#changes.run(() => Promise.resolve());
  }

  async #remove(list: () => Promise<readonly Digest[]>): Promise<void> {
    const { store, log, isNamed } = this.#needs;
    try {
      await this.#changes.run(async () => {
        for (const digest of await list()) {
          if (isNamed(digest) || this.#holds.has(digest)) continue;
          await store.remove(digest);
          this.#damaged.delete(digest);
        }
      });
    } catch (cause) {
      // Garbage left behind costs room, and is found again by the next one.
      log.warn("store.collect_failed", { cause });
    }
  }
}
