// Calls that are passed on from node to node: everybody sees the true origin,
// a hop runs once, and whoever is denied ends every chain that it is part of.

import assert from "node:assert/strict";
import {
  type CallChain,
  encodeCallChain,
  parseCallChain,
  signHop,
} from "../../src/identity/mod.ts";
import {
  type CallFrame,
  callKinds,
  decodeError,
  encodeCall,
  encodeOpen,
} from "../../src/calls/messages.ts";
import type { IncomingCall } from "../../src/calls/mod.ts";
import { type Bytes, limits, utf8 } from "../../src/kernel/mod.ts";
import { protocols } from "../../src/transport/mod.ts";
import {
  type CallNode,
  callNode,
  closeNodes,
  failureOf,
  introduce,
  say,
  textOf,
} from "./calls_lab.ts";
import { type Lab, never, scenario, signer } from "./transport_lab.ts";

const target = { seed: "x", function: "f" };
const empty = utf8("");

/** Passes a call on to `x/f` of another node, as a seed `y/f` would. */
async function passOn(
  node: () => CallNode,
  to: () => CallNode,
  { chain, timeoutMs }: Pick<IncomingCall, "chain" | "timeoutMs">,
): Promise<Bytes> {
  const via = { chain, from: ["y/f"], isTail: false };
  const { peer } = to();
  return await node().client.call({ ...target, peer }, empty, {
    timeoutMs,
    via,
  });
}

/** "a" calls "b", which asks "c", which runs `run`. */
async function three(
  lab: Lab,
  run: Parameters<typeof callNode>[2],
): Promise<readonly [CallNode, CallNode, CallNode]> {
  const a = await callNode(lab, "a", run, {
    claims: { tier: "leaf", properties: new Map([["zone", "north"]]) },
  });
  const b: CallNode = await callNode(
    lab,
    "b",
    (call) => passOn(() => b, () => c, call),
  );
  const c = await callNode(lab, "c", run);
  introduce(a, b, c);
  return [a, b, c];
}

scenario(
  "the third node sees the origin's rights and the time left",
  async (lab) => {
    const seen: IncomingCall[] = [];
    const [a, b, c] = await three(lab, (call) => {
      seen.push(call);
      return utf8("done");
    });
    lab.network.setPath("a", "b", { latencyMs: 100 });
    assert.equal(await say(a, b, { timeoutMs: 5_000 }), "done");
    const [call] = seen;
    assert.deepEqual(call?.caller, {
      peer: a.peer,
      tier: "leaf",
      properties: { zone: "north" },
    });
    assert.ok(call.timeoutMs > 4_500 && call.timeoutMs <= 5_000);
    const [hop, ...more] = call.chain.hops;
    assert.deepEqual(more, []);
    assert.deepEqual([hop?.by, hop?.executor], [b.peer, c.peer]);
    await closeNodes(a, b, c);
  },
);

scenario(
  "a call that starts at a seed is the node's own, on every node",
  async (lab) => {
    const seen: unknown[] = [];
    const [a, b, c] = await three(lab, ({ caller, chain }) => {
      seen.push(caller.peer, chain.hops.map(({ by }) => by));
      return utf8("done");
    });
    const chain = a.client.originate({ seed: "w", function: "f" }, 1_000);
    const via = { chain, from: ["w/f"], isTail: true };
    const to = { ...target, peer: b.peer };
    await a.client.call(to, empty, { timeoutMs: 1_000, via });
    assert.deepEqual(seen, [a.peer, [a.peer, b.peer]]);
    await closeNodes(a, b, c);
  },
);

scenario(
  "a call lasts no longer than its origin wanted, whoever passes it on",
  async (lab) => {
    const [a, b, c] = await three(lab, ({ timeoutMs }) => utf8(`${timeoutMs}`));
    const chain = a.client.originate({ seed: "w", function: "f" }, 1_000);
    const via = { chain, from: ["w/f"], isTail: false };
    const to = { ...target, peer: c.peer };
    const answer = await a.client.call(to, empty, { timeoutMs: 60_000, via });
    assert.equal(textOf(answer), "1000");
    await closeNodes(a, b, c);
  },
);

scenario("cancelling goes along the whole chain", async (lab) => {
  const signals: AbortSignal[] = [];
  const a = await callNode(lab, "a", () => empty);
  const b: CallNode = await callNode(lab, "b", (call) => {
    const { chain, signal } = call;
    const via = { chain, from: ["y/f"], isTail: false };
    return b.client.call({ ...target, peer: c.peer }, empty, { signal, via });
  });
  const c = await callNode(lab, "c", ({ signal }) => {
    signals.push(signal);
    return new Promise<Bytes>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  });
  introduce(a, b, c);
  const aborter = new AbortController();
  const call = failureOf(say(a, b, { signal: aborter.signal }));
  await lab.pause(100);
  assert.equal(signals[0]?.aborted, false);
  aborter.abort();
  await call;
  await lab.pause(100);
  assert.equal(signals[0]?.aborted, true);
  await closeNodes(a, b, c);
});

scenario(
  "a denied origin, or executor, ends the chain without a reason",
  async (lab) => {
    const [a, b, c] = await three(lab, () => utf8("done"));
    assert.equal(await say(a, b), "done");
    c.gatekeeper.denied.add(a.peer);
    const origin = await failureOf(say(a, b));
    assert.equal(origin.code, "PLN_DENIED");
    assert.match(
      origin.message,
      /^Node "c" \([0-9a-f]{8}\) refuses this call$/,
    );
    c.gatekeeper.denied.clear();
    const d = await callNode(lab, "d", (call) =>
      passOn(
        () => d,
        () => b,
        call,
      ));
    introduce(a, b, c, d);
    assert.equal(await say(a, d), "done");
    c.gatekeeper.denied.add(d.peer);
    assert.equal((await failureOf(say(a, d))).code, "PLN_DENIED");
    assert.equal(await say(a, b), "done");
    const why = c.log.records.filter(({ event }) => event === "calls.denied")
      .map(({ fields }) => fields["why"]);
    assert.deepEqual(why, [`${a.peer} is denied`, `${d.peer} is denied`]);
    await closeNodes(a, b, c, d);
  },
);

scenario(
  "S15: a chain is judged by what is known of its origin's clock",
  async (lab) => {
    const [a, b, c] = await three(lab, () => utf8("done"));
    const { clocks } = c.gatekeeper;
    const dayMs = 86_400_000;
    // Whatever "c" itself thinks what time it is.
    const agrees = { type: "told", wallMs: a.clock.wallMs() } as const;
    c.clock.setWallOffset(dayMs);
    clocks.set(a.peer, agrees);
    assert.equal(await say(a, b), "done");
    clocks.set(a.peer, { type: "linked" });
    assert.equal((await failureOf(say(a, b))).code, "PLN_DENIED");
    clocks.set(a.peer, { type: "told", wallMs: agrees.wallMs - dayMs });
    assert.equal((await failureOf(say(a, b))).code, "PLN_DENIED");
    c.clock.setWallOffset(0);
    clocks.set(a.peer, { type: "unknown" });
    assert.equal((await failureOf(say(a, b))).code, "PLN_DENIED");
    const why = c.log.records.filter(({ event }) => event === "calls.denied")
      .map(({ fields }) => fields["why"]);
    assert.deepEqual(why, [
      "it is over",
      "it was issued in the future of its origin",
      "its origin is neither connected nor heard of",
    ]);
    await closeNodes(a, b, c);
  },
);

/** What "b" knows of a call of "a": enough to abuse it. */
async function stolen(lab: Lab) {
  const chains: CallChain[] = [];
  const [a, b, c] = await three(lab, ({ chain }) => {
    chains.push(chain);
    return utf8("done");
  });
  await say(a, b);
  const [chain] = chains;
  assert.ok(chain !== undefined);
  return { a, b, c, chain };
}

/** Sends a call with this origin as it is, and brings what comes back. */
async function sendAll(
  from: CallNode,
  to: CallNode,
  { origins }: { readonly origins: readonly CallFrame["origin"][] },
): Promise<readonly string[]> {
  const link = await from.links.connect(to.peer, never);
  await using stream = await link.openStream(protocols.call, never);
  await stream.write(callKinds.open, encodeOpen(998, "small"));
  const outcomes: string[] = [];
  for (const [at, origin] of origins.entries()) {
    const call = {
      ...{ timeLeftMs: 1_000, inputBytes: 0, target, origin, number: at + 1 },
      ...{ digest: undefined, input: empty },
    };
    await stream.write(callKinds.call, encodeCall(call));
    let frame = await stream.read();
    while (frame?.kind === callKinds.acknowledge) frame = await stream.read();
    const { kind, body = empty } = frame ?? {};
    const isRun = kind === callKinds.result;
    outcomes.push(isRun ? "ran" : decodeError(body)?.report.code ?? "nothing");
  }
  return outcomes;
}

/** Sends a chain as it is, and brings what comes back. */
async function send(
  from: CallNode,
  to: CallNode,
  { origin, number = 1 }: { readonly origin: Bytes; readonly number?: number },
) {
  const link = await from.links.connect(to.peer, never);
  await using stream = await link.openStream(protocols.call, never);
  await stream.write(callKinds.open, encodeOpen(999, "small"));
  const frame = {
    ...{ number, timeLeftMs: 1_000, inputBytes: 0, target, origin },
    ...{ digest: undefined, input: empty },
  };
  await stream.write(callKinds.call, encodeCall(frame));
  const answer = await stream.read();
  return answer?.kind === callKinds.result ? "ran" : "refused";
}

function reasonsOf({ log }: CallNode): readonly unknown[] {
  return log.records.filter(({ event }) => event === "calls.denied")
    .map(({ fields }) => fields["why"]);
}

scenario("a hop that was run once is not run again", async (lab) => {
  const { a, b, c, chain } = await stolen(lab);
  const origin = encodeCallChain(chain);
  assert.equal(await send(b, c, { origin }), "refused");
  assert.deepEqual(reasonsOf(c), ["it was sent before"]);
  await closeNodes(a, b, c);
});

scenario("a chain serves nobody who had no part in it", async (lab) => {
  const { a, b, c, chain } = await stolen(lab);
  const e = await callNode(lab, "e", () => utf8("done"));
  introduce(a, b, c, e);
  const origin = encodeCallChain(chain);
  assert.equal(await send(e, c, { origin }), "refused");
  assert.equal(await send(b, e, { origin }), "refused");
  assert.deepEqual(reasonsOf(c), ["another node sent it than signed it"]);
  assert.deepEqual(reasonsOf(e), ["it leads to another node"]);
  await closeNodes(a, b, c, e);
});

scenario("nobody speaks for an origin that did not ask it", async (lab) => {
  const { a, b, c, chain } = await stolen(lab);
  const key = lab.newKey();
  const e = await callNode(lab, "e", () => utf8("done"), { key });
  introduce(a, b, c, e);
  const { cluster } = lab.root;
  const mine = signHop({ signer, cluster, key }, {
    origin: chain.origin,
    hops: [],
  }, {
    id: new Uint8Array(8),
    by: e.peer,
    from: ["x/f"],
    isTail: false,
    to: target,
    executor: c.peer,
  });
  const origin = encodeCallChain(mine);
  assert.equal(await send(e, c, { origin }), "refused");
  assert.deepEqual(reasonsOf(c), ["hop 0 is by a node that had no part"]);
  await closeNodes(a, b, c, e);
});

scenario("R06: bytes that are no chain are refused", async (lab) => {
  const { a, b, c, chain } = await stolen(lab);
  const good = encodeCallChain(chain);
  assert.equal(parseCallChain(good).hops.length, 1);
  assert.equal(await send(b, c, { origin: utf8("no chain") }), "refused");
  const cut = good.slice(0, -1);
  assert.equal(await send(b, c, { origin: cut, number: 2 }), "refused");
  const origin = a.peer.slice(0, 4);
  assert.equal(reasonsOf(c).length, 2, origin);
  assert.equal(c.server.report().denied, 2);
  await closeNodes(a, b, c);
});

scenario("an expired origin's chain is refused", async (lab) => {
  const { a, b, c } = await stolen(lab);
  c.clock.setWallOffset(30 * 86_400_000);
  assert.equal((await failureOf(say(a, b))).code, "PLN_DENIED");
  assert.match(`${reasonsOf(c)[0]}`, /over/);
  await closeNodes(a, b, c);
});

scenario("a chain that is too long never leaves", async (lab) => {
  const [a, b, c] = await three(lab, () => utf8("done"));
  const long = `x/${"f".repeat(limits.functionNameCharactersMax)}`;
  let chain = a.client.originate({ seed: "w", function: "f" }, 1_000);
  const key = lab.newKey();
  for (let hops = 0; hops < 5; hops++) {
    chain = signHop({ signer, cluster: lab.root.cluster, key }, chain, {
      id: new Uint8Array(8),
      by: a.peer,
      from: new Array<string>(16).fill(long),
      isTail: false,
      to: target,
      executor: b.peer,
    });
  }
  const via = { chain, from: ["w/f"], isTail: false };
  const to = { ...target, peer: b.peer };
  const error = await failureOf(a.client.call(to, empty, { via }));
  assert.equal(error.code, "PLN_LIMIT");
  await closeNodes(a, b, c);
});

scenario(
  "a node passes on no call that its origin has not signed",
  async (lab) => {
    let ran = 0;
    const [a, b, c] = await three(lab, () => {
      ran++;
      return utf8("done");
    });
    const unsigned = {
      callId: new Uint8Array(16),
      issuedMs: a.clock.wallMs(),
      signature: new Uint8Array(64),
    };
    const codes = await sendAll(a, b, { origins: [unsigned] });
    assert.deepEqual(codes, ["PLN_DENIED"]);
    assert.equal(ran, 0);
    assert.deepEqual(reasonsOf(c), [], "nobody blames b for what a sent");
    assert.equal(await say(a, b), "done");
    await closeNodes(a, b, c);
  },
);

scenario(
  "who sends forged chains over and over is told to wait, and costs nothing more",
  async (lab) => {
    const { a, b, c, chain } = await stolen(lab);
    const { origin, hops: [hop] } = chain;
    assert.ok(hop !== undefined);
    const burst = limits.callChainRefusalsBurstMax;
    const origins = Array.from({ length: 2 * burst }, (_, at) => {
      const id = new Uint8Array(8).fill(at);
      return encodeCallChain({ origin, hops: [{ ...hop, id }] });
    });
    const codes = await sendAll(b, c, { origins });
    const told = (code: string) => codes.filter((one) => one === code).length;
    assert.ok(told("PLN_SATURATED") > burst / 2, codes.join());
    assert.equal(told("PLN_DENIED") + told("PLN_SATURATED"), codes.length);
    assert.equal(await say(b, c), "done", "calls of its own cost no check");
    await lab.pause(10_000);
    assert.equal(await say(a, b), "done");
    await closeNodes(a, b, c);
  },
);
