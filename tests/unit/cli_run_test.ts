// The command line as a whole: exit codes, how failures read in text and JSON,
// help, and lines that nobody should type.

import assert from "node:assert/strict";
import {
  ConflictError,
  DeniedError,
  type ErrorReport,
  NotFoundError,
  PlnError,
  type PlnErrorOptions,
} from "../../src/kernel/mod.ts";
import { settingKeys } from "../../src/config/mod.ts";
import { globalFlags, verbs } from "../../src/cli/verbs.ts";
import { version } from "../../src/version.ts";
import { CliWorld, directory, socketPath } from "./cli_world.ts";

class AmbiguousError extends PlnError {
  readonly code = "PLN_AMBIGUOUS";
  readonly kind = "input";
  override readonly outcome = "ambiguous";
  constructor(message: string, options?: PlnErrorOptions) {
    super(message, options);
  }
}

function errorOf(err: string): ErrorReport {
  assert.match(err, /^[^\n]*\n$/, "one line of JSON");
  return JSON.parse(err).error;
}

Deno.test("every exit code of the contract comes from its kind of failure", async () => {
  const outcomes = [
    [new ConflictError("no"), 1],
    [new NotFoundError("no"), 3],
    [new DeniedError("no"), 4],
    [new AmbiguousError("no"), 5],
  ] as const;
  for (const [failure, code] of outcomes) {
    const world = new CliWorld();
    world.serve({ unpublishSeed: () => Promise.reject(failure) });
    const ran = await world.run("unseed", "hello");
    assert.deepEqual([ran.code, ran.out, ran.err], [code, "", "pln: no\n"]);
  }
  assert.equal((await new CliWorld().run("version")).code, 0);
  assert.equal((await new CliWorld().run("nonsense")).code, 2);
  assert.equal((await new CliWorld().run("status")).code, 6);
});

Deno.test("a missing daemon is named with its socket and the next step", async () => {
  for (
    const words of [
      ["status"],
      ["call", "hello", "greet"],
      ["unseed", "hello"],
      ["recover", "--accept-loss"],
    ]
  ) {
    const ran = await new CliWorld().run(...words);
    assert.equal(ran.code, 6, words.join(" "));
    assert.equal(
      ran.err,
      `pln: No daemon answers at ${socketPath}\n  Start it with "pln up -d"\n`,
    );
  }
});

Deno.test("pln down without a daemon does not say how to start one", async () => {
  const ran = await new CliWorld().run("down");
  assert.deepEqual([ran.code, ran.err], [
    6,
    `pln: Nothing to stop: no daemon answers at ${socketPath}\n`,
  ]);
});

Deno.test("--json makes failures one line of JSON on the error stream", async () => {
  const ran = await new CliWorld().run("status", "--json");
  assert.equal(ran.out, "");
  assert.deepEqual(errorOf(ran.err), {
    code: "PLN_UNREACHABLE",
    kind: "peer",
    outcome: "unreachable",
    message: `No daemon answers at ${socketPath}`,
    hint: 'Start it with "pln up -d"',
  });
});

Deno.test("--json makes usage errors JSON too", async () => {
  const flag = await new CliWorld().run("status", "--json", "--wid");
  assert.equal(flag.code, 2);
  assert.equal(errorOf(flag.err).code, "PLN_INPUT");
  assert.equal(errorOf(flag.err).hint, "Did you mean --wide?");
  const verb = await new CliWorld().run("statsu", "--json");
  assert.equal(verb.code, 2);
  assert.equal(errorOf(verb.err).hint, 'Did you mean "status"?');
});

Deno.test("a --json behind -- is an argument and no flag", async () => {
  const world = new CliWorld();
  world.serve();
  const ran = await world.run("call", "hello", "greet", "--", "--json");
  assert.deepEqual([ran.code, ran.out], [0, "--json"]);
});

Deno.test("usage errors say what is wrong and what was meant", async () => {
  const cases = [
    [["seeed", "x"], /no command "seeed"\n {2}Did you mean "seed"/],
    [["up", "--htp", "1"], /--htp\n {2}Did you mean --http/],
    [["unseed"], /The argument <name> is missing\n {2}Add "--help"/],
    [["unseed", "a", "b"], /takes 1 argument at most: "b" is too many\n {2}A/],
    [["down", "a"], /takes no argument: "a" is too many/],
    [["call", "a", "b", "c", "d"], /3 arguments at most: "d" is too many/],
    [["call", "a"], /The argument <function> is missing/],
    [["seed", "x", "--cpu", "1s", "--cpu", "2s"], /--cpu stands twice\n {2}Gi/],
    [["status", "--wide", "--wide"], /--wide stands twice\n {2}Give it once/],
    [["up", "-d", "--detach"], /--detach stands twice/],
    [
      ["seed", "x", "--isolation", "Frehs"],
      /"Frehs"\n {2}Did you mean "fresh"/,
    ],
    [
      ["seed", "x", "--isolation", "none"],
      /--isolation takes restore, fresh or reuse, not "none"\n {2}Such as --iso/,
    ],
    [["up", "--http"], /flag --http needs a value\n {2}.*--http <port>/],
    [
      ["up", "--log-level", "lod"],
      /takes debug, info, warn or error, not "lod"\n/,
    ],
    [["status", "-x"], /This command has no flag -x/],
    [["status", "threads"], /shows nodes or seeds, not "threads"/],
    [["help", "nothing"], /no command "nothing"/],
    [["recover"], /gives up what cannot be read/],
    [["completion", "tcsh"], /no completion for "tcsh"/],
    [["up", "--detach=true"], /--detach takes no value\n.*alone, --detach/],
    [["up", "--detach=false"], /--detach takes no value/],
    [["up", "-d=true"], /-d takes no value/],
    [["logs", "--follow=1"], /--follow takes no value/],
    [["config", "show", "--effective=yes"], /--effective takes no value/],
    [["status", "--json=true"], /--json takes no value/],
    [["call", "--timeout"], /--timeout needs a value\n.*--timeout </],
    [["call", "a", "f", "--timeout", "--", "x"], /--timeout needs a value/],
    [["logs", "-n"], /-n needs a value/],
    [["history", "--since="], /The flag --since needs a value\n {2}Add/],
    [["status", "--dir"], /--dir needs a value\n.*--dir <path>/],
    [["config", "sho"], /no command "sho"\n {2}Did you mean "show"/],
  ] as const;
  for (const [words, expected] of cases) {
    const ran = await new CliWorld().run(...words);
    assert.equal(ran.code, 2, words.join(" "));
    assert.match(ran.err, expected);
    assert.equal(ran.out, "");
  }
});

Deno.test("words that every object inherits are neither command nor flag", async () => {
  for (const word of ["constructor", "toString", "__proto__", "valueOf"]) {
    const lines = [
      [word],
      ["config", word],
      ["root", word],
      ["down", `--${word}`],
      ["down", `--${word}=x`],
      ["down", `--no-${word}`, "x"],
      [`--${word}`],
    ];
    for (const words of lines) {
      const ran = await new CliWorld().run(...words);
      assert.equal(ran.code, 2, words.join(" "));
      assert.match(ran.err, /^pln: (?:There is no command|No flag)/);
    }
  }
  assert.equal(
    (await new CliWorld().run("down", "--noConstructor", "x")).code,
    2,
  );
  const subject = await new CliWorld().run("invite", "constructor");
  assert.match(subject.err, /"constructor" is no whole peer id/);
});

Deno.test("help explains every command, each with one example", async () => {
  for (const [name, spec] of Object.entries(verbs)) {
    const long = await new CliWorld().run("help", ...name.split(" "));
    const flag = await new CliWorld().run(...name.split(" "), "--help");
    assert.equal(long.code, 0);
    assert.equal(long.out, flag.out);
    assert.ok(long.out.includes(`Example: ${spec.example}\n`));
    assert.ok(long.out.startsWith(`${spec.brief}\n`));
    for (const flagName of Object.keys({ ...spec.flags, ...globalFlags })) {
      assert.ok(long.out.includes(`--${flagName}`), `${name} ${flagName}`);
    }
    assert.ok(long.out.split("\n").every((line) => line.length <= 80), name);
  }
});

Deno.test("help without a command lists all but the hidden ones", async () => {
  const { out } = await new CliWorld().run();
  assert.equal((await new CliWorld().run("help")).out, out);
  assert.equal((await new CliWorld().run("--help")).out, out);
  const visible = Object.keys(verbs).filter((name) => !name.startsWith("__"));
  for (const name of visible) assert.ok(out.includes(`  ${name} `), name);
  assert.ok(!out.includes("__complete"));
});

Deno.test("a group without a command of its own lists what is in it", async () => {
  const { out, code } = await new CliWorld().run("root");
  assert.equal(code, 0);
  assert.equal((await new CliWorld().run("root", "--help")).out, out);
  assert.equal((await new CliWorld().run("help", "root")).out, out);
  const names = out.split("\n").filter((line) => line.startsWith("  "));
  assert.deepEqual(
    names.map((line) => line.trim().split(/ {2,}/)[0]),
    ["root sign", "root apply"],
  );
  const wrong = await new CliWorld().run("root", "sgn");
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /no command "sgn"\n {2}Did you mean "sign"\?/);
});

Deno.test("help says how long a name that is a flag lasts", async () => {
  for (const [verb, says] of [["up", "for this run"], ["join", "kept in"]]) {
    const { out } = await new CliWorld().run("help", String(verb));
    assert.match(out, new RegExp(`--name .*This node's name, ${says}`));
  }
});

Deno.test("help of a command that is a group too names what lies beside it", async () => {
  const { out } = await new CliWorld().run("help", "invite");
  assert.match(out, /^Make a token /);
  assert.match(
    out,
    /\nSee also:\n {2}pln invite ls .*\n {2}pln invite revoke /,
  );
  assert.equal((await new CliWorld().run("invite", "--help")).out, out);
  const inner = await new CliWorld().run("help", "invite", "ls");
  assert.match(
    inner.out,
    /^List the invites [^\n]*\n\nUsage: {3}pln invite ls /,
  );
  assert.equal((await new CliWorld().run("help", "invite", "x")).code, 2);
});

Deno.test("the settings that flags and completion name are the file's keys", () => {
  const known: readonly string[] = settingKeys;
  assert.deepEqual(Object.keys(verbs.restart.flags), known);
  for (const verb of ["up", "join"] as const) {
    const own = Object.keys(verbs[verb].flags);
    assert.deepEqual(own.filter((flag) => known.includes(flag)), known);
  }
  assert.deepEqual([...verbs.set.args[0].completes], known);
  assert.deepEqual([...verbs.unset.args[0].completes], known);
});

Deno.test("version asks nobody and reads nothing", async () => {
  const world = new CliWorld();
  world.variables.clear();
  assert.equal(
    (await world.run("version")).out,
    `pln ${version} (deno 2.9.6, linux x86_64)\n`,
  );
  assert.equal((await world.run("version", "--short")).out, `${version}\n`);
  assert.equal((await world.run("--version")).code, 0);
  assert.deepEqual(JSON.parse((await world.run("version", "--json")).out), {
    version: 1,
    pln: version,
    deno: "2.9.6",
    os: "linux",
    arch: "x86_64",
  });
});

Deno.test("a daemon of another version answers, with a warning", async () => {
  const world = new CliWorld();
  world.serve({ version: "9.9.9\u001b[31m" });
  const ran = await world.run("status");
  assert.equal(ran.code, 0);
  assert.match(ran.err, /^pln: This is version .* daemon is 9\.9\.9/);
  assert.match(ran.err, /pln restart/);
  assert.ok(!ran.err.includes("\u001b"));
  const json = await world.run("status", "--json");
  assert.ok(JSON.parse(json.err).warning.message.includes("9.9.9"));
});

Deno.test("a bug of the daemon exits 1 and points to the log", async () => {
  const world = new CliWorld();
  world.serve({
    status: () => {
      throw new TypeError("x is undefined");
    },
  });
  const ran = await world.run("status");
  assert.equal(ran.code, 1);
  assert.equal(
    ran.err,
    'pln: Internal error: x is undefined\n  This is a bug; "pln logs" has ' +
      "the details\n",
  );
});

Deno.test("the directory is --dir, else PLN_DIR, else ~/.pln", async () => {
  const world = new CliWorld();
  const named = async (...words: string[]) =>
    (await world.run("status", ...words)).err.split("\n", 1)[0];
  const at = (path: string) => `pln: No daemon answers at ${path}`;
  assert.equal(await named(), at(`${directory}/pln.sock`));
  world.variables.set("PLN_DIR", "/var/lib/pln");
  assert.equal(await named(), at("/var/lib/pln/pln.sock"));
  assert.equal(
    await named("--dir", "node"),
    at("/home/ann/work/node/pln.sock"),
  );
  world.variables.set("PLN_SOCK", "/run/pln/pln.sock");
  assert.equal(await named(), at("/run/pln/pln.sock"));
});

Deno.test("a directory that cannot be known is a usage error", async () => {
  const world = new CliWorld();
  world.variables.delete("HOME");
  const ran = await world.run("status");
  assert.equal(ran.code, 2);
  assert.match(ran.err, /No usable directory[^]*--dir/);
  assert.equal((await world.run("status", "--dir", "a\0b")).code, 2);
});

Deno.test("a socket path of 104 bytes and more is refused with a hint", async () => {
  const world = new CliWorld();
  const dirOf = (bytes: number) => `/${"d".repeat(bytes - 10)}`;
  assert.equal((await world.run("status", "--dir", dirOf(103))).code, 6);
  const ran = await world.run("status", "--dir", dirOf(104));
  assert.equal(ran.code, 2);
  assert.match(ran.err, /has 104 bytes, more than 103/);
  assert.match(ran.err, /Choose a shorter --dir/);
  assert.equal(
    (await world.run("seed", "-", "a", "--dir", dirOf(104))).code,
    2,
  );
});

Deno.test("a reader that goes away ends a command without a failure", async () => {
  const world = new CliWorld();
  world.serve();
  world.writesUntilClosed = 1;
  const ran = await world.run("status");
  assert.deepEqual([ran.code, ran.err], [0, ""]);
});
