// What rights cost: signatures checked, counted and never timed. In: documents
// of admins that are large, hostile or denied. Out: how many signatures it took
// to answer, and that answers are the same in whatever order entries came.

import assert from "node:assert/strict";
import {
  type AdminDocument,
  RightsProjector,
  type RightsSection,
} from "../../src/identity/mod.ts";
import { limits, toBase64 } from "../../src/kernel/mod.ts";
import { LabAdmin, RightsLab } from "./rights_lab.ts";
import { startMs } from "./identity_world.ts";

/** Of one redemption: its invite, its joiner twice, and the invite's key. */
const proofsOfOne = 4;

function world() {
  const lab = new RightsLab();
  const [low, high] = lab.newAdmins(2);
  assert.ok(low instanceof LabAdmin && high);
  const counted = { verified: 0 };
  const signer = {
    ...lab.needs.signer,
    verify: (...of: Parameters<typeof lab.needs.signer.verify>) => {
      counted.verified++;
      return lab.needs.signer.verify(...of);
    },
  };
  const projector = new RightsProjector({ signer }, { root: lab.root });
  /** How many signatures are checked while `work` runs. */
  const cost = (work: () => void) => {
    const before = counted.verified;
    work();
    return counted.verified - before;
  };
  return { lab, low, high, projector, cost };
}

/** A document as a node holds it that heard its entries otherwise. */
function backwards(document: AdminDocument): AdminDocument {
  const { owner, ownAuthority } = document;
  const entries = (section: RightsSection) =>
    document.entries(section).toReversed();
  return { owner, ownAuthority, entries };
}

function redeemMany(lab: RightsLab, admin: LabAdmin, count: number) {
  return lab.newPeers(count).map((joiner) => {
    lab.redeem(admin, lab.invite(admin), { joiner });
    return joiner;
  });
}

Deno.test("what nobody asks about costs no signature", () => {
  const { lab, low, high, projector, cost } = world();
  redeemMany(lab, low, 50);
  const members = lab.newPeers(20);
  for (const { peer } of members) high.grant(peer);
  const checked = cost(() => {
    const rights = projector.project([low, high]);
    for (const { peer } of members) {
      rights.standing(lab.facts(peer, high.owner), startMs);
    }
    assert.equal(rights.denialOf(lab.newPeer().peer), undefined);
    assert.equal(rights.admins.length, 2);
  });
  assert.equal(checked, 0);
});

Deno.test("proofs are checked once, for as long as a text stays", () => {
  const { lab, low, high, projector, cost } = world();
  const [joiner] = redeemMany(lab, low, 20);
  assert.ok(joiner);
  const ask = () => {
    const rights = projector.project([low, high]);
    assert.ok(rights.grantOf(joiner.peer));
    assert.equal(rights.redemptionsOf(joiner.peer).length, 1);
  };
  assert.equal(cost(ask), proofsOfOne);
  for (let round = 0; round < 10; round++) {
    redeemMany(lab, low, 1);
    high.deny(lab.newPeer().peer);
    assert.equal(cost(ask), 0, "others have changed");
  }
  const [[key] = [""]] = [...low.said.get("redemptions") ?? []]
    .filter(([one]) => one.endsWith(joiner.peer));
  const said = low.said.get("redemptions")?.get(key);
  low.say("redemptions", key, { ...Object(said), atMs: startMs + 1 });
  assert.equal(cost(ask), proofsOfOne, "its text is another");
});

Deno.test("that nobody has denied a joiner costs no proof", () => {
  const { lab, low, high, projector, cost } = world();
  const joiners = redeemMany(lab, low, 30);
  const rights = projector.project([low, high]);
  const checked = cost(() => {
    for (const { peer } of joiners) {
      assert.equal(rights.denialOf(peer), undefined);
    }
  });
  assert.equal(checked, 0);
});

Deno.test("a join that its joiner did not sign costs one signature", () => {
  const { lab, low, projector, cost } = world();
  const joiner = lab.newPeer();
  const changes = { joinerSignature: toBase64(new Uint8Array(64)) };
  lab.redeem(low, lab.invite(low), { joiner, changes });
  const rights = projector.project([low]);
  const checked = cost(() => {
    for (let count = 0; count < 3; count++) {
      assert.equal(rights.grantOf(joiner.peer), undefined);
      assert.deepEqual(rights.redemptions, []);
    }
  });
  assert.equal(checked, 1);
});

Deno.test("entries of a denied admin cost nothing, however many", () => {
  const { lab, low, high, projector, cost } = world();
  const joiners = redeemMany(lab, low, 40);
  high.say("denies", low.owner, lab.rootDeny(low.owner));
  const one = cost(() => void projector.project([low, high]).denials);
  assert.equal(one, 1, "the root's own statement");
  for (let round = 1; round <= 3; round++) {
    for (const [key, said] of low.said.get("redemptions") ?? []) {
      low.say("redemptions", key, { ...Object(said), atMs: startMs + round });
    }
    for (const { peer } of joiners) low.grant(peer, { atMs: startMs + round });
    const checked = cost(() => {
      const rights = projector.project([low, high]);
      for (const { peer } of joiners) {
        assert.equal(rights.grantOf(peer), undefined);
        assert.equal(rights.denialOf(peer), undefined);
        const facts = lab.facts(peer, low.owner);
        assert.throws(() => rights.standing(facts, startMs), {
          code: "PLN_DENIED",
        });
      }
      assert.deepEqual([rights.grants, rights.redemptions], [[], []]);
      assert.equal(rights.denials.length, 1);
      assert.equal(rights.rootStatements.length, 1);
      for (const [key] of low.said.get("redemptions") ?? []) {
        assert.equal(rights.usesOf(key.slice(0, 32)), 0);
      }
    });
    assert.equal(checked, 0);
  }
});

Deno.test("one joiner's redemptions in one document have a limit", () => {
  const { lab, low, projector, cost } = world();
  const joiner = lab.newPeer();
  for (let count = 0; count < 40; count++) {
    const tier = count % 2 === 0 ? "leaf" : "publisher";
    lab.redeem(low, lab.invite(low, { tier }), { joiner });
  }
  const rights = projector.project([low]);
  const most = limits.redemptionsPerJoinerMax;
  const checked = cost(() => assert.ok(rights.grantOf(joiner.peer)));
  assert.equal(checked, most * proofsOfOne);
  const turned = projector.project([backwards(low)]);
  const kept = rights.redemptionsOf(joiner.peer);
  assert.equal(kept.length, most);
  assert.deepEqual(turned.redemptionsOf(joiner.peer), kept);
  assert.deepEqual(turned.grantOf(joiner.peer), rights.grantOf(joiner.peer));
  const [first] = [...low.said.get("redemptions")?.keys() ?? []].sort();
  assert.equal(kept[0]?.invite, first?.slice(0, 32), "the first by invite");
});

Deno.test("an invite that is used up costs one proof a document", () => {
  const { lab, low, high, projector, cost } = world();
  const invite = lab.invite(high);
  const [first, ...joiners] = lab.newPeers(30);
  const last = joiners.at(-1);
  assert.ok(first && last);
  for (const joiner of joiners) lab.redeem(low, invite, { joiner });
  lab.redeem(high, invite, { joiner: first });
  const rights = projector.project([low, high]);
  const checked = cost(() => {
    assert.equal(rights.denialOf(last.peer)?.because, "void-redemption");
  });
  assert.equal(checked, 2 * proofsOfOne, "its own, and the issuer's");
  const again = cost(() => {
    assert.equal(rights.denialOf(first.peer), undefined);
    assert.equal(rights.usesOf(invite.terms.id), 1);
  });
  assert.equal(again, 0);
});

Deno.test("an invite with uses for all needs nobody else's proof", () => {
  const { lab, low, high, projector, cost } = world();
  const invite = lab.invite(low, { uses: 40 });
  const joiners = lab.newPeers(20);
  for (const joiner of joiners) lab.redeem(low, invite, { joiner });
  const [one] = joiners;
  assert.ok(one);
  const rights = projector.project([low, high]);
  const checked = cost(() => assert.ok(rights.grantOf(one.peer)));
  assert.equal(checked, proofsOfOne);
  assert.equal(rights.usesOf(invite.terms.id), 20, "now all are asked about");
});

Deno.test("who proves nothing takes no use from a joiner elsewhere", () => {
  const { lab, low, high, projector } = world();
  const invite = lab.invite(low);
  const [forged, joiner] = lab.newPeers(2);
  assert.ok(forged && joiner);
  const changes = { joinerSignature: toBase64(new Uint8Array(64)) };
  lab.redeem(low, invite, { joiner: forged, changes });
  lab.redeem(high, invite, { joiner });
  const rights = projector.project([low, high]);
  assert.ok(rights.grantOf(joiner.peer));
  assert.equal(rights.grantOf(forged.peer), undefined);
  assert.equal(rights.denialOf(forged.peer), undefined);
  assert.equal(rights.usesOf(invite.terms.id), 1);
});

Deno.test("who proves nothing uses nothing up", () => {
  const { lab, low, projector } = world();
  const invite = lab.invite(low, { uses: 5 });
  const [forged, joiner] = lab.newPeers(2);
  assert.ok(forged && joiner);
  const changes = { joinerSignature: toBase64(new Uint8Array(64)) };
  lab.redeem(low, invite, { joiner: forged, changes });
  lab.redeem(low, invite, { joiner });
  assert.equal(projector.project([low]).usesOf(invite.terms.id), 1);
});

Deno.test("of one invite a document admits its first joiners only", () => {
  const { lab, low, projector } = world();
  const invite = lab.invite(low);
  const [forged, joiner] = lab.newPeers(2);
  assert.ok(forged && joiner);
  const changes = { joinerSignature: toBase64(new Uint8Array(64)) };
  lab.redeem(low, invite, { joiner: forged, changes });
  lab.redeem(low, invite, { joiner });
  for (const document of [low, backwards(low)]) {
    const rights = projector.project([document]);
    const denial = rights.denialOf(joiner.peer);
    assert.equal(denial?.because, "void-redemption", "honest: no forgery");
  }
});

Deno.test("what claims to be the root's costs only who asks about it", () => {
  const { lab, low, high, projector, cost } = world();
  const foreign = new RightsLab("another");
  const peers = lab.newPeers(30);
  for (const { peer } of peers) {
    low.say("denies", peer, foreign.rootDeny(peer));
    low.say("grants", peer, foreign.rootGrant(peer, "leaf"));
    high.grant(peer);
  }
  const [one] = peers;
  assert.ok(one);
  const rights = projector.project([low, high]);
  const strangers = lab.newPeers(10);
  const others = cost(() => {
    for (const { peer } of strangers) rights.denialOf(peer);
  });
  assert.equal(others, 0);
  const facts = lab.facts(one.peer, high.owner);
  const checked = cost(() => {
    assert.equal(rights.standing(facts, startMs).source, "grant");
  });
  assert.ok(checked <= 2, `${checked}`);
});

Deno.test("what others wrote wrong is counted, what one wrote is listed", () => {
  const { lab, low, high, projector } = world();
  const [own, other] = lab.newPeers(2);
  assert.ok(own && other);
  high.say("grants", own.peer, { number: 0 });
  for (let count = 0; count < 2 * limits.rightsIgnoredMax; count++) {
    low.say("grants", lab.newPeer().peer, "nonsense");
  }
  const changes = { joinerSignature: toBase64(new Uint8Array(64)) };
  lab.redeem(low, lab.invite(low), { joiner: other, changes });
  const rights = projector.project([low, high]);
  assert.deepEqual(rights.ignoredOf(high.owner).map(({ key }) => key), [
    own.peer,
  ]);
  assert.equal(rights.ignoredCount({ without: high.owner }), 0, "none is met");
  assert.equal(rights.grantOf(other.peer), undefined);
  assert.equal(rights.ignoredCount({ without: high.owner }), 1);
  assert.equal(rights.ignoredOf(low.owner).length, limits.rightsIgnoredMax);
  const all = 1 + 2 * limits.rightsIgnoredMax;
  assert.equal(rights.ignoredCount({ without: high.owner }), all);
  assert.deepEqual(rights.ignoredOf(other.peer), [], "no admin");
});
