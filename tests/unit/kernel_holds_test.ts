// Holds: the last release counts, whatever the order, and once each.

import assert from "node:assert/strict";
import { Holds } from "../../src/kernel/mod.ts";

Deno.test("Holds tell of the last release of a key, and only of that", () => {
  const holds = new Holds<string>();
  const lasts: string[] = [];
  const first = holds.take("a", () => lasts.push("first"));
  const second = holds.take("a", () => lasts.push("second"));
  const other = holds.take("b", () => lasts.push("other"));
  second[Symbol.dispose]();
  second[Symbol.dispose]();
  assert.deepEqual([holds.has("a"), lasts], [true, []]);
  other[Symbol.dispose]();
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.deepEqual(lasts, ["other", "first"]);
  assert.deepEqual([holds.has("a"), holds.has("b")], [false, false]);
  holds.take("a", () => lasts.push("again"))[Symbol.dispose]();
  assert.deepEqual(lasts, ["other", "first", "again"]);
});
