// Seeds that ask seeds and hand calls over to them: the answers that come back,
// markers that are none, and circles, which are refused with their chain (S39).

import assert from "node:assert/strict";
import { type Bytes, limits } from "../../src/kernel/mod.ts";
import {
  askingWasm,
  handingWasm,
  sayingWasm,
} from "../fixtures/seeds/callers.ts";
import {
  type Ending,
  endingOf,
  rejectsWith,
  SeedLab,
} from "../fixtures/seeds/seed_lab.ts";
import { echoWasm } from "../fixtures/seeds/wat.ts";

const to = (name: string, fn = "f") => `pln://seed/${name}/${fn}`;

function open(seeds: Readonly<Record<string, Bytes>>): SeedLab {
  const lab = new SeedLab();
  for (const [name, module] of Object.entries(seeds)) lab.add(name, module);
  return lab;
}

Deno.test("a seed gets the answer of the seed it asks", async () => {
  await using lab = open({
    a: askingWasm(to("b")),
    b: askingWasm(to("echo", "echo")),
    echo: echoWasm,
  });
  assert.equal(await lab.call("a", "f", { input: "h\u00e9" }), "h\u00e9");
  assert.equal(await lab.call("a", "f"), "", "an empty answer is an answer");
});

Deno.test("a tail call is answered by whom it names", async () => {
  await using lab = open({
    a: handingWasm(to("b"), "ignored"),
    b: handingWasm(to("echo", "echo"), "in \u2603"),
    none: handingWasm(to("echo", "echo")),
    asks: askingWasm(to("a")),
    echo: echoWasm,
  });
  assert.equal(await lab.call("a", "f"), "in \u2603");
  assert.equal(await lab.call("none", "f", { input: "mine" }), "");
  assert.equal(await lab.call("asks", "f"), "in \u2603");
});

Deno.test("what only looks like a tail call is the answer itself", async () => {
  const answers = [
    '{"kind":"tail_call"}',
    '{"kind":"tail_call","uri":7}',
    '{"kind":"tail_call","uri":"pln://seed/b/f","input":7}',
    '{"kind":"other","uri":"pln://seed/b/f"}',
    '{"kind":"tail_call","uri":"pln://seed/b/f"',
    ' {"kind":"tail_call","uri":"pln://seed/b/f"}',
    '["tail_call"]',
  ];
  for (const answer of answers) {
    await using lab = open({ a: sayingWasm(answer) });
    assert.equal(await lab.call("a", "f"), answer);
  }
});

Deno.test("a tail call that cannot be made fails with its reason", async () => {
  const cases: readonly (readonly [string, Ending])[] = [
    [`"uri":"${to("b")}","input":"%%"`, "output"],
    [`"uri":"${to("nobody")}"`, "PLN_NOT_FOUND"],
    [`"uri":"${to("b", "g")}"`, "no-function"],
    [`"uri":"http://example.com/"`, "PLN_INPUT"],
    [`"uri":"pln://service/db"`, "PLN_NOT_FOUND"],
  ];
  for (const [rest, ending] of cases) {
    await using lab = open({
      a: sayingWasm(`{"kind":"tail_call",${rest}}`),
      b: sayingWasm("b"),
    });
    assert.equal(await endingOf(lab.call("a", "f")), ending, rest);
  }
});

Deno.test("S39: a circle is refused with its chain printed", async () => {
  const circles: readonly (readonly [Record<string, Bytes>, string])[] = [
    [{ a: askingWasm(to("a")) }, "a/f -> a/f"],
    [
      { a: askingWasm(to("b")), b: askingWasm(to("a")) },
      "a/f -> b/f -> a/f",
    ],
    [
      {
        a: askingWasm(to("b")),
        b: handingWasm(to("c")),
        c: handingWasm(to("a")),
      },
      "a/f -> b/f -> c/f -> a/f",
    ],
    [
      {
        a: handingWasm(to("b")),
        b: askingWasm(to("c")),
        c: askingWasm(to("b")),
      },
      "b/f -> c/f -> b/f",
    ],
  ];
  for (const [seeds, chain] of circles) {
    await using lab = open(seeds);
    const error = await rejectsWith(lab.call("a", "f"), "seed", {
      message: "no answer",
    });
    const [failure] = lab.log.records;
    assert.equal(failure?.event, "seed.request_failed");
    assert.equal(failure.fields["code"], "PLN_SEED_CYCLE");
    assert.match(`${failure.fields["message"]}`, /in a circle: /);
    assert.ok(`${failure.fields["message"]}`.endsWith(chain), chain);
    assert.match(error.hint ?? "", /^Its request to .+ failed: /);
    assert.ok(lab.world.nowMs < 100, "at once, not at the deadline");
  }
});

Deno.test("S39: handing over in a circle ends at the hop limit", async () => {
  await using lab = open({ a: handingWasm(to("b")), b: handingWasm(to("a")) });
  const error = await rejectsWith(lab.call("a", "f"), "cycle");
  assert.match(error.message, /^More than 16 seeds in one call: a\/f -> b\/f/);
});

Deno.test("S39: sixteen seeds may take part in a call, no more", async () => {
  const chain = (make: (uri: string) => Bytes) => {
    const lab = open({ s1: sayingWasm("end") });
    for (let n = 2; n <= limits.callHopsMax + 1; n++) {
      lab.add(`s${n}`, make(to(`s${n - 1}`)));
    }
    return lab;
  };
  await using tails = chain(handingWasm);
  assert.equal(await tails.call("s16", "f"), "end");
  await rejectsWith(tails.call("s17", "f"), "cycle");
  await using asks = chain(askingWasm);
  assert.equal(await asks.call("s16", "f"), "end");
  await rejectsWith(asks.call("s17", "f"), "seed", { message: "no answer" });
});
