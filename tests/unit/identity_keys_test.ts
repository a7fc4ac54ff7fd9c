// Key files on a real disk: what is written reads back, what is open to others,
// damaged or sealed under another passphrase is refused with the next step, and
// no secret shows anywhere.

import assert from "node:assert/strict";
import { readKeyFile, writeKeyFile } from "../../src/identity/mod.ts";
import { PlnError, toBase64, toHex, utf8 } from "../../src/kernel/mod.ts";
import { openDisk } from "../../src/adapters/disk.ts";
import { openWorld, signer, type World } from "./identity_world.ts";

const path = "keys/node.pem";
const secret = new Uint8Array(32).fill(0xa7);
const key = signer.privateKey(secret);
const passphrase = utf8("correct horse battery staple");

async function fault(run: () => Promise<unknown>): Promise<PlnError> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof PlnError, String(error));
    assertNoSecret(error);
    assert.ok(!error.message.includes("\n"));
    return error;
  }
  throw new assert.AssertionError({ message: "nothing was refused" });
}

function assertNoSecret(value: unknown): void {
  const shown = Deno.inspect(value, { depth: 20, showHidden: true }) +
    JSON.stringify(value) + String(value);
  const { message = "", stack = "" } = value instanceof Error ? value : {};
  const all = `${shown}${message}${stack}`;
  for (const bytes of [secret, key.exportPkcs8(), passphrase]) {
    assert.ok(!all.includes(toBase64(bytes).slice(0, 20)), "base64 shows");
    assert.ok(!all.includes(toHex(bytes).slice(0, 20)), "hex shows");
    assert.ok(!all.includes([...bytes.slice(-8)].join(", ")), "bytes show");
  }
  assert.ok(!all.includes("correct horse"), "the passphrase shows");
}

async function change(
  world: World,
  edit: (text: string) => string | Uint8Array,
): Promise<void> {
  const file = `${world.directory}/${path}`;
  const edited = edit(await Deno.readTextFile(file));
  const bytes = typeof edited === "string" ? utf8(edited) : edited;
  await Deno.writeFile(file, bytes);
}

Deno.test("a key file reads back, has mode 0600 and is PKCS#8", async () => {
  await using world = await openWorld();
  await writeKeyFile(world, path, { key });
  const read = await readKeyFile(world, path);
  assert.deepEqual(read.publicKey, key.publicKey);
  assert.deepEqual(read.exportPkcs8(), key.exportPkcs8());
  const { mode } = await Deno.stat(`${world.directory}/${path}`);
  assert.equal((mode ?? 0) & 0o777, 0o600);
  const text = await Deno.readTextFile(`${world.directory}/${path}`);
  const body = toBase64(key.exportPkcs8());
  assert.equal(
    text,
    `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`,
  );
});

Deno.test("a key file that others can read is refused", async () => {
  await using world = await openWorld();
  await writeKeyFile(world, path, { key });
  const file = `${world.directory}/${path}`;
  for (const mode of [0o640, 0o604, 0o620, 0o601, 0o666]) {
    await Deno.chmod(file, mode);
    const error = await fault(() => readKeyFile(world, path));
    assert.equal(error.code, "PLN_DENIED");
    assert.equal(error.hint, `chmod 600 ${file}`);
    assert.match(error.message, new RegExp(`mode 0${mode.toString(8)}\\)$`));
  }
  await Deno.chmod(file, 0o400);
  await readKeyFile(world, path);
});

Deno.test("the chmod to type is quoted where a shell needs it", async () => {
  await using world = await openWorld();
  const root = `${world.directory}/it's mine`;
  const needs = { ...world, disk: openDisk(root) };
  await writeKeyFile(needs, path, { key });
  await Deno.chmod(`${root}/${path}`, 0o644);
  const error = await fault(() => readKeyFile(needs, path));
  const quoted = `'${world.directory}/it'\\''s mine/${path}'`;
  assert.equal(error.hint, `chmod 600 ${quoted}`);
});

Deno.test("S10: a key file that is no file is refused without a chmod", async () => {
  await using world = await openWorld();
  const file = `${world.directory}/${path}`;
  await Deno.mkdir(file, { recursive: true, mode: 0o755 });
  const directory = await fault(() => readKeyFile(world, path));
  await Deno.remove(file);
  await Deno.symlink("/dev/zero", file);
  const device = await fault(() => readKeyFile(world, path));
  assert.match(directory.message, /node\.pem" is a directory$/);
  assert.match(device.message, /node\.pem" is no regular file$/);
  for (const { code, hint } of [directory, device]) {
    assert.equal(code, "PLN_CORRUPT");
    assert.match(hint ?? "", /^Restore it from a backup/);
  }
});

Deno.test("S10: a damaged key file is refused by name", async () => {
  await using world = await openWorld();
  const file = `${world.directory}/${path}`;
  const edits: ((text: string) => string | Uint8Array)[] = [
    () => "",
    (text) => text.slice(0, 60),
    (text) => text.replace("BEGIN PRIVATE", "BEGIN PUBLIC"),
    (text) => text.replaceAll("PRIVATE KEY", "EC PRIVATE KEY"),
    (text) => text + text,
    (text) => `${text}more`,
    (text) => text.replace("MC4C", "MC4D"),
    (text) => text.replace("MC4C", "!!!!"),
    () => Uint8Array.of(0xff, 0xfe, 0x00),
    () => "-----BEGIN PRIVATE KEY-----\n".repeat(2_000),
  ];
  for (const edit of edits) {
    await writeKeyFile(world, path, { key });
    await change(world, edit);
    const error = await fault(() => readKeyFile(world, path));
    assert.equal(error.code, "PLN_CORRUPT", String(edit));
    assert.ok(error.message.startsWith(`File "${file}" `), error.message);
    assert.match(error.hint ?? "", /backup/);
  }
});

Deno.test("a missing key file is refused by name", async () => {
  await using world = await openWorld();
  const error = await fault(() => readKeyFile(world, path));
  assert.equal(error.code, "PLN_CORRUPT");
  assert.equal(
    error.message,
    `File "${world.directory}/${path}" is missing`,
  );
});

Deno.test("a sealed key opens with its passphrase and no other", async () => {
  await using world = await openWorld();
  const file = `${world.directory}/${path}`;
  await writeKeyFile(world, path, { key, passphrase });
  const text = await Deno.readTextFile(file);
  assert.match(text, /^-----BEGIN POLLEN SEALED PRIVATE KEY-----\n/);
  assertNoSecret(text);
  const read = await readKeyFile(world, path, { passphrase });
  assert.deepEqual(read.publicKey, key.publicKey);
  const wrong = utf8("correct horse battery stapler");
  const denied = await fault(() =>
    readKeyFile(world, path, { passphrase: wrong })
  );
  assert.equal(denied.code, "PLN_DENIED");
  assert.equal(
    denied.message,
    `The passphrase does not open key file "${file}"`,
  );
  const none = await fault(() => readKeyFile(world, path));
  assert.equal(none.code, "PLN_DENIED");
  assert.match(none.hint ?? "", /--passphrase-file/);
});

Deno.test("a sealed key that was changed does not open", async () => {
  await using world = await openWorld();
  await writeKeyFile(world, path, { key, passphrase });
  await change(world, (text) => {
    const last = text.split("\n").at(-3) ?? "";
    const other = last.startsWith("A") ? "B" : "A";
    return text.replace(last, other + last.slice(1));
  });
  const error = await fault(() => readKeyFile(world, path, { passphrase }));
  assert.equal(error.code, "PLN_DENIED");
});

Deno.test("an empty or endless passphrase is refused", async () => {
  await using world = await openWorld();
  const seal = (bytes: Uint8Array) => () =>
    writeKeyFile(world, path, { key, passphrase: bytes });
  const empty = await fault(seal(new Uint8Array(0)));
  assert.equal(empty.code, "PLN_INPUT");
  const long = await fault(seal(new Uint8Array(1_025)));
  assert.equal(long.code, "PLN_LIMIT");
  assert.equal(await world.disk.stat(path), undefined);
});

Deno.test("a private key does not show when it is printed", () => {
  assertNoSecret(key);
  assertNoSecret({ deep: { in: [key] } });
});
