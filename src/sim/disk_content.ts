// The bytes of one simulated file, twice: as programs see them (the page
// cache) and as the device holds them. A sync copies the one to the other; a
// power loss leaves the device's, and of what was not synced any first part,
// perhaps with zeros behind it, as file systems do that write the size first,
// or with holes in it, since sectors are written in any order.
// After a failed sync the cache counts as clean although the device never got
// the bytes (Linux; Rebello et al., USENIX ATC 2020): they are gone for good.

import { assert, type Bytes } from "../kernel/mod.ts";
import type { Random } from "../ports/mod.ts";

/** What devices write whole. */
const sectorBytes = 512;

type Range = { readonly from: number; readonly to: number };

/** Offsets and sizes in bytes; nothing is durable before `sync`. */
export class DiskContent {
  readonly #cache = new GrowingBytes();
  readonly #device = new GrowingBytes();
  /** The smallest size since the last sync: below it both agree. */
  #agreedBytes = 0;
  #lost: Range[] = [];

  /** As programs see it. */
  get sizeBytes(): number {
    return this.#cache.length;
  }

  /** A copy, as programs see it. */
  read(): Bytes {
    return this.#cache.slice(0, this.#cache.length);
  }

  /** The same bytes as programs see them, all durable. */
  clone(): DiskContent {
    const copy = new DiskContent();
    copy.append(this.read());
    copy.sync();
    return copy;
  }

  /** Copies `bytes`; durable after `sync`. */
  append(bytes: Uint8Array): void {
    this.#cache.append(bytes);
  }

  /** To at most the present size; durable after `sync`. */
  truncate(sizeBytes: number): void {
    this.#cache.truncate(sizeBytes);
    this.#agreedBytes = Math.min(this.#agreedBytes, sizeBytes);
  }

  /** All there is becomes durable; zeros where a failed sync lost bytes. */
  sync(): void {
    const fresh = this.#unsynced();
    this.#device.truncate(this.#agreedBytes);
    this.#device.append(fresh);
    this.#agreedBytes = this.#cache.length;
    this.#lost = [];
  }

  /** What was not synced counts as clean now and is lost. */
  failSync(): void {
    this.#lost.push({ from: this.#agreedBytes, to: this.#cache.length });
  }

  /** Both copies end up as what the device has after a power loss. */
  losePower(random: Random): void {
    const isOldEndKept = this.#device.length > this.#agreedBytes &&
      random.integer(2) === 0;
    if (!isOldEndKept) this.#tear(random);
    this.#cache.truncate(0);
    this.#cache.append(this.#device.slice(0, this.#device.length));
    this.#agreedBytes = this.#cache.length;
    this.#lost = [];
  }

  /** Turns one bit around, on the device and for every reader. */
  corrupt(offset: number): void {
    assert(
      offset >= 0 && offset < this.#cache.length,
      "a corrupted byte is inside the file",
    );
    this.#cache.flip(offset);
    if (offset < this.#device.length) this.#device.flip(offset);
  }

  #tear(random: Random): void {
    const fresh = this.#unsynced();
    const hasHoles = random.integer(4) === 0;
    if (hasHoles) this.#leaveHoles(fresh, random);
    const keptBytes = hasHoles
      ? fresh.length
      : random.integer(fresh.length + 1);
    this.#device.truncate(this.#agreedBytes);
    this.#device.append(fresh.subarray(0, keptBytes));
    if (keptBytes < fresh.length && random.integer(4) === 0) {
      const zeros = random.integer(fresh.length - keptBytes) + 1;
      this.#device.append(new Uint8Array(zeros));
    }
  }

  /** Zeros in any sector of bytes that follow what both agree on. */
  #leaveHoles(fresh: Bytes, random: Random): void {
    const start = this.#agreedBytes - this.#agreedBytes % sectorBytes;
    for (let at = start - this.#agreedBytes; at < fresh.length;) {
      const end = at + sectorBytes;
      if (random.integer(2) === 0) fresh.fill(0, Math.max(0, at), end);
      at = end;
    }
  }

  /** What the device would get next: zeros where a failed sync lost bytes. */
  #unsynced(): Bytes {
    const from = this.#agreedBytes;
    const bytes = this.#cache.slice(from, this.#cache.length);
    for (const range of this.#lost) {
      bytes.fill(0, Math.max(0, range.from - from), range.to - from);
    }
    return bytes;
  }
}

/** Bytes in a buffer that doubles, so that appending is cheap. */
class GrowingBytes {
  #buffer: Bytes = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  slice(from: number, to: number): Bytes {
    return this.#buffer.slice(from, to);
  }

  append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = needed;
  }

  truncate(length: number): void {
    assert(length <= this.#length, "truncating does not grow");
    this.#length = length;
  }

  flip(offset: number): void {
    this.#buffer[offset] = (this.#buffer[offset] ?? 0) ^ 0x01;
  }
}
