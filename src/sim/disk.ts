// The disk of one simulated machine, in memory. Programs use a mount of it;
// tests break it: power loss, kill, faults, a small capacity, rotten bytes. A
// mount made before a power loss or a kill is dead for ever after, as the
// process was that held it. Never touches a real disk, never loses what a port
// promised durable.

import { assert } from "../kernel/mod.ts";
import { type Disk, DiskError, type DiskFault } from "../ports/mod.ts";
import { diskFileParts, diskPathParts } from "../ports/mod.ts";
import type { Random } from "../ports/mod.ts";
import { type DiskMachine, MountedDisk } from "./disk_mount.ts";
import { DiskTree } from "./disk_tree.ts";
import type { World } from "./world.ts";

/** What a fault can be about: the port's methods, split into steps. */
export type DiskOperation =
  | "read"
  | "write"
  | "open"
  | "append"
  | "sync"
  | "truncate"
  | "list"
  | "stat"
  | "make-directory"
  | "rename"
  | "remove"
  | "lock";

/** An unlimited disk that takes no time, unless told. */
export type SimDiskOptions = {
  /** Of the machine, in the trace and in messages. */
  readonly name?: string;
  /** More than this is "full"; unlimited unless told. */
  readonly capacityBytes?: number;
  /** Each step takes 0 to this many virtual milliseconds; 0 unless told. */
  readonly stepMsMax?: number;
};

/** Which operations a fault hits; all it fits, unless told. */
export type FaultOptions = {
  /** Unless told: all that a disk with this fault refuses. */
  readonly operation?: DiskOperation;
  /** This path and what is below it; all unless told. */
  readonly path?: string;
  /** How often; until disposed unless told. */
  readonly count?: number;
};

type ActiveFault = {
  readonly fault: DiskFault;
  readonly operations: readonly DiskOperation[] | undefined;
  readonly path: string | undefined;
  countLeft: number;
};

const changing: readonly DiskOperation[] = [
  "write",
  "open",
  "append",
  "truncate",
  "make-directory",
  "rename",
  "remove",
  "lock",
];

// What a real disk with this fault refuses: a full one still reads, renames
// and removes, a read-only one still reads.
const refusedBy: Readonly<
  Partial<Record<DiskFault, readonly DiskOperation[]>>
> = {
  "full": ["write", "append", "make-directory"],
  "read-only": changing,
};

/** An empty disk; nodes get it by `mount()`. */
export function openSimDisk(
  world: World,
  options: SimDiskOptions = {},
): SimDisk {
  return new SimDisk(world, options);
}

/** A disk that tests can break. */
export class SimDisk implements DiskMachine {
  /** In the trace and in messages. */
  readonly name: string;
  /** Read it after a crash to see what is left. */
  readonly tree = new DiskTree();
  readonly locks = new Map<string, symbol>();
  /** Decides what a crash leaves; forked by the disk's name. */
  readonly random: Random;
  readonly #world: World;
  readonly #stepMsMax: number;
  readonly #faults = new Set<ActiveFault>();
  #capacityBytes: number;
  #epoch = 0;

  /** For `openSimDisk`. */
  constructor(world: World, options: SimDiskOptions) {
    this.name = options.name ?? "disk";
    this.random = world.random.fork(`disk ${this.name}`);
    this.#world = world;
    this.#stepMsMax = options.stepMsMax ?? 0;
    this.#capacityBytes = options.capacityBytes ?? Infinity;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** The port, as the machine's next process gets it. */
  mount(): Disk {
    return new MountedDisk(this);
  }

  /** kill -9: mounts and locks end, what was written stays. */
  kill(): void {
    this.#world.trace.note("disk.kill", { disk: this.name });
    this.#end();
  }

  /**
   * Power loss: mounts and locks end; of what was not synced a random part is
   * left, file by file and name by name.
   */
  crash(): void {
    this.#world.trace.note("disk.crash", { disk: this.name });
    this.#end();
    this.tree.losePower(this.random);
  }

  /** All that programs see now, as a backup holds it; take it at any time. */
  backUp(): DiskTree {
    this.#world.trace.note("disk.back-up", { disk: this.name });
    return this.tree.copy();
  }

  /** Mounts and locks end; a backup, also of another disk, is put back. */
  restore(backup: DiskTree): void {
    this.#world.trace.note("disk.restore", { disk: this.name });
    this.#end();
    this.tree.replaceBy(backup);
  }

  /**
   * Refuses operations from now on. A refused append leaves a random first
   * part of its bytes; a refused sync loses what it should have synced.
   *
   * @returns Disposing lifts the fault.
   */
  fail(fault: DiskFault, options: FaultOptions = {}): Disposable {
    const active: ActiveFault = {
      fault,
      operations: options.operation === undefined
        ? refusedBy[fault]
        : [options.operation],
      path: options.path,
      countLeft: options.count ?? Infinity,
    };
    this.#faults.add(active);
    return { [Symbol.dispose]: () => void this.#faults.delete(active) };
  }

  /** From the next write on; what is there already stays. */
  setCapacity(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
  }

  /** Turns one bit of a file around, below every cache. */
  corrupt(path: string, offset: number): void {
    const node = this.tree.find(diskFileParts(path));
    assert(node?.type === "file", "what is corrupted is a file");
    node.content.corrupt(offset);
  }

  /** Infinity without a capacity; 0 when it is overfull. */
  freeBytes(): number {
    if (this.#capacityBytes === Infinity) return Infinity;
    return Math.max(0, this.#capacityBytes - this.tree.usedBytes());
  }

  /** Takes time, then refuses if a fault says so. */
  async step(
    operation: DiskOperation,
    at: { readonly path: string; readonly epoch: number },
  ): Promise<void> {
    const { path, epoch } = at;
    if (this.#stepMsMax === 0) {
      await Promise.resolve();
    } else {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#world.after(this.random.integer(this.#stepMsMax + 1), resolve);
      await promise;
    }
    if (epoch !== this.#epoch) {
      throw this.refusal("io", operation, { path, why: "the machine stopped" });
    }
    this.#world.trace.note("disk.step", { disk: this.name, operation, path });
    const active = [...this.#faults].find((fault) =>
      isAbout(fault, { operation, path })
    );
    if (active === undefined) return;
    if (--active.countLeft <= 0) this.#faults.delete(active);
    throw this.refusal(active.fault, operation, {
      path,
      why: "a simulated fault",
    });
  }

  /** The error a program sees; throwing it is the caller's part. */
  refusal(
    fault: DiskFault,
    operation: DiskOperation,
    about: { readonly path: string; readonly why: string },
  ): DiskError {
    return new DiskError(
      fault,
      `Cannot ${operation} "${about.path}" in "${this.name}": ${about.why}`,
    );
  }

  #end(): void {
    this.#epoch++;
    this.locks.clear();
  }
}

function isAbout(
  fault: ActiveFault,
  step: { readonly operation: DiskOperation; readonly path: string },
): boolean {
  const { operation, path } = step;
  if (fault.operations !== undefined && !fault.operations.includes(operation)) {
    return false;
  }
  if (fault.path === undefined) return true;
  const below = diskPathParts(fault.path);
  return diskPathParts(path).slice(0, below.length).join("/") === fault.path;
}
