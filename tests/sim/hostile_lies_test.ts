// A member that lies to everybody, one class of lie after the other (SCENARIOS.md
// R01, R03, R05, R06). Whatever it says: no view shows anything of an honest
// owner that it did not publish, honest nodes stay linked and equal, and what
// they publish goes on reaching everybody.

import assert from "node:assert/strict";
import { type CborValue, limits } from "../../src/kernel/mod.ts";
import { clusterScenario } from "./cluster_lab.ts";
import { Court, digest, type Lie, lie } from "./hostile_court.ts";
import { bentBody, entry } from "./hostile_lab.ts";

/** None of these is believed by anybody. */
const refused: readonly Lie[] = [
  ["a batch without a signature", async (court) => {
    const signature = new Uint8Array(64);
    await court.liar.tell(
      court.honest,
      court.liar.signed(court.base(), { signature }),
    );
  }, /not signed/],
  ["a batch signed for another cluster", async (court) => {
    const cluster = "cd".repeat(32) as never;
    await court.liar.tell(
      court.honest,
      court.liar.signed(court.base(), { cluster }),
    );
  }, /not signed/],
  ["a batch signed as a record", async (court) => {
    const context = "pln/eph/1";
    await court.liar.tell(
      court.honest,
      court.liar.signed(court.base(), { context }),
    );
  }, /not signed/],
  ["a batch of somebody else", async (court) => {
    const owner = court.victim.peer;
    await court.liar.tell(
      court.honest,
      court.liar.signed(court.base({ owner, generation: 1_000 })),
    );
  }, /not signed/],
  ["one byte of somebody else's batch", async (court) => {
    for (const bytes of await court.copyOf(court.victim.peer)) {
      for (let at = 0; at < bytes.length; at += 37) {
        const bent = bytes.slice();
        bent[at] = (bent[at] ?? 0) ^ 1;
        await court.liar.tell([court.victim], bent);
      }
    }
  }, /not signed/],
  ["a base without a credential", async (court) => {
    await court.liar.tell(
      court.honest,
      court.liar.signed(court.base({ operations: [lie] })),
    );
  }, /no credential/],
  ["somebody else's credential", async (court) => {
    const [ann] = court.honest;
    assert.ok(ann !== undefined);
    const { member } = ann.node.identity.credential;
    const operations = court.base().operations.map((operation) =>
      operation.key === "member"
        ? entry("node", "member", { value: btoa(binary(member.der)) })
        : operation
    );
    await court.liar.tell(
      court.honest,
      court.liar.signed(court.base({ operations })),
    );
  }, /no credential/],
  ["numbers that are none", async (court) => {
    const batch = court.base();
    const bends: readonly Readonly<Record<string, CborValue>>[] = [
      { seq: 2 ** 53 },
      { seq: -1 },
      { seq: 0 },
      { seq: Number.NaN },
      { seq: 1.5 },
      { generation: 2 ** 53 - 1 },
      { generation: 0 },
      { rev: 2 },
      { rev: "1" },
      { hlc: [2 ** 60, 0] },
      { hlc: [] },
      { session: new Uint8Array(15) },
      { base: 1 },
      { more: 1 },
    ];
    for (const bend of bends) {
      await court.liar.tell(
        [court.victim],
        court.liar.signedBody(bentBody(batch, bend)),
      );
    }
  }, /no integer below/],
  ["operations out of order, twice, and deleted in a base", async (court) => {
    const operations = court.base().operations;
    const [first] = operations;
    assert.ok(first !== undefined);
    const forgeries = [
      operations.toReversed(),
      [first, ...operations],
      [...operations, { section: "zz", key: "k", text: undefined }],
    ];
    for (const operations of forgeries) {
      await court.liar.tell(
        court.honest,
        court.liar.signed(court.base({ operations })),
      );
    }
  }, /not in order|deletes/],
  ["values that are no canonical JSON", async (court) => {
    const texts = ['{"b":1,"a":2}', "{ }", "[1,]", "\ud800", '"\\u0041"', ""];
    for (const text of texts) {
      const operation = { section: "seeds", key: "lie", text };
      const { operations } = court.liar.base([]);
      await court.liar.tell(
        [court.victim],
        court.liar.signed(
          court.base({ operations: [...operations, operation] }),
        ),
      );
    }
  }, /canonical JSON/],
  ["a value nested 10,000 deep", async (court) => {
    const text = "[".repeat(4_000) + "]".repeat(4_000);
    const { operations } = court.liar.base([]);
    const deep = { section: "seeds", key: "lie", text };
    await court.liar.tell(
      court.honest,
      court.liar.signed(court.base({ operations: [...operations, deep] })),
    );
  }, /deeper than 32/],
  ["more than a publisher may say", async (court) => {
    const text = JSON.stringify("x".repeat(8_000));
    const large = Array.from({ length: 40 }, (_, index) => ({
      section: "seeds",
      key: `z${String(index).padStart(3, "0")}`,
      text,
    }));
    const { operations } = court.base();
    await court.liar.tell(
      court.honest,
      court.liar.signed(court.base({ operations: [...operations, ...large] })),
    );
  }, /too large/],
  ["a frame longer than any batch", async (court) => {
    const body = new Uint8Array(limits.stateBatchBytesMax + 4_096);
    await court.liar.tell([court.victim], body);
  }, /whose it is/],
  ["garbage of every kind", async (court) => {
    for (let kind = 0; kind < 32; kind++) {
      const body = new Uint8Array(kind * 7).fill(0xff);
      await court.liar.say(court.victim, { kind, body }).catch(() => undefined);
      await court.cluster.pause(20);
      if (court.liar.linkTo(court.victim) !== undefined) continue;
      await court.liar.meet(court.victim);
    }
  }],
  ["a step without what comes before", async (court) => {
    const base = court.base();
    const later = court.liar.next(base, [lie], { seq: 2 ** 40 });
    await court.liar.tell(court.honest, court.liar.signed(later));
  }],
];

function binary(bytes: Uint8Array): string {
  return [...bytes].map((byte) => String.fromCharCode(byte)).join("");
}

clusterScenario("R01 R03 R06: lies that nobody believes", async (cluster) => {
  const court = await Court.open(cluster);
  for (const [name, tell, reason] of refused) {
    const before = court.refusals.length;
    await court.hear(name, tell);
    assert.equal(court.isBelieved, false, name);
    const why = court.refusals.slice(before);
    if (reason === undefined) continue;
    assert.ok(why.some((one) => reason.test(one)), `${name}: ${why}`);
  }
  await court.liar.end();
}, { worlds: 1 });

/** True words of its own, to its own harm at most. */
const harmless: readonly Lie[] = [
  ["decisions that only an admin may make", async (court) => {
    const { peer } = court.victim;
    const value = { number: 9, verdict: "deny", atMs: 1 };
    const denial = entry("denies", peer, { value });
    const gone = { number: 9, generation: 1_000, seq: 1, atMs: 1 };
    const forgotten = entry("forgets", peer, { value: gone });
    const batch = court.liar.base([denial, forgotten], {
      generation: court.fresh(),
      rev: 1,
    });
    await court.liar.tell(court.honest, court.liar.signed(batch));
    await court.cluster.pause(1_000);
    for (const { node } of court.honest) {
      assert.equal(node.view.rights.denialOf(peer), undefined);
    }
  }],
  ["two batches of one number, to different nodes", async (court) => {
    const generation = court.fresh();
    const [one, other] = ["left", "right"].map((key) =>
      court.liar.signed(
        court.liar.base([
          entry("seeds", key, {
            value: { digest, sizeBytes: 100, publishedMs: 1 },
          }),
        ], { generation }),
      )
    );
    assert.ok(one !== undefined && other !== undefined);
    const [ann, bob, cleo] = court.honest;
    assert.ok(ann !== undefined && bob !== undefined && cleo !== undefined);
    await court.liar.tell([ann], one);
    await court.liar.tell([bob, cleo], other);
    await court.cluster.until(
      "the generation is void everywhere",
      () =>
        court.honest.every(({ node }) =>
          node.view.seedsOf(court.liar.peer)
            .every(({ name }) => name !== "left" && name !== "right")
        ),
      { withinMs: 20_000 },
    );
  }],
  ["a time far in the future", async (court) => {
    const hlc = { wallMs: 2 ** 48 - 1, counter: 2 ** 48 - 1 };
    await court.liar.tell(court.honest, court.liar.signed(court.base({ hlc })));
    await court.cluster.pause(500);
    assert.ok(court.isBelieved, "time refuses nothing");
  }],
  ["names that are none", async (court) => {
    const keys = ["-a", "a/b", "..", "A", "x".repeat(64), "xn--80ak6aa92e"];
    const seeds = keys.map((key) =>
      entry("seeds", key, { value: { digest, sizeBytes: 1, publishedMs: 1 } })
    );
    const batch = court.liar.base(seeds, { generation: court.fresh() });
    await court.liar.tell(court.honest, court.liar.signed(batch));
    await court.cluster.pause(500);
    for (const { node } of court.honest) {
      for (const { name } of node.view.seedsOf(court.liar.peer)) {
        assert.match(name, /^[a-z0-9]/);
        assert.ok(name.length <= 63 && !name.includes("/"));
      }
    }
  }],
  ["somebody else's name", async (court) => {
    const self = { name: court.victim.name, version: "0", startedMs: 1 };
    const batch = court.liar.base([entry("node", "self", { value: self })], {
      generation: court.fresh(),
    });
    await court.liar.tell(court.honest, court.liar.signed(batch));
    await court.cluster.pause(500);
    for (const { node } of court.honest) {
      assert.equal(
        node.view.nodes.get(court.victim.peer)?.name,
        court.victim.name,
      );
    }
  }],
  ["a thousand batches at once", async (court) => {
    let batch = court.base();
    const batches = [batch];
    for (let index = 0; index < 1_000; index++) {
      batch = court.liar.next(batch, [
        entry("seeds", `lie${index % 7}`, {
          value: { digest, sizeBytes: index, publishedMs: 1 },
        }),
      ]);
      batches.push(batch);
    }
    await court.liar.tell(
      [court.victim],
      ...batches.map((one) => court.liar.signed(one)),
    );
  }],
  ["the largest numbers there are", async (court) => {
    const most = limits.stateIntegerMax;
    const batch = court.base({ generation: most - 1, seq: most - 1 });
    await court.liar.tell(court.honest, court.liar.signed(batch));
  }],
];

clusterScenario("R01 R05: lies that harm only the liar", async (cluster) => {
  const court = await Court.open(cluster);
  for (const [name, tell] of harmless) await court.hear(name, tell);
  await court.liar.end();
}, { worlds: 1 });

clusterScenario("R01: what was deleted does not come back", async (cluster) => {
  const court = await Court.open(cluster);
  const { victim, honest, liar } = court;
  const old = await court.copyOf(victim.peer);
  await victim.node.unpublishSeed(victim.name);
  const isGone = () =>
    honest.every(({ node }) => node.view.seedsOf(victim.peer).length === 0);
  await cluster.until("all forget the seed", isGone);
  await liar.tell(honest, ...old, ...old.toReversed());
  await cluster.pause(5_000);
  assert.ok(isGone());
  // Not at a node either that starts from nothing but the liar.
  await liar.end();
}, { worlds: 1 });
