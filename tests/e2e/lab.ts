// A directory with a real daemon in it, driven as a user would: through the
// launcher, the CLI and the control socket. Disposing it ends the processes it
// started, by their pids, and removes the directory.

import assert from "node:assert/strict";
import { openWeb } from "../../src/adapters/web.ts";
import { ControlClient } from "../../src/control/mod.ts";

const root = new URL("../..", import.meta.url).pathname;
/** The script that starts pln. */
export const launcher = `${root}src/cli/launcher.sh`;
const decoder = new TextDecoder();

export type Outcome = {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Uint8Array;
};

export type RunOptions = {
  readonly stdin?: string | Uint8Array<ArrayBuffer>;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A program that runs the launcher in its turn: `["env", "-u", "HOME"]`. */
  readonly via?: readonly string[];
  /** Another launcher than the repository's. */
  readonly program?: string;
};

/** How a refusal must read: exit code, first line, second line. */
export type Refusal = RunOptions & {
  readonly code: number;
  readonly says: RegExp;
  readonly next: RegExp;
};

export class Lab implements AsyncDisposable {
  readonly directory: string;
  readonly #web = openWeb({
    onError: (cause) => {
      throw cause;
    },
  });
  readonly #children = new Set<Deno.ChildProcess>();
  readonly #cleanUps: (() => Promise<void>)[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async open(): Promise<Lab> {
    return new Lab(await Deno.makeTempDir({ prefix: "pln-e2e-" }));
  }

  get socketPath(): string {
    return `${this.directory}/pln.sock`;
  }

  get client(): ControlClient {
    return new ControlClient(this.#web, this.socketPath);
  }

  /** A path below the lab's directory. */
  path(name: string): string {
    return `${this.directory}/${name}`;
  }

  onCleanUp(run: () => Promise<void>): void {
    this.#cleanUps.push(run);
  }

  /** Runs `pln` to its end. */
  async run(
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<Outcome> {
    const child = this.#spawn(args, options);
    const writer = child.stdin.getWriter();
    const { stdin = "" } = options;
    const input = typeof stdin === "string"
      ? new TextEncoder().encode(stdin)
      : stdin;
    const fed = writer.write(input).then(() => writer.close())
      .catch((cause) => assert.ok(isPipeClosed(cause), String(cause)));
    const { code, stdout, stderr } = await child.output();
    await fed;
    return {
      code,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
      bytes: stdout,
    };
  }

  /** Runs `pln`, which must succeed; its output. */
  async must(
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<string> {
    const outcome = await this.run(args, options);
    assert.equal(outcome.code, 0, `pln ${args.join(" ")}: ${outcome.stderr}`);
    return outcome.stdout;
  }

  /** Runs `pln`, which must fail with `code`; its error text. */
  async mustFail(
    args: readonly string[],
    { code, ...options }: RunOptions & { readonly code: number },
  ): Promise<string> {
    const { stderr, ...outcome } = await this.run(args, options);
    assert.equal(outcome.code, code, `pln ${args.join(" ")}: ${stderr}`);
    assert.equal(outcome.stdout, "", "a failure prints nothing on stdout");
    assert.match(stderr, /^pln: /, "an error says who speaks");
    assert.ok(!/\bat .*\.ts:\d+/.test(stderr), `no stack: ${stderr}`);
    return stderr;
  }

  /**
   * Runs `pln`, which must refuse: one line with what failed, one with what to
   * type next, nothing on stdout; with --json the same in one line of JSON.
   */
  async refused(
    args: readonly string[],
    { code, says, next, ...options }: Refusal,
  ): Promise<void> {
    const stderr = await this.mustFail(args, { code, ...options });
    const lines = stderr.split("\n");
    const [first = "", second = "", ...rest] = lines;
    assert.deepEqual(rest, [""], `two lines: ${stderr}`);
    assert.match(first, says);
    assert.match(second, /^ {2}\S/, `a next step: ${stderr}`);
    assert.match(second, next);
  }

  /** Waits for a condition, two minutes at most: nobody else would end it. */
  async until(isTrue: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + 120_000;
    while (!await isTrue()) {
      assert.ok(performance.now() < endMs, `never came true: ${isTrue}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Starts a daemon in the foreground and waits until it answers. */
  async startDaemon(options: RunOptions = {}): Promise<Deno.ChildProcess> {
    const child = this.#tracked(this.#spawn(["up"], options));
    await child.stdin.close();
    const ended = child.status.then(({ code }) => code);
    for (;;) {
      const code = await Promise.race([ended, this.#answers()]);
      if (code === true) break;
      if (code !== false) {
        const { stderr } = await collect(child);
        assert.fail(`the daemon ended with ${code}: ${stderr}`);
      }
    }
    void drain(child.stdout);
    void drain(child.stderr);
    return child;
  }

  /** Starts `pln` and leaves it running; its error stream is discarded. */
  start(args: readonly string[], options: RunOptions = {}): Deno.ChildProcess {
    const child = this.#tracked(this.#spawn(args, options));
    void child.stdin.close();
    void drain(child.stderr);
    return child;
  }

  /** kill -9: as a crash. */
  async kill(child: Deno.ChildProcess): Promise<void> {
    child.kill("SIGKILL");
    await child.status;
  }

  /** kill -9 of everything that was started here. */
  async killAll(): Promise<void> {
    for (const child of this.#children) await this.kill(child);
    const pid = await this.#daemonPid();
    if (pid !== undefined) await killAndWait(pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killAll();
    await this.#web[Symbol.asyncDispose]();
    for (const cleanUp of this.#cleanUps.toReversed()) await cleanUp();
    await Deno.remove(this.directory, { recursive: true });
  }

  /** Killed with the lab, unless it has ended by then. */
  #tracked(child: Deno.ChildProcess): Deno.ChildProcess {
    this.#children.add(child);
    void child.status.then(() => this.#children.delete(child));
    return child;
  }

  #spawn(args: readonly string[], options: RunOptions): Deno.ChildProcess {
    const words = [
      ...options.via ?? [],
      "sh",
      options.program ?? launcher,
      ...args,
    ];
    const [program = "sh", ...rest] = words;
    const command = new Deno.Command(program, {
      args: rest,
      cwd: options.cwd ?? root,
      env: {
        PLN_PORT: "0", // many nodes on one machine
        PLN_DIR: this.directory,
        PLN_DENO: Deno.execPath(),
        NO_COLOR: "1",
        ...options.env,
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    return command.spawn();
  }

  async #answers(): Promise<boolean> {
    try {
      await this.client.status();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return false;
    }
  }

  async #daemonPid(): Promise<number | undefined> {
    try {
      return (await this.client.status()).node.processId;
    } catch {
      return undefined;
    }
  }
}

/** One of the committed example modules. */
export function example(name: string): string {
  return `${root}examples/${name}/${name}.wasm`;
}

function isPipeClosed(cause: unknown): boolean {
  return cause instanceof Deno.errors.BrokenPipe;
}

async function collect(
  child: Deno.ChildProcess,
): Promise<{ readonly stderr: string }> {
  const { stderr } = await child.output();
  return { stderr: decoder.decode(stderr) };
}

async function drain(stream: ReadableStream<Uint8Array>): Promise<void> {
  for await (const _ of stream);
}

/** A daemon that is no child of ours has gone when it takes no signal. */
async function killAndWait(pid: number): Promise<void> {
  try {
    for (;;) {
      Deno.kill(pid, "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  }
}
