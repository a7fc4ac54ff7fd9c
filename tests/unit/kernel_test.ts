// The rest of the kernel: names, ids, durations, errors, scopes and sequences.
// Names carry SCENARIOS.md R05: one rule for writers and readers.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  asPlnError,
  ClosedError,
  formatDurationMs,
  InputError,
  isName,
  nameFrom,
  NotFoundError,
  parseDigest,
  parseDurationMs,
  parseName,
  parsePeerId,
  parsePropertyKey,
  peerDnsName,
  peerIdOf,
  ReportedError,
  reportError,
  Scope,
  Sequence,
  unreachable,
} from "../../src/kernel/mod.ts";

Deno.test("R05 parseName() refuses what could deceive or escape", () => {
  const refused = [
    "",
    ".",
    "..",
    "a..b",
    "a/b",
    "../a",
    "a\0b",
    "A",
    "-a",
    "a-",
    "a b",
    "раypal", // Cyrillic er
    "ａ",
    "a".repeat(64),
    "x".repeat(10_240),
    "pln",
    "localhost",
    "\u202ea",
  ];
  for (const text of refused) {
    assert.ok(!isName(text), text);
    assert.throws(() => parseName(text, "seed"), (error) => {
      assert.ok(error instanceof InputError);
      assert.ok(error.message.length < 200, "the message stays one line");
      assert.ok(!error.message.includes("\0"));
      return true;
    });
  }
  for (const text of ["a", "my-seed", "v1.2", "a_b", "a".repeat(63)]) {
    assert.equal(parseName(text, "seed"), text);
  }
});

Deno.test("nameFrom() makes a valid name of anything, or none", () => {
  assert.equal(nameFrom("Hello World.v2"), "hello-world.v2");
  assert.equal(nameFrom("../../etc/passwd"), "etc-passwd");
  assert.equal(nameFrom("///"), undefined);
  fc.assert(fc.property(fc.string(), (text) => {
    const name = nameFrom(text);
    assert.ok(name === undefined || isName(name));
  }));
});

Deno.test("parsePropertyKey() keeps pln. for the cluster itself", () => {
  assert.equal(parsePropertyKey("place"), "place");
  assert.throws(() => parsePropertyKey("pln.peer"), /reserved/);
});

Deno.test("ids are 64 lower-case hex digits and nothing else", () => {
  const id = "0123456789abcdef".repeat(4);
  assert.equal(parsePeerId(id), id);
  assert.equal(parseDigest(id), id);
  for (const text of ["", id.toUpperCase(), id + "0", id.slice(1), " " + id]) {
    assert.throws(() => parsePeerId(text), InputError);
    assert.throws(() => parseDigest(text), InputError);
  }
  const name = peerDnsName(peerIdOf(new Uint8Array(32)));
  assert.equal(name, `${"a".repeat(52)}.pln.internal`);
});

Deno.test("parseDurationMs() reads sums of units and refuses the rest", () => {
  const durations: [string, number][] = [
    ["300ms", 300],
    ["1.5s", 1_500],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["7d", 604_800_000],
    ["0s", 0],
  ];
  for (const [text, ms] of durations) {
    assert.equal(parseDurationMs(text), ms);
  }
  const refused = [
    "",
    "5",
    "-1s",
    "1e3s",
    "5 m",
    "5M",
    "m",
    "9".repeat(30) + "d",
  ];
  for (const text of refused) {
    assert.throws(() => parseDurationMs(text), InputError, text);
  }
});

Deno.test("formatDurationMs() shows the two largest units", () => {
  assert.equal(formatDurationMs(450), "450ms");
  assert.equal(formatDurationMs(1_500), "1.5s");
  assert.equal(formatDurationMs(61_000), "1m 1s");
  assert.equal(formatDurationMs(3_600_000), "1h");
  assert.equal(formatDurationMs(2 * 86_400_000 + 3_600_000), "2d 1h");
});

Deno.test("an error crosses a process with code, outcome and hint", () => {
  const error = new NotFoundError("No seed", { hint: "Seed one" });
  const report = JSON.parse(JSON.stringify(reportError(error)));
  const again = new ReportedError(report);
  assert.deepEqual(reportError(again), reportError(error));
  assert.equal(again.outcome, "not-found");
  const bug = asPlnError(new TypeError("x is undefined"));
  assert.equal(bug.code, "PLN_INTERNAL");
  assert.throws(() => unreachable("x" as never), /Unreachable/);
});

Deno.test("Scope: tasks end before resources, in reverse order", async () => {
  const events: string[] = [];
  const scope = new Scope((task, cause) => events.push(`${task}: ${cause}`));
  scope.defer(() => void events.push("first"));
  scope.defer(() => void events.push("second"));
  scope.spawn(
    "loop",
    (signal) =>
      new Promise((resolve) =>
        signal.addEventListener("abort", () => {
          events.push("loop ended");
          resolve();
        })
      ),
  );
  scope.spawn("broken", () => Promise.reject(new Error("oops")));
  await Promise.resolve();
  await scope[Symbol.asyncDispose]();
  await scope[Symbol.asyncDispose]();
  assert.deepEqual(events, [
    "broken: Error: oops",
    "loop ended",
    "second",
    "first",
  ]);
  assert.throws(
    () => scope.spawn("late", () => Promise.resolve()),
    ClosedError,
  );
});

Deno.test("Sequence: one task at a time, a failure fails only itself", async () => {
  const sequence = new Sequence();
  const events: string[] = [];
  const task = (name: string, turns: number) =>
    sequence.run(async () => {
      events.push(`${name} starts`);
      for (let turn = 0; turn < turns; turn++) await undefined;
      events.push(`${name} ends`);
      if (name === "b") throw new Error("b failed");
      return name;
    });
  const results = await Promise.allSettled([
    task("a", 9),
    task("b", 1),
    task("c", 0),
  ]);
  assert.deepEqual(results.map(({ status }) => status), [
    "fulfilled",
    "rejected",
    "fulfilled",
  ]);
  assert.deepEqual(events, [
    "a starts",
    "a ends",
    "b starts",
    "b ends",
    "c starts",
    "c ends",
  ]);
});
