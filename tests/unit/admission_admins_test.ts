// What admins grant, and who may act as one: merging with what is in force, what
// the root is asked for, and the refusals for whoever is no admin, with the one
// to ask instead.

import assert from "node:assert/strict";
import {
  ConflictError,
  DeniedError,
  limits,
  NotFoundError,
  type PeerId,
  peerIdOf,
} from "../../src/kernel/mod.ts";
import { joinCluster } from "../../src/admission/mod.ts";
import {
  checkCandidate,
  encodeRootRequest,
  parseRootRequest,
  type RootRequest,
  signAuthorityKey,
} from "../../src/identity/mod.ts";
import {
  byRoot,
  dayMs,
  failure,
  inviteOf,
  Lab,
  type LabNode,
  never,
  signedByRoot,
  signer,
} from "./admission_lab.ts";

function bootstrapsOf({ peer, address }: LabNode) {
  return [{ peer, addresses: [address] }];
}

function anybody(lab: Lab): PeerId {
  return peerIdOf(lab.newKey().publicKey);
}

function grantOf(node: LabNode, peer: PeerId) {
  return node.state.rights().grantOf(peer);
}

Deno.test("every verb of an admin is refused elsewhere, and says who to ask", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin, { tier: "publisher" });
  const { admins } = member;
  const peer = anybody(lab);
  await lab.run((async () => {
    const asked = await admin.admins.grant(admin.peer, {});
    const statement = signedByRoot(lab, asked);
    const verbs = [
      () => admins.invite({ bootstraps: bootstrapsOf(member) }),
      () => admins.revokeInvite("abcd"),
      () => admins.grant(peer, { tier: "publisher" }),
      () => admins.deny(peer),
      () => admins.allow(peer),
      () => admins.applyStatement(statement),
    ];
    for (const verb of verbs) {
      const error = await failure(verb());
      assert.ok(error instanceof DeniedError, String(error));
      assert.match(error.message, /this node is a publisher$/);
      assert.match(error.hint ?? "", new RegExp(admin.peer.slice(0, 8)));
      assert.equal(error.outcome, "permission");
    }
    assert.deepEqual(member.state.published, []);
  })());
});

Deno.test("an admin whose authority has expired decides nothing, and says how to renew it", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  admin.clock.wallMs = () => lab.making.clock.wallMs() + 366 * dayMs;
  await lab.run((async () => {
    const error = await failure(admin.admins.deny(anybody(lab)));
    assert.ok(error instanceof DeniedError);
    assert.match(error.message, /authority expired at/);
    assert.match(error.hint ?? "", /pln grant [0-9a-f]{64} --admin/);
  })());
});

Deno.test("Admins.grant() merges with what is in force", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin, {
    properties: new Map([["zone", "north"], ["rack", "7"]]),
  });
  const { admins } = admin;
  await lab.run((async () => {
    const first = await admins.grant(member.peer, { tier: "publisher" });
    assert.ok(first.type === "done" && first.isChanged);
    assert.deepEqual(
      new Map(grantOf(admin, member.peer)?.properties),
      new Map([["zone", "north"], ["rack", "7"]]),
    );
    await admins.grant(member.peer, {
      properties: new Map([["zone", "south"], ["rack", ""], ["gpu", "1"]]),
      accessMs: dayMs,
    });
    const grant = grantOf(admin, member.peer);
    assert.equal(grant?.tier, "publisher");
    assert.deepEqual(
      new Map(grant?.properties),
      new Map([["zone", "south"], ["gpu", "1"]]),
    );
    assert.equal(grant?.number, 2);
    assert.equal(grant?.by, admin.peer);
    assert.ok((grant?.accessDeadlineMs ?? 0) > admin.clock.wallMs());
    await admins.grant(member.peer, { accessMs: 0 });
    assert.equal(grantOf(admin, member.peer)?.accessDeadlineMs, undefined);
    assert.deepEqual(
      admins.propertiesOf(member.peer),
      new Map([["zone", "south"], ["gpu", "1"]]),
    );
  })());
});

Deno.test("Admins.grant() takes a node that nobody has met, and changes nothing twice", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const peer = anybody(lab);
  await lab.run((async () => {
    assert.equal(admin.admins.propertiesOf(peer), undefined);
    const change = { tier: "publisher" } as const;
    const first = await admin.admins.grant(peer, change);
    const count = admin.state.published.length;
    const second = await admin.admins.grant(peer, change);
    assert.ok(first.type === "done" && first.isChanged);
    assert.ok(second.type === "done" && !second.isChanged);
    assert.equal(admin.state.published.length, count);
  })());
});

Deno.test("Admins.grant() refuses the denied, and times and properties that do not fit", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const peer = anybody(lab);
  const denied = anybody(lab);
  await lab.run((async () => {
    await admin.admins.deny(denied);
    const ofDenied = await failure(admin.admins.grant(denied, {}));
    assert.ok(ofDenied instanceof ConflictError);
    assert.match(ofDenied.hint ?? "", /pln allow/);
    const cases = [
      [{ accessMs: -1 }, /no positive duration/],
      [{ accessMs: Number.NaN }, /no positive duration/],
      [{ accessMs: 2 ** 53 }, /no positive duration/],
      [{ accessMs: limits.inviteAccessMsMax + 1 }, /over 100 years/],
      [{ properties: new Map([["pln.peer", "x"]]) }, /is reserved/],
      [{ properties: new Map([["key", "x".repeat(5_000)]]) }, /5003 bytes/],
    ] as const;
    for (const [change, says] of cases) {
      const error = await failure(admin.admins.grant(peer, change));
      assert.equal(error.kind, "input");
      assert.match(error.message, says);
    }
    assert.equal(grantOf(admin, peer), undefined);
  })());
});

Deno.test("Admins.grant() for a new admin is the root's, who signs it elsewhere", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin, {
    tier: "publisher",
    properties: new Map([["zone", "north"]]),
  });
  await lab.run((async () => {
    const asked = await admin.admins.grant(member.peer, { tier: "admin" });
    assert.ok(asked.type === "needs-root");
    const request = parseRootRequest(asked.request);
    assert.equal(request.kind, "grant");
    assert.equal(request.subject, member.peer);
    assert.equal(grantOf(admin, member.peer), undefined, "only asked for");
    const applied = await byRoot(lab, admin, asked);
    assert.ok(applied.type === "done" && applied.isChanged);
    assert.equal(applied.tier, "admin");
    const grant = grantOf(admin, member.peer);
    assert.equal(grant?.by, "root");
    assert.deepEqual(
      grant?.authority?.publicKey,
      member.identity.authorityKey.publicKey,
    );
    assert.deepEqual(new Map(grant?.properties), new Map([["zone", "north"]]));
  })());
});

Deno.test("Admins.grant() cannot make an admin of a node whose authority key nobody knows", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const error = await failure(
      admin.admins.grant(anybody(lab), { tier: "admin" }),
    );
    assert.ok(error instanceof NotFoundError);
    assert.match(error.hint ?? "", /pln invite [0-9a-f]{64} --admin/);
  })());
});

/** A node that has joined with an invite and was never linked since. */
async function joinedNode(lab: Lab, admin: LabNode) {
  const keys = lab.newKeys();
  const peer = peerIdOf(keys.key.publicKey);
  const invite = { tier: "admin", subject: peer } as const;
  const token = await inviteOf(admin, invite);
  const dialer = lab.dialer();
  await joinCluster(lab.making, token, { keys, dialer, signal: never });
  return { peer, keys };
}

Deno.test("Admins.grant() makes an admin of a node that has joined and is away", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  await lab.run((async () => {
    const { peer, keys } = await joinedNode(lab, admin);
    const asked = await other.admins.grant(peer, { tier: "admin" });
    await byRoot(lab, other, asked);
    assert.deepEqual(
      grantOf(admin, peer)?.authority?.publicKey,
      keys.authorityKey.publicKey,
    );
  })());
});

Deno.test("Admins.grant() asks to be run again when nobody has proven an admin's key here", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  lab.shown.set(other.peer, undefined);
  await lab.run((async () => {
    const change = { properties: new Map([["zone", "north"]]) };
    const error = await failure(admin.admins.grant(other.peer, change));
    assert.ok(error instanceof NotFoundError);
    assert.match(error.message, /has not proven here which authority key/);
    assert.match(error.hint ?? "", /^Run this again while that node is conn/);
    const own = await other.admins.grant(other.peer, change);
    await byRoot(lab, admin, own);
    lab.shown.clear();
    assert.ok((await admin.admins.grant(other.peer, {})).type === "needs-root");
  })());
});

Deno.test("Admins.grant() takes no key from an admin's join that it has no more", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const { peer, keys } = await joinedNode(lab, admin);
    const lost = await admin.admins.grant(peer, { tier: "admin" });
    await byRoot(lab, admin, lost);
    // It has lost that key since, and has made itself another.
    const authorityKey = lab.newKey();
    const { cluster } = lab.root;
    const identity = { cluster, key: keys.key, authorityKey };
    const shown = signAuthorityKey({ signer }, identity);
    lab.shown.set(peer, shown);
    const asked = await admin.admins.grant(peer, { tier: "admin" });
    await byRoot(lab, admin, asked);
    const certificate = grantOf(admin, peer)?.authority;
    assert.deepEqual(certificate?.publicKey, authorityKey.publicKey);
    assert.ok(certificate !== undefined);
    admin.state.documents.set(peer, {
      ...{ owner: peer, ownAuthority: certificate, sections: new Map() },
    });
    lab.shown.delete(peer);
    const error = await failure(
      admin.admins.grant(peer, { tier: "admin" }),
    );
    assert.match(error.hint ?? "", /^Run this again while that node is conn/);
  })());
});

Deno.test("an admin gets no key of its own certified in another's name", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const victim = lab.member("victim", admin);
  await lab.run((async () => {
    const asked = await admin.admins.grant(victim.peer, { tier: "admin" });
    assert.ok(asked.type === "needs-root");
    const honest = parseRootRequest(asked.request);
    const { identity } = admin;
    const authorityKey = lab.newKey();
    const { authorityProof } = signAuthorityKey({ signer }, {
      ...{ ...identity, authorityKey },
    });
    for (const proof of [authorityProof, honest.authorityProof]) {
      const request = encodeRootRequest({
        ...honest,
        authority: authorityKey.publicKey,
        authorityProof: proof,
      } as RootRequest);
      assert.throws(
        () => signedByRoot(lab, { ...asked, request }),
        /has not signed the authority key/,
      );
    }
    signedByRoot(lab, asked);
  })());
});

Deno.test("Admins.grant() about any admin, also itself, is the root's", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  await lab.run((async () => {
    for (const { peer, identity } of [admin, other]) {
      const asked = await admin.admins.grant(peer, {
        properties: new Map([["zone", "north"]]),
      });
      assert.ok(asked.type === "needs-root");
      const request = parseRootRequest(asked.request);
      assert.ok(request.kind === "grant" && request.tier === "admin");
      assert.deepEqual(request.authority, identity.authorityKey.publicKey);
      checkCandidate({ signer }, request);
    }
    const lower = await admin.admins.grant(other.peer, { tier: "leaf" });
    assert.ok(lower.type === "needs-root");
  })());
});

Deno.test("Admins.grant() neither lowers the cluster's only admin nor ends its access", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const { peer } = admin;
  const changes = [
    { tier: "leaf" },
    { tier: "publisher" },
    { accessMs: dayMs },
    { tier: "admin", accessMs: dayMs },
  ] as const;
  await lab.run((async () => {
    for (const change of changes) {
      const error = await failure(admin.admins.grant(peer, change));
      assert.ok(error instanceof ConflictError, String(error));
      assert.equal(error.message, "This node is the cluster's only admin");
      assert.match(error.hint ?? "", /pln grant <peer> --admin/);
    }
    const lifted = await admin.admins.grant(peer, { accessMs: 0 });
    assert.equal(lifted.type, "needs-root");
    const other = lab.admin("other");
    for (const change of changes) {
      const asked = await admin.admins.grant(peer, change);
      assert.equal(asked.type, "needs-root");
    }
    const ending = await admin.admins.grant(other.peer, { accessMs: dayMs });
    await byRoot(lab, admin, ending);
    const last = await failure(admin.admins.grant(peer, { accessMs: dayMs }));
    assert.match(String(last), /only admin whose access has no end$/);
    const demoted = await admin.admins.grant(other.peer, { tier: "leaf" });
    await byRoot(lab, admin, demoted);
    const alone = await failure(admin.admins.grant(peer, { tier: "leaf" }));
    assert.match(String(alone), /This node is the cluster's only admin$/);
  })());
});

Deno.test("verbs of one admin wait for each other, so that numbers never repeat", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const peer = anybody(lab);
  await lab.run((async () => {
    const zones = ["a", "b", "c", "d"];
    await Promise.all(
      zones.map((zone) =>
        admin.admins.grant(peer, { properties: new Map([["zone", zone]]) })
      ),
    );
    assert.equal(grantOf(admin, peer)?.number, 4);
  })());
});

Deno.test("an admin that the root has demoted decides nothing more", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  await lab.run((async () => {
    const asked = await admin.admins.grant(other.peer, { tier: "publisher" });
    await byRoot(lab, admin, asked);
    const error = await failure(other.admins.deny(anybody(lab)));
    assert.ok(error instanceof DeniedError);
    assert.match(error.message, /the root made it an admin no more$/);
  })());
});

Deno.test("Admins.grant() on any node asks the root to make it an admin, and on no other", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  await lab.run((async () => {
    const asked = await member.admins.grant(member.peer, { tier: "admin" });
    assert.ok(asked.type === "needs-root");
    const request = parseRootRequest(asked.request);
    assert.ok(request.kind === "grant");
    assert.deepEqual(
      request.authority,
      member.identity.authorityKey.publicKey,
    );
    checkCandidate({ signer }, request);
    const other = await failure(
      member.admins.grant(anybody(lab), { tier: "admin" }),
    );
    assert.ok(other instanceof DeniedError);
    // Whoever cannot take an authority cannot publish the statement either.
    const applied = await failure(byRoot(lab, member, asked));
    assert.ok(applied instanceof DeniedError);
  })());
});

Deno.test("Admins.grant() on an admin whose authority has expired still asks the root for a new one", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  lab.passTime(366 * dayMs);
  await lab.run((async () => {
    for (const change of [{ tier: "admin" }, {}] as const) {
      const asked = await admin.admins.grant(admin.peer, change);
      assert.ok(asked.type === "needs-root");
    }
    const asked = await admin.admins.grant(admin.peer, {});
    await byRoot(lab, admin, asked);
    const granted = grantOf(admin, admin.peer)?.authority;
    assert.ok((granted?.notAfterMs ?? 0) > admin.clock.wallMs());
  })());
});
