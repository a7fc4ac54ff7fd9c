// Random schedules of calls, cancellations, loops, crashes, hangs and replaced
// seeds over a few threads, from a fixed seed number. Each call settles exactly
// once and by its deadline, nobody gets another's answer, the pool comes to rest.

import assert from "node:assert/strict";
import fc from "fast-check";
import { type Bytes, utf8 } from "../../src/kernel/mod.ts";
import {
  type Ending,
  endingOf,
  SeedLab,
  textOf,
} from "../fixtures/seeds/seed_lab.ts";
import { guestWasm, text, userImports } from "../fixtures/seeds/wat.ts";
import { fuzzRuns } from "./runs.ts";

const uri = text(1024, "pln://seed/x/f");
const sleepImport = `(import "wasi_snapshot_preview1" "poll_oneoff"
  (func $poll (param i32 i32 i32 i32) (result i32)))`;
const giveInput = `(call $output_set (call $input_offset) (call $input_length))
  (i32.const 0)`;
const module = guestWasm(
  `${uri.data}
  (func (export "echo") (result i32) ${giveInput})
  (func (export "ask") (result i32)
    (call $give (call $request ${uri.block} (call $input_offset)))
    (i32.const 0))
  (func (export "sleep") (result i32)
    (i64.store (i32.const 536) (i64.const 150000000))
    (drop (call $poll (i32.const 512) (i32.const 1024)
      (i32.const 1) (i32.const 0))) ${giveInput})
  (func (export "trap") (result i32) (unreachable))
  (func (export "loop") (result i32) (loop $on (br $on)) (unreachable))
  ;; 15,000 rounds: some 150 ms of a simulated processor.
  (func (export "work") (result i32) (local $i i32)
    (loop $on
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $on (i32.lt_u (local.get $i) (i32.const 15000))))
    ${giveInput})`,
  userImports + sleepImport,
);

const functions = ["echo", "ask", "sleep", "trap", "work"];
const settings = { cpuMs: 1_000 };
const event = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant("call" as const),
      seed: fc.nat(3),
      fn: fc.constantFrom(...functions, ...functions, "echo", "loop"),
      timeoutMs: fc.constantFrom(1, 50, 400, 2_000, 10_000),
      abortAfterMs: fc.option(fc.nat(1_000), { nil: undefined }),
      depth: fc.nat(3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom("crash" as const, "hang" as const),
      thread: fc.nat(4),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("replace" as const),
      seed: fc.nat(3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("load" as const),
      seed: fc.nat(3),
    }),
  },
);
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;
const schedule = fc.record({
  cores: fc.integer({ min: 1, max: 4 }),
  events: fc.array(fc.tuple(fc.nat(400), event), { maxLength: 40 }),
});

type Settled = {
  readonly call: Extract<Event, { type: "call" }>;
  readonly startMs: number;
  readonly endMs: number;
  readonly ending: Ending;
};

class Schedule {
  readonly lab: SeedLab;
  readonly settled: Settled[] = [];
  #started = 0;

  constructor(cores: number) {
    this.lab = new SeedLab({ cores });
    for (const name of ["s0", "s1", "s2", "s3"]) {
      this.lab.add(name, module, { settings });
    }
  }

  get isOver(): boolean {
    return this.settled.length === this.#started;
  }

  handle(event: Event): void {
    const { lab } = this;
    switch (event.type) {
      case "call":
        return this.#call(event);
      case "crash":
      case "hang": {
        const thread = lab.sandbox.threads()[event.thread];
        if (thread === undefined) return;
        if (event.type === "crash") lab.sandbox.crash(thread);
        else lab.sandbox.wedge(thread);
        return;
      }
      case "replace": {
        const name = `s${event.seed}`;
        lab.pool.unload(lab.seeds.get(name)?.key ?? "");
        lab.add(name, module, { settings });
        return;
      }
      case "load": {
        const seed = lab.seeds.get(`s${event.seed}`);
        assert.ok(seed);
        void endingOf(lab.pool.load(seed));
      }
    }
  }

  #call(call: Extract<Event, { type: "call" }>): void {
    const aborter = new AbortController();
    const { abortAfterMs } = call;
    if (abortAfterMs !== undefined) {
      this.lab.clock.after(abortAfterMs, () => aborter.abort());
    }
    const startMs = this.lab.world.nowMs;
    const { promise, id } = this.#post(call, aborter.signal, {
      depth: call.depth,
    });
    this.#started++;
    void endingOf(promise.then((output) => {
      assert.ok(["", id].includes(textOf(output)), "somebody else's answer");
    })).then((ending) => {
      const endMs = this.lab.world.nowMs;
      this.settled.push({ call, startMs, endMs, ending });
    });
  }

  #nextId = 0;

  #post(
    call: Extract<Event, { type: "call" }>,
    signal: AbortSignal,
    { depth }: { readonly depth: number },
  ): { promise: Promise<Bytes>; id: string } {
    const seed = this.lab.seeds.get(`s${call.seed}`);
    assert.ok(seed);
    const id = `call ${this.#nextId++}`;
    const job = this.lab.job(seed, call.fn, {
      input: id,
      timeoutMs: call.timeoutMs,
      signal,
      isNested: depth < call.depth,
      onRequest: async (_uri, input) => {
        assert.equal(textOf(input), id);
        if (depth === 0) return utf8(id);
        const inner = this.#post(call, signal, { depth: depth - 1 });
        const ending = await endingOf(inner.promise);
        return ending === "ok" ? utf8(id) : undefined;
      },
    });
    return { promise: this.lab.pool.call(job), id };
  }
}

const fair: readonly Ending[] = [
  ...["ok", "trap", "timeout", "cancelled", "lost"] as const,
  ...["PLN_SATURATED"] as const,
];

Deno.test("S35: each call of a random schedule settles once, in time", async () => {
  const endings = new Set<Ending>();
  await fc.assert(
    fc.asyncProperty(schedule, async ({ cores, events }) => {
      const run = new Schedule(cores);
      const { lab } = run;
      for (const [delayMs, event] of events) {
        await lab.world.run(lab.world.nowMs + delayMs);
        run.handle(event);
      }
      await lab.world.run(lab.world.nowMs + 12_000);
      assert.ok(run.isOver, "each call has settled");
      for (const { call, startMs, endMs, ending } of run.settled) {
        endings.add(ending);
        assert.ok(fair.includes(ending), ending);
        const lateMs = endMs - startMs - call.timeoutMs;
        assert.ok(lateMs <= 30, `${ending} ${lateMs} ms late`);
        if (ending === "cancelled") assert.ok(call.abortAfterMs !== undefined);
      }
      const { running, lost } = lab.pool.threadCounts;
      assert.ok(running <= Math.max(1, cores - 1) + 1);
      assert.equal(lab.sandbox.threads().length, running);
      const faults = events.filter(([, event]) =>
        event.type === "crash" || event.type === "hang"
      );
      assert.ok(lost <= faults.length);
      // Threads end when nothing of any call is left on them.
      await lab.world.settle();
      assert.equal(lab.sandbox.threads().length, 0);
      await lab[Symbol.asyncDispose]();
      assert.equal(lab.sandbox.threads().length, 0);
      await lab.world.settle();
    }),
    { numRuns: Math.min(fuzzRuns(300), 3_000), seed: 4711 },
  );
  for (
    const ending of ["ok", "trap", "timeout", "cancelled", "lost"] as const
  ) {
    assert.ok(endings.has(ending), `the schedules reach "${ending}"`);
  }
});
