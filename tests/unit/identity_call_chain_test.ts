// The chain of a call across nodes: every part of it is signed, in order, by
// whom it names, for one cluster, one target and one executor. Chains with one
// lie in them come in; each is refused for that lie.

import assert from "node:assert/strict";
import {
  type CallChain,
  type CallHop,
  CallReplays,
  type ChainArrival,
  chainLifeMs,
  chainPathFault,
  chainSignatureFault,
  clockToleranceMs,
  encodeCallChain,
  parseCallChain,
  parseCallTarget,
  signHop,
  signOrigin,
} from "../../src/identity/mod.ts";
import {
  type Bytes,
  type ClusterId,
  clusterIdOf,
  digestOf,
  limits,
  type PeerId,
  peerIdOf,
  toHex,
} from "../../src/kernel/mod.ts";
import type { PrivateKey } from "../../src/ports/mod.ts";
import golden from "../fixtures/wire/call_chain.json" with { type: "json" };
import { openMint, signer, startMs } from "./identity_world.ts";

const mint = openMint("chain");
const cluster = mint.root.cluster;

type Party = { readonly key: PrivateKey; readonly peer: PeerId };

function party(fill: number): Party {
  const key = signer.privateKey(new Uint8Array(32).fill(fill));
  return { key, peer: peerIdOf(key.publicKey) };
}

const origin: Party = {
  key: mint.memberKey,
  peer: peerIdOf(mint.memberKey.publicKey),
};
const [first, second, third] = [party(1), party(2), party(3)];
const x = { seed: "x", function: "f" };
const y = { seed: "y", function: "f" };
const z = { seed: "z", function: "f" };

function by({ key }: Party, other: ClusterId = cluster) {
  return { signer, cluster: other, key };
}

/** The origin asks `x` on the first node. */
function begin(more: Partial<CallChain["origin"]> = {}): CallChain {
  const terms = {
    callId: new Uint8Array(16).fill(7),
    owner: first.peer,
    target: x,
    issuedMs: startMs,
    timeLeftMs: 30_000,
    ...more,
  };
  const { peer } = origin;
  const { credential } = mint;
  const signature = signOrigin(by(origin), terms);
  return { origin: { ...terms, peer, credential, signature }, hops: [] };
}

function hop(
  chain: CallChain,
  from: Party,
  more: Partial<CallHop> & Pick<CallHop, "to" | "executor">,
): CallChain {
  return signHop(by(from), chain, {
    id: new Uint8Array(8).fill(chain.hops.length),
    by: from.peer,
    from: ["x/f"],
    isTail: false,
    ...more,
  });
}

/** `x` on the first node asks `y` on the second, which asks `z` on the third. */
function chain(more: Partial<CallChain["origin"]> = {}): CallChain {
  const one = hop(begin(more), first, { to: y, executor: second.peer });
  const from = ["y/f", "y2/f"];
  return hop(one, second, { to: z, executor: third.peer, from });
}

const arrival: ChainArrival = {
  self: third.peer,
  sender: second.peer,
  target: z,
  wallMs: startMs + 1_000,
  originClock: { type: "linked" },
};

function fault(
  given: CallChain,
  more: Partial<ChainArrival> = {},
): string | undefined {
  return chainPathFault(given, { ...arrival, ...more }) ??
    chainSignatureFault({ signer, cluster }, given);
}

/** A chain with one hop changed, and not signed anew. */
function forged(at: number, more: Partial<CallHop>): CallChain {
  const { origin, hops } = chain();
  return {
    origin,
    hops: hops.map((one, index) => index === at ? { ...one, ...more } : one),
  };
}

Deno.test("a chain is believed as it was signed", () => {
  assert.equal(fault(chain()), undefined);
  const one = hop(begin(), first, { to: y, executor: second.peer });
  const here = { self: second.peer, sender: first.peer, target: y };
  assert.equal(fault(one, here), undefined);
  const digest = digestOf(new Uint8Array(32).fill(9));
  assert.equal(fault(chain({ digest })), undefined);
});

Deno.test("a chain survives its way over the wire", () => {
  for (
    const made of [
      chain(),
      chain({ digest: digestOf(new Uint8Array(32).fill(9)) }),
    ]
  ) {
    const read = parseCallChain(encodeCallChain(made));
    assert.equal(fault(read), undefined);
    assert.deepEqual(read.hops, made.hops);
    assert.equal(read.origin.peer, origin.peer);
  }
});

Deno.test("each lie in a chain is found", () => {
  const other = party(9);
  const cases: readonly (readonly [string | RegExp, CallChain])[] = [
    ["it has no hops", begin()],
    [/hop 0 is by a node that had no part/, forged(0, { by: other.peer })],
    [/hop 1 is by a node that had no part/, chainSkippingSecond()],
    [/signature of hop 0 is wrong/, forged(0, { from: ["a/f"] })],
    [/signature of hop 0 is wrong/, forged(0, { to: x })],
    [/signature of hop 0 is wrong/, forged(0, { isTail: true })],
    [
      /signature of hop 0 is wrong/,
      forged(0, { id: new Uint8Array(8).fill(9) }),
    ],
    [/signature of hop 1 is wrong/, forged(1, { from: ["y/fy2/f"] })],
    [/signature of hop 1 is wrong/, forged(1, { from: ["y/f"] })],
    [/signature of hop 1 is wrong/, forged(1, { isTail: true })],
    [/hop 1 comes from no seed/, forged(1, { from: [] })],
    [/signature of its origin is wrong/, forgedOrigin({ timeLeftMs: 60_000 })],
    [/signature of its origin is wrong/, forgedOrigin({ target: y })],
    [
      /signature of its origin is wrong/,
      forgedOrigin({ issuedMs: startMs + 1 }),
    ],
    [/signature of its origin is wrong/, forgedOrigin({ peer: other.peer })],
    [
      /signature of its origin is wrong/,
      forgedOrigin({ digest: digestOf(new Uint8Array(32)) }),
    ],
    [/signature of hop 0 is wrong/, otherCall()],
  ];
  for (const [expected, made] of cases) {
    const found = fault(made) ?? "nothing";
    if (typeof expected === "string") assert.equal(found, expected);
    else assert.match(found, expected);
  }
});

/** The third node goes on for the first, which it had no part in. */
function chainSkippingSecond(): CallChain {
  const one = hop(begin(), first, { to: y, executor: third.peer });
  return hop(one, second, { to: z, executor: third.peer });
}

/** With terms that the origin did not sign; the hops are honest. */
function forgedOrigin(more: Partial<CallChain["origin"]>): CallChain {
  const honest = chain();
  return { ...honest, origin: { ...honest.origin, ...more } };
}

/** Hops of one call under the beginning of another. */
function otherCall(): CallChain {
  const { origin } = begin({ callId: new Uint8Array(16).fill(8) });
  return { origin, hops: chain().hops };
}

Deno.test("a chain serves only the node, sender and target it names", () => {
  const to = (more: Partial<ChainArrival>) => fault(chain(), more);
  assert.equal(to({ self: first.peer }), "it leads to another node");
  assert.equal(
    to({ sender: first.peer }),
    "another node sent it than signed it",
  );
  assert.equal(to({ target: y }), "it leads to another seed");
  const elsewhere = clusterIdOf(new Uint8Array(32));
  const found = chainSignatureFault({ signer, cluster: elsewhere }, chain());
  assert.equal(found, "the signature of hop 0 is wrong");
});

Deno.test("S15: a chain is judged by time as far as clocks may be off", () => {
  const at = (wallMs: number) => fault(chain(), { wallMs });
  const end = startMs + 30_000 + clockToleranceMs;
  assert.equal(at(startMs - clockToleranceMs), undefined);
  assert.match(at(startMs - clockToleranceMs - 1) ?? "", /future.*clocks/);
  assert.equal(at(end), undefined);
  assert.equal(at(end + 1), "it is over");
});

Deno.test("S15: a chain is judged by its origin's clock, if that is known", () => {
  const decadeMs = 10 * 365 * 24 * 3_600_000;
  const told = (wallMs: number) =>
    fault(chain(), {
      wallMs: startMs + decadeMs, // this node's own: far off, and not asked
      originClock: { type: "told", wallMs },
    });
  const end = startMs + 30_000 + 60_000;
  assert.equal(told(startMs + 500), undefined);
  assert.equal(told(startMs - 60_000), undefined);
  assert.match(told(startMs - 60_001) ?? "", /future of its origin/);
  assert.equal(told(end), undefined);
  assert.equal(told(end + 1), "it is over");
});

Deno.test("a chain of an origin that nobody hears of is refused", () => {
  const originClock = { type: "unknown" } as const;
  assert.match(fault(chain(), { originClock }) ?? "", /nor heard of/);
});

Deno.test("a chain is remembered as long as either clock believes it", () => {
  const { origin } = chain();
  const lifeMs = (wallMs: number, told?: number) =>
    chainLifeMs(origin, {
      wallMs,
      originClock: told === undefined
        ? { type: "linked" }
        : { type: "told", wallMs: told },
    });
  assert.equal(lifeMs(startMs), 30_000 + clockToleranceMs);
  assert.equal(lifeMs(startMs, startMs), 30_000 + clockToleranceMs);
  const hourMs = 3_600_000;
  assert.equal(lifeMs(startMs + 5 * hourMs, startMs), 30_000 + 60_000);
});

Deno.test("a chain has so many hops and no more", () => {
  let made = begin();
  const parties = Array.from(
    { length: limits.callChainHopsMax + 2 },
    (_, at) => at === 0 ? first : party(10 + at),
  );
  for (const [at, from] of parties.slice(0, -1).entries()) {
    const to = parties[at + 1] ?? from;
    made = hop(made, from, { to: z, executor: to.peer });
    if (made.hops.length < limits.callChainHopsMax) continue;
    const here = { self: to.peer, sender: from.peer };
    const expected = made.hops.length > limits.callChainHopsMax
      ? "it has too many hops"
      : undefined;
    assert.equal(fault(made, here), expected);
  }
});

Deno.test("R06: an encoded chain that is no chain is refused", () => {
  const good = encodeCallChain(chain());
  for (let at = 0; at < good.length; at += 7) {
    assert.throws(() => parseCallChain(good.subarray(0, at)));
  }
  assert.throws(() => parseCallChain(Uint8Array.of(...good, 0)));
  const over = new Uint8Array(limits.callChainBytesMax + 1);
  assert.throws(() => parseCallChain(over));
  const names = ["x", "x/", "/f", "x/f/g", "X/f", "x/\n", "", "x/f\0"];
  for (const text of names) {
    assert.equal(parseCallTarget(text), undefined, JSON.stringify(text));
    assert.throws(() =>
      parseCallChain(encodeCallChain(forged(0, {
        from: [text],
      })))
    );
  }
  const noSeed = encodeCallChain(forged(1, { from: [] }));
  assert.throws(() => parseCallChain(noSeed), /comes from no seed/);
});

Deno.test("what is signed for calls stays as it was released", () => {
  const terms = begin().origin;
  const fixed = { signer, cluster: clusterIdOf(new Uint8Array(32).fill(5)) };
  const made = {
    origin: signOrigin({ ...fixed, key: first.key }, terms),
    hop: signHop({ ...fixed, key: first.key }, {
      origin: { ...terms, signature: new Uint8Array(64) },
      hops: [],
    }, {
      id: new Uint8Array(8).fill(1),
      by: first.peer,
      from: ["x/f", "y/gr\u00fcn"],
      isTail: true,
      to: z,
      executor: second.peer,
    }).hops[0]?.signature ?? new Uint8Array(0),
  };
  assert.deepEqual(
    { origin: toHex(made.origin), hop: toHex(made.hop) },
    golden,
  );
});

function arriving(more: {
  readonly call?: number;
  readonly hop?: number;
  readonly sender?: Party;
  readonly nowMs?: number;
  readonly lifeMs?: number;
}) {
  const { call = 1, hop = 1, sender = first, nowMs = 0 } = more;
  const id = (length: number, number: number): Bytes => {
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, number);
    return bytes;
  };
  return {
    callId: id(16, call),
    hopId: id(8, hop),
    sender: sender.peer,
    nowMs,
    deadlineMs: nowMs + 1_000,
    endMs: nowMs + (more.lifeMs ?? 10_000),
  };
}

Deno.test("a hop runs once, whoever sends it and when", () => {
  const replays = new CallReplays();
  assert.equal(replays.note(arriving({})), "new");
  assert.equal(replays.note(arriving({})), "known");
  assert.equal(replays.note(arriving({ sender: second })), "known");
  assert.equal(replays.note(arriving({ nowMs: 9_999 })), "known");
  assert.equal(replays.note(arriving({ hop: 2 })), "new");
  assert.equal(replays.note(arriving({ call: 2 })), "new");
});

Deno.test("the memory of hops is bounded, and forgets no live one", () => {
  const replays = new CallReplays();
  const most = limits.callReplaysPerPeerMax;
  for (let call = 1; call <= most; call++) {
    assert.equal(replays.note(arriving({ call })), "new");
  }
  assert.equal(replays.note(arriving({ call: most + 1 })), "full");
  const other = arriving({ call: most + 1, sender: second });
  assert.equal(replays.note(other), "new", "each sender has a share");
  assert.equal(replays.note(arriving({ call: 1, nowMs: 500 })), "known");
  const after = arriving({ call: most + 2, nowMs: 1_500 });
  assert.equal(replays.note(after), "new", "deadlines have passed");
  assert.ok(replays.size < most);
  const late = arriving({ call: most, nowMs: 1_500 });
  assert.equal(replays.note(late), "known", "the newest are kept");
});
