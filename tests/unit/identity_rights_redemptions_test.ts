// Joins with invites as rights see them: proofs, the first grant, and invites
// that were redeemed more often than they may be. In: documents of the lab, in
// which every signature is real. Out: who was admitted, and who is out.

import assert from "node:assert/strict";
import { signAuthorityKey } from "../../src/identity/mod.ts";
import { type JsonValue, toBase64 } from "../../src/kernel/mod.ts";
import { LabAdmin, type LabPeer, RightsLab } from "./rights_lab.ts";
import { startMs } from "./identity_world.ts";

function world() {
  const lab = new RightsLab();
  const [low, middle, high] = lab.newAdmins(3);
  const [one, two, three] = lab.newPeers(3);
  assert.ok(low instanceof LabAdmin && middle && high && one && two && three);
  return { lab, low, middle, high, one, two, three };
}

Deno.test("a redemption is its joiner's first grant", () => {
  const { lab, low, middle, one } = world();
  const invite = lab.invite(low, {
    tier: "publisher",
    properties: new Map([["zone", "north"]]),
    accessMs: 1000,
  });
  const candidate = lab.redeem(middle, invite, {
    joiner: one,
    changes: { name: "alpha" },
  });
  const rights = lab.rights(low, middle);
  const { id } = invite.terms;
  assert.deepEqual(rights.grantOf(one.peer), {
    ...{ subject: one.peer, tier: "publisher", number: 0, redemption: id },
    ...{ by: middle.owner, atMs: startMs, accessDeadlineMs: startMs + 1000 },
    properties: new Map([["zone", "north"]]),
  });
  assert.deepEqual(rights.candidateOf(one.peer), candidate);
  assert.equal(rights.nextNumber("grants", one.peer), 1);
  assert.equal(rights.usesOf(id), 1);
  assert.deepEqual(rights.redemptions, [{
    ...{ invite: id, issuer: low.owner, joiner: one.peer, name: "alpha" },
    ...{ redeemer: middle.owner, atMs: startMs, state: "admitted" },
  }]);
  low.grant(one.peer, { tier: "leaf" });
  assert.equal(lab.rights(low, middle).grantOf(one.peer)?.tier, "leaf");
});

Deno.test("an invite for an admin lets a publisher in", () => {
  const { lab, low, middle, one } = world();
  const invite = lab.invite(low, { tier: "admin", subject: one.peer });
  lab.redeem(middle, invite, { joiner: one });
  const rights = lab.rights(low, middle);
  assert.equal(rights.grantOf(one.peer)?.tier, "publisher");
});

Deno.test("of two joiners the one at the issuer is in", () => {
  const { lab, low, high, one, two } = world();
  const invite = lab.invite(high);
  lab.redeem(low, invite, { joiner: one });
  lab.redeem(high, invite, { joiner: two });
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(two.peer), undefined);
  assert.ok(rights.grantOf(two.peer));
  assert.equal(rights.grantOf(one.peer), undefined);
  const denial = rights.denialOf(one.peer);
  assert.equal(denial?.because, "void-redemption");
  assert.equal(denial?.by, low.owner);
  assert.match(denial?.reason ?? "", /used up by others/);
  assert.equal(rights.usesOf(invite.terms.id), 1);
  assert.deepEqual(rights.denials, [denial]);
});

Deno.test("of two joiners elsewhere the lowest redeemer's is in", () => {
  const { lab, low, middle, high, one, two } = world();
  const invite = lab.invite(high);
  lab.redeem(low, invite, { joiner: two });
  lab.redeem(middle, invite, { joiner: one });
  const rights = lab.rights(low, middle, high);
  assert.equal(rights.denialOf(two.peer), undefined);
  assert.equal(rights.denialOf(one.peer)?.because, "void-redemption");
});

Deno.test("of two joiners at one redeemer the lowest is in", () => {
  const { lab, low, high, one, two } = world();
  const invite = lab.invite(high);
  lab.redeem(low, invite, { joiner: two });
  lab.redeem(low, invite, { joiner: one });
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(one.peer), undefined);
  assert.equal(rights.denialOf(two.peer)?.because, "void-redemption");
});

Deno.test("an invite for two admits two", () => {
  const { lab, low, middle, high, one, two, three } = world();
  const invite = lab.invite(high, { uses: 2 });
  lab.redeem(low, invite, { joiner: three });
  lab.redeem(middle, invite, { joiner: one });
  lab.redeem(high, invite, { joiner: two });
  const rights = lab.rights(low, middle, high);
  const isOut = ({ peer }: LabPeer) => rights.denialOf(peer) !== undefined;
  assert.deepEqual([one, two, three].map(isOut), [true, false, false]);
  assert.equal(rights.usesOf(invite.terms.id), 2);
});

Deno.test("a joiner that redeems twice takes one use", () => {
  const { lab, low, middle, high, one, two } = world();
  const invite = lab.invite(high, { uses: 2 });
  lab.redeem(low, invite, { joiner: one });
  lab.redeem(middle, invite, { joiner: one });
  lab.redeem(middle, invite, { joiner: two });
  const rights = lab.rights(low, middle, high);
  assert.equal(rights.denialOf(two.peer), undefined);
  assert.equal(rights.usesOf(invite.terms.id), 2);
});

Deno.test("a void joiner is out until another grant names it", () => {
  const { lab, low, high, one, two } = world();
  const invite = lab.invite(high);
  lab.redeem(high, invite, { joiner: one });
  lab.redeem(low, invite, { joiner: two });
  assert.ok(lab.rights(low, high).denialOf(two.peer));
  high.deny(two.peer, { verdict: "allow" });
  assert.ok(lab.rights(low, high).denialOf(two.peer), "no grant");
  high.grant(two.peer);
  const granted = lab.rights(low, high);
  assert.equal(granted.denialOf(two.peer), undefined);
  assert.equal(granted.grantOf(two.peer)?.by, high.owner);
});

Deno.test("an admin is not out for a void join of its own", () => {
  const { lab, low, middle, high, one } = world();
  const invite = lab.invite(high);
  lab.redeem(high, invite, { joiner: one });
  lab.redeem(low, invite, {
    joiner: { peer: middle.owner, key: middle.key },
  });
  assert.equal(lab.rights(low, high).denials.length, 1);
  assert.deepEqual(lab.rights(low, middle, high).denials, []);
});

Deno.test("another invite lets a void joiner in", () => {
  const { lab, low, high, one, two } = world();
  const invite = lab.invite(high);
  lab.redeem(high, invite, { joiner: one });
  lab.redeem(low, invite, { joiner: two });
  lab.redeem(low, lab.invite(low), { joiner: two });
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(two.peer), undefined);
  assert.equal(rights.grantOf(two.peer)?.by, low.owner);
});

Deno.test("who joined with a denied admin's invite is out", () => {
  const { lab, low, high, one } = world();
  const invite = lab.invite(low);
  lab.redeem(high, invite, { joiner: one });
  high.say("denies", low.owner, lab.rootDeny(low.owner));
  const denied = lab.rights(low, high).denialOf(one.peer);
  assert.equal(denied?.because, "void-redemption");
  assert.match(denied?.reason ?? "", /of the denied admin/);
  high.grant(one.peer);
  assert.equal(lab.rights(low, high).denialOf(one.peer), undefined);
});

Deno.test("a denied redeemer leaves the invite to the next", () => {
  const { lab, low, middle, high, one, two } = world();
  const invite = lab.invite(high);
  lab.redeem(low, invite, { joiner: one });
  lab.redeem(middle, invite, { joiner: two });
  high.say("denies", low.owner, lab.rootDeny(low.owner));
  const rights = lab.rights(low, middle, high);
  assert.equal(rights.denialOf(two.peer), undefined);
  assert.ok(rights.grantOf(two.peer));
});

Deno.test("an invite of who is no admin admits nobody", () => {
  const { lab, low, high, one } = world();
  const stranger = lab.newAdmin();
  const invite = lab.invite(stranger);
  lab.redeem(low, invite, { joiner: one });
  const rights = lab.rights(low, high);
  assert.equal(rights.grantOf(one.peer), undefined);
  assert.equal(rights.denialOf(one.peer), undefined);
  assert.equal(rights.usesOf(invite.terms.id), 0);
  assert.deepEqual(rights.redemptions, []);
  assert.ok(lab.rights(low, high, stranger).grantOf(one.peer));
});

Deno.test("two invites of one id are counted apart", () => {
  const { lab, low, high, one, two } = world();
  const invite = lab.invite(high);
  const hostile = lab.invite(low, { id: invite.terms.id });
  lab.redeem(low, hostile, { joiner: one });
  lab.redeem(high, invite, { joiner: two });
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(one.peer), undefined);
  assert.equal(rights.denialOf(two.peer), undefined);
  assert.equal(rights.usesOf(invite.terms.id, high.owner), 1);
});

const forgeries: readonly [string, (lab: ReturnType<typeof world>) => void][] =
  [
    ["without the joiner's signature", ({ lab, low, one }) => {
      const changes = { joinerSignature: "A".repeat(86) + "==" };
      lab.redeem(low, lab.invite(low), { joiner: one, changes });
    }],
    ["without the invite's signature", ({ lab, low, one }) => {
      const changes = { inviteSignature: "A".repeat(86) + "==" };
      lab.redeem(low, lab.invite(low), { joiner: one, changes });
    }],
    ["of an invite that its issuer did not sign", ({ lab, low, one }) => {
      const changes = { signature: "A".repeat(86) + "==" };
      lab.redeem(low, lab.invite(low), { joiner: one, changes });
    }],
    ["copied from another redeemer", ({ lab, low, middle, one }) => {
      lab.redeem(low, lab.invite(low), { joiner: one });
      const [entry] = low.said.get("redemptions") ?? [];
      assert.ok(entry);
      low.said.clear();
      middle.say("redemptions", ...entry);
    }],
    ["under another joiner's id", ({ lab, low, one, two }) => {
      lab.redeem(low, lab.invite(low), { joiner: one });
      const [[key, value] = ["", null]] = low.said.get("redemptions") ?? [];
      low.said.clear();
      low.say("redemptions", key.replace(one.peer, two.peer), value);
    }],
    ["under another invite's id", ({ lab, low, one }) => {
      const invite = lab.invite(low);
      lab.redeem(low, invite, { joiner: one });
      const [[key, value] = ["", null]] = low.said.get("redemptions") ?? [];
      low.said.clear();
      const other = key.replace(invite.terms.id, "f".repeat(32));
      low.say("redemptions", other, value);
    }],
    ["with another authority key", ({ lab, low, one }) => {
      const changes = { authorityKey: "A".repeat(43) + "=" };
      lab.redeem(low, lab.invite(low), { joiner: one, changes });
    }],
    ["without a proof of the authority key", ({ lab, low, one }) => {
      lab.redeem(low, lab.invite(low), { joiner: one });
      const [[key, value] = ["", null]] = low.said.get("redemptions") ?? [];
      const { authorityProof: _, ...rest } = value as Record<string, JsonValue>;
      low.say("redemptions", key, rest);
    }],
    ["with another's proof of the authority key", ({ lab, low, one, two }) => {
      const invite = lab.invite(low);
      const proven = lab.redeem(low, invite, { joiner: one });
      const { cluster } = lab.root;
      const authorityKey = { publicKey: proven.authorityKey };
      const forged = signAuthorityKey(lab.needs, {
        ...{ cluster, key: two.key, authorityKey },
      });
      const [[key, value] = ["", null]] = low.said.get("redemptions") ?? [];
      const authorityProof = toBase64(forged.authorityProof);
      low.say("redemptions", key, Object.assign({}, value, { authorityProof }));
    }],
    ["with a proof of another authority key", ({ lab, low, one }) => {
      const { authorityProof } = lab.candidate(one.peer);
      const changes = { authorityProof: toBase64(authorityProof) };
      lab.redeem(low, lab.invite(low), { joiner: one, changes });
    }],
    ["by who is not the invite's subject", ({ lab, low, one, two }) => {
      const invite = lab.invite(low, { subject: two.peer });
      lab.redeem(low, invite, { joiner: one });
    }],
    ["of another cluster's invite", ({ low, one }) => {
      const foreign = new RightsLab("another");
      foreign.redeem(low, foreign.invite(low), { joiner: one });
    }],
  ];

for (const [what, forge] of forgeries) {
  Deno.test(`R01 a redemption ${what} counts for nothing`, () => {
    const made = world();
    const { lab, low, middle, high, one, two } = made;
    forge(made);
    const rights = lab.rights(low, middle, high);
    assert.equal(rights.grantOf(one.peer), undefined);
    assert.equal(rights.grantOf(two.peer), undefined);
    assert.deepEqual(rights.denials, []);
    assert.deepEqual(rights.redemptions, []);
    assert.equal(rights.ignoredCount({ without: high.owner }), 1);
  });
}
