// Forgetting as admins decide it: who may, of whom, how far, and what of it
// others read. What the documents lose by it is the state's to test.

import assert from "node:assert/strict";
import {
  ConflictError,
  DeniedError,
  InputError,
  NotFoundError,
  peerIdOf,
} from "../../src/kernel/mod.ts";
import { failure, Lab } from "./admission_lab.ts";

const place = { generation: 3, seq: 7 };

Deno.test("Admins.forget() says how far a member's document is void", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  const { peer } = lab.member("member", admin);
  await lab.run((async () => {
    const dry = { place, isDryRun: true };
    assert.equal(await admin.admins.forget(peer, dry), false);
    assert.deepEqual(admin.state.published, []);
    assert.equal(await admin.admins.forget(peer, { place }), true);
    const said = other.state.rights().forgetOf(peer);
    assert.deepEqual([said?.generation, said?.seq], [3, 7]);
    assert.equal(await other.admins.forget(peer, { place }), false, "known");
    assert.equal(await other.admins.forget(peer, { place: undefined }), false);
    // It has come back, and is lost again.
    const later = { generation: 4, seq: 1 };
    assert.equal(await other.admins.forget(peer, { place: later }), true);
    assert.equal(admin.state.rights().forgetOf(peer)?.generation, 4);
    assert.equal(admin.state.rights().forgets[0]?.number, 2);
  })());
});

Deno.test("Admins.forget() refuses itself, admins, strangers, and who is no admin", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  const member = lab.member("member", admin);
  const nobody = peerIdOf(lab.newKey().publicKey);
  await lab.run((async () => {
    const own = await failure(admin.admins.forget(admin.peer, { place }));
    assert.ok(own instanceof InputError);
    assert.match(own.hint ?? "", /pln leave/);
    const admins = await failure(admin.admins.forget(other.peer, { place }));
    assert.ok(admins instanceof ConflictError);
    assert.match(admins.hint ?? "", /pln deny/);
    const none = { place: undefined };
    const stranger = await failure(admin.admins.forget(nobody, none));
    assert.ok(stranger instanceof NotFoundError);
    const low = await failure(member.admins.forget(nobody, { place }));
    assert.ok(low instanceof DeniedError);
    assert.match(low.message, /^Only admins forget/);
    assert.deepEqual(admin.state.published, []);
  })());
});
