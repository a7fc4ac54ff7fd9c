// Denials, and what only the root may say about admins: what becomes of the
// members that a denied admin let in, of the denials it made, and of statements
// that are old, foreign or known.

import assert from "node:assert/strict";
import {
  ConflictError,
  DeniedError,
  InputError,
  LimitError,
  limits,
  type PeerId,
  peerIdOf,
} from "../../src/kernel/mod.ts";
import { byRoot, dayMs, failure, Lab } from "./admission_lab.ts";

function anybody(lab: Lab): PeerId {
  return peerIdOf(lab.newKey().publicKey);
}

Deno.test("Admins.deny() puts a member out everywhere, and allow() lets it in", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  const member = lab.member("member", admin);
  await lab.run((async () => {
    const decision = await admin.admins.deny(member.peer, { reason: "lost" });
    assert.deepEqual(decision, {
      type: "done",
      peer: member.peer,
      isChanged: true,
    });
    const denial = other.state.rights().denialOf(member.peer);
    assert.equal(denial?.by, admin.peer);
    assert.equal(denial?.reason, "lost");
    assert.ok((denial?.atMs ?? 0) > 0);
    const again = await other.admins.deny(member.peer);
    assert.ok(again.type === "done" && !again.isChanged);
    const allowed = await other.admins.allow(member.peer);
    assert.ok(allowed.type === "done" && allowed.isChanged);
    assert.equal(admin.state.rights().denialOf(member.peer), undefined);
    const nothing = await admin.admins.allow(member.peer);
    assert.ok(nothing.type === "done" && !nothing.isChanged);
    const anew = await admin.admins.deny(member.peer);
    assert.ok(anew.type === "done" && anew.isChanged);
    assert.equal(other.state.rights().denialOf(member.peer)?.number, 3);
  })());
});

Deno.test("Admins.deny() refuses to deny its own node, and reasons that do not fit", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const own = await failure(admin.admins.deny(admin.peer));
    assert.ok(own instanceof InputError);
    assert.match(own.hint ?? "", /pln leave/);
    for (const reason of ["x".repeat(201), "a\nb", "\u202e"]) {
      const error = await failure(admin.admins.deny(anybody(lab), { reason }));
      assert.equal(error.kind, "input");
      assert.match(error.message, /^The reason h/);
    }
    assert.deepEqual(admin.state.published, []);
  })());
});

Deno.test("Admins.allow() does not help whose invite was used up by another", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const peer = anybody(lab);
  await lab.run((async () => {
    const { rights } = admin.state;
    const known = admin.state.rights();
    admin.state.rights = () => ({
      ...known,
      admins: known.admins,
      rootStatements: known.rootStatements,
      denialOf: (one) =>
        one === peer
          ? {
            subject: peer,
            by: admin.peer,
            atMs: 1,
            number: 0,
            because: "void-redemption",
          }
          : undefined,
    } as typeof known);
    const error = await failure(admin.admins.allow(peer));
    assert.ok(error instanceof ConflictError);
    assert.match(error.hint ?? "", /pln grant/);
    admin.state.rights = rights;
  })());
});

/** An admin with two members of its own, and one whom it denied. */
async function openFamily(lab: Lab) {
  const admin = lab.admin("admin");
  const parent = lab.admin("parent");
  const children = [lab.member("one", parent), lab.member("two", parent)];
  const foe = anybody(lab);
  for (const { peer } of children) {
    await parent.admins.grant(peer, { tier: "publisher" });
  }
  await parent.admins.deny(foe, { reason: "foe" });
  return { admin, parent, children, foe };
}

Deno.test("Admins.deny() of an admin says first what becomes of its members", async () => {
  const lab = new Lab();
  await lab.run((async () => {
    const { admin, parent } = await openFamily(lab);
    const error = await failure(admin.admins.deny(parent.peer));
    assert.ok(error instanceof InputError);
    assert.match(error.message, /has admitted 2 members$/);
    assert.match(error.hint ?? "", /--keep or --cascade/);
  })());
});

Deno.test("Admins.deny() --keep keeps an admin's members and its denials", async () => {
  const lab = new Lab();
  await lab.run((async () => {
    const { admin, parent, children, foe } = await openFamily(lab);
    const asked = await admin.admins.deny(parent.peer, { children: "keep" });
    const done = await byRoot(lab, admin, asked);
    assert.ok(done.type === "done");
    assert.equal(done.kept, 2);
    const rights = admin.state.rights();
    assert.equal(rights.denialOf(parent.peer)?.by, "root");
    for (const { peer, identity } of children) {
      const standing = rights.standing(identity.facts, admin.clock.wallMs());
      assert.equal(standing.tier, "publisher");
      assert.equal(rights.grantOf(peer)?.by, admin.peer);
    }
    assert.equal(rights.denialOf(foe)?.by, admin.peer);
    assert.equal(rights.denialOf(foe)?.reason, "foe");
  })());
});

Deno.test("Admins.deny() --keep takes no numbers over that bind everybody", async () => {
  const lab = new Lab();
  await lab.run((async () => {
    const { admin, parent, children, foe } = await openFamily(lab);
    const number = limits.stateIntegerMax;
    const [child] = children;
    assert.ok(child !== undefined);
    await parent.state.publish([
      {
        section: "denies",
        key: foe,
        value: { number, verdict: "deny", atMs: 5 },
      },
      {
        section: "grants",
        key: child.peer,
        value: { number, tier: "publisher", properties: {}, atMs: 5 },
      },
    ]);
    const asked = await admin.admins.deny(parent.peer, { children: "keep" });
    await byRoot(lab, admin, asked);
    assert.equal(admin.state.rights().denialOf(foe)?.by, admin.peer);
    await admin.admins.allow(foe);
    await admin.admins.grant(child.peer, { tier: "leaf" });
    const rights = admin.state.rights();
    assert.equal(rights.denialOf(foe), undefined);
    assert.equal(rights.grantOf(child.peer)?.tier, "leaf");
  })());
});

Deno.test("an admin does not escape its denial by having decided too much", async () => {
  const lab = new Lab();
  await lab.run((async () => {
    const { admin, parent } = await openFamily(lab);
    const { state } = admin;
    const publish = state.publish.bind(state);
    state.publish = (changes) =>
      changes.length > 1
        ? Promise.reject(new LimitError("The document is full"))
        : publish(changes);
    const asked = await admin.admins.deny(parent.peer, { children: "keep" });
    const error = await failure(byRoot(lab, admin, asked));
    assert.ok(error instanceof LimitError);
    assert.match(error.message, /is published; .* The document is full$/);
    assert.equal(state.rights().denialOf(parent.peer)?.by, "root");
  })());
});

Deno.test("whom the root makes an admin no more keeps its members in", async () => {
  const lab = new Lab();
  await lab.run((async () => {
    const { admin, parent, children, foe } = await openFamily(lab);
    const asked = await admin.admins.grant(parent.peer, { tier: "publisher" });
    const done = await byRoot(lab, admin, asked);
    assert.equal(done.type === "done" && done.kept, 2);
    const rights = admin.state.rights();
    assert.equal(rights.grantOf(parent.peer)?.tier, "publisher");
    for (const { identity } of children) {
      const standing = rights.standing(identity.facts, admin.clock.wallMs());
      assert.equal(standing.tier, "publisher");
    }
    assert.equal(rights.denialOf(foe)?.by, admin.peer);
  })());
});

Deno.test("Admins.deny() --cascade puts an admin's members out with it", async () => {
  const lab = new Lab();
  await lab.run((async () => {
    const { admin, parent, children } = await openFamily(lab);
    const asked = await admin.admins.deny(parent.peer, { children: "cascade" });
    const done = await byRoot(lab, admin, asked);
    assert.equal(done.type === "done" && done.gone, 2);
    const rights = admin.state.rights();
    for (const { identity } of children) {
      assert.throws(
        () => rights.standing(identity.facts, admin.clock.wallMs()),
        DeniedError,
      );
    }
  })());
});

Deno.test("Admins.deny() --drop-denies ends the denials that an admin made", async () => {
  const lab = new Lab();
  await lab.run((async () => {
    const { admin, parent, foe } = await openFamily(lab);
    const asked = await admin.admins.deny(parent.peer, {
      children: "cascade",
      dropDenies: true,
    });
    await byRoot(lab, admin, asked);
    assert.equal(admin.state.rights().denialOf(foe), undefined);
  })());
});

Deno.test("Admins.allow() of whom the root denied is the root's", async () => {
  const lab = new Lab();
  await lab.run((async () => {
    const { admin, parent } = await openFamily(lab);
    const deny = await admin.admins.deny(parent.peer, { children: "keep" });
    await byRoot(lab, admin, deny);
    const allow = await admin.admins.allow(parent.peer);
    await byRoot(lab, admin, allow);
    assert.equal(admin.state.rights().denialOf(parent.peer), undefined);
  })());
});

Deno.test("Admins.applyStatement() takes each statement once, and none that is older", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  await lab.run((async () => {
    const first = await admin.admins.deny(other.peer);
    const second = await admin.admins.deny(other.peer, { reason: "again" });
    const third = await byRoot(lab, admin, second);
    assert.ok(third.type === "done" && third.isChanged);
    const error = await failure(byRoot(lab, admin, first));
    assert.ok(error instanceof ConflictError);
    assert.match(error.message, /number 1 is known, and this is number 1$/);
    const [known] = other.state.rights().rootStatements;
    assert.ok(known !== undefined);
    const line = ` ${known.text}\n`;
    const repeated = await other.admins.applyStatement(line);
    assert.ok(repeated.type === "done" && !repeated.isChanged);
  })());
});

Deno.test("Admins.applyStatement() takes nothing that this cluster's root has not signed", async () => {
  const lab = new Lab();
  const foreign = new Lab(2);
  const [admin, candidate] = [lab.admin("admin"), lab.admin("other")];
  const stranger = foreign.admin("admin");
  await foreign.run((async () => {
    const asked = await stranger.admins.grant(stranger.peer, {
      properties: new Map([["a", "b"]]),
    });
    await byRoot(foreign, stranger, asked);
  })());
  await lab.run((async () => {
    const mine = await admin.admins.deny(candidate.peer);
    assert.ok(mine.type === "needs-root");
    const request = await failure(admin.admins.applyStatement(mine.request));
    assert.ok(request instanceof InputError);
    const [statement] = stranger.state.rights().rootStatements;
    assert.ok(statement !== undefined);
    const theirs = await failure(admin.admins.applyStatement(statement.text));
    assert.match(theirs.message, /of cluster/);
    assert.deepEqual(admin.state.published, []);
  })());
});

Deno.test("Admins.applyStatement() also takes the new authority of an admin whose old one has expired", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  await lab.run((async () => {
    const asked = await other.admins.grant(admin.peer, {});
    admin.clock.wallMs = () => lab.making.clock.wallMs() + 366 * dayMs;
    await byRoot(lab, admin, asked);
    assert.equal(admin.state.rights().grantOf(admin.peer)?.by, "root");
  })());
});
