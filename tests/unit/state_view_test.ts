// The view of several owners: who shows, who holds a name, what an address
// means, and what is left out. In: owners' entries with credentials that verify,
// and admins' decisions. Out: the view, which reads no clock.

import assert from "node:assert/strict";
import {
  AmbiguousError,
  canonicalJson,
  limits,
  NotFoundError,
  type PeerId,
} from "../../src/kernel/mod.ts";
import {
  certificateKeys,
  leftKey,
  nodeRecordKey,
} from "../../src/state/mod.ts";
import { startMs } from "./identity_world.ts";
import { seedValue, shownView, ViewLab } from "./view_lab.ts";

const record = { name: "ann", version: "1.0.0", startedMs: 7 };

function binding(owner: PeerId) {
  return { number: 1, owner, atMs: startMs };
}

Deno.test("a view shows every member with its record and its seeds", () => {
  const world = new ViewLab();
  const [one, two] = [world.newOwner(), world.newOwner("leaf")];
  one.say("node", nodeRecordKey, record);
  one.say("seeds", "hello", seedValue(1));
  const view = world.viewOf(one.peer, [one, two]);
  const { nodes, seeds, ignored } = view;
  assert.deepEqual(nodes.get(one.peer), {
    ...{ peer: one.peer, tier: "publisher", hasLeft: false, ...record },
    properties: new Map([["zone", "a"]]),
  });
  assert.equal(nodes.get(two.peer)?.name, undefined);
  assert.equal(nodes.get(two.peer)?.tier, "leaf");
  assert.equal(seeds.get("hello")?.owner, one.peer);
  assert.deepEqual(view.seedsOf(one.peer), [seeds.get("hello")]);
  assert.deepEqual(ignored, []);
});

Deno.test("nothing of an owner shows whom no credential proves", () => {
  const world = new ViewLab();
  const [one, two] = [world.newOwner(), world.newOwner()];
  two.say("seeds", "hello", seedValue(1));
  // Another's credential is nobody's.
  const stolen = one.texts.get(`node ${certificateKeys.member}`);
  two.sayText("node", certificateKeys.member, stolen);
  const view = world.viewOf(one.peer, [one, two]);
  assert.deepEqual([...view.nodes.keys()], [one.peer]);
  assert.equal(view.seeds.size, 0);
  assert.equal(view.digest, world.viewOf(one.peer, [one]).digest);
});

Deno.test("nothing of a denied owner shows until it is allowed again", () => {
  const world = new ViewLab();
  const [one, two] = [world.newOwner(), world.newOwner()];
  for (const owner of [one, two]) {
    owner.say("seeds", "hello", seedValue(1));
    owner.say("claims", "some/claim", 1);
  }
  const projector = world.newProjector(one.peer);
  projector.apply(one.peer, one.all());
  projector.apply(two.peer, two.all());
  projector.setRights(world.rights());
  const before = shownView(projector.view());
  const holders = projector.view().holders("seeds", "hello");
  const winner = holders[0] ?? one.peer;
  world.admin.deny(winner);
  projector.setRights(world.rights());
  const view = projector.view();
  assert.notEqual(view.seeds.get("hello")?.owner, winner);
  assert.equal(view.nodes.has(winner), false);
  assert.deepEqual(view.seedsOf(winner), []);
  assert.equal(view.entries("claims").length, 1);
  world.admin.deny(winner, { number: 2, verdict: "allow" });
  projector.setRights(world.rights());
  assert.deepEqual(shownView(projector.view()), before);
});

Deno.test("a leaf shows as a node, and of its entries only claims", () => {
  const world = new ViewLab();
  const leaf = world.newOwner("leaf");
  leaf.say("seeds", "hello", seedValue(1));
  for (const section of ["services", "sites", "blobs", "claims"] as const) {
    leaf.say(section, "x", 1);
  }
  const hidden = world.viewOf(leaf.peer, [leaf]);
  assert.equal(hidden.seeds.size, 0);
  assert.deepEqual(hidden.seedsOf(leaf.peer), []);
  assert.deepEqual(hidden.holders("sites", "x"), []);
  assert.deepEqual(hidden.entries("blobs"), []);
  assert.equal(hidden.entries("claims").length, 1);
  assert.equal(hidden.ownSeeds.get("hello")?.owner, leaf.peer);
  world.admin.grant(leaf.peer, { tier: "publisher" });
  const view = world.viewOf(leaf.peer, [leaf]);
  assert.equal(view.seeds.size, 1);
  assert.deepEqual(view.holders("sites", "x"), [leaf.peer]);
  assert.deepEqual(
    view.entries("blobs"),
    [{ owner: leaf.peer, key: "x", value: 1 }],
  );
});

Deno.test("of owners of one name an admin holds it, then the earlier member", () => {
  const world = new ViewLab();
  const { lab, admin } = world;
  const peers = lab.newPeers(3);
  const [lowest, late, early] = peers.map((peer) =>
    world.newOwner("leaf", { peer })
  );
  assert.ok(lowest && late && early);
  for (const [at, peer] of peers.entries()) {
    if (at === 0) {
      admin.grant(peer.peer, { tier: "publisher" }); // never joined
      continue;
    }
    const invite = lab.invite(admin, { tier: "publisher" });
    const atMs = startMs + (at === 1 ? 9 : 3);
    lab.redeem(admin, invite, { joiner: peer, changes: { atMs } });
  }
  const other = lab.newAdmin();
  const owners = [lowest, late, early, world.ownerOf(other)];
  for (const owner of owners) owner.say("seeds", "hello", seedValue(1));
  const rights = world.rights(other);
  const view = world.viewOf(lowest.peer, owners, { rights });
  assert.deepEqual(
    view.holders("seeds", "hello"),
    [other.owner, early.peer, late.peer, lowest.peer],
  );
  assert.equal(view.seeds.get("hello")?.owner, other.owner);
});

Deno.test("of owners alike in everything else the lowest id holds a name", () => {
  const world = new ViewLab();
  const owners = [world.newOwner(), world.newOwner(), world.newOwner()];
  for (const owner of owners) owner.say("services", "db", 1);
  const view = world.viewOf(owners[0]?.peer ?? world.admin.owner, owners);
  assert.deepEqual(
    view.holders("services", "db"),
    owners.map(({ peer }) => peer).sort(),
  );
});

Deno.test("an admin's binding comes before every order, if its owner has it", () => {
  const world = new ViewLab();
  const { admin } = world;
  const [one, two] = [world.newOwner(), world.newOwner()];
  const self = world.ownerOf(admin);
  for (const owner of [one, self]) owner.say("seeds", "a", seedValue(1));
  const owners = [one, two, self];
  admin.say("names", "seeds/a", binding(one.peer));
  const bound = world.viewOf(one.peer, owners);
  assert.deepEqual(bound.holders("seeds", "a"), [one.peer, admin.owner]);
  admin.say("names", "seeds/a", binding(two.peer));
  const empty = world.viewOf(one.peer, owners);
  assert.equal(empty.seeds.get("a")?.owner, admin.owner);
});

Deno.test("a new binding gives a name to another, nothing else changing", () => {
  const world = new ViewLab();
  const owners = [world.newOwner(), world.newOwner()];
  const projector = world.newProjector(world.admin.owner);
  for (const owner of owners) {
    projector.apply(owner.peer, [
      ...owner.all(),
      owner.say("seeds", "a", seedValue(1)),
    ]);
  }
  projector.setRights(world.rights());
  const [, last] = projector.view().holders("seeds", "a");
  assert.ok(last);
  assert.notEqual(projector.view().seeds.get("a")?.owner, last);
  world.admin.say("names", "seeds/a", binding(last));
  projector.setRights(world.rights());
  assert.equal(projector.view().seeds.get("a")?.owner, last);
});

Deno.test("an address names who holds a seed, or one owner of it", () => {
  const world = new ViewLab();
  const [one, two] = [world.newOwner(), world.newOwner()];
  for (const owner of [one, two]) owner.say("seeds", "hello", seedValue(1));
  const view = world.viewOf(one.peer, [one, two]);
  const [holder, other] = view.holders("seeds", "hello");
  assert.ok(holder && other);
  assert.equal(view.seed("hello").owner, holder);
  assert.equal(view.seed(`hello@${other.slice(0, 8)}`).owner, other);
  assert.equal(view.seed(`hello@${other}`).owner, other);
  const none = (text: string) => {
    assert.throws(() => view.seed(text), NotFoundError, text);
  };
  for (const text of ["", "@", "nobody", `x@${other}`, "a/b", "hello@@1a2b"]) {
    none(text);
  }
  none(`hello@${other.slice(0, 3)}`); // too short
  none("hello@zzzz");
  none(`hello@${world.lab.newPeer().peer}`);
  assert.throws(
    () => view.seed("helo"),
    (error) =>
      error instanceof NotFoundError &&
      error.hint === 'Did you mean "hello"?',
  );
});

Deno.test("an address that starts the ids of two owners is refused", () => {
  const world = new ViewLab();
  const [one, two] = ["a", "b"].map((digit) => `abcd${digit.repeat(60)}`);
  const projector = world.newProjector(one as PeerId, {
    factsOf: (peer) =>
      world.lab.facts(peer, world.admin.owner, { tier: "publisher" }),
  });
  for (const peer of [one, two] as PeerId[]) {
    const after = canonicalJson(seedValue(1));
    const change = { section: "seeds", key: "hello", before: undefined, after };
    projector.apply(peer, [change]);
  }
  const view = projector.view();
  assert.throws(() => view.seed("hello@abcd"), AmbiguousError);
  assert.equal(view.seed("hello@abcdb").owner, two);
});

Deno.test("R05 an entry whose key is no name does not show, and is listed", () => {
  const world = new ViewLab();
  const owner = world.newOwner();
  const keys = ["a..b", "..", "a/b", "A", "pln", "x".repeat(200), "a%00b"];
  for (const key of keys) {
    owner.say("seeds", key, seedValue(1));
    owner.say("services", key, 1);
  }
  const view = world.viewOf(owner.peer, [owner]);
  assert.equal(view.seeds.size + view.entries("services").length, 0);
  assert.deepEqual(view.holders("services", "a..b"), []);
  assert.deepEqual(
    view.ignored.map(({ key }) => key),
    [...keys.toSorted(), ...keys.toSorted()],
  );
});

Deno.test("what does not fit is left out, and listed up to a limit", () => {
  const world = new ViewLab();
  const owner = world.newOwner();
  owner.say("seeds", "good", seedValue(1));
  owner.sayText("node", nodeRecordKey, "{");
  owner.say("node", nodeRecordKey, { name: "Ann\u0000", version: "1" });
  for (let at = 0; at < limits.viewIgnoredMax; at++) {
    owner.say("seeds", `bad-${at}`, { digest: "none" });
  }
  const view = world.viewOf(owner.peer, [owner]);
  assert.deepEqual([...view.seeds.keys()], ["good"]);
  assert.equal(view.nodes.get(owner.peer)?.name, undefined);
  assert.equal(view.node, undefined);
  assert.equal(view.ignored.length, limits.viewIgnoredMax);
});

Deno.test("a text that breaks its reader is set aside, logged once", () => {
  const world = new ViewLab();
  const [one, two] = [world.newOwner(), world.newOwner()];
  for (const owner of [one, two]) {
    owner.say("seeds", "poison", { ...seedOf(1), poison: true });
    owner.say("seeds", `good-${owner.peer.slice(0, 8)}`, seedOf(2));
  }
  let reads = 0;
  const projector = world.newProjector(one.peer, {
    readers: {
      seed: (key, value) => {
        if (key === "poison") {
          reads++;
          throw new TypeError("a mistake of this program");
        }
        return { value: value as never };
      },
    },
  });
  for (const owner of [one, two]) projector.apply(owner.peer, owner.all());
  const view = projector.view();
  assert.equal(view.seeds.size, 2);
  assert.deepEqual(view.ignored.map(({ key }) => key), ["poison", "poison"]);
  const poison = one.say("seeds", "poison");
  projector.apply(one.peer, [poison]);
  projector.apply(one.peer, [{
    ...poison,
    before: undefined,
    after: poison.before,
  }]);
  assert.equal(projector.view().seeds.size, 2);
  assert.equal(reads, 1, "one and the same text is not read again");
  assert.deepEqual(world.log.events, ["state.entry_set_aside"]);

  function seedOf(number: number) {
    return seedValue(number) as { readonly [key: string]: number };
  }
});

Deno.test("a credential that breaks its reader hides its owner alone", () => {
  const world = new ViewLab();
  const [one, two] = [world.newOwner(), world.newOwner()];
  const facts = world.lab.facts(one.peer, world.admin.owner);
  const projector = world.newProjector(one.peer, {
    factsOf: (peer) => {
      if (peer === one.peer) return facts;
      throw new TypeError("a mistake of this program");
    },
  });
  for (const owner of [one, two]) projector.apply(owner.peer, owner.all());
  assert.deepEqual([...projector.view().nodes.keys()], [one.peer]);
  assert.deepEqual(world.log.events, ["state.credential_set_aside"]);
});

Deno.test("a node that left says so, and nothing when it is back", () => {
  const world = new ViewLab();
  const owner = world.newOwner();
  owner.say("node", leftKey, { atMs: 5 });
  const projector = world.newProjector(owner.peer);
  projector.apply(owner.peer, owner.all());
  assert.equal(projector.view().nodes.get(owner.peer)?.hasLeft, true);
  projector.apply(owner.peer, [owner.say("node", leftKey)]);
  assert.equal(projector.view().nodes.get(owner.peer)?.hasLeft, false);
});

Deno.test("a dropped owner leaves nothing behind", () => {
  const world = new ViewLab();
  const [one, two] = [world.newOwner(), world.newOwner()];
  for (const owner of [one, two]) owner.say("seeds", "hello", seedValue(1));
  two.say("sites", "site", 1);
  two.say("unknown-section", "x", 1);
  const projector = world.newProjector(one.peer);
  projector.apply(one.peer, one.all());
  const alone = shownView(projector.view());
  projector.apply(two.peer, two.all());
  assert.notDeepEqual(shownView(projector.view()), alone);
  projector.drop(two.peer);
  projector.drop(two.peer);
  assert.deepEqual(shownView(projector.view()), alone);
});

Deno.test("S17 a section of a newer version is in the digest, and does not show", () => {
  const world = new ViewLab();
  const owner = world.newOwner();
  const before = world.viewOf(owner.peer, [owner]);
  owner.say("crons", "nightly", { at: "0 0 * * *" });
  const after = world.viewOf(owner.peer, [owner]);
  assert.notEqual(after.digest, before.digest);
  assert.deepEqual(
    { ...shownView(after), digest: before.digest },
    shownView(before),
  );
});

Deno.test("the view is the same object until something changes", () => {
  const world = new ViewLab();
  const owner = world.newOwner();
  owner.say("seeds", "hello", seedValue(1));
  const projector = world.newProjector(owner.peer);
  projector.apply(owner.peer, owner.all());
  const rights = world.rights();
  projector.setRights(rights);
  const view = projector.view();
  projector.apply(owner.peer, []);
  projector.setRights(rights);
  assert.equal(projector.view(), view);
  const { seeds, nodes } = view;
  projector.apply(owner.peer, [owner.say("claims", "x", 1)]);
  assert.notEqual(projector.view(), view);
  assert.equal(projector.view().seeds, seeds, "no seed is read again");
  assert.deepEqual(projector.view().nodes, nodes);
});
