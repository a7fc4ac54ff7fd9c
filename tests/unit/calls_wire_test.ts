// Calls between nodes over the production transport in a simulated network: who
// is told what, what becomes of calls when time or links end, and that what is
// large does not hold up what is small.

import assert from "node:assert/strict";
import { SeedError } from "../../src/threads/mod.ts";
import {
  type Bytes,
  DeniedError,
  InternalError,
  limits,
  ReportedError,
  UnreachableError,
  utf8,
} from "../../src/kernel/mod.ts";
import {
  type CallNode,
  callNode,
  closeNodes,
  failureOf,
  introduce,
  say,
  textOf,
} from "./calls_lab.ts";
import { type Lab, scenario } from "./transport_lab.ts";

const echo = ({ input }: { readonly input: Bytes }) => input;
const refuse = () => {
  throw new Error("nobody calls this node");
};

/** Node "a" calls, node "b" runs. */
async function pair(
  lab: Lab,
  run: Parameters<typeof callNode>[2],
): Promise<readonly [CallNode, CallNode]> {
  const a = await callNode(lab, "a", refuse, {
    claims: { tier: "leaf", properties: new Map([["zone", "north"]]) },
  });
  const b = await callNode(lab, "b", run);
  introduce(a, b);
  return [a, b];
}

scenario("a call runs on the other node and brings its answer", async (lab) => {
  const [a, b] = await pair(
    lab,
    ({ target, input }) =>
      utf8(`${target.seed} ${target.function} ${textOf(input)}`),
  );
  assert.equal(await say(a, b, { input: "h\u00e9" }), "x f h\u00e9");
  assert.equal(await say(a, b, { seed: "other" }), "other f ");
  await closeNodes(a, b);
});

scenario(
  "an executor sees the true origin with its rights of now",
  async (lab) => {
    const seen: unknown[] = [];
    const [a, b] = await pair(lab, ({ caller, timeoutMs, chain }) => {
      seen.push(caller, timeoutMs <= 5_000 && timeoutMs > 4_900, chain.hops);
      return utf8("");
    });
    await say(a, b, { timeoutMs: 5_000 });
    const properties = { zone: "north" };
    assert.deepEqual(seen, [
      { peer: a.peer, tier: "leaf", properties },
      true,
      [],
    ]);
    await closeNodes(a, b);
  },
);

scenario("a thousand calls at once get their own answers", async (lab) => {
  const [a, b] = await pair(lab, async ({ input }) => {
    await lab.pause(Number(textOf(input)) % 7);
    return input;
  });
  const inputs = Array.from({ length: 1_000 }, (_, at) => `${at}`);
  const answers = inputs.map((input) => say(a, b, { input }));
  assert.deepEqual(await Promise.all(answers), inputs);
  await closeNodes(a, b);
});

scenario(
  "the largest input and the largest answer arrive whole",
  async (lab) => {
    const filled = (bytes: number) => {
      const made = new Uint8Array(bytes);
      for (let at = 0; at < bytes; at += 1_000) made[at] = at / 1_000 & 255;
      return made;
    };
    const answers = new Map([["largest", filled(limits.callOutputBytesMax)]]);
    const [a, b] = await pair(lab, ({ target, input }) => {
      return answers.get(target.seed) ?? input;
    });
    const call = (seed: string, input: Bytes) =>
      a.client.call({ peer: b.peer, seed, function: "f" }, input);
    for (
      const bytes of [
        ...[0, 1, limits.wireCallInlineBytesMax],
        ...[limits.wireCallInlineBytesMax + 1, limits.wireCallFrameBytesMax],
        ...[2 * limits.wireCallFrameBytesMax, limits.callInputBytesMax],
      ]
    ) {
      const input = filled(bytes);
      assert.deepEqual(await call("echo", input), input, `${bytes} bytes`);
    }
    const largest = await call("largest", utf8(""));
    assert.deepEqual(largest, filled(limits.callOutputBytesMax));
    const over = filled(limits.callInputBytesMax + 1);
    assert.equal((await failureOf(call("echo", over))).code, "PLN_LIMIT");
    answers.set("over", filled(limits.callOutputBytesMax + 1));
    assert.equal((await failureOf(call("over", utf8("")))).code, "PLN_LIMIT");
    await closeNodes(a, b);
  },
);

scenario("errors come back with code, outcome, text and hint", async (lab) => {
  const text = `not\nfound ${"x".repeat(4_000)}`;
  const errors: readonly Error[] = [
    new SeedError("no-function", 'No function "g"'),
    new SeedError("seed", text, { hint: "Its request failed" }),
    new DeniedError("Not for you"),
  ];
  const [a, b] = await pair(lab, ({ input }) => {
    throw errors[Number(textOf(input))] ?? new TypeError("a bug");
  });
  for (const [at, error] of errors.entries()) {
    const failure = await failureOf(say(a, b, { input: `${at}` }));
    assert.ok(failure instanceof ReportedError);
    const { code, kind, outcome, message, hint } = failure;
    assert.deepEqual(
      { code, kind, outcome, message, hint },
      { ...{ code, kind, outcome, message, hint }, ...reported(error) },
    );
  }
  const bug = await failureOf(say(a, b, { input: "9" }));
  assert.equal(bug.code, new InternalError("").code);
  assert.ok(b.log.records.some(({ event }) => event === "calls.call_broke"));
  await closeNodes(a, b);
});

function reported(error: Error): Partial<SeedError> {
  const { code, kind, outcome, message, hint } = error as SeedError;
  return { code, kind, outcome, message, hint };
}

scenario("a call that cannot be right never leaves", async (lab) => {
  const [a, b] = await pair(lab, echo);
  const { peer } = b;
  const call = async (seed: string, fn: string, timeoutMs?: number) => {
    const to = { peer, seed, function: fn };
    const work = a.client.call(to, utf8(""), { timeoutMs });
    return (await failureOf(work)).code;
  };
  assert.equal(await call("a\x1b[2J", "f"), "PLN_NOT_FOUND");
  assert.equal(await call("x", "a/b"), "PLN_INPUT");
  for (const timeoutMs of [0, 0.5, -1, NaN, Infinity, 3_600_001]) {
    assert.equal(await call("x", "f", timeoutMs), "PLN_INPUT");
  }
  assert.equal(a.transport.links.size, 0, "nobody was dialled");
  await closeNodes(a, b);
});

scenario("a caller hears when its call was queued, once", async (lab) => {
  const hang = Promise.withResolvers<Bytes>();
  const [a, b] = await pair(
    lab,
    ({ target, input }) => target.seed === "slow" ? hang.promise : input,
  );
  const heard: string[] = [];
  const call = (seed: string) =>
    a.client.call({ peer: b.peer, seed, function: "f" }, utf8(""), {
      onEnqueued: () => void heard.push(seed),
    });
  await call("quick");
  assert.deepEqual(heard, ["quick"], "the answer says it, too");
  const slow = call("slow");
  await lab.pause(100);
  assert.deepEqual(heard, ["quick", "slow"]);
  hang.resolve(utf8(""));
  await slow;
  assert.deepEqual(heard, ["quick", "slow"]);
  await closeNodes(a, b);
});

scenario(
  "a caller that gives up ends the call on the other node",
  async (lab) => {
    const ends: string[] = [];
    const [a, b] = await pair(lab, async ({ signal }) => {
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve());
      });
      ends.push("cancelled");
      throw new SeedError("cancelled", "Its caller went away");
    });
    const aborter = new AbortController();
    const call = failureOf(say(a, b, { signal: aborter.signal }));
    await lab.pause(100);
    assert.equal(b.server.report().underWay, 1);
    aborter.abort();
    const error = await call;
    assert.equal(error.code, "PLN_SEED_CANCELLED");
    assert.equal(error.message, "Its caller went away");
    await lab.pause(100);
    assert.deepEqual(ends, ["cancelled"]);
    assert.equal(b.server.report().underWay, 0);
    const late = say(a, b, { signal: aborter.signal });
    assert.equal((await failureOf(late)).code, "PLN_SEED_CANCELLED");
    await closeNodes(a, b);
  },
);

scenario(
  "a call ends with what the other node says of its deadline",
  async (lab) => {
    const [a, b] = await pair(lab, async ({ timeoutMs }) => {
      await lab.pause(timeoutMs + 16); // as late as seeds are ended
      throw new SeedError("timeout", "The call ran into its deadline");
    });
    lab.network.setPath("a", "b", { latencyMs: 40 });
    const startMs = lab.world.nowMs;
    const error = await failureOf(say(a, b, { timeoutMs: 1_000 }));
    assert.equal(error.code, "PLN_SEED_TIMEOUT");
    assert.ok(lab.world.nowMs - startMs < 1_400);
    await closeNodes(a, b);
  },
);

scenario(
  "a node that says nothing by the deadline leaves the outcome unknown",
  async (lab) => {
    const hang = Promise.withResolvers<Bytes>();
    const [a, b] = await pair(lab, () => hang.promise);
    const startMs = lab.world.nowMs;
    const error = await failureOf(say(a, b, { timeoutMs: 1_000 }));
    assert.equal(error.code, "PLN_OUTCOME_UNKNOWN");
    assert.match(error.message, /^Node "b" \([0-9a-f]{8}\) did not answer/);
    assert.match(error.message, /outcome is unknown$/);
    const elapsedMs = lab.world.nowMs - startMs;
    assert.ok(elapsedMs >= 1_000 && elapsedMs < 1_500, `${elapsedMs}`);
    hang.resolve(utf8("late"));
    await lab.pause(100);
    await closeNodes(a, b);
  },
);

scenario(
  "a link that breaks tells its callers whether calls may have run",
  async (lab) => {
    const [a, b] = await pair(lab, () => new Promise<Bytes>(() => {}));
    const running = failureOf(say(a, b));
    await lab.pause(100);
    assert.equal(b.server.report().underWay, 1);
    b.host.kill();
    const error = await running;
    assert.equal(error.code, "PLN_OUTCOME_UNKNOWN");
    assert.equal(error.outcome, "unreachable");
    assert.match(
      error.message,
      /^Node "b" .* went away: .* outcome is unknown$/,
    );
    const next = await failureOf(say(a, b, { timeoutMs: 20_000 }));
    assert.ok(next instanceof UnreachableError, "it did not run");
    await a.client[Symbol.asyncDispose]();
    await a.transport[Symbol.asyncDispose]();
  },
);

scenario("the end of a link cancels its peer's calls", async (lab) => {
  const reasons: unknown[] = [];
  const [a, b] = await pair(lab, async ({ signal }) => {
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve());
    });
    reasons.push("aborted");
    throw new SeedError("cancelled", "Its caller went away");
  });
  const call = failureOf(say(a, b));
  await lab.pause(100);
  b.transport.links.get(a.peer)?.close(0, "test");
  assert.equal((await call).code, "PLN_OUTCOME_UNKNOWN");
  await lab.pause(100);
  assert.deepEqual(reasons, ["aborted"]);
  assert.equal(b.server.report().underWay, 0);
  await closeNodes(a, b);
});

scenario("calls go on over a new link after the old one broke", async (lab) => {
  const [a, b] = await pair(lab, echo);
  assert.equal(await say(a, b, { input: "one" }), "one");
  a.transport.links.get(b.peer)?.close(0, "test");
  await lab.pause(100);
  assert.equal(await say(a, b, { input: "two" }), "two");
  await closeNodes(a, b);
});

scenario("a caller that closes fails its calls", async (lab) => {
  const [a, b] = await pair(lab, () => new Promise<Bytes>(() => {}));
  const call = failureOf(say(a, b));
  await lab.pause(100);
  await a.client[Symbol.asyncDispose]();
  assert.equal((await call).code, "PLN_OUTCOME_UNKNOWN");
  assert.equal((await failureOf(say(a, b))).code, "PLN_CLOSED");
  await a.transport[Symbol.asyncDispose]();
  await b.transport[Symbol.asyncDispose]();
});

scenario(
  "a node that stops refuses new calls and ends those it has",
  async (lab) => {
    const [a, b] = await pair(lab, async ({ input }) => {
      await lab.pause(500);
      return input;
    });
    const first = say(a, b, { input: "first" });
    await lab.pause(100);
    let isDrained = false;
    const drained = b.server.drain().then(() => isDrained = true);
    const error = await failureOf(say(a, b));
    assert.equal(error.code, "PLN_STOPPING");
    assert.match(error.message, /^Node "b" .* is stopping$/);
    assert.equal(isDrained, false);
    assert.equal(await first, "first");
    await drained;
    await closeNodes(a, b);
  },
);

scenario("one peer has so many calls under way and no more", async (lab) => {
  const hang = Promise.withResolvers<Bytes>();
  const [a, b] = await pair(lab, () => hang.promise);
  const most = limits.wireCallsPerLinkMax;
  const calls = Array.from({ length: most }, () => say(a, b));
  await lab.pause(100);
  assert.equal(b.server.report().underWay, most);
  const error = await failureOf(say(a, b));
  assert.equal(error.code, "PLN_SATURATED");
  assert.equal(error.outcome, "unreachable");
  hang.resolve(utf8("done"));
  assert.equal((await Promise.all(calls)).length, most);
  assert.equal(await say(a, b), "done");
  await closeNodes(a, b);
});

scenario("a denied peer's call is refused without a reason", async (lab) => {
  const [a, b] = await pair(lab, echo);
  assert.equal(await say(a, b, { input: "in" }), "in");
  b.gatekeeper.denied.add(a.peer);
  const error = await failureOf(say(a, b));
  assert.equal(error.code, "PLN_DENIED");
  assert.match(error.message, /^Node "b" \([0-9a-f]{8}\) refuses this call$/);
  const [record] = b.log.records.filter(({ event }) =>
    event === "calls.denied"
  );
  assert.equal(record?.fields["peer"], a.peer);
  assert.equal(record?.fields["why"], "Denied");
  await closeNodes(a, b);
});
