// What guests ask of others while they run: HTTP through the egress, with the
// grants of their seed, and what becomes of it when the call is over first.

import assert from "node:assert/strict";
import type { HttpAsk, OutboundResponse } from "../../src/ports/mod.ts";
import { emptyBytes, utf8, utf8Text } from "../../src/kernel/mod.ts";
import type { FromThread, ToThread } from "../../src/threads/mod.ts";
import type { EgressGrant } from "../../src/egress/mod.ts";
import { SeedError } from "../../src/seeds/mod.ts";
import {
  endingOf,
  type LabCallOptions,
  rejectsWith,
  SeedLab,
  textOf,
} from "../fixtures/seeds/seed_lab.ts";
import { guestWasm, text } from "../fixtures/seeds/wat.ts";

const ask = text(
  1024,
  '{"url":"https://api.example.org/x","method":"POST","headers":{"a":"b"}}',
);
/** "get" answers what http_request brought. */
const fetchingWasm = guestWasm(
  `${ask.data}
  (func (export "get") (result i32)
    (call $give (call $http ${ask.block} (call $input_offset)))
    (i32.const 0))`,
  `(import "extism:host/env" "http_request"
    (func $http (param i64 i64) (result i64)))`,
);

type Asked = {
  readonly ask: HttpAsk;
  readonly grant: EgressGrant;
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  answer(answer: OutboundResponse): void;
  fail(cause: Error): void;
};

/** A lab whose requests wait until the test answers them. */
function openLab() {
  const asked: Asked[] = [];
  const lab = new SeedLab({
    fetch: (ask, grant, { signal, deadlineMs }) => {
      const { promise, resolve: answer, reject: fail } = Promise
        .withResolvers<OutboundResponse>();
      asked.push({ ask, grant, signal, deadlineMs, answer, fail });
      return promise;
    },
  });
  const allowHosts = ["api.example.org"];
  const seed = lab.add("s", fetchingWasm, { settings: { allowHosts } });
  const get = (options: LabCallOptions = {}) =>
    lab.pool.call(lab.job(seed, "get", { input: "body", ...options }));
  return { lab, asked, get };
}

const answered = { status: 200, headers: {}, body: utf8("hello") };

Deno.test("a seed's HTTP goes to the egress with the seed's grants", async () => {
  const { lab, asked, get } = openLab();
  await using _ = lab;
  const startMs = lab.clock.nowMs();
  const call = get({ timeoutMs: 2_000 });
  await lab.world.run(100);
  const [request] = asked;
  assert.ok(request);
  assert.equal(request.ask.url, "https://api.example.org/x");
  assert.equal(request.ask.method, "POST");
  assert.deepEqual(request.ask.headers, { a: "b" });
  assert.equal(utf8Text(request.ask.body), "body");
  assert.deepEqual(request.grant, {
    allowHosts: ["api.example.org"],
    seed: "s",
  });
  assert.equal(request.deadlineMs, startMs + 2_000);
  request.answer(answered);
  assert.equal(textOf(await lab.world.complete(call)), "hello");
  assert.ok(request.signal.aborted, "nothing of it outlives the call");
});

Deno.test("R15: what the egress refuses is told to the caller", async () => {
  const { lab, asked, get } = openLab();
  await using _ = lab;
  const call = get();
  await lab.world.run(100);
  const hint = 'Allow it with "--allow-host"';
  asked[0]?.fail(new SeedError("egress", "No such host", { hint }));
  const work = lab.world.complete(call);
  const error = await rejectsWith(work, "egress", { message: "No such host" });
  assert.equal(error.hint, hint);
});

Deno.test("an egress that breaks is logged and fails the one call", async () => {
  const { lab, asked, get } = openLab();
  await using _ = lab;
  const call = get();
  await lab.world.run(100);
  asked[0]?.fail(new TypeError("a bug"));
  await rejectsWith(lab.world.complete(call), "egress");
  assert.deepEqual(
    lab.log.records.map(({ event }) => event),
    ["seed.fetch_broke"],
  );
});

Deno.test("S37: HTTP under way ends with its call", async () => {
  const { lab, asked, get } = openLab();
  await using _ = lab;
  const aborter = new AbortController();
  const calls = [
    endingOf(get({ timeoutMs: 500 })),
    endingOf(get({ signal: aborter.signal })),
  ];
  await lab.world.run(100);
  assert.equal(asked.length, 2);
  assert.ok(asked.every(({ signal }) => !signal.aborted));
  aborter.abort();
  assert.deepEqual(asked.map(({ signal }) => signal.aborted), [false, true]);
  const endings = await lab.world.complete(Promise.all(calls));
  assert.deepEqual(endings, ["timeout", "cancelled"]);
  assert.ok(asked.every(({ signal }) => signal.aborted));
  // Answers that come too late are for nobody.
  asked[0]?.answer(answered);
  asked[1]?.fail(new DOMException("aborted", "AbortError"));
  await lab.world.settle();
  assert.deepEqual(lab.log.records, []);
});

Deno.test("S37: a request that comes when its call is over is answered", async () => {
  const { lab, asked, get } = openLab();
  await using _ = lab;
  const aborter = new AbortController();
  const posted: ToThread[] = [];
  const spawn = lab.sandbox.spawn.bind(lab.sandbox);
  lab.sandbox.spawn = (name) => {
    const thread = spawn(name);
    const onMessage = thread.onMessage.bind(thread);
    thread.onMessage = (handle) =>
      onMessage((batch) => {
        const isFetch = (batch as readonly FromThread[])
          .some(([tag]) => tag === "fetch");
        if (isFetch) aborter.abort();
        handle(batch);
      });
    const post = thread.post.bind(thread);
    thread.post = (batch, transfer) => {
      posted.push(...batch as readonly ToThread[]);
      post(batch, transfer);
    };
    return thread;
  };
  const call = endingOf(get({ signal: aborter.signal }));
  assert.equal(await lab.world.complete(call), "cancelled");
  await lab.world.run(lab.world.nowMs + 10);
  assert.equal(asked.length, 0, "nothing is sent");
  const tags = posted.map(([tag]) => tag);
  assert.ok(tags.includes("cancel") && tags.includes("fetched"));
});

Deno.test("a large answer is moved to the guest whole", async () => {
  const { lab, asked, get } = openLab();
  await using _ = lab;
  const call = get();
  await lab.world.run(100);
  const body = new Uint8Array(100_000).fill(7);
  asked[0]?.answer({ status: 200, headers: {}, body });
  const output = await lab.world.complete(call);
  assert.equal(output.length, 100_000);
  assert.ok(output.every((byte) => byte === 7));
  assert.equal(body.length, 0, "it was given away");
});

Deno.test("a seed without grants reaches no egress", async () => {
  const { lab, asked } = openLab();
  await using _ = lab;
  const bare = lab.add("bare", fetchingWasm);
  const call = lab.run(bare, "get", { input: emptyBytes });
  await rejectsWith(call, "egress");
  assert.equal(asked.length, 0);
});
