// The root key away from every node and behind a passphrase: an admin's node
// asks, the key's holder signs in a place without daemon or network, any admin
// hands the signature in. Through the launcher, with each verb's own rights.

import assert from "node:assert/strict";
import { ClusterNode, meshed } from "./cluster_lab.ts";

const passphrase = "correct horse battery staple";

/** A folder with the root's key and certificate, taken away from a node. */
async function takeRootKey(node: ClusterNode): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "pln-root-" });
  node.lab.onCleanUp(() => Deno.remove(folder, { recursive: true }));
  for (const name of ["keys", "certs"]) await Deno.mkdir(`${folder}/${name}`);
  await Deno.rename(
    node.lab.path("keys/root.pem"),
    `${folder}/keys/root.pem`,
  );
  await Deno.copyFile(
    node.lab.path("certs/root.pem"),
    `${folder}/certs/root.pem`,
  );
  await Deno.writeTextFile(`${folder}/passphrase`, `${passphrase}\n`);
  return folder;
}

Deno.test("an offline root key makes an admin, by request, signature and apply", async () => {
  await using ann = await ClusterNode.open("ann");
  await using bob = await ClusterNode.open("bob");
  await using cleo = await ClusterNode.open("cleo");
  const file = ann.lab.path("passphrase");
  await Deno.writeTextFile(file, `${passphrase}\n`);
  await ann.must(["init", "--passphrase-file", file]);
  await Deno.remove(file);
  await ann.must(["up", "-d"]);
  const bobId = (await bob.must(["id"])).trim();
  await bob.join(await ann.invite(bobId, "--admin"));
  await meshed(ann, bob);
  const folder = await takeRootKey(ann);

  // The admin asks; nothing has changed by that.
  const asked = await ann.lab.run(["grant", "bob", "--admin"]);
  assert.equal(asked.code, 4, asked.stderr);
  assert.match(asked.stdout, /^pln-root-request:[\w-]+\n$/);
  assert.match(asked.stderr, /pln root sign .*\n.*\n {2}pln root apply /);
  assert.equal((await bob.status()).node.tier, "publisher");

  // The holder signs, elsewhere, with no node and no daemon.
  const elsewhere = { env: { PLN_DIR: folder }, cwd: folder };
  await Deno.writeTextFile(`${folder}/request.txt`, asked.stdout);
  const sign = ["root", "sign", "request.txt", "--yes"];
  const sealed = await ann.lab.run(sign, elsewhere);
  assert.equal(sealed.code, 4, sealed.stderr);
  assert.match(
    sealed.stderr,
    /sealed under a passphrase\n {2}Give it with --p/,
  );
  const given = [...sign, "--passphrase-file", "passphrase"];
  const signed = await ann.lab.run(given, elsewhere);
  assert.equal(signed.code, 0, signed.stderr);
  assert.match(signed.stdout, /^pln-root-statement:[\w-]+\n$/);
  assert.ok(signed.stderr.includes(bobId), "it shows whom it is about");
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
  assert.deepEqual(
    names.toSorted(),
    ["certs", "keys", "passphrase", "request.txt"],
    "and leaves nothing behind",
  );

  // Any admin takes it; the new one admits others, with nobody else there.
  await ann.must(["root", "apply", "-"], { stdin: signed.stdout });
  await bob.becomes("admin");
  const again = await bob.must(["root", "apply", signed.stdout.trim()]);
  assert.match(again, /is known already/);
  await ann.must(["down"]);
  await cleo.join(await bob.invite());
  await meshed(bob, cleo);
});

Deno.test("an offline root key denies an admin, and keeps whom it let in", async () => {
  await using ann = await ClusterNode.open("ann");
  await using bob = await ClusterNode.open("bob");
  await using cleo = await ClusterNode.open("cleo");
  await ann.init();
  const bobId = (await bob.must(["id"])).trim();
  await bob.join(await ann.invite(bobId, "--admin"));
  await ann.must(["grant", "bob", "--admin"]);
  await bob.becomes("admin");
  await cleo.join(await ann.invite());
  await meshed(ann, bob, cleo);
  const folder = await takeRootKey(ann);

  const unsaid = await bob.lab.run(["deny", "ann", "--request"]);
  assert.equal(unsaid.code, 2, unsaid.stderr);
  assert.match(unsaid.stderr, /Say what becomes of them: --keep or --cascade/);
  const deny = ["deny", "ann", "--keep", "--reason", "stolen", "--request"];
  const request = (await bob.must(deny)).trim();
  const key = ["--root-key", `${folder}/keys/root.pem`];
  const signed = await bob.must(["root", "sign", request, "--yes", ...key]);
  await bob.must(["root", "apply", "-"], { stdin: signed });
  for (const node of [bob, cleo]) await node.shows("ann", "denied");
  await meshed(bob, cleo);
  const details = await cleo.must(["inspect", "ann"]);
  assert.match(details, /^denied +.* by the root: stolen$/m);
});
