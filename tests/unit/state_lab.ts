// A disk in memory that can fail, and lose power at any operation, and the
// other ports an owner's state needs. After a power loss any mixture of what
// was not synced may be there: prefixes, garbage, undone removals. It is
// harsher than the simulator's disk and has no clock.

import {
  clusterIdOf,
  type Digest,
  type JsonValue,
  PlnError,
} from "../../src/kernel/mod.ts";
import {
  type AppendFile,
  type Disk,
  type DiskEntry,
  DiskError,
  type DiskFault,
  type DiskStat,
  type Log,
  type Random,
} from "../../src/ports/mod.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import { issueRoot, verifyRoot } from "../../src/identity/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { SetClock } from "./identity_world.ts";
import {
  type Change,
  openOwnerState,
  type OwnerState,
  type SeedSpec,
} from "../../src/state/mod.ts";

export const signer = openSigner();
export const key = signer.privateKey(new Uint8Array(32).fill(7));
export const otherKey = signer.privateKey(new Uint8Array(32).fill(8));
export const rootKey = signer.privateKey(new Uint8Array(32).fill(9));
const mint = {
  clock: new SetClock(),
  random: openSimRandom(9),
  signer,
};
export const root = verifyRoot(mint, issueRoot(mint, rootKey));
export const cluster = root.cluster;
export const otherCluster = clusterIdOf(new Uint8Array(32).fill(2));

/** The machine lost power: nothing more happens on it. */
export class PowerLoss extends PlnError {
  readonly code = "PLN_POWER_LOSS";
  readonly kind = "local";
}

export type Step =
  | "append"
  | "sync"
  | "truncate"
  | "write"
  | "write-name"
  | "open"
  | "rename"
  | "remove"
  | "read"
  | "list";

type Node = { live: Uint8Array<ArrayBuffer>; synced: Uint8Array };

function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

export class LabDisk implements Disk {
  readonly label = "lab";
  files = new Map<string, Node>();
  /** Names whose removal was not synced. */
  removed = new Map<string, Node>();
  /** Renames that were not synced: the new name, then the old one. */
  renamed = new Map<string, string>();
  counts: Partial<Record<Step, number>> = {};
  steps = 0;
  /** The step at which the power goes; the step's effect is half done. */
  lossAt = Number.POSITIVE_INFINITY;
  /** Decides which step fails, and how. */
  fault: (step: Step, path: string) => DiskFault | undefined = () => undefined;
  isOff = false;

  async step(step: Step, path: string): Promise<void> {
    await Promise.resolve();
    if (this.isOff) throw new PowerLoss("off");
    this.steps++;
    this.counts[step] = (this.counts[step] ?? 0) + 1;
    if (this.steps >= this.lossAt) {
      this.isOff = true;
      throw new PowerLoss(`off at ${step} ${path}`);
    }
    const fault = this.fault(step, path);
    if (fault !== undefined) throw new DiskError(fault, `${step} ${path}`);
  }

  /** What a start after a power loss finds. */
  afterLoss(random: Random): LabDisk {
    const next = new LabDisk();
    for (const [path, node] of this.removed) {
      if (random.integer(2) === 0) next.put(path, survivor(node, random));
    }
    for (const [path, node] of this.files) {
      const from = random.integer(2) === 0 ? this.renamed.get(path) : undefined;
      next.put(from ?? path, survivor(node, random));
    }
    return next;
  }

  /** What a start after kill -9 finds: the machine lived on. */
  afterKill(): LabDisk {
    const next = new LabDisk();
    for (const [path, { live, synced }] of this.files) {
      next.files.set(path, { live: copyOf(live), synced: copyOf(synced) });
    }
    return next;
  }

  put(path: string, bytes: Uint8Array): void {
    this.files.set(path, { live: copyOf(bytes), synced: copyOf(bytes) });
  }

  bytes(path: string): Uint8Array<ArrayBuffer> {
    const node = this.files.get(path);
    if (node === undefined) throw new DiskError("not-found", path);
    return copyOf(node.live);
  }

  paths(): readonly string[] {
    return [...this.files.keys()].sort();
  }

  async read(path: string, options: { readonly bytesMax: number }) {
    await this.step("read", path);
    const bytes = this.bytes(path);
    if (bytes.length <= options.bytesMax) return bytes;
    throw new DiskError("too-large", path);
  }

  async writeAtomic(path: string, bytes: Uint8Array): Promise<void> {
    await this.step("write", path);
    const node = { live: copyOf(bytes), synced: copyOf(bytes) };
    const old = this.files.get(path);
    this.files.set(path, node);
    try {
      await this.step("write-name", path);
    } catch (cause) {
      // Renamed, but its name not synced: a power loss may undo it.
      const isUndone = this.steps % 2 === 0;
      if (isUndone && cause instanceof PowerLoss) {
        if (old === undefined) this.files.delete(path);
        else this.files.set(path, old);
      }
      throw cause;
    }
    this.renamed.clear();
  }

  async openAppend(path: string): Promise<AppendFile> {
    await this.step("open", path);
    this.renamed.clear();
    const found = this.files.get(path);
    const node = found ??
      { live: new Uint8Array(0), synced: new Uint8Array(0) };
    this.files.set(path, node);
    return new LabFile(this, { node, path });
  }

  async list(path: string): Promise<readonly DiskEntry[]> {
    await this.step("list", path);
    return this.paths()
      .filter((one) => one.startsWith(`${path}/`))
      .map((one) => ({ name: one.slice(path.length + 1), type: "file" }));
  }

  async stat(path: string): Promise<DiskStat | undefined> {
    await this.step("read", path);
    const node = this.files.get(path);
    return node &&
      { type: "file", sizeBytes: node.live.length, mode: 0o600 };
  }

  makeDirectory(): Promise<void> {
    return Promise.resolve();
  }

  async rename(from: string, to: string): Promise<void> {
    await this.step("rename", from);
    const node = this.files.get(from);
    if (node === undefined) throw new DiskError("not-found", from);
    this.files.delete(from);
    this.files.set(to, node);
    this.renamed.set(to, from);
  }

  async remove(path: string): Promise<void> {
    await this.step("remove", path);
    const node = this.files.get(path);
    if (node === undefined) return;
    this.files.delete(path);
    this.removed.set(path, node);
  }

  lock(): Promise<AsyncDisposable | undefined> {
    return Promise.resolve(undefined);
  }
}

/**
 * Of bytes that were not synced any prefix may survive, with rot after it, and
 * any page of them may be missing: pages are written in any order.
 */
function survivor(node: Node, random: Random): Uint8Array {
  const { live, synced } = node;
  let same = 0;
  while (
    same < live.length && same < synced.length && live[same] === synced[same]
  ) same++;
  const longer = random.integer(2) === 0 ? live : synced;
  if (longer === synced) return synced;
  const kept = same + random.integer(live.length - same + 1);
  const bytes = live.slice(0, random.integer(2) === 0 ? kept : live.length);
  if (random.integer(2) === 0) bytes.fill(0, kept); // size came, data did not
  if (random.integer(2) === 0) {
    leaveHoles(bytes, { from: same, synced, random });
  }
  return bytes;
}

/** Pages smaller than real ones, so that short records span some. */
function leaveHoles(
  bytes: Uint8Array,
  options: { from: number; synced: Uint8Array; random: Random },
): void {
  const { from, synced, random } = options;
  const pageBytes = 64 << random.integer(5);
  const rarity = 2 + random.integer(5);
  for (let page = 0; page < bytes.length; page += pageBytes) {
    if (random.integer(rarity) > 0) continue;
    for (let at = Math.max(page, from); at < page + pageBytes; at++) {
      if (at < bytes.length) bytes[at] = synced[at] ?? 0;
    }
  }
}

class LabFile implements AppendFile {
  readonly #disk: LabDisk;
  readonly #node: Node;
  readonly #path: string;

  constructor(disk: LabDisk, at: { node: Node; path: string }) {
    this.#disk = disk;
    this.#node = at.node;
    this.#path = at.path;
  }

  get sizeBytes(): number {
    return this.#node.live.length;
  }

  async append(bytes: Uint8Array): Promise<void> {
    const old = this.#node.live;
    const grown = new Uint8Array(old.length + bytes.length);
    grown.set(old);
    grown.set(bytes, old.length);
    try {
      await this.#disk.step("append", this.#path);
      this.#node.live = grown;
    } catch (cause) {
      const half = old.length + Math.floor(bytes.length / 2);
      this.#node.live = grown.slice(0, half);
      throw cause;
    }
  }

  async sync(): Promise<void> {
    await this.#disk.step("sync", this.#path);
    this.#node.synced = copyOf(this.#node.live);
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#disk.step("truncate", this.#path);
    this.#node.live = this.#node.live.slice(0, sizeBytes);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

export class LabLog implements Log {
  readonly events: string[] = [];
  #add = (event: string) => void this.events.push(event);
  debug = this.#add;
  info = this.#add;
  warn = this.#add;
  error = this.#add;
}

export type Lab<OneDisk extends Disk = LabDisk> = {
  readonly disk: OneDisk;
  readonly log: LabLog;
  wallMs: number;
  open(): Promise<OwnerState>;
};

/** A machine: its disk, its clock, and its state, opened again and again. */
export function openLab(disk = new LabDisk(), random = openSimRandom(1)): Lab {
  return openLabOn(disk, random);
}

export function openLabOn<OneDisk extends Disk>(
  disk: OneDisk,
  random: Random,
): Lab<OneDisk> {
  const log = new LabLog();
  const lab: Lab<OneDisk> = {
    disk,
    log,
    wallMs: 1_767_225_600_000,
    open: () => {
      const never = () => Promise.reject(new Error("no timers in this lab"));
      let nowMs = 0;
      const clock = {
        nowMs: () => nowMs += 1_000, // so that no publish comes too fast
        wallMs: () => lab.wallMs,
        after: () => ({ [Symbol.dispose]: () => {} }),
        sleep: never,
      };
      const needs = { clock, disk, log, random, signer };
      return openOwnerState(needs, { key, root });
    },
  };
  return lab;
}

export function specOf(number: number): SeedSpec {
  return {
    digest: number.toString(16).padStart(64, "0") as Digest,
    sizeBytes: 1000,
    config: {},
    timeoutMs: 30_000,
    memoryBytes: 67_108_864,
    cpuMs: 10_000,
    isolation: "restore",
    allowHosts: [],
    publishedMs: number,
  };
}

export function seedChange(name: string, number: number): Change {
  return { section: "seeds", key: name, value: specOf(number) as JsonValue };
}

export function seedRemoval(name: string): Change {
  return { section: "seeds", key: name, value: undefined };
}

/** Name and number of each seed in the view. */
export function seedsOf(state: OwnerState): ReadonlyMap<string, number> {
  return new Map(
    [...state.view().seeds].map((
      [name, { spec }],
    ) => [name, spec.publishedMs]),
  );
}
