// Seeds of two daemons as their control APIs show and call them: whose a name
// is, who else has it, what a takeover does, and that each keeps only its own.
// Over simulated ports, in virtual time.

import assert from "node:assert/strict";
import type { SeedStatus } from "../../src/control/mod.ts";
import { type PlnError, utf8, utf8TextLossy } from "../../src/kernel/mod.ts";
import { sampleModule, sampleTag } from "../fixtures/seeds/sample.ts";
import type { RunningDaemon } from "./daemon_lab.ts";
import { twoDaemons } from "./two_daemons.ts";

const plain = { config: {} };

async function seedsOf(daemon: RunningDaemon): Promise<readonly SeedStatus[]> {
  return (await daemon.status()).seeds;
}

async function peerOf(daemon: RunningDaemon): Promise<string> {
  return (await daemon.status()).node.peer;
}

function hasCode(code: string) {
  return (error: PlnError) => {
    assert.equal(error.code, code, error.message);
    return true;
  };
}

twoDaemons(
  "a seed shows on every node, and is called where it is",
  async ({ ann, bob, until }) => {
    await bob.client.publishSeed("b", sampleModule(1), plain);
    await until(async () => (await seedsOf(ann)).length === 1);
    const [row] = await seedsOf(ann);
    const owner = await peerOf(bob);
    assert.deepEqual(
      [row?.name, row?.owner, row?.ownerName, row?.state, row?.calls],
      ["b", owner, "bob", "remote", 0],
    );
    const address = `b@${owner.slice(0, 8)}`;
    assert.equal(row?.address, address);
    assert.equal(await ann.call("b", "tag"), sampleTag(1));
    assert.equal(await ann.call(address, "tag"), sampleTag(1));
    assert.equal((await seedsOf(bob))[0]?.calls, 2);
    const { state, functions, usage } = await ann.client.inspectSeed("b");
    assert.deepEqual([state, functions], ["remote", undefined]);
    assert.equal(usage.threads, 0);
    await assert.rejects(ann.call("b@0000", "tag"), hasCode("PLN_NOT_FOUND"));
    await assert.rejects(ann.client.unpublishSeed("b"), (error: PlnError) => {
      assert.equal(error.code, "PLN_NOT_FOUND");
      assert.match(error.message, /^Node "bob" .* has the seed /);
      return true;
    });
    await bob.client.unpublishSeed("b");
    await until(async () => (await seedsOf(ann)).length === 0);
    await assert.rejects(ann.call("b", "tag"), hasCode("PLN_NOT_FOUND"));
  },
);

twoDaemons(
  "a taken name is refused; taken over, it is an admin's",
  async ({ ann, bob, until }) => {
    const takeover = { config: {}, isTakeover: true };
    await bob.client.publishSeed("x", sampleModule(1), plain);
    await until(async () => (await seedsOf(ann)).length === 1);
    await assert.rejects(
      ann.client.publishSeed("x", sampleModule(2), plain),
      (error: PlnError) => {
        assert.equal(error.code, "PLN_CONFLICT");
        assert.match(error.hint ?? "", /--takeover/);
        return true;
      },
    );
    const taken = await ann.client.publishSeed("x", sampleModule(2), takeover);
    assert.equal(taken.heldBy, undefined);
    await until(async () => (await seedsOf(bob)).length === 2);
    const [annId, bobId] = [await peerOf(ann), await peerOf(bob)];
    for (const daemon of [ann, bob]) {
      const rows = await seedsOf(daemon);
      assert.deepEqual(
        rows.map(({ owner, heldBy, others }) => [owner, heldBy?.peer, others]),
        [[annId, undefined, [bobId]], [bobId, annId, [annId]]],
      );
      assert.equal(await daemon.call("x", "tag"), sampleTag(2));
      const theirs = `x@${bobId.slice(0, 8)}`;
      assert.equal(await daemon.call(theirs, "tag"), sampleTag(1));
    }
    // Bob may go on with what is his.
    const again = await bob.client.publishSeed("x", sampleModule(3), plain);
    assert.deepEqual(again.heldBy, { peer: annId, name: "ann" });
    await ann.client.unpublishSeed("x");
    await until(async () => await ann.call("x", "tag") === sampleTag(3));
    assert.equal((await seedsOf(bob))[0]?.heldBy, undefined);
  },
);

twoDaemons(
  "a publisher's takeover says who still holds the name",
  async ({ ann, bob, until }) => {
    await ann.client.publishSeed("x", sampleModule(1), plain);
    await until(async () => (await seedsOf(bob)).length === 1);
    const takeover = { config: {}, isTakeover: true };
    const { heldBy } = await bob.client.publishSeed(
      "x",
      sampleModule(2),
      takeover,
    );
    assert.deepEqual(heldBy, { peer: await peerOf(ann), name: "ann" });
    const target = { seed: "x", function: "tag" };
    const here = await bob.client.call(target, utf8(""), { on: "bob" });
    assert.equal(utf8TextLossy(here), sampleTag(2));
    assert.equal(await bob.call("x", "tag"), sampleTag(1));
  },
);

twoDaemons(
  "a node that leaves takes no name with it",
  async ({ ann, bob, shows, until }) => {
    await bob.client.publishSeed("x", sampleModule(1), plain);
    await until(async () => (await seedsOf(ann)).length === 1);
    await bob.client.members.leave();
    await bob.ended;
    await shows(ann, "left");
    // The spec stays until somebody forgets its owner.
    assert.equal((await seedsOf(ann))[0]?.ownerName, "bob");
    const published = await ann.client.publishSeed("x", sampleModule(2), plain);
    assert.equal(published.heldBy, undefined, "an admin comes first");
    assert.equal(await ann.call("x", "tag"), sampleTag(2));
  },
);
