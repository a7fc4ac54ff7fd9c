// The end of the node's log, over its rotated files, and what is added to it.
// It reads files only, so it works without a daemon. A rotation or a truncation
// between two looks loses no line; a line that is not ended yet waits.

import { limits, utf8TextLossy } from "../kernel/mod.ts";
import { type Clock, type Disk, DiskError } from "../ports/mod.ts";

const logPath = "pln.log";
const pollMs = 200;

/** A file may pass its limit by the batch that was written last. */
const fileBytesMax = 2 * limits.logFileBytesMax;

/** One line may not be kept for ever: a foreign file may have none. */
const headCharacters = 200;

type Place = {
  /** The start of the file, which tells it from the one after it. */
  readonly head: string;
  /** Behind the last whole line that was taken. */
  readonly offset: number;
};

export class LogTail {
  readonly #disk: Disk;
  readonly #clock: Clock;
  #place: Place = { head: "", offset: 0 };

  constructor(needs: { readonly disk: Disk; readonly clock: Clock }) {
    this.#disk = needs.disk;
    this.#clock = needs.clock;
  }

  /** The last `count` lines, the oldest first; undefined: no log at all. */
  async last(count: number): Promise<readonly string[] | undefined> {
    let lines: string[] = [];
    let isThere = false;
    for (let age = 0; age <= limits.logFilesKept; age++) {
      const text = await this.#read(age);
      if (text === undefined) continue;
      isThere = true;
      if (age === 0) this.#place = placeAtEnd(text);
      if (lines.length < count) lines = [...linesOf(text), ...lines];
    }
    return isThere ? lines.slice(Math.max(0, lines.length - count)) : undefined;
  }

  /** Lines as they are added, from where `last` ended. */
  async *follow(signal: AbortSignal): AsyncGenerator<readonly string[]> {
    let sizeBytes = -1;
    while (!signal.aborted) {
      const stat = await this.#disk.stat(logPath);
      const found = stat?.sizeBytes ?? -1;
      if (found !== sizeBytes) {
        sizeBytes = found;
        const lines = await this.#added();
        if (lines.length > 0) yield lines;
      }
      await this.#clock.sleep(pollMs, signal);
    }
  }

  async #added(): Promise<readonly string[]> {
    const text = await this.#read(0);
    if (text === undefined) return [];
    const { head, offset } = this.#place;
    const isSame = text.startsWith(head) && text.length >= offset;
    this.#place = placeAtEnd(text);
    if (isSame) return linesOf(text.slice(offset));
    return [...await this.#rotatedAway({ head, offset }), ...linesOf(text)];
  }

  /** What a file got before it was rotated away, and the files after it. */
  async #rotatedAway({ head, offset }: Place): Promise<readonly string[]> {
    let lines: string[] = [];
    for (let age = 1; age <= limits.logFilesKept; age++) {
      const text = await this.#read(age);
      if (text === undefined) break;
      const isSame = text.startsWith(head) && text.length >= offset;
      lines = [...linesOf(isSame ? text.slice(offset) : text), ...lines];
      if (isSame) return lines;
    }
    // None of them is the file we knew: it was truncated, not rotated.
    return [];
  }

  async #read(age: number): Promise<string | undefined> {
    const path = age === 0 ? logPath : `${logPath}.${age}`;
    try {
      const bytes = await this.#disk.read(path, { bytesMax: fileBytesMax });
      return utf8TextLossy(bytes);
    } catch (cause) {
      const isGone = cause instanceof DiskError && cause.fault === "not-found";
      if (isGone) return undefined;
      throw cause;
    }
  }
}

function placeAtEnd(text: string): Place {
  const offset = text.lastIndexOf("\n") + 1;
  return { head: text.slice(0, Math.min(offset, headCharacters)), offset };
}

/** Whole lines; the log may hold empty ones, which say nothing. */
function linesOf(text: string): string[] {
  return text.slice(0, text.lastIndexOf("\n") + 1).split("\n")
    .filter((line) => line !== "");
}
