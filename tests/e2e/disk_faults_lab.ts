// Damage to a node's files, and proof that undoing it undoes its effect. In
// goes a lab with a stopped node; a file is damaged, the caller looks at what
// the node makes of it, and after that the good bytes must start it again.

import assert from "node:assert/strict";
import type { Lab } from "./lab.ts";

/** Lets `damage` spoil a file, restores it, and starts and stops the node. */
export async function mustRecover(
  lab: Lab,
  path: string,
  damage: (good: Uint8Array<ArrayBuffer>) => Promise<void>,
): Promise<void> {
  const good = await Deno.readFile(path);
  const { mode } = await Deno.stat(path);
  await damage(good);
  await Deno.writeFile(path, good);
  await Deno.chmod(path, (mode ?? 0) & 0o777);
  await lab.must(["up", "-d"]);
  await lab.must(["down"]);
}

/** Changes one byte of a file, counted from its start or, below 0, its end. */
export async function flipByte(path: string, at: number): Promise<void> {
  const bytes = await Deno.readFile(path);
  const index = at < 0 ? bytes.length + at : at;
  const byte = bytes[index];
  assert.ok(byte !== undefined, `${path} has ${bytes.length} bytes`);
  bytes[index] = byte ^ 0xff;
  await Deno.writeFile(path, bytes);
}

/** The newest journal file. */
export async function journalFile(lab: Lab): Promise<string> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(lab.path("journal"))) {
    if (name.endsWith(".log")) names.push(name);
  }
  return lab.path(`journal/${names.toSorted().at(-1)}`);
}

/** Where the store keeps the module of a seed. */
export async function objectFile(lab: Lab, seed: string): Promise<string> {
  const { seeds } = await lab.client.status();
  const digest = seeds.find(({ name }) => name === seed)?.digest;
  assert.ok(digest !== undefined, `seed ${seed} is published`);
  return lab.path(`store/${digest.slice(0, 2)}/${digest}`);
}

/** Where the cache keeps modules as threads run them. */
export function preparedFiles(lab: Lab): readonly string[] {
  const folder = lab.path("cache/modules");
  return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`)
    .filter((path) => /[0-9a-f]{64}$/.test(path));
}

/** Whether a prepared module was written whole. */
export function hasPrepared(lab: Lab): boolean {
  try {
    return preparedFiles(lab).length > 0;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw cause;
  }
}
