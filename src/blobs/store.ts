// The content store: bytes by the sha256 of themselves, under
// store/<2 hex>/<64 hex>. Objects appear whole and durably or not at all, and
// every read is checked against its digest: damaged bytes are never returned.

import {
  type Bytes,
  concatBytes,
  CorruptError,
  type Digest,
  digestOf,
  equalBytes,
  isDigest,
  LimitError,
  NotFoundError,
  PlnError,
  utf8,
} from "../kernel/mod.ts";
import { DiskError, type Ports } from "../ports/mod.ts";

/** `signer` only hashes here. */
export type ContentStoreNeeds = Pick<Ports, "disk" | "signer">;

const folder = "store";
const prefixForm = /^[0-9a-f]{2}$/;
/** Format mark, so that a later form of object is told apart. */
const header = utf8("PLNOBJ1\n");

/** One a directory, under its lock; holds nothing to dispose. */
export class ContentStore {
  readonly #needs: ContentStoreNeeds;
  /**
   * Written by this process without a failure. Of any other object nobody
   * knows whether its name survives a power loss: a put that failed, or a kill,
   * may have left it.
   */
  readonly #durable = new Set<Digest>();

  /** Touches no file: the first `put` makes the folder. */
  constructor(needs: ContentStoreNeeds) {
    this.#needs = needs;
  }

  /** Hashes on this thread; says nothing of what is stored. */
  digest(bytes: Uint8Array): Digest {
    return digestOf(this.#needs.signer.sha256(bytes));
  }

  /**
   * Stores `bytes` durably. A damaged object of that digest is replaced.
   *
   * @throws {DiskError} The file system refused; safe to retry.
   */
  async put(bytes: Bytes): Promise<Digest> {
    const digest = this.digest(bytes);
    const isDurable = this.#durable.has(digest);
    if (isDurable && await this.#isWhole(digest, bytes)) return digest;
    this.#durable.delete(digest);
    const { disk } = this.#needs;
    await disk.writeAtomic(pathOf(digest), concatBytes(header, bytes));
    this.#durable.add(digest);
    return digest;
  }

  /**
   * The bytes of a digest, verified.
   *
   * @throws {NotFoundError} Not stored here.
   * @throws {CorruptError} Stored, but damaged.
   * @throws {LimitError} More than `bytesMax` bytes.
   * @throws {DiskError} The file system refused.
   */
  async read(
    digest: Digest,
    { bytesMax }: { readonly bytesMax: number },
  ): Promise<Bytes> {
    const object = await this.#object(digest, bytesMax);
    if (object === undefined) {
      throw new NotFoundError(`Object ${digest} is not in the store`, {
        hint: "Publish its file again",
      });
    }
    const bytes = object.subarray(header.length);
    const isWhole = equalBytes(object.subarray(0, header.length), header) &&
      this.digest(bytes) === digest;
    if (isWhole) return bytes;
    throw new CorruptError(`Object ${digest} in the store is damaged`, {
      hint: "Publish its file again; check the disk",
    });
  }

  /** Whether an object of that size is stored; its bytes are not read. */
  async has(
    digest: Digest,
    { sizeBytes }: { readonly sizeBytes: number },
  ): Promise<boolean> {
    const stat = await this.#needs.disk.stat(pathOf(digest));
    return stat?.sizeBytes === header.length + sizeBytes;
  }

  /** Digests of all objects, damaged ones included; foreign files are not. */
  async list(): Promise<readonly Digest[]> {
    const { disk } = this.#needs;
    const digests: Digest[] = [];
    for (const { name: prefix, type } of await disk.list(folder)) {
      if (type !== "directory" || !prefixForm.test(prefix)) continue;
      for (const { name } of await disk.list(`${folder}/${prefix}`)) {
        if (isDigest(name) && name.startsWith(prefix)) digests.push(name);
      }
    }
    return digests;
  }

  /** Harmless when it is not stored. */
  async remove(digest: Digest): Promise<void> {
    this.#durable.delete(digest);
    await this.#needs.disk.remove(pathOf(digest));
  }

  async #isWhole(digest: Digest, bytes: Bytes): Promise<boolean> {
    try {
      return equalBytes(
        await this.read(digest, { bytesMax: bytes.length }),
        bytes,
      );
    } catch (cause) {
      // Missing, damaged or unreadable: writing it anew is the remedy.
      if (cause instanceof PlnError) return false;
      throw cause;
    }
  }

  async #object(digest: Digest, bytesMax: number): Promise<Bytes | undefined> {
    try {
      return await this.#needs.disk.read(pathOf(digest), {
        bytesMax: header.length + bytesMax,
      });
    } catch (cause) {
      if (!(cause instanceof DiskError)) throw cause;
      if (cause.fault === "not-found") return undefined;
      if (cause.fault !== "too-large") throw cause;
      throw new LimitError(`Object ${digest} is over ${bytesMax} bytes`, {
        cause,
      });
    }
  }
}

function pathOf(digest: Digest): string {
  return `${folder}/${digest.slice(0, 2)}/${digest}`;
}
