// Small parsers and counters of the seeds folder: addresses (R05), tail call
// markers, statistics. Foreign text comes in; only the canonical form passes.

import assert from "node:assert/strict";
import {
  type Bytes,
  InputError,
  isFunctionName,
  limits,
  toBase64,
  utf8,
} from "../../src/kernel/mod.ts";
import {
  CallStatistics,
  type SeedFailure,
} from "../../src/seeds/statistics.ts";
import { tailCallOf } from "../../src/seeds/tail_call.ts";
import { parseRequestUri } from "../../src/seeds/uri.ts";

Deno.test("parseRequestUri() reads seeds and services", () => {
  assert.deepEqual(parseRequestUri("pln://seed/hello/greet"), {
    type: "seed",
    seed: "hello",
    function: "greet",
  });
  assert.deepEqual(parseRequestUri("pln://service/db.main-1"), {
    type: "service",
    service: "db.main-1",
  });
});

Deno.test("parseRequestUri() reads on which node a seed is", () => {
  const on = (text: string) => parseRequestUri(`pln://seed/x/f?on=${text}`);
  const target = { type: "seed", seed: "x", function: "f" };
  for (const node of ["b", "node-1.lan", "1a2b", "ab".repeat(32)]) {
    assert.deepEqual(on(node), { ...target, on: node });
  }
  const odd = { ...target, function: "f?x=1" };
  assert.deepEqual(parseRequestUri("pln://seed/x/f?x=1"), odd);
  const both = { ...target, function: "f?on=a", on: "b" };
  assert.deepEqual(parseRequestUri("pln://seed/x/f?on=a?on=b"), both);
});

Deno.test("R05: parseRequestUri() refuses every other form", () => {
  const long = "x".repeat(limits.uriCharactersMax);
  const refused = [
    "",
    "pln://",
    "pln://seed",
    "pln://seed/",
    "pln://seed/a",
    "pln://seed/a/",
    "pln://seed//f",
    "pln://seed/a/f/",
    "pln://seed/a/f/g",
    "pln://seed/a//f",
    "pln://seed/../f",
    "pln://seed/a/../b",
    "pln://seed/%61/f\0",
    "pln://seed/%2e%2e/f",
    "pln://seed/A/f",
    "pln://seed/\u0430/f", // Cyrillic a
    "pln://seed/a\0/f",
    "pln://seed/a/f\0",
    "pln://seed/a/f\n",
    "pln://seed/a/\u202ef",
    "pln://seed/.a/f",
    "pln://seed/a../f",
    "pln://seed/pln/f",
    "pln://seed/a b/f",
    `pln://seed/${"a".repeat(64)}/f`,
    `pln://seed/a/${"f".repeat(256)}`,
    `pln://seed/a/${long}`,
    "pln://service/",
    "pln://service/db/f",
    "pln://service/db/",
    "pln://blob/a/f",
    "pln://seed/x/f?on=",
    "pln://seed/x/f?on=A",
    "pln://seed/x/f?on=a b",
    "pln://seed/x/f?on=a/b",
    "pln://seed/x/f?on=a\0",
    "pln://seed/x/f?on=b&on=c",
    "pln://seed/x/?on=b",
    "pln://seed/x?on=b",
    "pln://service/db?on=b",
    `pln://seed/x/f?on=${"AB".repeat(32)}`,
    `pln://seed/x/f?on=${"ab".repeat(33)}`,
    "PLN://seed/a/f",
    " pln://seed/a/f",
    "pln://seed/a/f ".trimEnd() + "/",
    "pln://user@seed/a/f",
    "pln:/seed/a/f",
    "http://seed/a/f",
  ];
  for (const uri of refused) {
    assert.throws(() => parseRequestUri(uri), (error) => {
      assert.ok(error instanceof InputError, uri);
      assert.ok(error.message.length < 600);
      assert.match(error.hint ?? "", /pln:\/\/seed\/<name>\/<function>/);
      return true;
    });
  }
});

Deno.test("R05: isFunctionName() refuses what cannot be shown or split", () => {
  const refused = [
    ...["", "/", "a/b", "\0", "a\tb", "\x7f", "\x85", "\x9b[2J", "\u200b"],
    ...["\u202e", "\u2028", "\u2029", "\ufeff", "\ud800", "x".repeat(256)],
  ];
  for (const text of refused) {
    assert.equal(isFunctionName(text), false, JSON.stringify(text));
  }
  assert.equal(isFunctionName(undefined), false);
  for (const text of ["f", "a b", "\u00e9", "x".repeat(255), "..", "$"]) {
    assert.equal(isFunctionName(text), true, text);
  }
});

const marker = (fields: Record<string, unknown>): Bytes =>
  utf8(JSON.stringify({ kind: "tail_call", uri: "pln://seed/a/f", ...fields }));

Deno.test("tailCallOf() reads a marker with and without input", () => {
  const tail = tailCallOf(marker({ input: toBase64(utf8("h\u00e9")) }));
  assert.deepEqual(tail, { uri: "pln://seed/a/f", input: utf8("h\u00e9") });
  assert.equal(tailCallOf(marker({}))?.input.length, 0);
  assert.equal(tailCallOf(marker({ input: "" }))?.input.length, 0);
  assert.ok(tailCallOf(marker({ more: 1 })), "from a newer host interface");
});

Deno.test("tailCallOf() leaves any other output alone", () => {
  const others = [
    utf8(""),
    utf8("{}"),
    utf8('{"tail_call"}'),
    Uint8Array.of(0x7b, 0xff, 0x7d),
    utf8('{"kind":"tail_call","uri":null}'),
    marker({ kind: "call" }),
    marker({ input: null }),
    marker({ input: {} }),
    marker({ pad: "x".repeat(6 * 1024 * 1024) }),
    utf8(`{"tail_call":${"[".repeat(100_000)}}`),
  ];
  for (const output of others) assert.equal(tailCallOf(output), undefined);
});

Deno.test("tailCallOf() carries 4 MiB of input", () => {
  const input = new Uint8Array(limits.callInputBytesMax).fill(7);
  const tail = tailCallOf(marker({ input: toBase64(input) }));
  assert.equal(tail?.input.length, input.length);
});

Deno.test("tailCallOf() refuses an input that is not base64", () => {
  for (const input of ["%", "a", "YQ=", "YQ==YQ=="]) {
    assert.throws(() => tailCallOf(marker({ input })), { reason: "output" });
  }
});

Deno.test("CallStatistics takes no latency of calls that did not run", () => {
  const statistics = new CallStatistics();
  const end = (elapsedMs: number, failure?: SeedFailure) => {
    statistics.start();
    statistics.end(elapsedMs, failure);
  };
  end(0, "saturated");
  assert.equal(statistics.report().p50Ms, undefined);
  for (const ms of [40, 50, 60]) end(ms);
  for (let call = 0; call < 1000; call++) end(0, "saturated");
  for (const ms of [10, 20]) end(ms, "trap");
  const { p50Ms, p99Ms, ...counts } = statistics.report();
  assert.deepEqual([p50Ms, p99Ms], [40, 60]);
  assert.deepEqual(counts, {
    calls: 1006,
    errors: 1003,
    errorsByReason: { saturated: 1001, trap: 2 },
    running: 0,
  });
});

Deno.test("CallStatistics gives nearest-rank percentiles of the last 256", () => {
  const statistics = new CallStatistics();
  const end = (elapsedMs: number, failure?: SeedFailure) => {
    statistics.start();
    statistics.end(elapsedMs, failure);
  };
  end(5);
  assert.equal(statistics.report().p50Ms, 5);
  assert.equal(statistics.report().p99Ms, 5);
  for (let ms = 1; ms <= 1000; ms++) end(ms, ms % 2 === 0 ? "trap" : undefined);
  statistics.start();
  assert.deepEqual(statistics.report(), {
    calls: 1001,
    errors: 500,
    errorsByReason: { trap: 500 },
    running: 1,
    p50Ms: 872, // of 745 to 1000
    p99Ms: 998,
  });
});
