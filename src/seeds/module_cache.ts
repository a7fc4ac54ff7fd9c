// Rewritten modules on disk, so that they are made once: opaque bytes under
// cache/modules, by a hash of what they were made of. The least recently used
// go when they are too large together. Nothing here is needed: what cannot be
// read or written is logged, and made anew.

import {
  type Bytes,
  type Digest,
  limits,
  Sequence,
  toHex,
  utf8,
} from "../kernel/mod.ts";
import { DiskError, type Ports } from "../ports/mod.ts";
import { type ModuleCaps, rewriterVersion } from "../threads/mod.ts";

/** `signer` only hashes here. */
export type ModuleCacheNeeds = Pick<Ports, "disk" | "log" | "signer">;

const folder = "cache/modules";
const nameForm = /^[0-9a-f]{64}$/;

/** One a directory, under its lock. No method throws a DiskError. */
export class ModuleCache {
  readonly #needs: ModuleCacheNeeds;
  readonly #bytesMax: number;
  /** Sizes by name, the least recently used first. */
  #sizes = new Map<string, number>();
  readonly #writes = new Sequence();
  #isListed = false;

  /** Touches no file yet. */
  constructor(
    needs: ModuleCacheNeeds,
    options: { readonly bytesMax?: number } = {},
  ) {
    this.#needs = needs;
    this.#bytesMax = options.bytesMax ?? limits.rewrittenModulesBytesMax;
  }

  /** Of what this version's rewriter makes of a module under these caps. */
  nameOf(digest: Digest, { memoryPagesMax }: ModuleCaps): string {
    const parts = `${digest} ${rewriterVersion} ${memoryPagesMax}`;
    return toHex(this.#needs.signer.sha256(utf8(parts)));
  }

  /** Undefined when it is not there, or cannot be read. */
  async read(name: string): Promise<Bytes | undefined> {
    const bytes = await this.#attempt(
      "read",
      () => this.#needs.disk.read(pathOf(name), { bytesMax: this.#bytesMax }),
    );
    if (bytes !== undefined) this.#touch(name, bytes.length);
    return bytes;
  }

  /** Makes room for it first; takes the place of what had that name. */
  write(name: string, bytes: Bytes): Promise<void> {
    return this.#writes.run(async () => {
      const { disk } = this.#needs;
      if (bytes.length > this.#bytesMax) return;
      await this.#list();
      await this.#evict(this.#bytesMax - bytes.length);
      const write = () => disk.writeAtomic(pathOf(name), bytes);
      const isWritten = await this.#attempt("write", async () => {
        await write();
        return true;
      });
      if (isWritten) this.#touch(name, bytes.length);
    });
  }

  async #drop(name: string): Promise<void> {
    this.#sizes.delete(name);
    await this.#attempt("remove", () => this.#needs.disk.remove(pathOf(name)));
  }

  #touch(name: string, sizeBytes: number): void {
    this.#sizes.delete(name);
    this.#sizes.set(name, sizeBytes);
  }

  /** What earlier processes left counts as used before all that this one. */
  async #list(): Promise<void> {
    if (this.#isListed) return;
    const { disk } = this.#needs;
    const found = new Map<string, number>();
    const isListed = await this.#attempt("list", async () => {
      for (const { name } of await disk.list(folder)) {
        if (!nameForm.test(name)) continue;
        const stat = await disk.stat(pathOf(name));
        if (stat !== undefined) found.set(name, stat.sizeBytes);
      }
      return true;
    });
    this.#isListed = isListed ?? false;
    for (const [name, sizeBytes] of this.#sizes) {
      found.delete(name);
      found.set(name, sizeBytes);
    }
    this.#sizes = found;
  }

  async #evict(bytesMax: number): Promise<void> {
    let total = 0;
    for (const sizeBytes of this.#sizes.values()) total += sizeBytes;
    for (const [name, sizeBytes] of this.#sizes) {
      if (total <= bytesMax) return;
      await this.#drop(name);
      total -= sizeBytes;
    }
  }

  async #attempt<T>(
    operation: string,
    run: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await run();
    } catch (cause) {
      if (!(cause instanceof DiskError)) throw cause;
      if (cause.fault !== "not-found") {
        this.#needs.log.warn("seed.cache_failed", { operation, cause });
      }
      return undefined;
    }
  }
}

function pathOf(name: string): string {
  return `${folder}/${name}`;
}
