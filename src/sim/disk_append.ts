// A simulated file that only grows. A refused append leaves a first part of
// its bytes, as a real disk does; a refused sync loses what it should have
// synced. Dead once its machine stopped. One writer: overlapping calls are a
// bug.

import { assert } from "../kernel/mod.ts";
import type { AppendFile } from "../ports/mod.ts";
import type { DiskOperation } from "./disk.ts";
import type { DiskMachine } from "./disk_mount.ts";
import type { FileNode } from "./disk_tree.ts";

export class SimAppendFile implements AppendFile {
  readonly #machine: DiskMachine;
  readonly #path: string;
  readonly #file: FileNode;
  readonly #epoch: number;
  #isBusy = false;
  #isClosed = false;

  constructor(
    machine: DiskMachine,
    options: {
      readonly path: string;
      readonly file: FileNode;
      readonly epoch: number;
    },
  ) {
    this.#machine = machine;
    this.#path = options.path;
    this.#file = options.file;
    this.#epoch = options.epoch;
  }

  get sizeBytes(): number {
    return this.#file.content.sizeBytes;
  }

  append(bytes: Uint8Array): Promise<void> {
    const given = bytes.slice();
    return this.#alone(async () => {
      try {
        await this.#step("append");
      } catch (cause) {
        this.#appendTorn(given, this.#machine.random.integer(given.length + 1));
        throw cause;
      }
      const free = this.#machine.freeBytes();
      if (given.length <= free) {
        this.#file.content.append(given);
        return;
      }
      this.#appendTorn(given, free);
      throw this.#machine.refusal("full", "append", {
        path: this.#path,
        why: "no space is left",
      });
    });
  }

  sync(): Promise<void> {
    return this.#alone(async () => {
      try {
        await this.#step("sync");
      } catch (cause) {
        if (this.#isAlive()) this.#file.content.failSync();
        throw cause;
      }
      this.#file.content.sync();
    });
  }

  truncate(sizeBytes: number): Promise<void> {
    assert(
      Number.isInteger(sizeBytes) && sizeBytes >= 0 &&
        sizeBytes <= this.sizeBytes,
      "a file is truncated to at most its size",
    );
    return this.#alone(async () => {
      await this.#step("truncate");
      this.#file.content.truncate(sizeBytes);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  #isAlive(): boolean {
    return this.#epoch === this.#machine.epoch;
  }

  #appendTorn(bytes: Uint8Array, length: number): void {
    if (this.#isAlive()) this.#file.content.append(bytes.subarray(0, length));
  }

  #step(operation: DiskOperation): Promise<void> {
    return this.#machine.step(operation, {
      path: this.#path,
      epoch: this.#epoch,
    });
  }

  async #alone(run: () => Promise<void>): Promise<void> {
    assert(!this.#isClosed, "an append file is used before it is closed");
    assert(!this.#isBusy, "an append file has one writer");
    this.#isBusy = true;
    try {
      await run();
    } finally {
      this.#isBusy = false;
    }
  }
}
