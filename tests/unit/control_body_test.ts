// BodyBudget: the bodies of all requests together stay below their limit.

import assert from "node:assert/strict";
import { BodyBudget } from "../../src/control/body.ts";
import { LimitError, limits } from "../../src/kernel/mod.ts";

function request(length?: number): Request {
  const headers: HeadersInit = length === undefined
    ? {}
    : { "content-length": String(length) };
  return new Request("http://pln/", { method: "POST", body: "x", headers });
}

Deno.test("BodyBudget refuses what does not fit beside the others", () => {
  const budget = new BodyBudget();
  const max = { bytesMax: limits.controlBodiesBytesMax };
  const half = limits.controlBodiesBytesMax / 2;
  const first = budget.take(request(half), max);
  const second = budget.take(request(half), max);
  assert.throws(() => budget.take(request(1), max), LimitError);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  budget.take(request(half), max)[Symbol.dispose]();
  assert.throws(() => budget.take(request(half + 1), max), LimitError);
  second[Symbol.dispose]();
  budget.take(request(limits.controlBodiesBytesMax), max);
});

Deno.test("BodyBudget counts a body of unknown length as its largest", () => {
  const budget = new BodyBudget();
  budget.take(request(), { bytesMax: limits.controlBodiesBytesMax });
  assert.throws(() => budget.take(request(1), { bytesMax: 1 }), LimitError);
});
