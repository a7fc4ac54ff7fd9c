// `pln status` as people and programs read it. The JSON shapes are golden:
// members may be added to the files in tests/fixtures/cli, never renamed. With
// PLN_GOLDEN=write the files are written anew.

import assert from "node:assert/strict";
import { CliWorld } from "./cli_world.ts";

const fixtures = new URL("../fixtures/cli/", import.meta.url);

async function matches(name: string, text: string): Promise<void> {
  const file = new URL(name, fixtures);
  if (Deno.env.get("PLN_GOLDEN") === "write") {
    await Deno.writeTextFile(file, text);
  }
  assert.equal(text, await Deno.readTextFile(file));
}

function servedWorld(): CliWorld {
  const world = new CliWorld();
  world.serve();
  world.files.set(
    "/home/ann/work/hello.wasm",
    new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
  );
  return world;
}

const commands = {
  "status": ["status"],
  "status_nodes": ["status", "nodes"],
  "status_seeds": ["status", "seeds"],
  "seed": ["seed", "hello.wasm"],
  "inspect": ["inspect", "hello"],
  "inspect_node": ["inspect", "bob", "--node"],
  "invite": ["invite", "--publisher"],
  "invite_ls": ["invite", "ls"],
  "invite_revoke": ["invite", "revoke", "3f9a"],
  "grant": ["grant", "bob", "--prop", "zone=home"],
  "deny": ["deny", "bob"],
  "allow": ["allow", "bob"],
  "props": ["props", "bob"],
  "history": ["history", "--since", "2026-01-01"],
  "status_at": ["status", "--at", "2026-01-01T00:00:00Z"],
  "status_nodes_at": ["status", "nodes", "--at", "2026-01-01T00:00:00Z"],
  "diff": ["diff", "bob"],
  "forget": ["forget", "bob", "--dry-run"],
  "ping": ["ping", "bob"],
  "root_apply": ["root", "apply", "pln-root-statement:x"],
  "unseed": ["unseed", "hello"],
  "call": ["call", "hello", "greet", "hi"],
  "id": ["id"],
  "set": ["set", "http", "8081"],
  "unset": ["unset", "http"],
  "config_show": ["config", "show"],
  "recover": ["recover", "--accept-loss"],
  "error": ["unseed", ".."],
} as const;

Deno.test("pln status gives up on a daemon that does not answer", async () => {
  const world = new CliWorld();
  world.hang();
  world.isAlwaysLate = true;
  const ran = await world.run("status");
  assert.equal(ran.code, 6);
  assert.match(ran.err, /gave no answer in 20s\n {2}If its process hangs/);
});

for (const [name, words] of Object.entries(commands)) {
  Deno.test(`pln ${words.join(" ")} --json keeps its shape`, async () => {
    const world = servedWorld();
    const ran = await world.run(...words, "--json");
    const text = name === "error" ? ran.err : ran.out;
    assert.match(text, /^[^\n]+\n$/, "one line");
    const value = JSON.parse(text);
    if (name !== "error") assert.equal(value.version, 1);
    await matches(`${name}.json`, `${JSON.stringify(value, undefined, 2)}\n`);
  });
}

for (const words of [[], ["--wide"], ["nodes"], ["seeds", "--wide"]]) {
  const name = ["status", ...words].join("_").replaceAll("-", "");
  Deno.test(`pln status ${words.join(" ")} reads well`, async () => {
    const ran = await servedWorld().run("status", ...words);
    assert.equal(ran.code, 0, ran.err);
    assert.ok(!ran.out.includes("\u001b"), "no escape sequences");
    await matches(`${name}.txt`, ran.out);
  });
}

for (const words of [["hello"], ["bob", "--node"]]) {
  Deno.test(`pln inspect ${words.join(" ")} reads well`, async () => {
    const ran = await servedWorld().run("inspect", ...words);
    assert.equal(ran.code, 0, ran.err);
    assert.ok(!ran.out.includes("\u001b"), "no escape sequences");
    const name = words.length === 1 ? "inspect.txt" : "inspect_node.txt";
    await matches(name, ran.out);
  });
}

Deno.test("pln status is bold on a terminal, and not with NO_COLOR", async () => {
  const world = servedWorld();
  world.isTerminal = { ...world.isTerminal, stdout: true };
  assert.ok((await world.run("status")).out.includes("\u001b[1mSEED "));
  world.variables.set("NO_COLOR", "1");
  assert.ok(!(await world.run("status")).out.includes("\u001b"));
});

Deno.test("pln status of an empty node says what to do", async () => {
  const world = servedWorld();
  const { out } = await world.run("status", "--json");
  world.serve({
    status: () => ({ ...JSON.parse(out), seeds: [], alarms: [] }),
  });
  const ran = await world.run("status");
  assert.match(ran.out, /^node /);
  assert.match(ran.out, /No seeds yet: publish one with "pln seed /);
});
