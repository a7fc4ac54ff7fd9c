// The names of a simulated disk. Each change of names (make, rename, remove)
// is seen at once and pending until a directory it touches is synced. A power
// loss keeps some pending changes and drops others: each one whole, and none
// without the earlier ones in the same directories, as journals do. It never
// decides when to sync: the disk does.

import { assert } from "../kernel/mod.ts";
import { DiskError, temporaryPrefix } from "../ports/mod.ts";
import type { Random } from "../ports/mod.ts";
import { DiskContent } from "./disk_content.ts";

/** `mode` has permission bits only. May be open without any name. */
export type FileNode = {
  readonly type: "file";
  readonly content: DiskContent;
  readonly mode: number;
};

/** `names` are what programs see. */
export type DirectoryNode = {
  readonly type: "directory";
  readonly mode: number;
  names: Map<string, DiskNode>;
  /** What a power loss leaves. */
  readonly durableNames: Map<string, DiskNode>;
};

/** Told apart by `type`; the disk knows no links. */
export type DiskNode = FileNode | DirectoryNode;

/** One name that starts to mean `node`, or nothing. */
export type NameEdit = {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly node: DiskNode | undefined;
};

/** Edits that a power loss keeps or drops together. */
export type NameChange = readonly NameEdit[];

const directoryMode = 0o700;

/** Paths come as parts, checked before: [] is the root. */
export class DiskTree {
  /** Always there, after a power loss too. */
  readonly root: DirectoryNode = makeDirectoryNode();
  #pending: NameChange[] = [];

  /** Undefined when a part is missing or no directory. */
  find(parts: readonly string[]): DiskNode | undefined {
    let node: DiskNode | undefined = this.root;
    for (const part of parts) {
      if (node?.type !== "directory") return undefined;
      node = node.names.get(part);
    }
    return node;
  }

  /**
   * The directory itself: changes to it are changes of the disk.
   *
   * @throws {DiskError} Missing, or no directory.
   */
  directory(parts: readonly string[]): DirectoryNode {
    const node = this.find(parts);
    const path = parts.join("/");
    if (node === undefined) {
      throw new DiskError("not-found", `Cannot use "${path}": no such path`);
    }
    if (node.type !== "directory") {
      throw new DiskError("io", `Cannot use "${path}": not a directory`);
    }
    return node;
  }

  /**
   * Makes what is missing, each name as a pending change of its own.
   *
   * @throws {DiskError} A file is where a directory should be.
   */
  makeDirectories(parts: readonly string[]): DirectoryNode {
    let directory = this.root;
    for (const name of parts) {
      const found = directory.names.get(name);
      if (found?.type === "file") {
        throw new DiskError(
          "exists",
          `Cannot make directory "${parts.join("/")}": "${name}" is a file`,
        );
      }
      const next = found ?? makeDirectoryNode();
      if (found === undefined) this.change([{ directory, name, node: next }]);
      directory = next;
    }
    return directory;
  }

  /** Applies edits now, as one change that a power loss keeps or drops. */
  change(edits: NameChange): void {
    for (const edit of edits) applyTo(edit.directory.names, edit);
    this.#pending.push(edits);
  }

  /** Makes the names in one directory durable; not its own, not those below. */
  syncDirectory(directory: DirectoryNode): void {
    const touched = new Set([directory]);
    const chosen: NameChange[] = [];
    const left: NameChange[] = [];
    for (const change of this.#pending.toReversed()) {
      const isChosen = change.some((edit) => touched.has(edit.directory));
      if (isChosen) {
        for (const edit of change) touched.add(edit.directory);
      }
      (isChosen ? chosen : left).push(change);
    }
    for (const change of chosen.toReversed()) {
      for (const edit of change) applyTo(edit.directory.durableNames, edit);
    }
    this.#pending = left.toReversed();
  }

  /** `random` picks what is kept; afterwards all of that is durable. */
  losePower(random: Random): void {
    const dropped = new Set<DirectoryNode>();
    for (const change of this.#pending) {
      const isKept = random.integer(2) === 0 &&
        !change.some((edit) => dropped.has(edit.directory));
      for (const edit of change) {
        if (isKept) applyTo(edit.directory.durableNames, edit);
        else dropped.add(edit.directory);
      }
    }
    this.#pending = [];
    restore(this.root, random);
  }

  /** All that programs see, as another tree; nothing is shared with it. */
  copy(): DiskTree {
    const copy = new DiskTree();
    copyNames(this.root, copy.root);
    return copy;
  }

  /** In the place of all there is, as a backup that is put back. */
  replaceBy(other: DiskTree): void {
    this.#pending = [];
    this.root.names.clear();
    this.root.durableNames.clear();
    copyNames(other.root, this.root);
  }

  /** Bytes of all files, half-written ones included. */
  usedBytes(): number {
    return bytesBelow(this.root);
  }
}

export function makeFileNode(mode: number): FileNode {
  return { type: "file", content: new DiskContent(), mode };
}

/** The names in a directory that programs see, sorted. */
export function visibleNames(directory: DirectoryNode): readonly string[] {
  return [...directory.names.keys()]
    .filter((name) => !name.startsWith(temporaryPrefix))
    .sort();
}

function makeDirectoryNode(): DirectoryNode {
  return {
    type: "directory",
    mode: directoryMode,
    names: new Map(),
    durableNames: new Map(),
  };
}

function applyTo(names: Map<string, DiskNode>, edit: NameEdit): void {
  if (edit.node === undefined) names.delete(edit.name);
  else names.set(edit.name, edit.node);
}

function restore(directory: DirectoryNode, random: Random): void {
  directory.names = new Map(directory.durableNames);
  for (const name of [...directory.names.keys()].sort()) {
    const node = directory.names.get(name);
    assert(node !== undefined, "a listed name is there");
    if (node.type === "directory") restore(node, random);
    else node.content.losePower(random);
  }
}

/** All of it durable at once. */
function copyNames(from: DirectoryNode, to: DirectoryNode): void {
  for (const [name, node] of from.names) {
    const copy: DiskNode = node.type === "file"
      ? { ...node, content: node.content.clone() }
      : makeDirectoryNode();
    if (node.type === "directory" && copy.type === "directory") {
      copyNames(node, copy);
    }
    to.names.set(name, copy);
    to.durableNames.set(name, copy);
  }
}

function bytesBelow(directory: DirectoryNode): number {
  let total = 0;
  for (const node of directory.names.values()) {
    total += node.type === "file" ? node.content.sizeBytes : bytesBelow(node);
  }
  return total;
}
