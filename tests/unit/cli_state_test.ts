// `pln history`, `pln diff`, `pln forget` and `pln status --at` as people use
// them: what they print, how they end, and what bad input is told. The daemon
// is a server with fixed answers; the JSON shapes are held in cli_status_test.

import assert from "node:assert/strict";
import { localText, parseMoment } from "../../src/cli/moments.ts";
import type { StateHandlers } from "../../src/control/mod.ts";
import {
  InputError,
  NotFoundError,
  UnreachableError,
} from "../../src/kernel/mod.ts";
import { sampleState } from "./cli_samples.ts";
import { CliWorld } from "./cli_world.ts";

const nowMs = 1_790_000_000_000;
const minuteMs = 60_000;

function serving(state: Partial<StateHandlers> = {}): CliWorld {
  const world = new CliWorld();
  world.serve({ state: { ...sampleState, ...state } });
  return world;
}

Deno.test("pln history shows each batch with what it changed", async () => {
  const { out, err, code } = await serving().run("history");
  assert.equal(code, 0, err);
  assert.match(out, /bob \(b2b2b2b2b2b2\), generation 2, batch 4\n/);
  assert.match(out, /\n {2}\+ seeds\/hello \{"digest":"d5d5/);
  assert.match(out, /\n {2}- seeds\/old\ufffd\[31m\n/, "no escape sequence");
  assert.match(out, /\n {2}~ seeds\/hello: timeoutMs 30000 -> 1000\n/);
  assert.match(out, / {2}-- the node was killed: /);
  assert.ok(out.startsWith(`${localText(1_789_000_000_000)}  11d 13h ago  `));
});

Deno.test("pln history hands on what it was asked for", async () => {
  const asked: unknown[] = [];
  const world = serving({
    history: (query) => {
      asked.push(query);
      return Promise.resolve({ version: 1, isCut: true, events: [] });
    },
  });
  const words = ["--since", "1h", "--owner", "bob", "-n", "7"];
  const ran = await world.run("history", ...words);
  await world.run("history");
  assert.deepEqual(asked, [
    { sinceMs: nowMs - 60 * minuteMs, owner: "bob", limit: 7 },
    { sinceMs: undefined, owner: undefined, limit: 50 },
  ]);
  assert.match(ran.err, /Older ones are left out/);
  assert.match(ran.out, /^Nothing has changed since /);
});

for (
  const [words, says] of [
    [["--since", "yesterday"], /takes a moment, not "yesterday"/],
    [["--since", "2999-01-01"], /2999-01-01 is yet to come/],
    [["--since", "2026-02-30"], /takes a moment, not "2026-02-30"/],
    [["--since", "-5m"], /./],
    [["--since", ""], /takes a moment, not ""/],
    [["--since", "99999999999d"], /takes a moment|before 1970/],
    [["--lines", "0"], /from 1 to 10000, not "0"/],
    [["--lines", "99999999"], /from 1 to 10000, not "99999999"/],
    [["--lines", "ten"], /from 1 to 10000, not "ten"/],
  ] as const
) {
  Deno.test(`pln history ${words.join(" ")} is refused with what to type`, async () => {
    const ran = await serving().run("history", ...words);
    assert.equal(ran.code, 2, ran.err);
    assert.match(ran.err, says);
    assert.match(ran.err, /\n {2}\S/, "a hint");
  });
}

Deno.test("pln status --at shows the nodes and seeds of that moment", async () => {
  const asked: number[] = [];
  const world = serving({
    past: (atMs) => {
      asked.push(atMs);
      return sampleState.past(atMs);
    },
  });
  const { out, err, code } = await world.run("status", "--at", "10m ago");
  assert.equal(code, 0, err);
  assert.deepEqual(asked, [nowMs - 10 * minuteMs]);
  assert.ok(out.startsWith(`at ${localText(nowMs - 10 * minuteMs)} (10m ago)`));
  assert.match(out, /\nbob +b2b2b2b2b2b2 +publisher +member +1\.2\.4\n/);
  assert.match(out, /\nhello +bob +2\.1 MiB /);
  const seeds = await world.run("status", "seeds", "--at", "10m", "--json");
  assert.deepEqual(Object.keys(JSON.parse(seeds.out)), [
    "version",
    "atMs",
    "isExact",
    "seeds",
  ]);
});

Deno.test("pln status --at warns where the log has gaps", async () => {
  const world = serving({
    past: async (atMs) => ({ ...await sampleState.past(atMs), isExact: false }),
  });
  const ran = await world.run("status", "--at", "1h");
  assert.equal(ran.code, 0);
  assert.match(ran.err, /The log has gaps since then/);
});

Deno.test("pln status --at says when the log begins", async () => {
  const world = serving({
    past: () =>
      Promise.reject(new NotFoundError("The log begins at x", { hint: "y" })),
  });
  const ran = await world.run("status", "--at", "2001-01-01");
  assert.equal(ran.code, 3);
  assert.match(ran.err, /The log begins at x\n {2}y\n/);
});

Deno.test("pln status --at refuses the future and garbage, and takes no daemon for that", async () => {
  const world = new CliWorld();
  const future = await world.run("status", "--at", "2999-01-01T00:00:00Z");
  assert.equal(future.code, 2);
  assert.match(future.err, /is yet to come/);
  const garbage = await world.run("status", "--at", "noon\u001b[31m");
  assert.equal(garbage.code, 2);
  assert.ok(!garbage.err.includes("\u001b"));
  const split = await world.run("status", "--at", "10m", "ago");
  assert.equal(split.code, 2);
  assert.match(split.err, /quote both: --at "10m ago"/);
});

Deno.test("pln diff ends with 1 and names the owners that differ", async () => {
  const { out, code } = await serving().run("diff", "bob");
  assert.equal(code, 1);
  assert.match(
    out,
    /\nann \(a1a1a1a1a1a1\) +ahead +1\.12 01020304 +1\.11 1112/,
  );
  assert.match(out, /\nc3c3c3c3c3c3 +behind +- +4\.1 21222324\n/);
  assert.match(out, /different from bob \(b2b2b2b2b2b2\): 2 of 3 documents\n$/);
});

Deno.test("pln diff ends with 0 when both are equal", async () => {
  const world = serving({
    diff: async (peer, signal) => ({
      ...await sampleState.diff(peer, signal),
      isEqual: true,
      owners: [],
    }),
  });
  const { out, code } = await world.run("diff", "bob");
  assert.equal(code, 0);
  assert.match(
    out,
    /^equal to bob \(.*\): 3 documents, sha256:d5d5d5d5d5d5\n$/,
  );
});

for (
  const [what, cause, exit] of [
    ["an unknown peer", new NotFoundError("No node bo", { hint: "x" }), 3],
    ["a peer that is down", new UnreachableError("Down", { hint: "x" }), 6],
    ["this node", new InputError("This node itself", { hint: "x" }), 2],
  ] as const
) {
  Deno.test(`pln diff of ${what} ends with ${exit}`, async () => {
    const world = serving({ diff: () => Promise.reject(cause) });
    const ran = await world.run("diff", "bo");
    assert.equal(ran.code, exit);
    assert.match(ran.err, /\n {2}x\n$/);
  });
}

Deno.test("pln forget says what goes, and --dry-run what would", async () => {
  const asked: unknown[] = [];
  const world = serving({
    forget: (peer, request) => {
      asked.push([peer, request]);
      return sampleState.forget(peer, request);
    },
  });
  const dry = await world.run("forget", "bob", "--dry-run");
  assert.match(dry.out, /^bob \(b2b2b2b2b2b2\) would be forgotten\n/);
  const ran = await world.run("forget", "bob", "--force");
  assert.equal(ran.code, 0);
  assert.match(ran.out, /is forgotten\n {2}entries: 3 of node, 2 of seeds\n/);
  assert.match(ran.out, / {2}seeds: hello, loops\n$/);
  assert.deepEqual(asked, [
    ["bob", { force: false, dryRun: true }],
    ["bob", { force: true, dryRun: false }],
  ]);
});

Deno.test("parseMoment reads what people type, local where no zone is said", () => {
  const read = (text: string) => parseMoment(text, "--at", { nowMs });
  assert.equal(read("10m"), nowMs - 10 * minuteMs);
  assert.equal(read(" 1h 30m ago "), nowMs - 90 * minuteMs);
  assert.equal(read("2026-01-31T08:15:00Z"), Date.UTC(2026, 0, 31, 8, 15));
  assert.equal(read("2026-01-31 08:15z"), Date.UTC(2026, 0, 31, 8, 15));
  assert.equal(read("2026-01-31T08:15:00+0130"), Date.UTC(2026, 0, 31, 6, 45));
  assert.equal(read("2026-01-31"), new Date(2026, 0, 31).getTime());
  assert.equal(
    read("2026-01-31T08:15:00.250"),
    new Date(2026, 0, 31, 8, 15, 0, 250).getTime(),
  );
  assert.equal(read(localText(nowMs)), nowMs);
});
