// Standard input, output and error of this process. In come bytes and lines;
// out they go whole. A reader that went away (`pln ... | head`) is no error:
// the stream says `closed`. A secret is read without echo, and the terminal is
// put back in order whatever happens. Input over its limit is never kept.

import {
  concatBytes,
  InputError,
  LimitError,
  limits,
  PlnError,
  utf8,
  utf8Text,
} from "../kernel/mod.ts";
import { DiskError } from "../ports/mod.ts";
import { LineEditor, type LineEvent } from "./line_editor.ts";

/** The user pressed Ctrl-C at a prompt. */
export class InterruptedError extends PlnError {
  readonly code = "PLN_INTERRUPTED";
  readonly kind = "input";
}

/** Standard output or standard error. */
export interface TerminalOutput {
  /** False in a pipe or a file: then no colour and no progress. */
  readonly isTerminal: boolean;
  /** Width of the terminal, or what COLUMNS says. */
  readonly columns: number | undefined;
  /** The reader went away: writes do nothing any more. */
  readonly closed: boolean;
  /** Resolves when all bytes are written. @throws {DiskError} */
  write(data: Uint8Array | string): Promise<void>;
}

/** Standard input; one reader. */
export interface TerminalInput {
  /** Only then may a question be asked. */
  readonly isTerminal: boolean;
  /** All of it. @throws {LimitError} Over `bytesMax`: reading stops there. */
  read(bytesMax: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * One line without its end; undefined at the end of input. The prompt goes
   * to standard error, and only to a terminal.
   *
   * @param options.secret Shows nothing of what is typed, which may then be
   * longer than the 4095 bytes that Linux keeps of a line it shows (termios(3)).
   * @param options.bytesMax Default `limits.passphraseBytesMax`.
   * @throws {LimitError} A line over `bytesMax`.
   * @throws {InterruptedError} Ctrl-C at a secret.
   */
  readLine(
    prompt: string,
    options?: { readonly secret?: boolean; readonly bytesMax?: number },
  ): Promise<string | undefined>;
}

/** The parts of Deno.stdin, Deno.stdout and Deno.stderr that are used. */
export type RawOutput = Pick<typeof Deno.stdout, "isTerminal" | "write">;
export type RawInput = Pick<
  typeof Deno.stdin,
  "isTerminal" | "read" | "setRaw"
>;

export function openOutput(
  raw: RawOutput,
  options: { readonly columns: string | undefined },
): TerminalOutput {
  const isTerminal = raw.isTerminal();
  let closed = false;
  return {
    isTerminal,
    get columns() {
      // A terminal that was never given a size has 0 columns.
      const size = isTerminal ? Deno.consoleSize().columns : 0;
      const columns = size > 0 ? size : Number(options.columns);
      return Number.isSafeInteger(columns) && columns > 0 ? columns : undefined;
    },
    get closed() {
      return closed;
    },
    async write(data) {
      let rest = typeof data === "string" ? utf8(data) : data;
      try {
        while (!closed && rest.length > 0) {
          rest = rest.subarray(await raw.write(rest));
        }
      } catch (cause) {
        if (!(cause instanceof Deno.errors.BrokenPipe)) {
          throw outputError(cause);
        }
        closed = true;
      }
    },
  };
}

function outputError(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause;
  const isFull = cause.message.includes("os error 28"); // ENOSPC
  return new DiskError(
    isFull ? "full" : "io",
    `Cannot write to the output: ${cause.message}`,
    { cause },
  );
}

export function openInput(
  raw: RawInput,
  options: { readonly prompt: TerminalOutput },
): TerminalInput {
  return new StandardInput(raw, options.prompt);
}

class StandardInput implements TerminalInput {
  readonly isTerminal: boolean;
  readonly #raw: RawInput;
  readonly #prompt: TerminalOutput;
  /** Read with a line and beyond its end. */
  #ahead: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  constructor(raw: RawInput, prompt: TerminalOutput) {
    this.#raw = raw;
    this.#prompt = prompt;
    this.isTerminal = raw.isTerminal();
  }

  async read(bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    let chunk = await this.#next();
    while (chunk !== undefined) {
      sizeBytes += chunk.length;
      if (sizeBytes > bytesMax) {
        throw new LimitError(`Standard input is over ${bytesMax} bytes`);
      }
      chunks.push(chunk);
      chunk = await this.#next();
    }
    return concatBytes(...chunks);
  }

  async readLine(
    prompt: string,
    options: { readonly secret?: boolean; readonly bytesMax?: number } = {},
  ): Promise<string | undefined> {
    const { secret = false, bytesMax = limits.passphraseBytesMax } = options;
    if (!this.isTerminal) return await this.#plainLine(bytesMax);
    if (secret) return await this.#secretLine(prompt, bytesMax);
    await this.#prompt.write(prompt);
    return await this.#plainLine(bytesMax);
  }

  async #plainLine(bytesMax: number): Promise<string | undefined> {
    const parts: Uint8Array[] = [];
    let sizeBytes = 0;
    for (;;) {
      const chunk = await this.#next();
      if (chunk === undefined) {
        return sizeBytes === 0 ? undefined : lineText(concatBytes(...parts));
      }
      const end = chunk.indexOf(0x0a);
      const part = end < 0 ? chunk : chunk.subarray(0, end);
      if (end >= 0) this.#ahead = chunk.slice(end + 1);
      sizeBytes += part.length;
      checkLine(sizeBytes, bytesMax);
      parts.push(part);
      // An empty first line counts as a line, not as the end of input.
      if (end >= 0) return lineText(concatBytes(...parts));
    }
  }

  async #secretLine(
    prompt: string,
    bytesMax: number,
  ): Promise<string | undefined> {
    const editor = new LineEditor(bytesMax);
    this.#raw.setRaw(true);
    let event: LineEvent | undefined;
    try {
      // Whoever answers at once is not echoed either.
      await this.#prompt.write(prompt);
      while (event === undefined) {
        const keys = await this.#next();
        event = keys === undefined ? { type: "end" } : editor.feed(keys);
      }
    } finally {
      this.#raw.setRaw(false);
      await this.#prompt.write("\n");
    }
    if (event.type === "interrupt") throw new InterruptedError("Interrupted");
    return event.type === "end" ? undefined : lineText(event.bytes);
  }

  async #next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#ahead.length > 0) {
      const ahead = this.#ahead;
      this.#ahead = new Uint8Array(0);
      return ahead;
    }
    const buffer = new Uint8Array(65_536);
    const length = await this.#raw.read(buffer);
    return length === null ? undefined : buffer.slice(0, length);
  }
}

function checkLine(sizeBytes: number, bytesMax: number): void {
  if (sizeBytes <= bytesMax) return;
  throw new LimitError(`The line is over ${bytesMax} bytes`);
}

function lineText(bytes: Uint8Array): string {
  const text = utf8Text(bytes);
  if (text === undefined) throw new InputError("The line is not UTF-8");
  return text.endsWith("\r") ? text.slice(0, -1) : text;
}
