// The disk port on a simulated disk, as one process holds it. Every operation
// is split into the steps at which a real one can be cut short, so that a
// power loss or a fault lands between any two. A mount whose machine stopped
// refuses everything. It promises no more than the port: what is not promised
// durable stays pending.

import { assert, type Bytes } from "../kernel/mod.ts";
import {
  type AppendFile,
  type Disk,
  type DiskEntry,
  type DiskError,
  type DiskFault,
  diskFileMode,
  diskFileParts,
  diskPathParts,
  type DiskStat,
  type Random,
  temporaryPrefix,
} from "../ports/mod.ts";
import type { DiskOperation } from "./disk.ts";
import { SimAppendFile } from "./disk_append.ts";
import {
  type DirectoryNode,
  type DiskTree,
  type FileNode,
  makeFileNode,
  visibleNames,
} from "./disk_tree.ts";

/** What a mount needs of its machine. */
export interface DiskMachine {
  /** In messages and in the trace. */
  readonly name: string;
  /** What programs see and what a power loss leaves of it. */
  readonly tree: DiskTree;
  /** For torn writes and temporary names. */
  readonly random: Random;
  /** Changes when the process dies. */
  readonly epoch: number;
  /** The holder of each locked path. */
  readonly locks: Map<string, symbol>;
  /** Infinity without a capacity. */
  freeBytes(): number;
  /** Takes time; refuses when the process is dead or a fault says so. */
  step(
    operation: DiskOperation,
    at: { readonly path: string; readonly epoch: number },
  ): Promise<void>;
  /** Makes the error; throwing it is the caller's part. */
  refusal(
    fault: DiskFault,
    operation: DiskOperation,
    about: { readonly path: string; readonly why: string },
  ): DiskError;
}

export class MountedDisk implements Disk {
  readonly label: string;
  readonly #machine: DiskMachine;
  readonly #epoch: number;
  /** Directories whose names this process knows durable. */
  readonly #durable = new WeakSet<DirectoryNode>();

  constructor(machine: DiskMachine) {
    this.#machine = machine;
    this.#epoch = machine.epoch;
    this.label = machine.name;
  }

  async read(
    path: string,
    options: { readonly bytesMax: number },
  ): Promise<Bytes> {
    const parts = diskFileParts(path);
    await this.#step("read", path);
    const file = this.#file(parts, "read");
    if (file === undefined) throw this.#missing("read", path);
    if (file.content.sizeBytes > options.bytesMax) {
      throw this.#machine.refusal("too-large", "read", {
        path,
        why: `it has more than ${options.bytesMax} bytes`,
      });
    }
    return file.content.read();
  }

  async writeAtomic(
    path: string,
    bytes: Uint8Array,
    options: { readonly mode?: number } = {},
  ): Promise<void> {
    const mode = diskFileMode(options.mode);
    const parts = diskFileParts(path);
    const content = bytes.slice();
    await this.#step("open", path);
    const directory = await this.#durableParent(path);
    const name = temporaryPrefix + this.#machine.random.bytes(8).toHex();
    const node = makeFileNode(mode);
    this.#machine.tree.change([{ directory, name, node }]);
    const temporary = { directory, name, node };
    try {
      await this.#fill(node, { path, content });
      await this.#step("rename", path);
      this.#replace(temporary, parts);
    } catch (cause) {
      if (this.#epoch === this.#machine.epoch) {
        this.#machine.tree.change([{ directory, name, node: undefined }]);
      }
      throw cause;
    }
    await this.#syncDirectory(path, directory);
  }

  async openAppend(path: string): Promise<AppendFile> {
    const parts = diskFileParts(path);
    await this.#step("open", path);
    const directory = await this.#durableParent(path);
    let file = this.#file(parts, "open");
    if (file === undefined) {
      file = makeFileNode(0o600);
      const name = nameOf(parts);
      this.#machine.tree.change([{ directory, name, node: file }]);
    }
    await this.#syncDirectory(path, directory);
    return new SimAppendFile(this.#machine, { path, file, epoch: this.#epoch });
  }

  async list(path: string): Promise<readonly DiskEntry[]> {
    const parts = diskPathParts(path);
    await this.#step("list", path);
    if (this.#machine.tree.find(parts) === undefined) return [];
    const directory = this.#machine.tree.directory(parts);
    return visibleNames(directory).map((name) => {
      const node = directory.names.get(name);
      assert(node !== undefined, "a listed name is there");
      return { name, type: node.type };
    });
  }

  async stat(path: string): Promise<DiskStat | undefined> {
    const parts = diskPathParts(path);
    await this.#step("stat", path);
    const node = this.#machine.tree.find(parts);
    return node && {
      type: node.type,
      sizeBytes: node.type === "file" ? node.content.sizeBytes : 0,
      mode: node.mode,
    };
  }

  async makeDirectory(path: string): Promise<void> {
    const parts = diskPathParts(path);
    await this.#step("make-directory", path);
    this.#machine.tree.makeDirectories(parts);
  }

  async rename(from: string, to: string): Promise<void> {
    const source = diskFileParts(from);
    const target = diskFileParts(to);
    await this.#step("rename", from);
    // The file must not end up in a directory that may vanish.
    if (this.#machine.tree.find(target.slice(0, -1))?.type === "directory") {
      await this.#durableParent(to);
    }
    const node = this.#machine.tree.find(source);
    if (node === undefined) throw this.#missing("rename", from);
    if (from === to) return;
    const found = this.#machine.tree.find(target);
    if (found !== undefined && (found.type === "directory" || isUnlike(node))) {
      throw this.#machine.refusal("io", "rename", {
        path: from,
        why: `"${to}" is of another kind`,
      });
    }
    const directory = this.#machine.tree.directory(source.slice(0, -1));
    if (node.type === "directory") this.#durable.delete(node);
    this.#replace({ directory, name: nameOf(source), node }, target);
    const parent = this.#machine.tree.directory(target.slice(0, -1));
    await this.#syncDirectory(to, parent);
    if (parent !== directory) await this.#syncDirectory(from, directory);
  }

  async remove(path: string): Promise<void> {
    const parts = diskFileParts(path);
    await this.#step("remove", path);
    if (this.#machine.tree.find(parts) === undefined) return;
    const directory = this.#machine.tree.directory(parts.slice(0, -1));
    this.#machine.tree.change([
      { directory, name: nameOf(parts), node: undefined },
    ]);
  }

  async lock(path: string): Promise<AsyncDisposable | undefined> {
    const parts = diskFileParts(path);
    await this.#step("lock", path);
    if (this.#file(parts, "lock") === undefined) {
      const directory = this.#machine.tree.makeDirectories(parts.slice(0, -1));
      const node = makeFileNode(0o600);
      this.#machine.tree.change([{ directory, name: nameOf(parts), node }]);
    }
    const { locks } = this.#machine;
    if (locks.has(path)) return undefined;
    const holder = Symbol(path);
    locks.set(path, holder);
    return {
      [Symbol.asyncDispose]: () => {
        if (locks.get(path) === holder) locks.delete(path);
        return Promise.resolve();
      },
    };
  }

  #step(operation: DiskOperation, path: string): Promise<void> {
    return this.#machine.step(operation, { path, epoch: this.#epoch });
  }

  /** Undefined when missing; a refusal when it is no file. */
  #file(
    parts: readonly string[],
    operation: DiskOperation,
  ): FileNode | undefined {
    const node = this.#machine.tree.find(parts);
    if (node === undefined || node.type === "file") return node;
    throw this.#machine.refusal("io", operation, {
      path: parts.join("/"),
      why: "it is no regular file",
    });
  }

  #missing(operation: DiskOperation, path: string): DiskError {
    return this.#machine.refusal("not-found", operation, {
      path,
      why: "it does not exist",
    });
  }

  async #fill(
    node: FileNode,
    to: { readonly path: string; readonly content: Uint8Array },
  ): Promise<void> {
    await this.#step("write", to.path);
    if (to.content.length > this.#machine.freeBytes()) {
      throw this.#machine.refusal("full", "write", {
        path: to.path,
        why: "no space is left",
      });
    }
    node.content.append(to.content);
    await this.#step("sync", to.path);
    node.content.sync();
  }

  /** One change: the old name goes, the new one leads to the node. */
  #replace(
    from: {
      readonly directory: DirectoryNode;
      readonly name: string;
      readonly node: FileNode | DirectoryNode;
    },
    target: readonly string[],
  ): void {
    const directory = this.#machine.tree.directory(target.slice(0, -1));
    const name = nameOf(target);
    if (directory.names.get(name)?.type === "directory") {
      throw this.#machine.refusal("io", "rename", {
        path: target.join("/"),
        why: "it is a directory",
      });
    }
    this.#machine.tree.change([
      { directory: from.directory, name: from.name, node: undefined },
      { directory, name, node: from.node },
    ]);
  }

  /**
   * The directory of a path, made where missing. Each on the way whose name
   * this process has not seen durable yet gets it synced in its parent,
   * whoever made it.
   */
  async #durableParent(path: string): Promise<DirectoryNode> {
    const parts = diskFileParts(path).slice(0, -1);
    const { tree } = this.#machine;
    if (tree.find(parts)?.type !== "directory") {
      await this.#step("make-directory", path);
    }
    for (let depth = 1; depth <= parts.length; depth++) {
      const directory = tree.makeDirectories(parts.slice(0, depth));
      if (this.#durable.has(directory)) continue;
      const parent = tree.directory(parts.slice(0, depth - 1));
      await this.#syncDirectory(path, parent);
      this.#durable.add(directory);
    }
    return tree.directory(parts);
  }

  async #syncDirectory(path: string, directory: DirectoryNode): Promise<void> {
    await this.#step("sync", path);
    this.#machine.tree.syncDirectory(directory);
  }
}

function nameOf(parts: readonly string[]): string {
  const name = parts.at(-1);
  assert(name !== undefined, "a file's path has a last part");
  return name;
}

function isUnlike(node: FileNode | DirectoryNode): boolean {
  return node.type === "directory";
}
