// Tests of the terminal adapter: streams on fake files, signals, variables,
// and a real detached process. They leave no process behind, and never read
// the terminal they run in.

import assert from "node:assert/strict";
import fc from "fast-check";
import { launchDetached } from "../../src/adapters/detached_process.ts";
import { LineEditor } from "../../src/adapters/line_editor.ts";
import {
  InterruptedError,
  openInput,
  openOutput,
  type RawInput,
} from "../../src/adapters/terminal_streams.ts";
import { type EndSignal, openTerminal } from "../../src/adapters/terminal.ts";
import {
  DeniedError,
  LimitError,
  limits,
  NotFoundError,
  utf8,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";
import { DiskError } from "../../src/ports/mod.ts";
import { inDirectory, isAbout } from "./temporary_directory.ts";

type Sink = { text: string; modes: boolean[] };

function openFakeOutput(sink: Sink, fail?: (text: string) => void) {
  return openOutput({
    isTerminal: () => false,
    write: (bytes) => {
      fail?.(sink.text);
      // Fewer than given: the adapter has to go on.
      const length = Math.min(3, bytes.length);
      sink.text += utf8TextLossy(bytes.subarray(0, length));
      return Promise.resolve(length);
    },
  }, { columns: "72" });
}

function openFakeInput(
  chunks: readonly string[],
  options: { readonly isTerminal?: boolean; readonly sink?: Sink } = {},
) {
  const sink = options.sink ?? { text: "", modes: [] };
  const left = [...chunks];
  const raw: RawInput = {
    isTerminal: () => options.isTerminal ?? false,
    setRaw: (mode) => {
      sink.modes.push(mode);
    },
    read: (buffer) => {
      const chunk = left.shift();
      if (chunk === undefined) return Promise.resolve(null);
      const bytes = utf8(chunk);
      buffer.set(bytes);
      return Promise.resolve(bytes.length);
    },
  };
  return openInput(raw, { prompt: openFakeOutput(sink) });
}

Deno.test("stdout.write() writes all bytes, of text and of bytes", async () => {
  const sink = { text: "", modes: [] };
  const output = openFakeOutput(sink);
  await output.write("hello ");
  await output.write(utf8("world"));
  assert.equal(sink.text, "hello world");
  assert.equal(output.closed, false);
  assert.equal(output.columns, 72);
});

Deno.test("stdout.write() ends quietly when its reader left", async () => {
  const sink = { text: "", modes: [] };
  const output = openFakeOutput(sink, (text) => {
    if (text.length >= 3) throw new Deno.errors.BrokenPipe("os error 32");
  });
  await output.write("abcdef");
  assert.equal(output.closed, true);
  await output.write("more");
  assert.equal(sink.text, "abc");
});

Deno.test("stdout.write() says when the disk behind it is full", async () => {
  const output = openFakeOutput({ text: "", modes: [] }, () => {
    throw new Error("No space left on device (os error 28)");
  });
  await assert.rejects(
    output.write("x"),
    (cause) => cause instanceof DiskError && cause.fault === "full",
  );
});

Deno.test("stdin.read() gathers all chunks up to its limit", async () => {
  const whole = await openFakeInput(["ab", "cd", "e"]).read(5);
  assert.deepEqual(whole, utf8("abcde"));
  assert.deepEqual(await openFakeInput([]).read(0), utf8(""));
  await assert.rejects(openFakeInput(["ab", "cd"]).read(3), LimitError);
});

Deno.test("stdin.readLine() splits piped input into lines", async () => {
  const input = openFakeInput(["one\ntw", "o\r\n", "\nlast"]);
  for (const line of ["one", "two", "", "last", undefined]) {
    assert.equal(await input.readLine("never shown"), line);
  }
});

Deno.test("stdin.readLine() leaves the rest to read()", async () => {
  const input = openFakeInput(["line\nrest", " of it"]);
  assert.equal(await input.readLine(""), "line");
  assert.deepEqual(await input.read(100), utf8("rest of it"));
});

Deno.test("stdin.readLine() refuses a line without end", async () => {
  const endless = openFakeInput(Array(limits.passphraseBytesMax + 1).fill("x"));
  await assert.rejects(endless.readLine(""), LimitError);
});

Deno.test("stdin.readLine() reads a secret without echo", async () => {
  const sink = { text: "", modes: [] };
  const keys = ["s", "ecrx\x7f", "\x1b[A\x1b[3~et\r"];
  const input = openFakeInput(keys, { isTerminal: true, sink });
  const line = await input.readLine("Passphrase: ", { secret: true });
  assert.equal(line, "secret");
  assert.equal(sink.text, "Passphrase: \n");
  assert.deepEqual(sink.modes, [true, false]);
});

Deno.test("stdin.readLine() takes a longer line where that is asked for", async () => {
  const text = "x".repeat(limits.passphraseBytesMax + 1);
  const bytesMax = text.length;
  for (const isTerminal of [false, true]) {
    const typed = () => openFakeInput([text, "\n"], { isTerminal });
    const secret = isTerminal;
    assert.equal(await typed().readLine("", { secret, bytesMax }), text);
    await assert.rejects(
      typed().readLine("", { secret, bytesMax: bytesMax - 1 }),
      LimitError,
    );
  }
});

Deno.test("stdin.readLine() restores the terminal at Ctrl-C", async () => {
  const sink = { text: "", modes: [] };
  const input = openFakeInput(["ab\x03"], { isTerminal: true, sink });
  await assert.rejects(
    input.readLine("", { secret: true }),
    InterruptedError,
  );
  assert.deepEqual(sink.modes, [true, false]);
});

Deno.test("LineEditor keeps what is typed, whatever the chunks", () => {
  const text = fc.string({ unit: "grapheme" }).filter((line) =>
    // deno-lint-ignore no-control-regex -- control keys are what is left out
    !/[\x00-\x1f\x7f]/.test(line)
  );
  fc.assert(fc.property(text, fc.nat(7), (line, cut) => {
    const editor = new LineEditor(10_000);
    const keys = utf8(`${line}\n`);
    const size = cut + 1;
    for (let at = 0; at < keys.length; at += size) {
      const event = editor.feed(keys.subarray(at, at + size));
      if (event === undefined) continue;
      assert.ok(event.type === "line");
      assert.equal(utf8TextLossy(event.bytes), line);
      return;
    }
    assert.fail("the line did not end");
  }));
});

Deno.test("LineEditor obeys its control keys", () => {
  const ends: readonly (readonly [string, string | undefined])[] = [
    ["aß\x7f\x7fb\r", "b"],
    ["\x7fa\r", "a"],
    ["wrong\x15right\r", "right"],
    ["a\x04b\r", "ab"],
    ["\x1bOPa\x1b\r", "a"],
    ["\x04", undefined],
  ];
  for (const [keys, line] of ends) {
    const event = new LineEditor(100).feed(utf8(keys));
    const expected = line === undefined
      ? { type: "end" }
      : { type: "line", bytes: utf8(line) };
    assert.deepEqual(event, expected, JSON.stringify(keys));
  }
  assert.throws(() => new LineEditor(2).feed(utf8("abc")), LimitError);
});

Deno.test({
  name: "env() is undefined for what may not be read",
  permissions: { env: ["HOME"] },
  fn: () => {
    const { env } = openTerminal();
    assert.equal(env("HOME"), Deno.env.get("HOME"));
    assert.equal(env("PLN_DIR"), undefined);
  },
});

Deno.test("cwd() is where the user typed the command", () => {
  const before = Deno.env.get("INIT_CWD");
  try {
    Deno.env.set("INIT_CWD", "/somewhere");
    assert.equal(openTerminal().cwd(), "/somewhere");
    Deno.env.delete("INIT_CWD");
    assert.equal(openTerminal().cwd(), Deno.cwd());
  } finally {
    if (before !== undefined) Deno.env.set("INIT_CWD", before);
  }
});

/** Signals and detached processes do not keep an event loop alive. */
function keepAlive(): Disposable {
  const timer = setInterval(() => undefined, 1_000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

Deno.test("onSignal() hears the signals until it is disposed", async () => {
  using _alive = keepAlive();
  const terminal = openTerminal();
  const heard = Promise.withResolvers<EndSignal>();
  {
    using _listener = terminal.onSignal(heard.resolve);
    Deno.kill(terminal.processId, "SIGHUP");
    assert.equal(await heard.promise, "SIGHUP");
  }
});

Deno.test("launchDetached() starts a process with its own log", () =>
  inDirectory(async (directory) => {
    using _alive = keepAlive();
    const logPath = `${directory}/log`;
    await Deno.writeTextFile(logPath, "before\n");
    const { pid, exited } = await launchDetached({
      command: "/bin/sh",
      args: ["-c", 'echo "$$ $A ${HOME-unset}"; echo err >&2; exit 3'],
      env: { A: "1" },
      logPath,
    });
    assert.deepEqual(await exited, { code: 3, signal: undefined });
    const log = await Deno.readTextFile(logPath);
    assert.equal(log, `before\n${pid} 1 unset\nerr\n`);
  }));

Deno.test("launchDetached() tells of a signal", () =>
  inDirectory(async (directory) => {
    using _alive = keepAlive();
    const { exited } = await launchDetached({
      command: "/bin/sh",
      args: ["-c", "kill -TERM $$"],
      env: {},
      logPath: `${directory}/log`,
    });
    assert.deepEqual(await exited, { code: undefined, signal: "SIGTERM" });
  }));

Deno.test("launchDetached() names the command that does not start", () =>
  inDirectory(async (directory) => {
    const start = (command: string, logPath: string) =>
      launchDetached({ command, args: [], env: {}, logPath });
    const logPath = `${directory}/log`;
    const missing = `${directory}/none`;
    await assert.rejects(
      start(missing, logPath),
      isAbout(NotFoundError, missing),
    );
    await assert.rejects(
      start(logPath, logPath),
      isAbout(DeniedError, logPath),
    );
    const nowhere = `${directory}/none/log`;
    await assert.rejects(
      start("/bin/sh", nowhere),
      isAbout(DiskError, nowhere),
    );
  }));
