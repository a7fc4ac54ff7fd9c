// peers.json: the peer book on disk. It is read once, written atomically some
// seconds after a change and at the end. A file that can not be used is set
// aside for people to look at; nothing here ever stops a node from starting or
// from running, as peers can be found again.

import { InputError, limits, type PeerId, Sequence } from "../kernel/mod.ts";
import { DiskError, type NetworkAddress, type Ports } from "../ports/mod.ts";
import { PeerBook } from "./peer_book.ts";
import type { PeerRecord } from "./peer_record.ts";
import { encodePeers, parsePeers } from "./peers_form.ts";

const path = "peers.json";
const damagedPath = "peers.json.damaged";

/** What the file needs of the world. */
export type PeersFileNeeds = Pick<Ports, "clock" | "disk" | "log">;

/** Reads what this directory's node remembers. Never fails. */
export async function openPeersFile(
  needs: PeersFileNeeds,
): Promise<PeersFile> {
  const { records, mayWrite } = await readPeers(needs);
  return new PeersFile(needs, { records, mayWrite });
}

/**
 * Adds peers to a directory whose node does not run, as after joining.
 *
 * @throws {DiskError} They are not written.
 */
export async function rememberPeers(
  needs: PeersFileNeeds,
  peers: readonly {
    readonly peer: PeerId;
    readonly addresses: readonly NetworkAddress[];
  }[],
): Promise<void> {
  const { records } = await readPeers(needs);
  const book = new PeerBook(records);
  for (const { peer, addresses } of peers) {
    book.note(peer, addresses, { source: "said" });
  }
  await needs.disk.writeAtomic(path, encodePeers(book.records()));
}

/** Whoever opened it disposes it: that saves what is new. */
export class PeersFile implements AsyncDisposable {
  /** Changes of it are saved within `peersSaveMs`. */
  readonly book: PeerBook;
  readonly #needs: PeersFileNeeds;
  readonly #mayWrite: boolean;
  readonly #writes = new Sequence();
  #timer: Disposable | undefined;
  #savedAtMs = -Infinity;
  #isDirty = false;
  #isClosed = false;
  #isFailing = false;

  /** For `openPeersFile`. */
  constructor(
    needs: PeersFileNeeds,
    content: {
      readonly records: readonly PeerRecord[];
      readonly mayWrite: boolean;
    },
  ) {
    this.#needs = needs;
    this.#mayWrite = content.mayWrite;
    this.book = new PeerBook(content.records, () => this.#changed());
  }

  /** Saves now; a disk that hangs is left after some seconds. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    const given = new AbortController();
    const late = this.#needs.clock
      .sleep(limits.peersCloseMsMax, given.signal)
      .catch(() => {});
    await Promise.race([this.#save(), late]);
    given.abort();
  }

  #changed(): void {
    this.#isDirty = true;
    if (this.#isClosed || this.#timer !== undefined) return;
    // The first change is saved soon: a node that is killed after it met its
    // first peer must find that one again.
    const { clock } = this.#needs;
    const quietMs = this.#savedAtMs + limits.peersSaveMs - clock.nowMs();
    const delayMs = Math.max(limits.peersSaveMsMin, quietMs);
    this.#timer = clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#savedAtMs = clock.nowMs();
      void this.#save();
    });
  }

  /** Never rejects: what failed is tried again later. */
  #save(): Promise<void> {
    return this.#writes.run(async () => {
      if (!this.#isDirty || !this.#mayWrite) return;
      this.#isDirty = false;
      try {
        const bytes = encodePeers(this.book.records());
        await this.#needs.disk.writeAtomic(path, bytes);
        this.#isFailing = false;
      } catch (cause) {
        this.#changed();
        // Once, not every five seconds for as long as the disk is full.
        if (!this.#isFailing) {
          this.#needs.log.warn("peers.unsaved", { cause });
        }
        this.#isFailing = true;
      }
    });
  }
}

type ReadPeers = {
  readonly records: readonly PeerRecord[];
  /** False: an old file is there that could not be read or moved. */
  readonly mayWrite: boolean;
};

async function readPeers(
  { disk, log }: Pick<PeersFileNeeds, "disk" | "log">,
): Promise<ReadPeers> {
  const bytesMax = limits.peersFileBytesMax;
  try {
    const bytes = await disk.read(path, { bytesMax });
    const { records, dropped } = parsePeers(bytes);
    if (dropped > 0) log.warn("peers.dropped", { entries: dropped });
    return { records, mayWrite: true };
  } catch (cause) {
    const isMissing = cause instanceof DiskError && cause.fault === "not-found";
    if (isMissing) return { records: [], mayWrite: true };
    if (!(cause instanceof DiskError || cause instanceof InputError)) {
      throw cause;
    }
    log.warn("peers.damaged", { path: damagedPath, cause });
    return { records: [], mayWrite: await setAside({ disk, log }) };
  }
}

async function setAside(
  { disk, log }: Pick<PeersFileNeeds, "disk" | "log">,
): Promise<boolean> {
  try {
    await disk.rename(path, damagedPath);
    return true;
  } catch (cause) {
    log.warn("peers.not-set-aside", { cause });
    return false;
  }
}
