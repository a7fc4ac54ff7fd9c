// Two daemons of one cluster and its state as their control APIs show it: how
// much of it is there, what changed, how it was, where they differ, and what
// forgetting would drop. Over simulated ports, in virtual time.

import assert from "node:assert/strict";
import type { PlnError } from "../../src/kernel/mod.ts";
import { sampleModule } from "../fixtures/seeds/sample.ts";
import { twoDaemons } from "./two_daemons.ts";

twoDaemons(
  "a status counts documents and shows the digest that equal states share",
  async ({ ann, bob, until }) => {
    await until(async () => (await ann.status()).state.documents === 2);
    await until(async () => {
      const [here, there] = [await ann.status(), await bob.status()];
      return here.state.digest === there.state.digest;
    });
    const here = await ann.status();
    const { forks, unfilled, waiting, refused, deferred } = here.state;
    assert.deepEqual(
      { forks, unfilled, waiting, refused, deferred },
      { forks: [], unfilled: 0, waiting: 0, refused: 0, deferred: 0 },
    );
  },
);

twoDaemons(
  "a history has values, but for those of a seed's configuration",
  async ({ ann }) => {
    const { client } = ann;
    const config = { key: "s3cret", zone: "a" };
    await client.publishSeed("one", sampleModule(1), { config });
    const changed = { config: { ...config, key: "s4cret" } };
    await client.publishSeed("one", sampleModule(1), changed);
    const history = await client.state.history({ owner: "ann", limit: 2 });
    assert.doesNotMatch(JSON.stringify(history), /s[34]cret/);
    const changes = history.events.flatMap((event) =>
      event.type === "batch" ? event.changes : []
    );
    assert.deepEqual(
      changes.map(({ before, after }) => [
        Object(before)["config"],
        Object(after)["config"],
      ]),
      [
        [undefined, { key: "hidden", zone: "hidden" }],
        [
          { key: "hidden", zone: "hidden" },
          { key: "hidden, changed", zone: "hidden" },
        ],
      ],
    );
    assert.equal(history.isCut, true, "there is more than two");
    assert.equal(
      history.events[0]?.type === "batch" && history.events[0].name,
      "ann",
    );
  },
);

twoDaemons(
  "a daemon shows the past, and refuses moments that it does not know",
  async ({ ann }) => {
    const { client } = ann;
    const { events } = await client.state.history({});
    const [first] = events;
    assert.ok(first !== undefined);
    await client.publishSeed("one", sampleModule(1), { config: {} });
    const { events: later } = await client.state.history({ limit: 1 });
    const atMs = later[0]?.atMs ?? 0;
    const past = await client.state.past(atMs);
    const [seed] = past.seeds;
    assert.equal(seed?.name, "one");
    assert.deepEqual(seed?.others, []);
    assert.equal(past.digest, (await ann.status()).state.digest);
    const self = past.nodes.find(({ name }) => name === "ann");
    assert.deepEqual([self?.tier, self?.state], ["admin", "member"]);
    for (
      const [wallMs, code] of [
        [first.atMs - 1, "PLN_NOT_FOUND"],
        [atMs + 3_600_000_000, "PLN_INPUT"],
      ] as const
    ) {
      await assert.rejects(client.state.past(wallMs), (error: PlnError) => {
        assert.equal(error.code, code);
        assert.ok(error.hint !== undefined);
        return true;
      });
    }
  },
);

twoDaemons(
  "two daemons compare their states, and say what forgetting would drop",
  async ({ ann, bob, shows, until }) => {
    const { peer } = await shows(ann, "connected");
    await until(async () => (await ann.client.state.diff("bob")).isEqual);
    const equal = await ann.client.state.diff("bob");
    assert.deepEqual([equal.owners, equal.peer], [[], peer]);
    const dry = await ann.client.state.forget("bob", { dryRun: true });
    assert.deepEqual([dry.isChanged, dry.isDryRun, dry.name], [
      false,
      true,
      "bob",
    ]);
    assert.equal(dry.entries["node"], 3);
    await assert.rejects(
      ann.client.state.forget("bob", {}),
      (error: PlnError) => /is connected/.test(error.message),
    );
    await assert.rejects(
      bob.client.state.forget("ann", { force: true }),
      (error: PlnError) => error.code === "PLN_DENIED",
    );
  },
);
