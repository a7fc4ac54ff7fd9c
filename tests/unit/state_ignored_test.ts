// Entries that are stored and count for nothing, as a status shows them: this
// node's own by name, those of other admins as a number. In: documents of
// admins with nonsense in them. Out: the report, and the node's alarms.

import assert from "node:assert/strict";
import { canonicalJson, limits } from "../../src/kernel/mod.ts";
import {
  authorityChanges,
  denyChange,
  newAdminNode,
  nextBatch,
  rowOf,
} from "./replicas_lab.ts";
import { RightsLab } from "./rights_lab.ts";

/** A statement in form only: the root did not sign it. */
const nonsense = { root: "pln-root-statement:AAAA" };

Deno.test("other admins' nonsense is a number, the own is named", async () => {
  const lab = new RightsLab();
  const [hostile, admin] = [newAdminNode(lab), newAdminNode(lab)];
  const [own, known] = [lab.newPeer().peer, lab.newPeer().peer];
  await using from = await hostile.openAdmin();
  await using to = await admin.open();
  await to.publish([
    ...authorityChanges(admin.authority),
    { section: "denies", key: own, value: nonsense },
  ]);
  const subjects = lab.newPeers(2 * limits.rightsIgnoredMax);
  await from.publish([denyChange(known)]);
  const [base, deny] = rowOf(from, hostile.peer);
  assert.ok(base && deny);
  const operations = [
    ...subjects.map(({ peer: key }) => ({
      ...{ section: "denies", key, text: canonicalJson("nonsense") },
    })),
  ].toSorted((left, right) => left.key < right.key ? -1 : 1);
  const bad = nextBatch(hostile, deny, { changes: { operations, rev: 3 } });
  for (const bytes of [base, deny, bad]) {
    assert.equal(await to.accept(bytes), "new");
  }
  assert.equal(to.heads().find((one) => one.admin === hostile.peer)?.seq, 3);
  const { ignoredEntries, ignoredOfOthers } = to.report();
  assert.deepEqual(
    ignoredEntries.map(({ owner, section, key }) => [owner, section, key]),
    [[admin.peer, "denies", own]],
  );
  assert.equal(ignoredOfOthers, 0, "nobody has asked what they say");
  const { rights } = to.view();
  assert.equal(rights.denials.length, 1);
  assert.equal(rights.denials[0]?.subject, known);
  assert.equal(to.report().ignoredOfOthers, subjects.length);
  assert.equal(to.report().ignoredEntries.length, 1);
});
