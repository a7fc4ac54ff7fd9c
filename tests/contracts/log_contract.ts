// What every log promises (src/ports/log.ts). In, a way to open a log and to
// read its records back; out, tests with every value that a caller may pass.

import assert from "node:assert/strict";
import { NotFoundError } from "../../src/kernel/mod.ts";
import type { Log } from "../../src/ports/mod.ts";

export type LoggedRecord = {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

export type LogHarness = {
  readonly log: Log;
  /** All records so far, as they were stored. */
  records(): Promise<readonly LoggedRecord[]>;
};

export function logContract(name: string, open: () => LogHarness): void {
  const test = (
    behaviour: string,
    run: (harness: LogHarness) => Promise<void>,
  ) => Deno.test(`${name} ${behaviour}`, () => run(open()));

  test("keeps events in order, with their levels", async (harness) => {
    harness.log.debug("one");
    harness.log.info("two", { peer: "ab" });
    harness.log.warn("three");
    harness.log.error("four", { afterMs: 3, isLast: true });
    assert.deepEqual(await harness.records(), [
      { level: "debug", event: "one", fields: {} },
      { level: "info", event: "two", fields: { peer: "ab" } },
      { level: "warn", event: "three", fields: {} },
      { level: "error", event: "four", fields: { afterMs: 3, isLast: true } },
    ]);
  });

  const field = async (harness: LogHarness, value: unknown) => {
    harness.log.info("event", { value });
    return (await harness.records()).at(-1)?.fields["value"];
  };

  test("turns errors into name, code, message and cause", async (harness) => {
    const cause = new NotFoundError("No seed");
    const value = await field(harness, new NotFoundError("No", { cause }));
    assert.deepEqual(value, {
      name: "NotFoundError",
      code: "PLN_NOT_FOUND",
      message: "No",
      cause: {
        name: "NotFoundError",
        code: "PLN_NOT_FOUND",
        message: "No seed",
      },
    });
  });

  test("writes bigints, bytes, maps and sets", async (harness) => {
    const value = await field(harness, {
      big: 2n ** 70n,
      bytes: Uint8Array.of(1, 171),
      map: new Map([["a", 1]]),
      set: new Set([1, 2]),
      date: new Date(0),
      nan: NaN,
      missing: undefined,
    });
    assert.deepEqual(value, {
      big: "1180591620717411303424",
      bytes: "01ab",
      map: { a: 1 },
      set: [1, 2],
      date: "1970-01-01T00:00:00.000Z",
      nan: "NaN",
    });
  });

  test("cuts long texts, long bytes, depth and number", async (harness) => {
    const bytes = await field(harness, new Uint8Array(1_000_000));
    assert.match(String(bytes), /^(00){64}\.\.\. \(1000000 bytes\)$/);
    const text = await field(harness, "x".repeat(1_000_000));
    assert.match(String(text), /^x{4096}\.\.\. \(1000000 characters\)$/);
    let deep: unknown = "bottom";
    for (let level = 0; level < 10_000; level++) deep = [deep];
    const many = Array.from({ length: 100_000 }, (_, index) => index);
    const texts = Array.from({ length: 1_000 }, () => "y".repeat(3_000));
    for (const value of [deep, many, texts]) {
      const shown = JSON.stringify(await field(harness, value));
      assert.ok(shown.length < 40_000, String(shown.length));
    }
  });

  test("survives cycles, throwing getters and proxies", async (harness) => {
    const cycle: Record<string, unknown> = { name: "cycle" };
    cycle["self"] = cycle;
    assert.deepEqual(await field(harness, cycle), {
      name: "cycle",
      self: "[circular]",
    });
    const broken = {
      get bad() {
        throw new RangeError("no");
      },
      good: 1,
    };
    assert.deepEqual(await field(harness, broken), {
      bad: "[unreadable: RangeError]",
      good: 1,
    });
    const proxy = new Proxy({}, {
      ownKeys() {
        throw new TypeError("no");
      },
    });
    assert.equal(await field(harness, proxy), "[unreadable: TypeError]");
    harness.log.info("event", proxy);
    harness.log.info("event", broken);
    const last = (await harness.records()).at(-1);
    assert.equal(last?.fields["bad"], "[unreadable: RangeError]");
  });

  test("shares are no cycles", async (harness) => {
    const shared = { a: 1 };
    const value = await field(harness, [shared, shared]);
    assert.deepEqual(value, [{ a: 1 }, { a: 1 }]);
  });

  test("keeps newlines, odd keys and broken UTF-16 apart", async (harness) => {
    const fields = JSON.parse('{"__proto__": "own", "a\\nb": "c\\nd"}');
    harness.log.info("event", fields);
    harness.log.info("event", { value: "lone \ud800 half" });
    const records = await harness.records();
    assert.equal(records.length, 2);
    const [first, second] = records;
    const own = Object.getOwnPropertyDescriptor(first?.fields, "__proto__");
    assert.equal(own?.value, "own");
    assert.equal(first?.fields["a\nb"], "c\nd");
    assert.equal(second?.fields["value"], "lone \ufffd half");
  });
}
