// One run of one command: where the node's directory and socket are, how to
// answer (text or JSON), and how to reach the daemon. Flags and environment
// come in; output goes to the platform's terminal and nowhere else. It opens
// nothing before a command asks.

import type { ControlClient, StatusReport } from "../control/mod.ts";
import {
  formatDurationMs,
  InputError,
  limits,
  ReportedError,
  UnreachableError,
  utf8,
} from "../kernel/mod.ts";
import { ConnectionLostError, type Disk, type Web } from "../ports/mod.ts";
import { version } from "../version.ts";
import { OutputClosedError } from "./failure.ts";
import type { Platform } from "./platform.ts";
import { printable } from "./render.ts";
import type { Terminal } from "./terminal.ts";

/** A machine that is busy may take seconds; a stopped process for ever. */
const statusMsMax = 20_000;

export type GlobalFlags = {
  readonly dir?: string | undefined;
  readonly json: boolean;
};

export class Invocation {
  readonly platform: Platform;
  readonly isJson: boolean;
  readonly #flags: GlobalFlags;
  #warned = false;

  constructor(platform: Platform, flags: GlobalFlags) {
    this.platform = platform;
    this.isJson = flags.json;
    this.#flags = flags;
  }

  /** The node's directory, absolute. @throws {InputError} */
  get directory(): string {
    const given = this.#flags.dir ?? this.variable("PLN_DIR");
    const home = this.variable("HOME");
    const path = given ?? (home === undefined ? undefined : `${home}/.pln`);
    if (path === undefined || path === "" || path.includes("\0")) {
      throw new InputError("No usable directory for the node", {
        hint: "Give one with --dir <path>, or set PLN_DIR",
      });
    }
    return this.resolve(path);
  }

  /** The daemon's socket. @throws {InputError} The path is too long. */
  get socketPath(): string {
    const given = this.variable("PLN_SOCK");
    const path = given === undefined
      ? `${this.directory}/pln.sock`
      : this.resolve(given);
    const sizeBytes = utf8(path).length;
    // The limit counts the zero byte at the end.
    if (sizeBytes < limits.socketPathBytesMax) return path;
    throw new InputError(
      `The socket path has ${sizeBytes} bytes, more than ` +
        `${limits.socketPathBytesMax - 1}: ${path.slice(0, 60)}...`,
      { hint: "Choose a shorter --dir, or set PLN_SOCK to a short path" },
    );
  }

  /** A path as typed, absolute. */
  resolve(path: string): string {
    if (path.startsWith("/")) return path;
    return `${this.terminal.cwd().replace(/\/$/, "")}/${path}`;
  }

  /** A variable that is set and not empty. */
  variable(name: string): string | undefined {
    const value = this.terminal.env(name);
    return value === "" ? undefined : value;
  }

  get terminal(): Terminal {
    return this.platform.terminal;
  }

  get isBold(): boolean {
    return this.terminal.stdout.isTerminal &&
      this.variable("NO_COLOR") === undefined;
  }

  /** Answers: the shape as one line of JSON, or the text. */
  async answer(shape: object, text: string): Promise<void> {
    const shown = this.isJson ? `${JSON.stringify(shape)}\n` : text;
    await this.write(utf8(shown));
  }

  /** Writes data as it is. @throws {OutputClosedError} */
  async write(data: Uint8Array): Promise<void> {
    await this.terminal.stdout.write(data);
    if (this.terminal.stdout.closed) {
      throw new OutputClosedError("The output is closed");
    }
  }

  /** Tells people what happens; JSON readers do not need it. */
  async note(text: string): Promise<void> {
    if (!this.isJson) await this.terminal.stderr.write(`${text}\n`);
  }

  /** Tells of something wrong that does not end the command. */
  async warn(message: string, hint: string): Promise<void> {
    await this.terminal.stderr.write(
      this.isJson
        ? `${JSON.stringify({ warning: { message, hint } })}\n`
        : `pln: ${message}\n  ${hint}\n`,
    );
  }

  async openDisk(): Promise<Disk> {
    return await this.platform.openDisk(this.directory);
  }

  /**
   * Asks the daemon. Another version answers too, with a warning.
   *
   * @throws {UnreachableError} No daemon answers.
   */
  async ask<T>(question: (client: ControlClient) => Promise<T>): Promise<T> {
    const path = this.socketPath;
    const { ControlClient } = await import("../control/mod.ts");
    await using opened = await this.platform.openWeb();
    const web = namingDaemon(opened, path);
    const client = new ControlClient(web, path);
    try {
      return await question(client);
    } finally {
      await this.#compareVersions(client.daemonVersion);
    }
  }

  /**
   * The status of the daemon, which a daemon that is well has at once.
   *
   * @throws {UnreachableError} No daemon answers, or not in time.
   */
  async status(): Promise<StatusReport> {
    const clock = await this.platform.openClock();
    const giveUp = new AbortController();
    const after = formatDurationMs(statusMsMax);
    const late = new UnreachableError(
      `The daemon at ${this.socketPath} gave no answer in ${after}`,
      { hint: 'If its process hangs, end it and run "pln up -d"' },
    );
    using _timer = clock.after(statusMsMax, () => giveUp.abort(late));
    return await this.ask((client) => client.status(giveUp.signal));
  }

  /** The status of the daemon; undefined when none serves. */
  async findDaemon(): Promise<StatusReport | undefined> {
    try {
      return await this.status();
    } catch (cause) {
      if (cause instanceof ReportedError) {
        const { isAbsence } = await import("../control/mod.ts");
        if (!isAbsence(cause)) throw cause;
        return undefined;
      }
      if (cause instanceof UnreachableError) return undefined;
      throw cause;
    }
  }

  async #compareVersions(daemon: string | undefined): Promise<void> {
    if (daemon === undefined || daemon === version || this.#warned) return;
    this.#warned = true;
    await this.warn(
      `This is version ${version}, the daemon is ${
        printable(daemon.slice(0, 40))
      }`,
      'Run "pln restart" to start the daemon of this version',
    );
  }
}

/** Says which daemon is missing, and how to start it. */
function namingDaemon(web: Web, socketPath: string): Pick<Web, "request"> {
  return {
    async request(address, request) {
      try {
        return await web.request(address, request);
      } catch (cause) {
        if (!(cause instanceof UnreachableError)) throw cause;
        if (cause === request.signal?.reason) throw cause;
        if (cause instanceof ConnectionLostError) {
          throw new ConnectionLostError(
            `The daemon at ${socketPath} went away before it answered`,
            { cause, hint: 'Look at "pln logs"' },
          );
        }
        throw new UnreachableError(`No daemon answers at ${socketPath}`, {
          cause,
          hint: 'Start it with "pln up -d"',
        });
      }
    },
  };
}
