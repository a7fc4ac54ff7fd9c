// Completion: what is proposed for each position of a command line, and that
// each shell that is installed accepts its script.

import assert from "node:assert/strict";
import type { PeerStatus } from "../../src/control/mod.ts";
import { CliWorld, sampleDetails, sampleStatus } from "./cli_world.ts";

async function propose(...words: string[]): Promise<readonly string[]> {
  const world = new CliWorld();
  world.serve();
  const ran = await world.run("__complete", "--", ...words);
  assert.deepEqual([ran.code, ran.err], [0, ""]);
  return ran.out.split("\n").filter((line) => line !== "");
}

function isNoFlag(word: string): boolean {
  return !word.startsWith("--");
}

Deno.test("completion proposes commands, the hidden one excepted", async () => {
  assert.deepEqual(await propose("se"), ["seed", "set"]);
  const all = await propose("");
  assert.ok(all.includes("status") && all.includes("config"));
  assert.ok(!all.includes("__complete"));
  assert.deepEqual(await propose("config", ""), ["show", "--help"]);
});

Deno.test("completion proposes flags, and values of those that have some", async () => {
  assert.deepEqual(await propose("up", "--de"), ["--detach"]);
  assert.deepEqual(await propose("up", "--log-level", "w"), ["warn"]);
  assert.ok((await propose("status", "--")).includes("--wide"));
  assert.deepEqual(await propose("seed", "--al"), ["--allow-host"]);
  assert.deepEqual(await propose("seed", "--isolation", "re"), [
    "restore",
    "reuse",
  ]);
});

Deno.test("completion proposes seeds, keys and shells by position", async () => {
  assert.deepEqual(await propose("unseed", "h"), ["hello"]);
  assert.deepEqual(await propose("inspect", "h"), ["hello"]);
  assert.deepEqual(await propose("call", "l"), ["loops"]);
  assert.deepEqual(await propose("set", "s"), ["static-http"]);
  assert.deepEqual(await propose("completion", "f"), ["fish"]);
  assert.deepEqual(await propose("status", "n"), ["nodes"]);
  const verbs = ["status", "seed", "set", "sim"];
  assert.deepEqual(await propose("help", "s"), verbs);
  assert.deepEqual(await propose("help", "config", "s"), ["show"]);
  assert.deepEqual(await propose("help", "seed", "s"), []);
  assert.deepEqual(await propose("help", "_"), [], "the hidden one stays so");
});

Deno.test("completion proposes nodes by their names, or by their ids", async () => {
  const nodes = ["ann", "bob", "cleo", "d4d4d4d4d4d4"];
  for (const verb of ["grant", "deny", "allow", "ping", "props"]) {
    const all = await propose(verb, "");
    assert.deepEqual(all.filter(isNoFlag), nodes, verb);
  }
  assert.deepEqual(await propose("deny", "c"), ["cleo"]);
  assert.deepEqual(await propose("ping", "d4"), ["d4d4d4d4d4d4"]);
  assert.deepEqual(
    (await propose("inspect", "")).filter(isNoFlag),
    ["hello", "loops", ...nodes],
  );
  const on = ["call", "hello", "greet", "--on"];
  assert.deepEqual((await propose(...on, "")).filter(isNoFlag), nodes);
  assert.deepEqual(await propose(...on, "b"), ["bob"]);
  assert.deepEqual(await propose("invite", "a"), [], "a whole id, or nothing");
});

Deno.test("completion proposes no node's name that a shell would act on", async () => {
  const world = new CliWorld();
  const [ann] = sampleStatus.nodes;
  const nodes = ["$(id)", "a b", "-rf", "\u001b[2J", "ok"]
    .map((name) => ({ ...ann as PeerStatus, name, peer: "f6".repeat(32) }));
  world.serve({ status: () => ({ ...sampleStatus, nodes }) });
  const ran = await world.run("__complete", "--", "ping", "");
  assert.deepEqual(
    ran.out.trimEnd().split("\n").filter(isNoFlag),
    ["f6f6f6f6f6f6", "ok"],
  );
});

Deno.test("completion knows what follows a command that is a group too", async () => {
  const all = await propose("invite", "");
  assert.deepEqual(all.filter(isNoFlag), ["ls", "revoke"]);
  assert.deepEqual(await propose("invite", "l"), ["ls"]);
  assert.ok((await propose("invite", "--")).includes("--publisher"));
  assert.deepEqual(await propose("root", "s"), ["sign"]);
  assert.deepEqual(await propose("help", "invite", "r"), ["revoke"]);
  assert.deepEqual(await propose("root", "sign", "x"), [], "files");
});

Deno.test("completion proposes the functions of the seed on the line", async () => {
  const all = await propose("call", "hello", "");
  assert.deepEqual(all.filter(isNoFlag), ["greet", "hello"]);
  assert.deepEqual(await propose("call", "hello", "g"), ["greet"]);
  const asked: string[] = [];
  const world = new CliWorld();
  const functions = [
    ...["plain_1", "pkg.fn", "$(id)", "`id`", "a;b", "a b", "\u001b[2J", "-f"],
    ...["a\nb", "ü", "a'b", 'a"b', "a\\b", "*", "~", "a&b", "a|b", "!x"],
  ];
  world.serve({
    inspectSeed: (name) => {
      asked.push(name);
      return Promise.resolve({ ...sampleDetails, functions });
    },
  });
  const words = ["call", "--timeout", "5s", "--json", "loops", ""];
  const ran = await world.run("__complete", "--", ...words);
  const lines = ran.out.split("\n").filter(isNoFlag);
  assert.deepEqual(lines, ["plain_1", "pkg.fn", ""], "no shell may act on one");
  assert.deepEqual([asked, ran.err], [["loops"], ""]);
});

Deno.test("completion gives up on a daemon that does not answer", async () => {
  const world = new CliWorld();
  world.serve({ inspectSeed: () => new Promise(() => {}) });
  world.isAlwaysLate = true;
  const ran = await world.run("__complete", "--", "call", "hello", "g");
  assert.deepEqual([ran.code, ran.out, ran.err], [0, "", ""]);
});

Deno.test("completion proposes values behind an equals sign", async () => {
  const whole = ["--isolation=restore", "--isolation=reuse"];
  assert.deepEqual(await propose("seed", "--isolation=re"), whole);
  assert.deepEqual(await propose("seed", "x", "--timeout="), []);
  assert.deepEqual(await propose("status", "--wide="), []);
  // bash splits the word there.
  const values = ["restore", "fresh", "reuse"];
  const all = await propose("seed", "--isolation", "=");
  assert.deepEqual(all.filter(isNoFlag), values);
  assert.deepEqual(await propose("seed", "--isolation", "=", "f"), ["fresh"]);
});

Deno.test("completion proposes to unseed what is this node's own", async () => {
  const world = new CliWorld();
  const [hello] = sampleStatus.seeds;
  assert.ok(hello !== undefined);
  const other = { ...hello, name: "other", owner: "b2".repeat(32) };
  world.serve({ status: () => ({ ...sampleStatus, seeds: [hello, other] }) });
  const ran = await world.run("__complete", "--", "unseed", "");
  assert.deepEqual(ran.out.trimEnd().split("\n").filter(isNoFlag), ["hello"]);
});

Deno.test("completion proposes an address that bash has taken apart", async () => {
  const world = new CliWorld();
  const [hello] = sampleStatus.seeds;
  assert.ok(hello !== undefined);
  const peer = "b2".repeat(32);
  const address = "hello@b2b2b2b2";
  const other = { ...hello, owner: peer, heldBy: { peer }, address };
  world.serve({ status: () => ({ ...sampleStatus, seeds: [hello, other] }) });
  const proposed = async (...words: string[]) => {
    const ran = await world.run("__complete", "--", "call", ...words);
    return ran.out.split("\n").filter((line) => line !== "");
  };
  assert.deepEqual(await proposed("hello@b"), [address]);
  assert.deepEqual(await proposed("hello", "@"), ["b2b2b2b2"]);
  assert.deepEqual(await proposed("hello", "@", "b2"), ["b2b2b2b2"]);
  assert.ok((await proposed("hello", "@", "b2b2", "g")).includes("greet"));
});

Deno.test("completion proposes the scenarios of the simulator", async () => {
  assert.ok((await propose("sim", "run", "")).includes("partition"));
  assert.deepEqual(await propose("sim", "run", "leav"), ["leaver"]);
});

Deno.test("completion leaves files to the shell", async () => {
  assert.deepEqual(await propose("seed", "./he"), []);
});

Deno.test("completion stays quiet without a daemon, and on nonsense", async () => {
  const world = new CliWorld();
  for (
    const words of [
      ["unseed", "h"],
      ["call", "hello", "g"],
      ["nonsense", "x", ""],
      ["seed", "--nonsense", ""],
    ]
  ) {
    const ran = await world.run("__complete", "--", ...words);
    assert.deepEqual([ran.code, ran.err], [0, ""], words.join(" "));
  }
});

/** Runs a shell; undefined when it is not installed. */
async function shell(command: string, args: readonly string[], input = "") {
  try {
    const child = new Deno.Command(command, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, out: text(stdout), err: text(stderr) };
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  }
}

for (const name of ["bash", "zsh", "fish"]) {
  Deno.test(`the ${name} completion script is valid, where ${name} is`, async () => {
    const { out } = await new CliWorld().run("completion", name);
    assert.match(out, /pln __complete -- /);
    const checked = await shell(name, ["-n"], out);
    if (checked === undefined) {
      console.log(`${name} is not installed: its script was not checked`);
      return;
    }
    assert.deepEqual(checked, { code: 0, out: "", err: "" });
  });
}

Deno.test("the bash completion hands over words with spaces whole", async () => {
  const { out: script } = await new CliWorld().run("completion", "bash");
  const ran = await shell(
    "bash",
    ["--norc", "-s"],
    [
      script,
      'pln() { printf "%s\\n" "got:$#" "$@"; }',
      'COMP_WORDS=(pln call "a b" "")',
      "COMP_CWORD=3",
      "_pln",
      'printf "[%s]" "${COMPREPLY[@]}"',
    ].join("\n"),
  );
  if (ran === undefined) {
    console.log("bash is not installed: its script was not run");
    return;
  }
  assert.equal(ran.out, "[got:5][__complete][--][call][a b]");
});
