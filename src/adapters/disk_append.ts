// A file that only grows, opened with O_APPEND: what is appended lands behind
// what is there, also after `truncate`. `sizeBytes` counts what the system
// took, a torn end of a failed append included, so that the caller can cut it.
// One writer: overlapping calls are a bug.

import { assert } from "../kernel/mod.ts";
import type { AppendFile } from "../ports/mod.ts";
import { attempt, type DiskAction } from "./disk_fault.ts";

export class AppendedFile implements AppendFile {
  readonly #file: Deno.FsFile;
  readonly #action: DiskAction;
  #sizeBytes: number;
  #isBusy = false;
  #isClosed = false;

  constructor(
    file: Deno.FsFile,
    options: { readonly sizeBytes: number; readonly action: DiskAction },
  ) {
    this.#file = file;
    this.#action = options.action;
    this.#sizeBytes = options.sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#alone("append to", async () => {
      const onTaken = (count: number) => {
        this.#sizeBytes += count;
      };
      await writeAll(this.#file, bytes, { onTaken });
    });
  }

  sync(): Promise<void> {
    return this.#alone("sync", () => this.#file.syncData());
  }

  truncate(sizeBytes: number): Promise<void> {
    assert(
      Number.isInteger(sizeBytes) && sizeBytes >= 0 &&
        sizeBytes <= this.#sizeBytes,
      "a file is truncated to at most its size",
    );
    return this.#alone("truncate", async () => {
      await this.#file.truncate(sizeBytes);
      this.#sizeBytes = sizeBytes;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) this.#file.close();
    this.#isClosed = true;
    return Promise.resolve();
  }

  async #alone(operation: string, run: () => Promise<void>): Promise<void> {
    assert(!this.#isClosed, "an append file is used before it is closed");
    assert(!this.#isBusy, "an append file has one writer");
    this.#isBusy = true;
    try {
      await attempt({ ...this.#action, operation }, run);
    } finally {
      this.#isBusy = false;
    }
  }
}

/** A single write may take a part only: goes on until all is taken. */
export async function writeAll(
  file: Pick<Deno.FsFile, "write">,
  bytes: Uint8Array,
  options: { readonly onTaken?: (count: number) => void } = {},
): Promise<void> {
  let offset = 0;
  while (offset < bytes.length) {
    const count = await file.write(bytes.subarray(offset));
    if (count === 0) throw new Deno.errors.WriteZero("no byte was taken");
    offset += count;
    options.onTaken?.(count);
  }
}
