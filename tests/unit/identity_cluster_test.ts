// A cluster's first node on a real disk: made whole or not at all, loaded with
// every fault named, and renewed by itself.

import assert from "node:assert/strict";
import {
  certificatePem,
  createCluster,
  type Credential,
  CredentialError,
  credentialPem,
  identityFiles,
  isInitialised,
  issueAuthority,
  lifetimes,
  type LoadedIdentity,
  loadIdentity,
  parseCredentialPem,
  readKeyFile,
  renewalDueMs,
  renewOwnMember,
  verifyCredential,
  writeKeyFile,
} from "../../src/identity/mod.ts";
import {
  peerIdOf,
  PlnError,
  toBase64,
  toHex,
  utf8,
} from "../../src/kernel/mod.ts";
import type { Disk } from "../../src/ports/mod.ts";
import {
  dayMs,
  failingDisk,
  forgeMember,
  type Mint,
  openMint,
  openWorld,
  startMs,
  type World,
} from "./identity_world.ts";

const properties = new Map([["zone", "north"]]);

async function fault(run: () => Promise<unknown>): Promise<PlnError> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof PlnError, String(error));
    assert.ok(!error.message.includes("\n"));
    assert.ok(error.hint !== undefined, `no hint: ${error.message}`);
    return error;
  }
  throw new assert.AssertionError({ message: "nothing was refused" });
}

function factsNow(world: World, identity: LoadedIdentity) {
  return verifyCredential(world, {
    root: identity.root,
    credential: identity.credential,
    check: { type: "now", wallMs: world.clock.wallMs() },
  });
}

Deno.test("createCluster() makes an admin that loads again", async () => {
  await using world = await openWorld();
  assert.equal(await isInitialised(world.disk), false);
  const made = await createCluster(world, { properties });
  assert.equal(await isInitialised(world.disk), true);
  const loaded = await loadIdentity(world);
  assert.deepEqual(loaded.facts, made.facts);
  assert.equal(loaded.credentialPem, made.credentialPem);
  assert.equal(loaded.facts.tier, "admin");
  assert.deepEqual(loaded.facts.properties, properties);
  assert.equal(loaded.facts.issuedBy, loaded.peer);
  assert.equal(loaded.facts.issue, 1);
  assert.equal(loaded.facts.memberSinceMs, startMs);
  assert.equal(loaded.facts.accessDeadlineMs, undefined);
  assert.equal(loaded.cluster, loaded.root.cluster);
  assert.equal(toHex(loaded.key.publicKey), loaded.peer);
  assert.ok(loaded.authority !== undefined);
  assert.notEqual(toHex(loaded.authority.key.publicKey), loaded.peer);
  assert.deepEqual(factsNow(world, loaded), loaded.facts);
});

Deno.test("createCluster() writes six files, readable by nobody else", async () => {
  await using world = await openWorld();
  await createCluster(world, { properties });
  const files: string[] = [];
  for (const folder of ["keys", "certs"]) {
    for (const { name } of await world.disk.list(folder)) {
      files.push(`${folder}/${name}`);
      const stat = await world.disk.stat(`${folder}/${name}`);
      assert.equal((stat?.mode ?? 0o777) & 0o077, 0);
    }
  }
  assert.deepEqual(files.sort(), Object.values(identityFiles).sort());
});

Deno.test("createCluster() seals the root key under a passphrase", async () => {
  await using world = await openWorld();
  const passphrase = utf8("a long enough one");
  const { root } = await createCluster(world, { properties, passphrase });
  const path = identityFiles.rootKey;
  const error = await fault(() => readKeyFile(world, path));
  assert.equal(error.code, "PLN_DENIED");
  const key = await readKeyFile(world, path, { passphrase });
  assert.deepEqual(key.publicKey, root.publicKey);
});

Deno.test("createCluster() refuses a directory that holds a node", async () => {
  await using world = await openWorld();
  const made = await createCluster(world, { properties });
  const error = await fault(() => createCluster(world, { properties }));
  assert.equal(error.code, "PLN_CONFLICT");
  assert.match(error.message, /There is a node in ".*" already$/);
  assert.equal((await loadIdentity(world)).peer, made.peer);
});

Deno.test("createCluster() refuses bad properties before it writes", async () => {
  await using world = await openWorld();
  const reserved = new Map([["pln.peer", "1"]]);
  const error = await fault(() =>
    createCluster(world, { properties: reserved })
  );
  assert.equal(error.code, "PLN_INPUT");
  assert.deepEqual(await world.disk.list(""), []);
});

Deno.test("S07: a kill at any write leaves a whole identity or none", async () => {
  for (let failAt = 1; failAt <= 6; failAt++) {
    await using world = await openWorld();
    const disk = failingDisk(world.disk, failAt);
    await assert.rejects(
      () => createCluster({ ...world, disk }, { properties }),
      { message: "killed" },
    );
    assert.equal(await isInitialised(world.disk), false, `write ${failAt}`);
    const none = await fault(() => loadIdentity(world));
    assert.equal(none.code, "PLN_NOT_FOUND");
    assert.match(none.hint ?? "", /pln init/);
    const made = await createCluster(world, { properties });
    assert.deepEqual((await loadIdentity(world)).facts, made.facts);
  }
  await using world = await openWorld();
  const disk = failingDisk(world.disk, 7);
  await createCluster({ ...world, disk }, { properties });
});

Deno.test("S07: a kill at any write of a second attempt is survived", async () => {
  for (let failAt = 1; failAt <= 7; failAt++) {
    await using world = await openWorld();
    const first = failingDisk(world.disk, 6);
    await assert.rejects(() =>
      createCluster({ ...world, disk: first }, { properties })
    );
    const second = failingDisk(world.disk, failAt);
    await assert.rejects(() =>
      createCluster({ ...world, disk: second }, { properties })
    );
    const made = await createCluster(world, { properties });
    assert.deepEqual((await loadIdentity(world)).facts, made.facts);
  }
});

Deno.test("createCluster() keeps a root key that it finds", async () => {
  await using world = await openWorld();
  const { root } = await createCluster(world, { properties });
  for (const kept of ["keys/root.old-1.pem", "keys/root.old-2.pem"]) {
    await world.disk.remove(identityFiles.credential);
    const before = await readKeyFile(world, identityFiles.rootKey);
    const made = await createCluster(world, { properties });
    assert.notEqual(made.cluster, root.cluster);
    const key = await readKeyFile(world, kept);
    assert.deepEqual(key.publicKey, before.publicKey);
  }
});

Deno.test("loadIdentity() never opens the root key", async () => {
  await using world = await openWorld();
  await createCluster(world, { properties });
  await world.disk.remove(identityFiles.rootKey);
  assert.equal((await loadIdentity(world)).facts.tier, "admin");
});

Deno.test("loadIdentity() refuses key files that others can read", async () => {
  await using world = await openWorld();
  await createCluster(world, { properties });
  const { nodeKey, authorityKey } = identityFiles;
  for (const path of [nodeKey, authorityKey]) {
    const file = `${world.directory}/${path}`;
    await Deno.chmod(file, 0o640);
    const error = await fault(() => loadIdentity(world));
    assert.equal(error.code, "PLN_DENIED");
    assert.equal(error.hint, `chmod 600 ${file}`);
    await Deno.chmod(file, 0o600);
  }
  await loadIdentity(world);
});

Deno.test("S10: every damaged file of an identity is named", async () => {
  await using world = await openWorld();
  await createCluster(world, { properties });
  const { rootKey: _, ...files } = identityFiles;
  const damages: ((text: string) => string | undefined)[] = [
    () => undefined,
    () => "",
    (text) => text.slice(0, text.length / 2),
    (text) => text.replace("MI", "MJ").replace("MC4C", "MC4D"),
  ];
  for (const path of Object.values(files)) {
    const file = `${world.directory}/${path}`;
    const text = await Deno.readTextFile(file);
    for (const damage of damages) {
      const damaged = damage(text);
      if (damaged === undefined) await Deno.remove(file);
      else await Deno.writeTextFile(file, damaged);
      const error = await fault(() => loadIdentity(world));
      const isGone = damaged === undefined && path === files.credential;
      assert.equal(error.code, isGone ? "PLN_NOT_FOUND" : "PLN_CORRUPT");
      assert.ok(isGone || error.message.includes(`"${file}"`), error.message);
      await world.disk.writeAtomic(path, utf8(text));
    }
  }
  await loadIdentity(world);
});

Deno.test("loadIdentity() refuses files of another identity", async () => {
  await using world = await openWorld("one");
  await using other = await openWorld("two");
  await createCluster(world, { properties });
  await createCluster(other, { properties });
  const { rootKey: _, ...files } = identityFiles;
  for (const path of Object.values(files)) {
    const own = await Deno.readTextFile(`${world.directory}/${path}`);
    const foreign = await Deno.readTextFile(`${other.directory}/${path}`);
    await world.disk.writeAtomic(path, utf8(foreign));
    const error = await fault(() => loadIdentity(world));
    assert.equal(error.code, "PLN_CORRUPT", path);
    assert.match(error.message, /can not be used|does not belong to/);
    await world.disk.writeAtomic(path, utf8(own));
  }
  await loadIdentity(world);
});

/** Writes the mint's member as this directory's node. */
async function writeMember(
  world: World,
  mint: Mint,
  credential: Credential,
): Promise<void> {
  const { nodeKey, rootCertificate, credential: path } = identityFiles;
  await writeKeyFile(world, nodeKey, { key: mint.memberKey });
  const root = certificatePem(mint.root.certificate);
  await world.disk.writeAtomic(rootCertificate, utf8(root));
  await world.disk.writeAtomic(path, utf8(credentialPem(credential)));
}

Deno.test("R09: loadIdentity() refuses another admin's authority", async () => {
  await using world = await openWorld();
  await createCluster(world, { properties });
  const rootKey = await readKeyFile(world, identityFiles.rootKey);
  const { root } = await loadIdentity(world);
  const other = openMint("other");
  const certificate = issueAuthority(world, {
    root,
    rootKey,
    publicKey: other.authorityKey.publicKey,
    admin: peerIdOf(other.adminKey.publicKey),
  });
  const { authorityKey, authorityCertificate } = identityFiles;
  await writeKeyFile(world, authorityKey, { key: other.authorityKey });
  const pem = utf8(certificatePem(certificate));
  await world.disk.writeAtomic(authorityCertificate, pem);
  const error = await fault(() => loadIdentity(world));
  assert.equal(error.code, "PLN_CORRUPT");
  assert.match(error.message, /authority\.pem" can not .* another admin's$/);
});

Deno.test("R09: loadIdentity() names the check that refused", async () => {
  await using world = await openWorld();
  const mint = openMint();
  const member = forgeMember(mint, { dnsName: "x.pln.internal" });
  await writeMember(world, mint, { ...mint.credential, member });
  const error = await fault(() => loadIdentity(world));
  assert.equal(error.code, "PLN_CORRUPT");
  assert.match(error.message, /member\.pem" can not be used: .*another name$/);
  assert.ok(error.cause instanceof CredentialError);
  assert.equal(error.cause.check, "name");
});

Deno.test("loadIdentity() gives a leaf no authority", async () => {
  await using world = await openWorld();
  const mint = openMint();
  await writeMember(world, mint, mint.credential);
  const identity = await loadIdentity(world);
  assert.equal(identity.facts.tier, "leaf");
  assert.equal(identity.authority, undefined);
  world.clock.timeMs = startMs + 6 * dayMs;
  assert.equal(await renewOwnMember(world, identity), identity);
});

Deno.test("renewOwnMember() waits for 2/3 of the certificate's life", async () => {
  await using world = await openWorld();
  const identity = await createCluster(world, { properties });
  const dueMs = startMs + Math.floor((lifetimes.memberMs * 2) / 3);
  assert.equal(renewalDueMs(identity.credential.member), dueMs);
  world.clock.timeMs = dueMs - 1;
  assert.equal(await renewOwnMember(world, identity), identity);
  world.clock.timeMs = startMs - 10 * 365 * dayMs; // S15: it jumped back
  assert.equal(await renewOwnMember(world, identity), identity);
  world.clock.timeMs = dueMs;
  const next = await renewOwnMember(world, identity);
  assert.equal(next.facts.issue, 2);
  assert.equal(next.facts.notAfterMs, dueMs - dueMs % 1_000 + 7 * dayMs);
});

Deno.test("S16: a node that was off for 8 days renews and is valid", async () => {
  await using world = await openWorld();
  const made = await createCluster(world, { properties });
  world.clock.timeMs = startMs + 8 * dayMs;
  const loaded = await loadIdentity(world);
  assert.throws(() => factsNow(world, loaded), { check: "time" });
  const renewed = await renewOwnMember(world, loaded);
  const facts = factsNow(world, renewed);
  assert.deepEqual(facts, renewed.facts);
  assert.deepEqual(facts, {
    ...made.facts,
    issue: 2,
    notBeforeMs: startMs + 7 * dayMs,
    notAfterMs: startMs + 15 * dayMs,
  });
  assert.equal(renewed.key, loaded.key);
  assert.deepEqual((await loadIdentity(world)).facts, facts);
  assert.equal(await renewOwnMember(world, renewed), renewed);
});

Deno.test("S07: a kill while renewing leaves the old certificate", async () => {
  await using world = await openWorld();
  const identity = await createCluster(world, { properties });
  world.clock.timeMs = startMs + 8 * dayMs;
  const disk: Disk = failingDisk(world.disk, 1);
  await assert.rejects(() => renewOwnMember({ ...world, disk }, identity), {
    message: "killed",
  });
  assert.deepEqual((await loadIdentity(world)).facts, identity.facts);
});

Deno.test("renewOwnMember() stops at the end of the authority", async () => {
  await using world = await openWorld();
  const identity = await createCluster(world, { properties });
  const endMs = startMs + lifetimes.authorityMs;
  world.clock.timeMs = endMs - dayMs;
  const last = await renewOwnMember(world, identity);
  assert.equal(last.facts.notAfterMs, endMs);
  world.clock.timeMs = endMs - 1;
  assert.equal(await renewOwnMember(world, last), last);
  world.clock.timeMs = endMs;
  const error = await fault(() => renewOwnMember(world, last));
  assert.equal(error.code, "PLN_DENIED");
  assert.match(error.message, /expired at 2027-03-01T12:00:00\.000Z$/);
});

Deno.test("renewOwnMember() gives nothing after the access deadline", async () => {
  await using world = await openWorld();
  const identity = await createCluster(world, { properties });
  const { member } = identity.credential;
  assert.ok(member.claims?.type === "member");
  const accessDeadlineMs = startMs + 6 * dayMs;
  const claims = { ...member.claims, accessDeadlineMs };
  const limited = {
    ...identity,
    credential: { ...identity.credential, member: { ...member, claims } },
  };
  world.clock.timeMs = accessDeadlineMs;
  await assert.rejects(() => renewOwnMember(world, limited), {
    name: "CredentialError",
    check: "deadline",
  });
  world.clock.timeMs = accessDeadlineMs - 1;
  const renewed = await renewOwnMember(world, limited);
  assert.equal(renewed.facts.accessDeadlineMs, accessDeadlineMs);
});

Deno.test("an identity shows no secret when it is printed", async () => {
  await using world = await openWorld();
  const identity = await createCluster(world, { properties });
  const shown = Deno.inspect(identity, { depth: 20, showHidden: true }) +
    JSON.stringify(identity);
  assert.ok(identity.authority !== undefined);
  const held = [identity.key, identity.authority.key];
  for (const key of held) {
    const secret = key.exportPkcs8().slice(-32);
    assert.ok(!shown.includes(toHex(secret)));
    assert.ok(!shown.includes(toBase64(secret).slice(0, 20)));
    assert.ok(!shown.includes([...secret.slice(0, 8)].join(", ")));
  }
  const parsed = parseCredentialPem(identity.credentialPem);
  assert.deepEqual(parsed, identity.credential);
});
