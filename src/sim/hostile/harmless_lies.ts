// True words of the liar's own that harm nobody but itself at most, and old words
// of others said again. In comes a court; each looks at once for what it must
// not have done.

import { limits } from "../../kernel/mod.ts";
import { digest, type Lie } from "./court.ts";
import { entry } from "./forged_body.ts";

/** True words of its own, to its own harm at most. */
export const harmlessLies: readonly Lie[] = [
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
    await court.tell(batch);
    await court.cluster.pause(1_000);
    for (const { node } of court.honest) {
      const isAllowed = node.view.rights.denialOf(peer) === undefined;
      court.stage.expect(isAllowed, "nobody is denied by it");
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
    if (one === undefined || other === undefined) return;
    await court.liar.tell(court.honest.slice(0, 1), one);
    await court.liar.tell(court.honest.slice(1), other);
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
    await court.tell(court.base({ hlc }));
    await court.cluster.pause(500);
    court.stage.expect(court.isBelieved, "time refuses nothing");
  }],
  ["names that are none", async (court) => {
    const keys = ["-a", "a/b", "..", "A", "x".repeat(64), "xn--80ak6aa92e"];
    const seeds = keys.map((key) =>
      entry("seeds", key, { value: { digest, sizeBytes: 1, publishedMs: 1 } })
    );
    const batch = court.liar.base(seeds, { generation: court.fresh() });
    await court.tell(batch);
    await court.cluster.pause(500);
    for (const { node } of court.honest) {
      for (const { name } of node.view.seedsOf(court.liar.peer)) {
        const isName = /^[a-z0-9][a-z0-9-]{0,62}$/.test(name);
        court.stage.expect(isName, `"${name}" is a name`);
      }
    }
  }],
  ["somebody else's name", async (court) => {
    const self = { name: court.victim.name, version: "0", startedMs: 1 };
    const batch = court.liar.base([entry("node", "self", { value: self })], {
      generation: court.fresh(),
    });
    await court.tell(batch);
    await court.cluster.pause(500);
    for (const { node } of court.honest) {
      const name = node.view.nodes.get(court.victim.peer)?.name;
      const isKept = name === court.victim.name;
      court.stage.expect(isKept, "the name stays with who had it");
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
    await court.tell(batch);
  }],
  ["what was deleted long ago", async (court) => {
    const { victim, honest, liar, stage } = court;
    const name = "deleted";
    await stage.ledger.publish(victim, name);
    await stage.converged("it was published", { members: honest });
    const old = await court.copyOf(victim.peer);
    await stage.ledger.unpublish(victim, name);
    const isGone = () =>
      honest.every(({ node }) =>
        node.view.seedsOf(victim.peer).every((seed) => seed.name !== name)
      );
    await court.cluster.until("all forget the seed", isGone);
    await liar.tell(honest, ...old, ...old.toReversed());
    await court.cluster.pause(5_000);
    stage.expect(isGone(), "what was deleted does not come back");
  }],
];
