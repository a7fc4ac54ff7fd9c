// Seeds that call seeds of other nodes: they name a node, everybody sees who
// called first, circles over nodes end with their chain printed (S39), and
// errors say which node they are about.

import assert from "node:assert/strict";
import { saturated } from "../../src/threads/mod.ts";
import { shortId, utf8 } from "../../src/kernel/mod.ts";
import {
  askingWasm,
  handingWasm,
  sayingWasm,
} from "../fixtures/seeds/callers.ts";
import {
  echoWasm,
  guestWasm,
  text,
  userImports,
} from "../fixtures/seeds/wat.ts";
import { type CallNode, failureOf, say } from "./calls_lab.ts";
import { closeSeedNodes, type SeedNode, seedNodes } from "./calls_seeds_lab.ts";
import { scenario } from "./transport_lab.ts";

const to = (seed: string, on?: string, fn = "f") =>
  `pln://seed/${seed}/${fn}${on === undefined ? "" : `?on=${on}`}`;

/** "f" answers with what pollen_caller_info says. */
const tellingWasm = guestWasm(
  `(func (export "f") (result i32)
    (call $give (call $caller_info)) (i32.const 0))`,
  userImports,
);

/** "f" loops for ever. */
const loopingWasm = guestWasm(
  `(func (export "f") (result i32) (loop $on (br $on)) (unreachable))`,
);

/** As "f" of `echoWasm`, which has another name. */
const fEchoWasm = guestWasm(`(func (export "f") (result i32)
  (call $output_set (call $input_offset) (call $input_length)) (i32.const 0))`);

function failures({ log }: CallNode): readonly unknown[] {
  return log.records.filter(({ event }) => event === "seed.request_failed")
    .map(({ fields }) => fields["message"]);
}

scenario("a seed gets the answer of a seed on another node", async (lab) => {
  const nodes = await seedNodes(lab, {
    a: { x: askingWasm(to("y", "b")), local: askingWasm(to("y", "a")) },
    b: { y: fEchoWasm, z: sayingWasm("other") },
  });
  assert.equal(await nodes.a.ask("x", { input: "h\u00e9" }), "h\u00e9");
  const error = await failureOf(nodes.a.ask("local"));
  assert.equal(error.code, "PLN_SEED_SEED", "itself means this node");
  nodes.a.add("y", sayingWasm("mine"));
  assert.equal(await nodes.a.ask("local"), "mine");
  const id = nodes.b.peer.slice(0, 6);
  nodes.a.add("byid", askingWasm(to("z", id)));
  assert.equal(await nodes.a.ask("byid"), "other");
  await closeSeedNodes(nodes);
});

scenario("without a node's name a seed stays at home", async (lab) => {
  const nodes = await seedNodes(lab, {
    a: { x: askingWasm(to("y")) },
    b: { y: sayingWasm("far") },
  });
  await failureOf(nodes.a.ask("x"));
  assert.deepEqual(failures(nodes.a), ['There is no seed "y"']);
  assert.equal(nodes.a.transport.links.size, 0);
  await closeSeedNodes(nodes);
});

scenario(
  "a call is handed over to a seed on another node, and on",
  async (lab) => {
    const nodes = await seedNodes(lab, {
      a: { x: handingWasm(to("y", "b"), "ignored") },
      b: { y: handingWasm(to("echo", "a", "echo"), "in \u2603") },
    });
    nodes.a.add("echo", echoWasm);
    assert.equal(await nodes.a.ask("x"), "in \u2603");
    await closeSeedNodes(nodes);
  },
);

scenario(
  "every seed of a call sees its true origin and its deadline",
  async (lab) => {
    const nodes = await seedNodes(lab, {
      a: { first: askingWasm(to("y", "b")), away: handingWasm(to("y", "b")) },
      b: {
        y: askingWasm(to("local")),
        local: handingWasm(to("z", "c")),
        z: askingWasm(to("z", "c")),
      },
      c: { z: askingWasm(to("tell")), tell: tellingWasm },
    });
    const { a, b, c } = nodes;
    for (const seed of ["first", "away"]) {
      const startMs = lab.world.nowMs;
      const told = JSON.parse(await a.ask(seed, { timeoutMs: 5_000 }));
      assert.equal(told.peerKey, a.peer, seed);
      assert.deepEqual(told.attributes, { of: "a" });
      const leftMs = told.deadlineUnixMs - c.clock.wallMs();
      assert.ok(
        leftMs <= 5_000 && leftMs > 4_900 - (lab.world.nowMs - startMs),
      );
    }
    const direct = JSON.parse(await say(a, b, { seed: "z" }));
    assert.equal(direct.peerKey, a.peer);
    const other = JSON.parse(await b.ask("z"));
    assert.equal(other.peerKey, b.peer);
    assert.deepEqual(other.attributes, { of: "b" });
    await closeSeedNodes(nodes);
  },
);

scenario(
  "a name without a node means the seed of who holds it",
  async (lab) => {
    const nodes = await seedNodes(lab, {
      a: {
        x: askingWasm(to("y")),
        hands: handingWasm(to("y")),
        y: sayingWasm("mine"),
        circle: askingWasm(to("back")),
      },
      b: {
        y: sayingWasm("theirs"),
        z: askingWasm(to("y", "a")),
        back: askingWasm(to("circle")),
      },
    }, { holders: { y: "b", circle: "a", back: "b" } });
    const { a, b } = nodes;
    assert.equal(await a.ask("x"), "theirs");
    assert.equal(await a.ask("hands"), "theirs");
    assert.equal(await b.ask("z"), "mine", "who is named answers itself");
    const error = await failureOf(a.ask("circle"));
    assert.equal(error.code, "PLN_SEED_SEED");
    const refused = failures(b).join();
    assert.match(refused, /circle\/f/);
    await closeSeedNodes(nodes);
  },
);

scenario(
  "S39: a circle over nodes is refused with its chain printed",
  async (lab) => {
    const nodes = await seedNodes(lab, {
      a: {
        x: askingWasm(to("y", "b")),
        hands: handingWasm(to("loop", "b")),
        loop: askingWasm(to("loop", "b")),
      },
      b: {
        y: askingWasm(to("y2")),
        y2: askingWasm(to("x", "a")),
        loop: askingWasm(to("loop", "a")),
      },
    });
    const { a, b } = nodes;
    const [at, bt] = [shortId(a.peer), shortId(b.peer)];
    await failureOf(a.ask("x"));
    assert.equal(
      failures(b)[0],
      `Seeds call each other in a circle: x/f@${at} -> y/f@${bt} -> ` +
        `y2/f@${bt} -> x/f@${at}`,
    );
    assert.ok(lab.world.nowMs < 5_000, "at once, not at the deadline");
    await failureOf(a.ask("hands"));
    assert.equal(
      failures(a).at(-1),
      `Seeds call each other in a circle: loop/f@${bt} -> loop/f@${at} -> ` +
        `loop/f@${bt}`,
    );
    await closeSeedNodes(nodes);
  },
);

scenario(
  "S39: handing over between nodes ends at the hop limit",
  async (lab) => {
    const nodes = await seedNodes(lab, {
      a: { x: handingWasm(to("y", "b")) },
      b: { y: handingWasm(to("x", "a")) },
    });
    const error = await failureOf(nodes.a.ask("x"));
    assert.equal(error.code, "PLN_SEED_CYCLE");
    const [{ peer: one }, { peer: other }] = [nodes.a, nodes.b];
    const turn = `x/f@${shortId(one)} -> y/f@${shortId(other)} -> `;
    assert.equal(
      error.message,
      `More than 16 seeds in one call: ${turn.repeat(8)}x/f@${shortId(one)}`,
    );
    await closeSeedNodes(nodes);
  },
);

scenario("errors name the node that they are about", async (lab) => {
  const why = text(1024, "because");
  const nodes = await seedNodes(lab, {
    a: { x: handingWasm(to("nobody", "b")) },
    b: {
      fails: guestWasm(`${why.data} (func (export "f") (result i32)
        (call $error_set ${why.block}) (i32.const 1))`),
      none: guestWasm(`(func (export "g") (result i32) (i32.const 0))`),
    },
  });
  const { a, b } = nodes;
  const label = `Node "b" (${shortId(b.peer)})`;
  const missing = await failureOf(say(a, b, { seed: "nobody" }));
  assert.equal(missing.message, `${label} has no seed "nobody"`);
  assert.equal(missing.outcome, "not-found");
  assert.equal(missing.hint, "Seeds: fails, none");
  const handed = await failureOf(a.ask("x"));
  assert.equal(handed.message, missing.message);
  for (const seed of ["fails", "none"]) {
    const [there, here] = [
      await failureOf(say(a, b, { seed })),
      await failureOf(b.ask(seed)),
    ];
    const of = ({ code, outcome, message, hint }: typeof here) => [
      ...[code, outcome, message, hint],
    ];
    assert.deepEqual(of(there), of(here), "as a local call fails");
  }
  await closeSeedNodes(nodes);
});

scenario(
  "a node that cannot be reached is no reason to call again",
  async (lab) => {
    const nodes = await seedNodes(lab, {
      a: { x: handingWasm(to("y", "b")), asks: askingWasm(to("y", "b")) },
      b: { y: sayingWasm("y") },
    });
    const { a } = nodes;
    a.links.addresses.clear();
    const error = await failureOf(a.ask("x"));
    assert.equal(error.code, "PLN_HALF_RUN");
    assert.match(
      error.message,
      /^x\/f ran and handed the call over, but then: /,
    );
    const asked = await failureOf(a.ask("asks"));
    assert.equal(asked.code, "PLN_SEED_SEED");
    assert.match(asked.hint ?? "", /Nobody knows that node$/);
    const gone = await failureOf(a.ask("x"));
    assert.equal(gone.code, "PLN_HALF_RUN", "each time");
    await closeSeedNodes(nodes);
  },
);

scenario("a seed's own time holds for callers from afar", async (lab) => {
  const nodes = await seedNodes(lab, { a: {}, b: {} });
  const { a, b } = nodes;
  b.add("slow", loopingWasm, { timeoutMs: 200 });
  b.add("long", loopingWasm, { timeoutMs: 10_000 });
  for (
    const [seed, timeoutMs, mostMs] of [
      ["slow", undefined, 400],
      ["slow", 60_000, 400],
      ["long", 300, 500],
    ] as const
  ) {
    const startMs = lab.world.nowMs;
    const error = await failureOf(say(a, b, { seed, timeoutMs }));
    assert.equal(error.code, "PLN_SEED_TIMEOUT");
    assert.ok(lab.world.nowMs - startMs < mostMs, seed);
  }
  await closeSeedNodes(nodes);
});

scenario("a caller that goes away ends seeds on every node", async (lab) => {
  const nodes = await seedNodes(lab, {
    a: { x: askingWasm(to("y", "b")) },
    b: { y: askingWasm(to("z", "c")) },
    c: { z: loopingWasm },
  });
  const { a, b, c } = nodes;
  const running = () => [
    ...[a.calls.reportOf("x"), b.calls.reportOf("y"), c.calls.reportOf("z")]
      .map(({ running }) => running),
  ];
  const aborter = new AbortController();
  const call = failureOf(a.calls.call({ seed: "x", function: "f" }, utf8(""), {
    caller: { peer: a.peer, properties: {} },
    signal: aborter.signal,
  }));
  await lab.pause(200);
  assert.deepEqual(running(), [1, 1, 1]);
  aborter.abort();
  assert.equal((await call).code, "PLN_SEED_CANCELLED");
  await lab.pause(200);
  assert.deepEqual(running(), [0, 0, 0]);
  await closeSeedNodes(nodes);
});

scenario("a call that expects another module is refused", async (lab) => {
  const nodes = await seedNodes(lab, { a: {}, b: { y: sayingWasm("new") } });
  const { a, b } = nodes;
  const [old, current] = [
    b.add("old", sayingWasm("old")).digest,
    b.add("y", sayingWasm("new")).digest,
  ];
  const call = (digest: typeof old) =>
    a.client.call({ peer: b.peer, seed: "y", function: "f" }, utf8(""), {
      digest,
    });
  assert.deepEqual(await call(current), utf8("new"));
  const error = await failureOf(call(old));
  assert.equal(error.code, "PLN_CONFLICT");
  assert.match(error.message, /^Node "b" .* has another module as seed "y"$/);
  await closeSeedNodes(nodes);
});

scenario(
  "S40: a call that comes back to a node does not wait for its own",
  async (lab) => {
    const nodes = await seedNodes(lab, {
      a: { x: askingWasm(to("y", "b")), z: sayingWasm("z") },
      b: { y: askingWasm(to("z", "a")) },
    });
    const { a } = nodes;
    const hops: string[] = [];
    const call = a.pool.call.bind(a.pool);
    a.pool.call = (job) => {
      hops.push(`${job.seed.name} ${job.isNested ? "nested" : "first"}`);
      return call(job);
    };
    assert.equal(await a.ask("x"), "z");
    assert.deepEqual(hops, ["x first", "z nested"]);
    await closeSeedNodes(nodes);
  },
);

scenario(
  "S40: a call that nobody waits for any more comes back behind others",
  async (lab) => {
    const nodes = await seedNodes(lab, {
      a: { x: askingWasm(to("y", "b")), z: sayingWasm("z") },
      b: { y: askingWasm(to("z", "a")) },
    });
    const { a, b } = nodes;
    const send = b.client.call.bind(b.client);
    const kept: (() => Promise<unknown>)[] = [];
    b.client.call = (...[target, input, options]) => {
      kept.push(() => send(target, input, { via: options?.via }));
      return send(target, input, options);
    };
    assert.equal(await a.ask("x"), "z");
    const hops: string[] = [];
    const call = a.pool.call.bind(a.pool);
    a.pool.call = (job) => {
      hops.push(`${job.seed.name} ${job.isNested ? "nested" : "first"}`);
      return call(job);
    };
    const [again] = kept;
    assert.ok(again !== undefined);
    await again(); // a hop of its own each time, signed by b as it should be
    assert.deepEqual(hops, ["z first"]);
    await closeSeedNodes(nodes);
  },
);

scenario(
  "a full node tells callers from afar which node is full",
  async (lab) => {
    const nodes = await seedNodes(lab, { a: {}, b: { y: loopingWasm } });
    const { a, b } = nodes;
    const full: SeedNode["pool"]["call"] = () => Promise.reject(saturated());
    b.pool.call = full;
    const error = await failureOf(say(a, b, { seed: "y" }));
    assert.equal(error.code, "PLN_SATURATED");
    assert.match(error.message, /^Node "b" \([0-9a-f]{8}\) has more work than/);
    await closeSeedNodes(nodes);
  },
);
