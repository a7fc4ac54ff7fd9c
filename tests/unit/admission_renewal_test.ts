// Renewal in virtual time: a node that runs keeps its certificate valid, by its
// own authority, by an admin over a link or by anybody it still knows; takes
// what was granted since; becomes an admin when the root says so; and tells its
// operator in time what will not mend itself.

import assert from "node:assert/strict";
import {
  openRenewer,
  type Renewer,
  type RenewerConfig,
} from "../../src/admission/mod.ts";
import { RenewalEngine, renewalTimes } from "../../src/admission/renewal.ts";
import {
  identityFiles,
  isValidAt,
  lifetimes,
  type NodeIdentity,
  parseCredentialPem,
  renewalDueMs,
} from "../../src/identity/mod.ts";
import { limits, utf8Text } from "../../src/kernel/mod.ts";
import { byRoot, dayMs, Lab, type LabNode, pause } from "./admission_lab.ts";

const hourMs = 3_600_000;

type Watched = {
  readonly renewer: Renewer;
  readonly seen: NodeIdentity[];
} & AsyncDisposable;

/** The node renews itself from now on. */
function renew(node: LabNode, more: Partial<RenewerConfig> = {}): Watched {
  const seen: NodeIdentity[] = [];
  const renewer = openRenewer(node.needs, {
    identity: node.identity,
    state: node.state,
    links: { links: () => node.links() },
    dialer: node.lab.dialer(node.address.ip),
    candidates: () => [],
    onIdentity: (identity) => {
      node.identity = identity;
      seen.push(identity);
    },
    ...more,
  });
  return {
    renewer,
    seen,
    [Symbol.asyncDispose]: () => renewer[Symbol.asyncDispose](),
  };
}

/** Where somebody else may be found. */
function candidate({ peer, address }: LabNode) {
  return { peer, addresses: [address] };
}

/** The issue on the node's disk; what is durable counts. */
async function storedIssue(node: LabNode): Promise<number> {
  const disk = node.disk.mount();
  const bytes = await disk.read(identityFiles.credential, {
    bytesMax: limits.certificateFileBytesMax,
  });
  const { member } = parseCredentialPem(utf8Text(bytes) ?? "");
  return member.claims?.type === "member" ? member.claims.issue : 0;
}

function dueInMs({ identity, clock }: LabNode): number {
  return renewalDueMs(identity.credential.member) - clock.wallMs();
}

Deno.test("a member renews at 2/3 of its certificate's life over a link to an admin", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin, {
    tier: "publisher",
    properties: new Map([["zone", "north"]]),
  });
  member.linked.push(admin);
  await lab.run((async () => {
    const before = member.identity.facts;
    await using _keeper = renew(admin);
    await using watched = renew(member);
    await pause(lab.world, dueInMs(member) - 1_000);
    assert.equal(watched.seen.length, 0);
    await pause(lab.world, 2_000);
    const [identity, ...more] = watched.seen;
    assert.ok(identity !== undefined && more.length === 0);
    const { facts } = identity;
    assert.equal(facts.issue, before.issue + 1);
    assert.equal(facts.tier, "publisher");
    assert.deepEqual([...facts.properties], [["zone", "north"]]);
    assert.equal(facts.memberSinceMs, before.memberSinceMs);
    assert.ok(facts.notAfterMs > before.notAfterMs);
    assert.equal(await storedIssue(member), 2, "durable before it is told");
    assert.equal(watched.renewer.alarms.length, 0);
    await pause(lab.world, 30 * dayMs);
    assert.equal(watched.renewer.identity.facts.issue, 8);
    assert.equal(admin.state.published.length, 0, "a renewal writes nothing");
  })());
});

Deno.test("S13: a member that renews an old certificate gets one above all that it has shown", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(admin);
  await lab.run((async () => {
    await using watched = renew(member);
    const { facts } = member.identity;
    member.identity = { ...member.identity, facts: { ...facts, issue: 9 } };
    await pause(lab.world, dueInMs(member) + 1_000);
    assert.equal(watched.seen[0]?.facts.issue, 10);
  })());
});

Deno.test("S15: whose clock was days ahead renews once it is right again", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(admin);
  await lab.run((async () => {
    await using keeper = renew(admin);
    await using watched = renew(member);
    lab.passTime(5 * dayMs);
    for (const { renewer } of [keeper, watched]) renewer.recheck();
    await pause(lab.world, hourMs);
    lab.passTime(0);
    const isUseful = ({ renewer }: Watched) =>
      isValidAt(renewer.identity.credential.member, member.clock.wallMs());
    assert.ok(!isUseful(keeper) && !isUseful(watched), "nobody believes them");
    for (const { renewer } of [keeper, watched]) {
      assert.match(renewer.alarms[0]?.message ?? "", /valid only from/);
    }
    await pause(lab.world, renewalTimes.lookMsMax + 60_000);
    assert.ok(isUseful(keeper) && isUseful(watched));
    for (const { renewer } of [keeper, watched]) {
      assert.deepEqual(renewer.alarms, []);
    }
  })());
});

Deno.test("an admin renews itself by its own authority", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    await using watched = renew(admin);
    await pause(lab.world, 10 * dayMs);
    const { facts, credential } = watched.renewer.identity;
    assert.equal(facts.issue, 3);
    assert.equal(facts.tier, "admin");
    assert.equal(facts.issuedBy, admin.peer);
    assert.ok(credential.ownAuthority !== undefined);
  })());
});

Deno.test("an admin is renewed by another one when its own authority ends before", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    await pause(lab.world, 30 * dayMs);
    const other = lab.admin("other");
    admin.linked.push(other);
    await using watched = renew(admin);
    const { clock } = admin;
    const start = clock.wallMs.bind(clock);
    clock.wallMs = () => start() + lifetimes.authorityMs - 29 * dayMs;
    watched.renewer.recheck();
    await pause(lab.world, hourMs);
    const { facts } = watched.renewer.identity;
    assert.equal(facts.tier, "admin", "its own authority stays in it");
    assert.match(
      watched.renewer.alarms[0]?.message ?? "",
      /authority expired at/,
    );
  })());
});

Deno.test("an admin asks another one when its own authority would shorten its certificate", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  lab.passTime(360 * dayMs);
  const other = lab.admin("other");
  other.clock.setWallOffset(360 * dayMs);
  admin.linked.push(other);
  lab.recertify(admin, other);
  await lab.run((async () => {
    await using _keeper = renew(other);
    await using watched = renew(admin);
    const { notAfterMs } = admin.identity.facts;
    await pause(lab.world, dueInMs(admin) + 10_000);
    const { facts, authority } = watched.renewer.identity;
    assert.ok(
      (authority?.certificate.notAfterMs ?? 0) > admin.clock.wallMs(),
      "its own authority has not ended yet",
    );
    assert.ok(facts.notAfterMs > notAfterMs);
    assert.equal(facts.issuedBy, other.peer);
  })());
});

Deno.test("an expired member renews through any peer it knows", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const friend = lab.member("friend", admin);
  friend.linked.push(admin);
  const member = lab.member("member", admin);
  await lab.run((async () => {
    const { notAfterMs } = member.identity.facts;
    await pause(lab.world, 20 * dayMs);
    assert.ok(member.clock.wallMs() > notAfterMs);
    const gone = lab.member("gone", admin);
    gone.isUp = false;
    friend.identity = { ...friend.identity };
    // The admin's own certificate must be alive for the joiner to believe it.
    await using keeper = renew(admin);
    await pause(lab.world, 1_000);
    await using watched = renew(member, {
      candidates: () => [candidate(gone), candidate(friend)],
    });
    await pause(lab.world, hourMs);
    const { facts } = watched.renewer.identity;
    assert.equal(facts.issue, 2);
    assert.ok(facts.notAfterMs > member.clock.wallMs());
    assert.equal(keeper.seen.length, 1);
  })());
});

Deno.test("a member that cannot renew tries again, ever more rarely, and says so", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(admin);
  admin.isUp = false;
  await lab.run((async () => {
    await using watched = renew(member);
    await pause(lab.world, dueInMs(member) + 60_000);
    const [alarm] = watched.renewer.alarms;
    assert.match(alarm?.message ?? "", /ends in 2d.*could not be renewed/);
    const early = member.logged("renewal.failed").length;
    assert.ok(early >= 3 && early <= 8, `${early} in the first minute`);
    await pause(lab.world, dayMs);
    const day = member.logged("renewal.failed").length - early;
    assert.ok(day >= 288 && day <= 600, `${day} in the next day`);
    await pause(lab.world, 3 * dayMs);
    const [expired] = watched.renewer.alarms;
    assert.match(expired?.message ?? "", /certificate expired at/);
    assert.match(expired?.hint ?? "", /pln invite [0-9a-f]{64}.*pln join/);
    admin.isUp = true;
    watched.renewer.recheck();
    await pause(lab.world, 10_000);
    assert.equal(watched.renewer.identity.facts.issue, 1, "not by a dead one");
    await using _keeper = renew(admin);
    watched.renewer.recheck();
    await pause(lab.world, 20_000);
    assert.equal(watched.renewer.identity.facts.issue, 2);
    assert.equal(watched.renewer.alarms.length, 0);
  })());
});

Deno.test("a member takes what was granted at once", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(admin);
  await lab.run((async () => {
    await using watched = renew(member);
    await admin.admins.grant(member.peer, {
      tier: "publisher",
      properties: new Map([["zone", "south"]]),
      accessMs: 30 * dayMs,
    });
    watched.renewer.recheck();
    await pause(lab.world, 100);
    const { facts } = watched.renewer.identity;
    const grant = member.state.rights().grantOf(member.peer);
    assert.equal(facts.tier, "publisher");
    assert.deepEqual([...facts.properties], [["zone", "south"]]);
    assert.equal(facts.accessDeadlineMs, grant?.accessDeadlineMs);
    assert.equal(watched.seen.length, 1);
  })());
});

Deno.test("a member whose admin lags behind does not renew over and over", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const behind = lab.admin("behind");
  const member = lab.member("member", admin);
  member.linked.push(behind);
  await lab.run((async () => {
    await admin.admins.grant(member.peer, { tier: "leaf" });
    admin.cutOff.add(behind.peer);
    await using watched = renew(member);
    await admin.admins.grant(member.peer, { tier: "publisher" });
    watched.renewer.recheck();
    await pause(lab.world, 60_000);
    assert.ok(watched.seen.length >= 2 && watched.seen.length < 8);
    assert.equal(watched.renewer.identity.facts.tier, "leaf");
    admin.cutOff.clear();
    await admin.admins.grant(member.peer, { tier: "publisher", accessMs: 0 });
    member.linked.unshift(admin);
    watched.renewer.recheck();
    await pause(lab.world, 60_000);
    assert.equal(watched.renewer.identity.facts.tier, "publisher");
  })());
});

Deno.test("whom only another admin's certificate names is not renewed", async () => {
  const lab = new Lab();
  const bad = lab.admin("bad");
  const good = lab.admin("good");
  const hidden = lab.member("hidden", bad, { tier: "publisher" });
  hidden.linked.push(good);
  await lab.run((async () => {
    await using watched = renew(hidden);
    await pause(lab.world, dueInMs(hidden) + hourMs);
    assert.equal(watched.seen.length, 0);
    const [failed] = hidden.log.records
      .filter(({ event }) => event === "renewal.failed");
    assert.match(`${failed?.fields["reason"]}`, /^No admin's document names/);
    await good.admins.grant(hidden.peer, { tier: "leaf" });
    watched.renewer.recheck();
    await pause(lab.world, hourMs);
    assert.equal(watched.renewer.identity.facts.issuedBy, good.peer);
    assert.equal(watched.renewer.identity.facts.tier, "leaf");
  })());
});

Deno.test("a member becomes an admin when the root has signed its authority", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin, { tier: "publisher" });
  member.linked.push(admin);
  await lab.run((async () => {
    await using watched = renew(member);
    const asked = await admin.admins.grant(member.peer, { tier: "admin" });
    await byRoot(lab, admin, asked);
    watched.renewer.recheck();
    await pause(lab.world, 5_000);
    const { identity } = watched.renewer;
    assert.equal(identity.facts.tier, "admin");
    assert.ok(identity.authority !== undefined);
    assert.equal(watched.renewer.alarms.length, 0);
    const files = await member.disk.mount().list("certs");
    assert.ok(files.some(({ name }) => name === "authority.pem"));
    await pause(lab.world, 20 * dayMs);
    const { facts } = watched.renewer.identity;
    assert.equal(facts.issuedBy, member.peer, "from now on by itself");
    assert.equal(facts.tier, "admin");
  })());
});

Deno.test("a member says when the root has signed another key than its own", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  await lab.run((async () => {
    const asked = await admin.admins.grant(member.peer, { tier: "admin" });
    await byRoot(lab, admin, asked);
    member.identity = { ...member.identity, authorityKey: lab.newKey() };
    await using watched = renew(member);
    await pause(lab.world, 1_000);
    const [alarm] = watched.renewer.alarms;
    assert.match(alarm?.message ?? "", /for another key than this node's/);
    assert.equal(watched.renewer.identity.authority, undefined);
  })());
});

Deno.test("an admin hears 60 days before that its authority ends, and renews it by the root", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    await using watched = renew(admin);
    assert.equal(watched.renewer.alarms.length, 0);
    const { clock } = admin;
    const start = clock.wallMs.bind(clock);
    const laterMs = lifetimes.authorityMs - 59 * dayMs;
    clock.wallMs = () => start() + laterMs;
    lab.making.clock.wallMs = clock.wallMs;
    const [alarm] = watched.renewer.alarms;
    assert.match(alarm?.message ?? "", /authority ends in 59d$/);
    assert.match(alarm?.hint ?? "", /pln grant [0-9a-f]{64} --admin/);
    const asked = await admin.admins.grant(admin.peer, {});
    await byRoot(lab, admin, asked);
    watched.renewer.recheck();
    await pause(lab.world, 5_000);
    const { authority } = watched.renewer.identity;
    const endMs = authority?.certificate.notAfterMs ?? 0;
    assert.ok(endMs - clock.wallMs() > 360 * dayMs);
    assert.equal(watched.renewer.alarms.length, 0);
  })());
});

Deno.test("a member whose access ended hears by itself that it was granted again", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(admin);
  await lab.run((async () => {
    await using watched = renew(member);
    const { peer } = member;
    await admin.admins.grant(peer, { tier: "publisher", accessMs: 2_000 });
    watched.renewer.recheck();
    await pause(lab.world, 4_000);
    assert.match(watched.renewer.alarms[0]?.message ?? "", /access .* ended/);
    admin.cutOff.add(peer); // everybody refuses it: no word of the grant
    await admin.admins.grant(peer, { accessMs: 0 });
    await pause(lab.world, 6_000);
    assert.equal(watched.renewer.identity.facts.accessDeadlineMs, undefined);
  })());
});

Deno.test("a member whose access ends hears of it, and asks ever more rarely", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin, {
    accessDeadlineMs: lab.making.clock.wallMs() + 6 * dayMs,
  });
  member.linked.push(admin);
  await lab.run((async () => {
    await using watched = renew(member);
    await pause(lab.world, 2 * dayMs);
    assert.equal(watched.renewer.alarms.length, 0);
    await pause(lab.world, 2 * dayMs);
    const [near] = watched.renewer.alarms;
    assert.match(near?.message ?? "", /access ends in 2d/);
    await pause(lab.world, 3 * dayMs);
    assert.match(
      watched.renewer.alarms[0]?.message ?? "",
      /^The access of [0-9a-f]{8} ended at/,
    );
    const streams = admin.streams;
    await pause(lab.world, 10 * dayMs);
    // Somebody may have granted it more time, which no link could tell it.
    const asked = admin.streams - streams;
    assert.ok(asked > 0 && asked <= 10 * 24 * 24, `${asked}`);
  })());
});

Deno.test("a denied member asks nobody while links could tell it, and renews when it is allowed again", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(admin);
  await lab.run((async () => {
    await using keeper = renew(admin);
    await admin.admins.deny(member.peer, { reason: "test" });
    await using watched = renew(member);
    await pause(lab.world, 6 * dayMs);
    assert.equal(admin.streams, 0);
    await pause(lab.world, 4 * dayMs);
    assert.ok(admin.streams > 0 && admin.streams <= 4 * 24 * 24);
    const [alarm] = watched.renewer.alarms;
    assert.match(alarm?.message ?? "", /was denied by.*test$/);
    await admin.admins.allow(member.peer);
    watched.renewer.recheck();
    await pause(lab.world, 10_000);
    assert.equal(watched.renewer.identity.facts.issue, 2);
    assert.ok(keeper.seen.length > 0);
  })());
});

Deno.test("an admin renews nobody who is denied, whose admin is denied, or whose access ended", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const parent = lab.admin("parent");
  const denied = lab.member("denied", admin);
  const orphan = lab.member("orphan", parent);
  const late = lab.member("late", admin, {
    accessDeadlineMs: lab.making.clock.wallMs() + 1,
  });
  await lab.run((async () => {
    await admin.admins.deny(denied.peer);
    const asked = await admin.admins.deny(parent.peer, { children: "cascade" });
    await byRoot(lab, admin, asked);
    for (const node of [denied, orphan, late]) {
      node.linked.push(admin);
      // It believes itself in good standing, and due at once.
      const blind = new Lab(3);
      const rights = blind.admin("blind").state.rights();
      const { clock } = node;
      const start = clock.wallMs.bind(clock);
      clock.wallMs = () => start() + 5 * dayMs;
      const identity = {
        ...node.identity,
        facts: { ...node.identity.facts, accessDeadlineMs: undefined },
      };
      await using watched = renew(node, {
        identity,
        state: { rights: () => rights },
      });
      await pause(lab.world, 30_000);
      assert.equal(watched.seen.length, 0);
      const [failed] = node.logged("renewal.failed");
      assert.match(
        String(failed?.fields.reason),
        /was denied by|no admin any more|access of .* ended/,
      );
    }
  })());
});

Deno.test("Renewer ends an attempt under way when it is disposed", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(admin);
  admin.isMute = true;
  await lab.run((async () => {
    const { renewer } = renew(member);
    await pause(lab.world, dueInMs(member) + 100);
    assert.equal(admin.streams, 1);
    const startMs = lab.world.nowMs;
    await renewer[Symbol.asyncDispose]();
    assert.equal(lab.world.nowMs, startMs);
    await renewer[Symbol.asyncDispose]();
    assert.equal(member.logged("renewal.failed").length, 0);
  })());
  await lab.world.settle();
});

Deno.test("Renewer goes on after the disk has failed", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(admin);
  await lab.run((async () => {
    await using watched = renew(member);
    const fault = member.disk.fail("io");
    await pause(lab.world, dueInMs(member) + 1_000);
    assert.equal(watched.renewer.identity.facts.issue, 1);
    assert.equal(watched.renewer.alarms.length, 1);
    fault[Symbol.dispose]();
    await pause(lab.world, 60_000);
    assert.equal(watched.renewer.identity.facts.issue, 2);
    assert.equal(watched.renewer.alarms.length, 0);
  })());
});

Deno.test("RenewalEngine waits longer after each failure, and looks at least every hour", () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  const engine = new RenewalEngine();
  const view = (wallMs: number) => ({
    identity: member.identity,
    rights: member.state.rights(),
    wallMs,
  });
  const freshMs = member.clock.wallMs();
  assert.deepEqual(engine.next(0, view(freshMs)), {
    type: "wait",
    delayMs: renewalTimes.lookMsMax,
  });
  const dueMs = renewalDueMs(member.identity.credential.member);
  const waits: number[] = [];
  let nowMs = 0;
  for (let attempt = 0; attempt < 12; attempt++) {
    assert.equal(engine.next(nowMs, view(dueMs)).type, "renew");
    engine.failed(nowMs, { jitter: 999 });
    const step = engine.next(nowMs, view(dueMs));
    assert.ok(step.type === "wait");
    waits.push(step.delayMs);
    nowMs += step.delayMs;
  }
  assert.ok(waits.every((wait, index) => wait >= (waits[index - 1] ?? 0)));
  assert.ok((waits[0] ?? 0) <= renewalTimes.backoffMsMin);
  assert.ok((waits.at(-1) ?? 0) <= renewalTimes.backoffMsMax);
  engine.failed(nowMs, { jitter: 0 });
  engine.encourage();
  const soon = engine.next(nowMs, view(dueMs));
  assert.deepEqual(soon, { type: "wait", delayMs: renewalTimes.backoffMsMin });
});

Deno.test("a member becomes an admin by the root alone when no admin is left", async () => {
  const lab = new Lab();
  const gone = lab.admin("gone");
  const member = lab.member("member", gone, { tier: "publisher" });
  const other = lab.member("other", gone);
  gone.isUp = false;
  await lab.run((async () => {
    await using watched = renew(member);
    member.promote = (certificate) => watched.renewer.promote(certificate);
    const asked = await member.admins.grant(member.peer, { tier: "admin" });
    const applied = await byRoot(lab, member, asked);
    assert.ok(applied.type === "done" && applied.isChanged);
    assert.equal(member.identity.facts.tier, "admin");
    const grant = other.state.rights().grantOf(member.peer);
    assert.equal(grant?.by, "root", "others hear of it from its own document");
    await member.admins.deny(other.peer);
    assert.equal(other.state.rights().denialOf(other.peer)?.by, member.peer);
  })());
});

Deno.test("an admin gives no certificate after the last there can be", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin, { issue: 2 ** 48 - 1 });
  member.linked.push(admin);
  await lab.run((async () => {
    await using watched = renew(member);
    await pause(lab.world, dueInMs(member) + 1_000);
    assert.equal(watched.seen.length, 0);
    const [failed] = member.logged("renewal.failed");
    assert.match(String(failed?.fields.reason), /No certificate can follow/);
  })());
});
