// An admin's renewal of itself under a grant: its rights follow the grant at
// once, and a grant that says what the certificate says changes nothing.

import assert from "node:assert/strict";
import {
  createCluster,
  type GrantedRights,
  hasRights,
  loadIdentity,
  memberRights,
  renewalDueMs,
  renewOwnMember,
} from "../../src/identity/mod.ts";
import { dayMs, openWorld, startMs } from "./identity_world.ts";

const properties = new Map([["zone", "north"]]);
const same: GrantedRights = {
  tier: "publisher",
  properties,
  accessDeadlineMs: undefined,
};

Deno.test("renewOwnMember() takes over what was granted, before its time", async () => {
  await using world = await openWorld();
  let identity = await createCluster(world, { properties });
  const grants: readonly GrantedRights[] = [
    { ...same, tier: "leaf" },
    { ...same, properties: new Map([["zone", "south"]]) },
    { ...same, properties: new Map() },
    { ...same, accessDeadlineMs: startMs + dayMs },
    same,
  ];
  let issue = 1;
  for (const granted of grants) {
    const next = await renewOwnMember(world, identity, { granted });
    const { claims } = next.credential.member;
    assert.ok(claims?.type === "member");
    assert.equal(claims.issue, ++issue);
    assert.equal(claims.tier, granted.tier);
    assert.deepEqual(next.facts.properties, granted.properties);
    assert.equal(next.facts.accessDeadlineMs, granted.accessDeadlineMs);
    assert.equal(next.facts.tier, "admin");
    assert.deepEqual((await loadIdentity(world)).facts, next.facts);
    assert.equal(await renewOwnMember(world, next, { granted }), next);
    identity = next;
  }
});

Deno.test("renewOwnMember() calls an admin a publisher", async () => {
  await using world = await openWorld();
  const identity = await createCluster(world, { properties });
  const granted: GrantedRights = { ...same, tier: "admin" };
  assert.equal(await renewOwnMember(world, identity, { granted }), identity);
});

Deno.test("renewOwnMember() gives nothing past a granted deadline", async () => {
  await using world = await openWorld();
  const identity = await createCluster(world, { properties });
  const granted = { ...same, accessDeadlineMs: startMs };
  await assert.rejects(renewOwnMember(world, identity, { granted }), {
    name: "CredentialError",
    check: "deadline",
  });
});

Deno.test("S16: a grant that says nothing new waits for 2/3 of the life", async () => {
  await using world = await openWorld();
  const identity = await createCluster(world, { properties });
  const dueMs = renewalDueMs(identity.credential.member);
  world.clock.timeMs = dueMs - 1;
  const early = await renewOwnMember(world, identity, { granted: same });
  assert.equal(early, identity);
  world.clock.timeMs = dueMs;
  const due = await renewOwnMember(world, identity, { granted: same });
  assert.equal(due.facts.issue, 2);
});

Deno.test("hasRights() compares what a member certificate can say", () => {
  const admin: GrantedRights = { ...same, tier: "admin" };
  assert.deepEqual(memberRights(admin), same);
  assert.equal(hasRights(same, admin), true);
  const others: readonly Partial<GrantedRights>[] = [
    { tier: "leaf" },
    { accessDeadlineMs: 1 },
    { properties: new Map() },
    { properties: new Map([["zone", "south"]]) },
    { properties: new Map([["zone", "north"], ["a", "b"]]) },
    { properties: new Map([["area", "north"]]) },
  ];
  for (const changes of others) {
    assert.equal(hasRights(same, { ...same, ...changes }), false);
    assert.equal(hasRights({ ...same, ...changes }, same), false);
  }
});
