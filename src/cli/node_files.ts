// What in a directory is a node's, judged by names, and whether the directory
// is one at all, judged by content. In comes a disk; out go the paths that may
// be removed and a count of what is somebody else's. It must never name a path
// of a stranger for removal, and never reads a key.

import {
  CorruptError,
  equalBytes,
  limits,
  NotFoundError,
  utf8,
} from "../kernel/mod.ts";
import { type Disk, DiskError, type Signer } from "../ports/mod.ts";

/** How a journal file begins, in every version of its format. */
const journalMagic = utf8("PLNJ");
const journalName = /^\d{8}\.log$/;

const journalFile = String.raw`\d{8}\.(?:log|damaged)`;
const replicaFile = String.raw`\d{8}\.log`;
const historyFile = String.raw`\d{8}\.log`;
const keyFile = String.raw`(?:root|authority|node|root\.old-\d+)\.pem`;
const certificateFile = String.raw`(?:root|authority|member)\.pem`;
const storedFile = String.raw`([0-9a-f]{2})/\1[0-9a-f]{62}`;

const dataFiles = new RegExp(
  "^(?:" + [
    `journal/${journalFile}`,
    `history/${historyFile}`,
    `store/${storedFile}`,
    String.raw`cache/modules/[0-9a-f]{64}`,
    String.raw`pln\.(?:log|err)(?:\.\d+)?`,
    String.raw`pln\.sock`,
    String.raw`\.pln~/s`,
  ].join("|") + ")$",
);
const dataDirectories =
  /^(?:journal|history|store(?:\/[0-9a-f]{2})?|cache(?:\/modules)?|\.pln~)$/;
/** Who it is, whom it knows, and what admins have said: who is denied. */
const keptFiles = new RegExp(
  "^(?:" + [
    `keys/${keyFile}`,
    `certs/${certificateFile}`,
    `replicas/${replicaFile}`,
    String.raw`peers\.json(?:\.damaged)?`,
    String.raw`config\.yaml`,
  ].join("|") + ")$",
);
const keptDirectories = /^(?:keys|certs|replicas|old)$/;

/** Of clusters that it left, where a name that was taken got a number. */
const leftPlace = String.raw`old/[0-9a-f]{8}-\d+`;
const leftFiles = new RegExp(
  `^${leftPlace}/(?:` + [
    "moved|moving",
    String.raw`peers\.json(?:-\d+)?`,
    String.raw`keys(?:-\d+)?/${keyFile}`,
    String.raw`certs(?:-\d+)?/${certificateFile}`,
    String.raw`journal(?:-\d+)?/${journalFile}`,
    String.raw`history(?:-\d+)?/${historyFile}`,
    String.raw`replicas(?:-\d+)?/${replicaFile}`,
    String.raw`store(?:-\d+)?/${storedFile}`,
  ].join("|") + ")$",
);
const leftDirectories = new RegExp(
  `^${leftPlace}(?:/(?:` + [
    String.raw`(?:keys|certs|journal|replicas|history)(?:-\d+)?`,
    String.raw`store(?:-\d+)?(?:/[0-9a-f]{2})?`,
  ].join("|") + "))?$",
);

/** @throws {DiskError} The file system refused. */
export async function isNodeDirectory(
  needs: { readonly disk: Disk; readonly signer: Signer },
): Promise<boolean> {
  return await hasMembership(needs) || await hasJournal(needs.disk);
}

async function hasMembership(
  needs: { readonly disk: Disk; readonly signer: Signer },
): Promise<boolean> {
  const { readMembership } = await import("../node/mod.ts");
  try {
    await readMembership(needs);
    return true;
  } catch (cause) {
    // Without one, or with a damaged one, the journal can still tell.
    const isNone = cause instanceof NotFoundError ||
      cause instanceof CorruptError;
    if (!isNone) throw cause;
    return false;
  }
}

async function hasJournal(disk: Disk): Promise<boolean> {
  const entries = await disk.list("journal");
  for (const { name, type } of entries) {
    if (type !== "file" || !journalName.test(name)) continue;
    const head = await readJournal(disk, `journal/${name}`);
    if (head && equalBytes(head.subarray(0, 4), journalMagic)) return true;
  }
  return false;
}

async function readJournal(
  disk: Disk,
  path: string,
): Promise<Uint8Array | undefined> {
  try {
    return await disk.read(path, { bytesMax: limits.journalBytesMax });
  } catch (cause) {
    if (cause instanceof DiskError && cause.fault === "too-large") return;
    throw cause;
  }
}

/** The content of a node's directory. */
export type NodeFiles = {
  /** In the order of their removal: a directory, empty by then, comes last. */
  readonly paths: readonly string[];
  /** First parts of `paths`: what people see. */
  readonly removed: readonly string[];
  /** Names of the node's that stay untouched. */
  readonly kept: readonly string[];
  /** How many entries are not the node's. */
  readonly others: number;
};

/**
 * Sorts what the directory holds; the lock is neither.
 *
 * @throws {DiskError} The file system refused.
 */
export async function sortNodeFiles(
  disk: Disk,
  options: { readonly includesKeys: boolean; readonly lockPath: string },
): Promise<NodeFiles> {
  const { includesKeys, lockPath } = options;
  const sweep = new Sweep(disk);
  const removed: string[] = [];
  const kept: string[] = [];
  for (const entry of await disk.list("")) {
    const { name } = entry;
    if (name === lockPath) continue;
    if (!includesKeys && isKept(entry)) {
      kept.push(name);
      continue;
    }
    const before = sweep.paths.length;
    await sweep.add(name, entry.type === "directory");
    if (sweep.paths.length > before) removed.push(name);
  }
  return { paths: sweep.paths, removed, kept, others: sweep.others };
}

function isKept(entry: { readonly name: string; readonly type: string }) {
  const names = entry.type === "directory" ? keptDirectories : keptFiles;
  return names.test(entry.name);
}

class Sweep {
  readonly paths: string[] = [];
  others = 0;
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** @returns Whether nothing of it is somebody else's. */
  async add(path: string, isDirectory: boolean): Promise<boolean> {
    const names = isDirectory
      ? [dataDirectories, keptDirectories, leftDirectories]
      : [dataFiles, keptFiles, leftFiles];
    let isOurs = names.some((form) => form.test(path));
    if (!isOurs) {
      this.others++;
      return false;
    }
    // Half-written files are not listed, and go with their directory.
    for (const entry of isDirectory ? await this.#disk.list(path) : []) {
      const inner = `${path}/${entry.name}`;
      const isWhole = await this.add(inner, entry.type === "directory");
      isOurs &&= isWhole;
    }
    if (isOurs) this.paths.push(path);
    return isOurs;
  }
}
