// A member's files on a real disk: written whole or not at all, its credential
// replaced and its authority installed, and never anybody else's.

import assert from "node:assert/strict";
import {
  createCluster,
  ensureAuthorityKey,
  identityFiles,
  installAuthority,
  isInitialised,
  issueAuthority,
  issueMember,
  loadIdentity,
  newNodeKeys,
  type NodeIdentity,
  type NodeKeys,
  openIdentity,
  prepareNodeKeys,
  readKeyFile,
  readRootKey,
  replaceCredential,
  writeMembership,
} from "../../src/identity/mod.ts";
import { peerIdOf, PlnError, utf8 } from "../../src/kernel/mod.ts";
import {
  dayMs,
  failingDisk,
  type Mint,
  openMint,
  openWorld,
  startMs,
  type World,
} from "./identity_world.ts";

const mint = openMint();
const properties = new Map([["zone", "north"]]);

/** What the mint's admin issues for somebody's key. */
function credentialFor(
  { key }: NodeKeys,
  options: { readonly from?: Mint; readonly issue?: number } = {},
) {
  const { from = mint, issue = 1 } = options;
  const { authority, authorityKey, claims } = from;
  const member = issueMember(from.needs, {
    authority,
    authorityKey,
    publicKey: key.publicKey,
    claims: { ...claims, issue },
  });
  return { member, authority };
}

async function joined(world: World): Promise<NodeIdentity> {
  const keys = await prepareNodeKeys(world);
  const credential = credentialFor(keys);
  return await writeMembership(world, { root: mint.root, ...keys, credential });
}

function promotion(identity: NodeIdentity, key = identity.authorityKey) {
  return issueAuthority(mint.needs, {
    root: mint.root,
    rootKey: mint.rootKey,
    publicKey: key.publicKey,
    admin: identity.peer,
  });
}

async function fault(run: () => Promise<unknown>): Promise<PlnError> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof PlnError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "nothing was refused" });
}

Deno.test("writeMembership() makes a member that loads again", async () => {
  await using world = await openWorld();
  const made = await joined(world);
  const loaded = await loadIdentity(world);
  assert.deepEqual(loaded.facts, made.facts);
  assert.equal(loaded.facts.tier, "leaf");
  assert.equal(loaded.cluster, mint.root.cluster);
  assert.equal(loaded.authority, undefined);
  const { authorityKey } = made;
  assert.deepEqual(loaded.authorityKey?.publicKey, authorityKey.publicKey);
  assert.notDeepEqual(authorityKey.publicKey, made.key.publicKey);
  for (const path of [identityFiles.nodeKey, identityFiles.authorityKey]) {
    assert.equal((await world.disk.stat(path))?.mode, 0o600);
  }
});

Deno.test("prepareNodeKeys() gives the same keys until there is a node", async () => {
  await using world = await openWorld();
  const first = await prepareNodeKeys(world);
  const again = await prepareNodeKeys(world);
  assert.deepEqual(again.key.publicKey, first.key.publicKey);
  assert.deepEqual(again.authorityKey.publicKey, first.authorityKey.publicKey);
  const made = await createCluster(world, { properties });
  assert.equal(made.peer, peerIdOf(first.key.publicKey));
  const error = await fault(() => prepareNodeKeys(world));
  assert.equal(error.code, "PLN_CONFLICT");
});

Deno.test("prepareNodeKeys() leaves a root key that is kept here", async () => {
  await using world = await openWorld();
  const { rootKey } = identityFiles;
  await world.disk.writeAtomic(rootKey, utf8("a root key"), { mode: 0o600 });
  await prepareNodeKeys(world);
  assert.equal((await world.disk.stat(rootKey))?.type, "file");
});

Deno.test("S07: a kill while the keys are made is survived", async () => {
  for (const failAt of [1, 2]) {
    await using world = await openWorld();
    const disk = failingDisk(world.disk, failAt);
    await assert.rejects(prepareNodeKeys({ ...world, disk }), /killed/);
    const keys = await prepareNodeKeys(world);
    const again = await prepareNodeKeys(world);
    assert.deepEqual(again.key.publicKey, keys.key.publicKey);
  }
});

Deno.test("S07: a kill at any write of a join leaves no node", async () => {
  const keys = newNodeKeys(mint.needs);
  const parts = { root: mint.root, ...keys, credential: credentialFor(keys) };
  for (let failAt = 1; failAt <= 4; failAt++) {
    await using world = await openWorld();
    const disk = failingDisk(world.disk, failAt);
    await assert.rejects(writeMembership({ ...world, disk }, parts), /killed/);
    assert.equal(await isInitialised(world.disk), false, `write ${failAt}`);
    const made = await writeMembership(world, parts);
    assert.equal(made.peer, peerIdOf(keys.key.publicKey));
  }
  await using world = await openWorld();
  await writeMembership({ ...world, disk: failingDisk(world.disk, 5) }, parts);
});

Deno.test("writeMembership() never overwrites a node, or a root key", async () => {
  await using world = await openWorld();
  const made = await createCluster(world, { properties });
  const keys = newNodeKeys(world);
  const parts = { root: mint.root, ...keys, credential: credentialFor(keys) };
  const error = await fault(() => writeMembership(world, parts));
  assert.equal(error.code, "PLN_CONFLICT");
  assert.equal((await loadIdentity(world)).peer, made.peer);
  await world.disk.remove(identityFiles.credential);
  const { publicKey } = await readRootKey(world);
  await writeMembership(world, parts);
  const kept = await readKeyFile(world, "keys/root.old-1.pem");
  assert.deepEqual(kept.publicKey, publicKey);
});

Deno.test("writeMembership() refuses what does not prove this node", async () => {
  await using world = await openWorld();
  const keys = newNodeKeys(world);
  const { root } = mint;
  const foreign = credentialFor(keys, { from: openMint("stranger") });
  const error = await fault(() =>
    writeMembership(world, { root, ...keys, credential: foreign })
  );
  assert.equal(error.code, "PLN_CREDENTIAL");
  const other = credentialFor(newNodeKeys(world));
  const second = await fault(() =>
    writeMembership(world, { root, ...keys, credential: other })
  );
  assert.match(second.message, /is another node's$/);
  assert.deepEqual(await world.disk.list(""), []);
});

Deno.test("replaceCredential() takes a renewed credential for good", async () => {
  await using world = await openWorld();
  const identity = await joined(world);
  const credential = credentialFor(identity, { issue: 2 });
  const next = await replaceCredential(world, identity, credential);
  assert.equal(next.facts.issue, 2);
  assert.equal(next.key, identity.key);
  const loaded = await loadIdentity(world);
  assert.deepEqual(loaded.facts, next.facts);
  assert.equal(loaded.credentialPem, next.credentialPem);
});

Deno.test("replaceCredential() refuses another's, and keeps the old", async () => {
  await using world = await openWorld();
  const identity = await joined(world);
  const other = credentialFor(newNodeKeys(world));
  const error = await fault(() => replaceCredential(world, identity, other));
  assert.match(error.message, /is another node's$/);
  const foreign = credentialFor(identity, { from: openMint("stranger") });
  const second = await fault(() => replaceCredential(world, identity, foreign));
  assert.equal(second.code, "PLN_CREDENTIAL");
  assert.deepEqual((await loadIdentity(world)).facts, identity.facts);
});

Deno.test("installAuthority() makes an admin, and keeps it one", async () => {
  await using world = await openWorld();
  const identity = await joined(world);
  const admin = await installAuthority(world, identity, promotion(identity));
  assert.equal(admin.facts.tier, "admin");
  assert.equal(admin.authority?.key, identity.authorityKey);
  const loaded = await loadIdentity(world);
  assert.deepEqual(loaded.facts, admin.facts);
  assert.deepEqual(
    loaded.authority?.key.publicKey,
    identity.authorityKey.publicKey,
  );
  // A credential from another admin knows nothing of this one's authority.
  const credential = credentialFor(identity, { issue: 2 });
  const renewed = await replaceCredential(world, admin, credential);
  assert.equal(renewed.facts.tier, "admin");
  assert.equal((await loadIdentity(world)).facts.tier, "admin");
});

Deno.test("installAuthority() prolongs, and never goes back", async () => {
  await using world = await openWorld();
  const identity = await joined(world);
  const first = promotion(identity);
  const admin = await installAuthority(world, identity, first);
  assert.equal(await installAuthority(world, admin, first), admin);
  const later = openMint("mint", startMs + 300 * dayMs);
  const second = issueAuthority(later.needs, {
    root: mint.root,
    rootKey: mint.rootKey,
    publicKey: identity.authorityKey.publicKey,
    admin: identity.peer,
  });
  const longer = await installAuthority(world, admin, second);
  assert.deepEqual(longer.authority?.certificate, second);
  assert.equal(await installAuthority(world, longer, first), longer);
  assert.deepEqual((await loadIdentity(world)).authority?.certificate, second);
});

Deno.test("installAuthority() refuses another's, or another key", async () => {
  await using world = await openWorld();
  const identity = await joined(world);
  const other = newNodeKeys(world);
  const foreign = issueAuthority(mint.needs, {
    root: mint.root,
    rootKey: mint.rootKey,
    publicKey: identity.authorityKey.publicKey,
    admin: peerIdOf(other.key.publicKey),
  });
  const refusals: readonly [Parameters<typeof installAuthority>[2], RegExp][] =
    [
      [foreign, /another admin's$/],
      [
        promotion(identity, other.authorityKey),
        /another key than this node's$/,
      ],
      [openMint("stranger").authority, /of cluster/],
      [identity.credential.member, /not a authority|not an authority|place/],
    ];
  for (const [certificate, says] of refusals) {
    const error = await fault(() =>
      installAuthority(world, identity, certificate)
    );
    assert.match(error.message, says);
  }
  assert.equal((await loadIdentity(world)).authority, undefined);
});

Deno.test("S07: a kill while an authority is installed loses nothing", async () => {
  for (const failAt of [1, 2]) {
    await using world = await openWorld();
    const identity = await joined(world);
    const certificate = promotion(identity);
    const disk = failingDisk(world.disk, failAt);
    await assert.rejects(
      installAuthority({ ...world, disk }, identity, certificate),
      /killed/,
    );
    const between = await openIdentity(world);
    assert.deepEqual(between.facts, identity.facts);
    const admin = await installAuthority(world, between, certificate);
    assert.equal(admin.facts.tier, "admin");
    assert.equal((await openIdentity(world)).facts.tier, "admin");
  }
});

Deno.test("openIdentity() makes a missing authority key once", async () => {
  await using world = await openWorld();
  const { authorityKey } = await joined(world);
  assert.deepEqual(
    (await openIdentity(world)).authorityKey.publicKey,
    authorityKey.publicKey,
  );
  await world.disk.remove(identityFiles.authorityKey);
  const loaded = await loadIdentity(world);
  assert.equal(loaded.authorityKey, undefined);
  assert.equal(await world.disk.stat(identityFiles.authorityKey), undefined);
  const opened = await ensureAuthorityKey(world, loaded);
  const again = await openIdentity(world);
  const { publicKey } = opened.authorityKey;
  assert.notDeepEqual(publicKey, authorityKey.publicKey);
  assert.deepEqual(again.authorityKey.publicKey, publicKey);
});

Deno.test("S10: a damaged authority key is named, never replaced", async () => {
  await using world = await openWorld();
  await joined(world);
  await world.disk.writeAtomic(identityFiles.authorityKey, utf8("damaged"));
  const error = await fault(() => openIdentity(world));
  assert.equal(error.code, "PLN_CORRUPT");
  assert.match(error.message, /keys\/authority\.pem/);
});

Deno.test("readRootKey() says where to go when the key is elsewhere", async () => {
  await using world = await openWorld();
  await joined(world);
  const error = await fault(() => readRootKey(world));
  assert.equal(error.code, "PLN_NOT_FOUND");
  assert.match(error.hint ?? "", /keeps it/);
  await using first = await openWorld("first");
  const passphrase = utf8("a long enough one");
  const { root } = await createCluster(first, { properties, passphrase });
  const sealed = await fault(() => readRootKey(first));
  assert.equal(sealed.code, "PLN_DENIED");
  const key = await readRootKey(first, { passphrase });
  assert.deepEqual(key.publicKey, root.publicKey);
});
