// Peers that follow no rule, at either end of the call protocol: frames that no
// node of ours sends, streams that nobody reads, answers to nothing. Nothing
// crashes, nothing stays held, and who goes on loses the link.

import assert from "node:assert/strict";
import { ResultRoom } from "../../src/calls/bodies.ts";
import type { CallServer, IncomingCall } from "../../src/calls/mod.ts";
import {
  type CallFrame,
  callKinds,
  decodeCall,
  decodeError,
  decodeNumbers,
  decodeResult,
  encodeCall,
  encodeNumbers,
  encodeOpen,
  encodePart,
  encodeResult,
} from "../../src/calls/messages.ts";
import {
  type Bytes,
  limits,
  type PlnError,
  UnreachableError,
  utf8,
} from "../../src/kernel/mod.ts";
import type { Frame, FrameStream } from "../../src/transport/mod.ts";
import {
  ClientEnd,
  factsOf,
  failureOf,
  type FakeLink,
  fakeLink,
  inWorld,
  MemoryStream,
  serverIn,
  type TestWorld,
  textOf,
} from "./calls_lab.ts";

const none = new Uint8Array(0);

function callFrame(number: number, more: Partial<CallFrame> = {}): Bytes {
  const input = more.input ?? none;
  return encodeCall({
    number,
    timeLeftMs: 10_000,
    inputBytes: input.length,
    target: { seed: "x", function: "f" },
    digest: undefined,
    origin: {
      callId: new Uint8Array(16),
      issuedMs: 0,
      signature: new Uint8Array(64),
    },
    input,
    ...more,
  });
}

/** A server with one stream that a test writes to by hand. */
class Victim {
  readonly link: FakeLink;
  readonly server: CallServer;
  readonly calls: IncomingCall[] = [];
  /** What calls wait for. */
  readonly hang = Promise.withResolvers<Bytes>();
  readonly #served: MemoryStream[] = [];

  constructor(readonly world: TestWorld) {
    this.link = fakeLink(factsOf("peer"));
    this.server = serverIn(world, {
      run: (call) => {
        this.calls.push(call);
        return call.target.seed === "echo"
          ? Promise.resolve(call.input)
          : this.hang.promise;
      },
    });
  }

  /** From now on the peer takes nothing before `until`. */
  stallAnswers(until: Promise<void>): void {
    for (const stream of this.#served) stream.stall = until;
  }

  stream(): { readonly ours: MemoryStream; readonly served: Promise<void> } {
    const [ours, theirs] = MemoryStream.pair();
    this.#served.push(theirs);
    const { signal } = new AbortController();
    const serve = async () => {
      await using _ended = theirs;
      await this.server.serve(theirs, { link: this.link, signal });
    };
    return { ours, served: serve() };
  }

  /** A stream that was opened well. */
  async opened(session = 1, lane: "small" | "large" = "small") {
    const { ours, served } = this.stream();
    await ours.write(callKinds.open, encodeOpen(session, lane));
    return { ours, served };
  }
}

const cases: Readonly<Record<string, readonly Frame[]>> = {
  "its stream does not start with an opening": [
    { kind: callKinds.call, body: callFrame(1) },
  ],
  "its call is malformed": [
    { kind: callKinds.open, body: encodeOpen(1, "small") },
    { kind: callKinds.call, body: callFrame(1).subarray(0, 50) as Bytes },
  ],
  "it uses the number of a call twice": [
    { kind: callKinds.open, body: encodeOpen(1, "small") },
    { kind: callKinds.call, body: callFrame(5) },
    { kind: callKinds.call, body: callFrame(5) },
  ],
  "it goes on with a call that it did not make": [
    { kind: callKinds.open, body: encodeOpen(1, "small") },
    { kind: callKinds.call, body: callFrame(5) },
    { kind: callKinds.input, body: encodePart(6, utf8("more")) },
  ],
  "its input is longer than it said": [
    { kind: callKinds.open, body: encodeOpen(1, "small") },
    { kind: callKinds.call, body: callFrame(5, { inputBytes: 3 }) },
    { kind: callKinds.input, body: encodePart(5, utf8("more")) },
  ],
  "its part is malformed": [
    { kind: callKinds.open, body: encodeOpen(1, "small") },
    { kind: callKinds.call, body: callFrame(5, { inputBytes: 3 }) },
    { kind: callKinds.input, body: encodePart(5, none) },
  ],
  "its cancellation is malformed": [
    { kind: callKinds.open, body: encodeOpen(1, "small") },
    { kind: callKinds.cancel, body: none },
  ],
  "it calls with an executor's frame": [
    { kind: callKinds.open, body: encodeOpen(1, "small") },
    { kind: callKinds.result, body: none },
  ],
};

for (const [fault, frames] of Object.entries(cases)) {
  inWorld(`a stream ends when ${fault}`, async (world) => {
    const victim = new Victim(world);
    const { ours, served } = victim.stream();
    for (const { kind, body } of frames) await ours.write(kind, body);
    await served;
    const [record, ...more] = world.log.records;
    assert.deepEqual(more, []);
    assert.equal(record?.event, "calls.frame_refused");
    assert.equal(record.fields["fault"], fault);
    assert.equal(victim.server.report().faults, 1);
    assert.ok(victim.calls.every(({ signal }) => signal.aborted));
    victim.hang.resolve(none);
    await world.pause(10);
    assert.equal(victim.server.report().underWay, 0);
    assert.deepEqual(victim.link.closes, [], "one fault costs no link");
  });
}

inWorld(
  "a peer that breaks the rules again and again loses its link",
  async (world) => {
    const victim = new Victim(world);
    for (const _ of [1, 2, 3]) {
      const { ours, served } = victim.stream();
      await ours.write(callKinds.call, none);
      await served;
    }
    assert.deepEqual(victim.link.closes, ["its frames of calls make no sense"]);
  },
);

inWorld("frames of a newer version are skipped", async (world) => {
  const victim = new Victim(world);
  const { ours } = await victim.opened();
  await ours.write(99, utf8("news"));
  const call = { input: utf8("hi"), target: { seed: "echo", function: "f" } };
  await ours.write(callKinds.call, callFrame(1, call));
  const answer = await ours.read();
  assert.equal(answer?.kind, callKinds.result);
  await ours.end();
});

inWorld(
  "late parts and cancellations of an ended call are dropped",
  async (world) => {
    const victim = new Victim(world);
    const { ours, served } = await victim.opened();
    await ours.write(callKinds.call, callFrame(1, { inputBytes: 10 }));
    await ours.write(callKinds.cancel, encodeNumbers([1]));
    await ours.write(callKinds.input, encodePart(1, utf8("late")));
    await ours.write(callKinds.cancel, encodeNumbers([1]));
    await world.pause(10);
    assert.equal(victim.server.report().underWay, 0);
    assert.equal(victim.calls.length, 0, "it never ran");
    await ours.end();
    await served;
    assert.equal(victim.server.report().faults, 0);
  },
);

inWorld(
  "a call that was given up holds its place until it has ended",
  async (world) => {
    const victim = new Victim(world);
    const { ours, served } = await victim.opened();
    await ours.write(callKinds.call, callFrame(1));
    await ours.write(callKinds.cancel, encodeNumbers([1]));
    await world.pause(10);
    assert.equal(victim.calls[0]?.signal.aborted, true);
    assert.equal(victim.server.report().underWay, 1);
    victim.hang.resolve(utf8("too late"));
    await world.pause(10);
    assert.equal(victim.server.report().underWay, 0);
    await ours.end();
    await served;
    assert.equal(await ours.read(), undefined, "and is not answered");
  },
);

inWorld(
  "a call that is not answered at once is acknowledged",
  async (world) => {
    const victim = new Victim(world);
    const { ours } = await victim.opened();
    for (const number of [1, 2]) {
      await ours.write(callKinds.call, callFrame(number));
    }
    const frame = await ours.read();
    assert.equal(frame?.kind, callKinds.acknowledge);
    assert.deepEqual(decodeNumbers(frame.body), [1, 2]);
    victim.hang.resolve(utf8("done"));
    assert.equal((await ours.read())?.kind, callKinds.result);
    await ours.end();
  },
);

inWorld(
  "S40: calls of a peer over its places are refused unrun",
  async (world) => {
    const victim = new Victim(world);
    const { ours, served } = await victim.opened();
    const most = limits.wireCallsPerLinkMax;
    for (let number = 1; number <= most + 1; number++) {
      await ours.write(callKinds.call, callFrame(number));
    }
    const frame = await ours.read();
    assert.equal(frame?.kind, callKinds.error);
    const error = decodeError(frame.body);
    assert.equal(error?.number, most + 1);
    assert.equal(error.report.code, "PLN_SATURATED");
    assert.equal(victim.calls.length, most);
    await ours.end();
    await served;
    victim.hang.resolve(none);
    await world.pause(10);
    assert.equal(victim.server.report().underWay, 0);
  },
);

inWorld(
  "inputs that are announced and never sent take bounded memory",
  async (world) => {
    const victim = new Victim(world);
    const { ours, served } = await victim.opened();
    const inputBytes = limits.callInputBytesMax;
    const most = limits.wireCallInputBytesPerLinkMax / inputBytes;
    for (let number = 1; number <= most + 1; number++) {
      await ours.write(callKinds.call, callFrame(number, { inputBytes }));
    }
    const frame = await ours.read();
    const error = decodeError(frame?.body ?? none);
    assert.equal(error?.number, most + 1);
    assert.equal(error.report.code, "PLN_SATURATED");
    await world.pause(9_000);
    assert.equal(victim.server.report().underWay, most);
    await world.pause(2_000);
    assert.equal(victim.server.report().underWay, 0, "their time is over");
    const late = decodeError((await ours.read())?.body ?? none);
    assert.equal(late?.report.code, "PLN_SEED_TIMEOUT");
    await ours.end();
    await served;
  },
);

inWorld("a peer that takes no answers gets no more calls in", async (world) => {
  const victim = new Victim(world);
  const { ours, served } = await victim.opened();
  const stall = Promise.withResolvers<void>();
  const target = { seed: "echo", function: "f" };
  const input = new Uint8Array(limits.wireCallInlineBytesMax);
  victim.stallAnswers(stall.promise);
  const sent = 4 * limits.wireCallUnsentBytesMax / input.length;
  for (let number = 1; number <= sent; number++) {
    await ours.write(callKinds.call, callFrame(number, { target, input }));
  }
  await world.pause(10);
  assert.ok(victim.calls.length <= sent / 4 + 2, `${victim.calls.length}`);
  stall.resolve();
  await world.pause(10);
  assert.equal(victim.calls.length, sent);
  await ours.end();
  await served;
});

inWorld("a session's stream is opened once", async (world) => {
  const victim = new Victim(world);
  const first = await victim.opened(1, "small");
  const second = await victim.opened(1, "small");
  await second.served;
  assert.equal(victim.server.report().faults, 1);
  await first.ours.end();
  await first.served;
});

inWorld("both streams of a session end with one of them", async (world) => {
  const victim = new Victim(world);
  const small = await victim.opened(1, "small");
  const large = await victim.opened(1, "large");
  await small.ours.write(callKinds.call, callFrame(1));
  await world.pause(10);
  await large.ours.end();
  await large.served;
  await small.served;
  assert.equal(victim.calls[0]?.signal.aborted, true);
});

inWorld("a large answer takes the stream of large ones", async (world) => {
  const victim = new Victim(world);
  const small = await victim.opened(1, "small");
  const large = await victim.opened(1, "large");
  await world.pause(10);
  await small.ours.write(callKinds.call, callFrame(1));
  await world.pause(10);
  const length = limits.wireCallInlineBytesMax + 1;
  victim.hang.resolve(new Uint8Array(length));
  const head = decodeResult((await large.ours.read())?.body ?? none);
  assert.equal(head?.resultBytes, length);
  assert.equal((await large.ours.read())?.kind, callKinds.part);
  await small.ours.end();
  await Promise.all([small.served, large.served]);
});

// The other end: a node that answers as none of ours does.

type Answers = (frame: Frame, stream: FrameStream) => Promise<void> | void;

/** Calls "x/f" of a peer that answers each call frame as it likes. */
async function ask(
  world: TestWorld,
  answers: Answers,
  options: { readonly calls?: number } = {},
): Promise<{ readonly errors: PlnError[]; readonly link: FakeLink }> {
  const end = new ClientEnd(world, answers);
  const count = options.calls ?? 1;
  const calls = Array.from(
    { length: count },
    () => failureOf(end.call("x", { timeoutMs: 5_000 })),
  );
  const errors = await Promise.all(calls);
  await end[Symbol.asyncDispose]();
  return { errors, link: end.link };
}

const answers: Readonly<Record<string, Answers>> = {
  "it answers a call that was not made": (_, stream) =>
    stream.write(
      callKinds.result,
      encodeResult({ number: 9, resultBytes: 0, bytes: none }),
    ),
  "its result is malformed": (_, stream) =>
    stream.write(callKinds.result, none),
  "it sends a part before a result": (_, stream) =>
    stream.write(callKinds.part, encodePart(1, utf8("part"))),
  "its result is longer than it said": async (_, stream) => {
    const head = { number: 1, resultBytes: 2, bytes: none };
    await stream.write(callKinds.result, encodeResult(head));
    await stream.write(callKinds.part, encodePart(1, utf8("part")));
  },
  "it answers one call twice": async (_, stream) => {
    const head = { number: 1, resultBytes: 2, bytes: none };
    await stream.write(callKinds.result, encodeResult(head));
    await stream.write(callKinds.result, encodeResult(head));
  },
  "its acknowledgement is malformed": (_, stream) =>
    stream.write(callKinds.acknowledge, utf8("abc")),
  "its error is malformed": (_, stream) =>
    stream.write(callKinds.error, encodePart(1, utf8("oops"))),
  "it answers with a caller's frame": (_, stream) =>
    stream.write(callKinds.call, callFrame(1)),
};

for (const [fault, answer] of Object.entries(answers)) {
  inWorld(`calls fail when ${fault}`, async (world) => {
    const { errors, link } = await ask(world, answer);
    assert.equal(errors[0]?.code, "PLN_OUTCOME_UNKNOWN");
    const [record] = world.log.records;
    assert.equal(record?.event, "calls.answer_refused");
    assert.equal(record.fields["fault"], fault);
    assert.deepEqual(link.closes, []);
  });
}

inWorld("answers for calls that are over are dropped", async (world) => {
  const late: (() => Promise<void>)[] = [];
  const end = new ClientEnd(world, ({ kind }, stream) => {
    if (kind !== callKinds.call) return;
    const result = { number: 1, resultBytes: 0, bytes: none };
    late.push(() => stream.write(callKinds.result, encodeResult(result)));
  });
  const aborter = new AbortController();
  const call = failureOf(end.call("x", { signal: aborter.signal }));
  await world.pause(10);
  aborter.abort();
  assert.equal((await call).code, "PLN_SEED_CANCELLED");
  for (const answer of late) await answer();
  await world.pause(10);
  assert.deepEqual(world.log.records, []);
  await end[Symbol.asyncDispose]();
});

inWorld(
  "new calls take the newest link, old ones end on theirs",
  async (world) => {
    const held: (() => Promise<void>)[] = [];
    const end = new ClientEnd(world, ({ body }, stream) => {
      const call = decodeCall(body);
      if (call === undefined) return;
      const result = { number: call.number, resultBytes: 0, bytes: none };
      const answer = () => stream.write(callKinds.result, encodeResult(result));
      if (call.target.seed === "slow") held.push(answer);
      else return answer();
    });
    const slow = end.call("slow");
    await world.pause(10);
    assert.equal(end.streams.length, 2);
    end.replaceLink();
    await end.call("x");
    await end.call("x");
    const gone = () => end.streams.map(({ isDisposed }) => isDisposed);
    assert.deepEqual(gone(), [false, false, false, false]);
    for (const answer of held) await answer();
    await slow;
    await world.pause(10);
    assert.deepEqual(gone(), [true, true, false, false]);
    await end[Symbol.asyncDispose]();
  },
);

inWorld("a call whose input has not left did not run", async (world) => {
  const end = new ClientEnd(world, () => {});
  const stall = Promise.withResolvers<void>();
  end.stallCalls(stall.promise);
  const input = new Uint8Array(limits.callInputBytesMax);
  const call = failureOf(end.call("x", { input, timeoutMs: 1_000 }));
  await world.pause(2_000);
  const error = await call;
  assert.ok(error instanceof UnreachableError);
  assert.match(error.message, /the call did not run$/);
  stall.resolve();
  await end[Symbol.asyncDispose]();
});

inWorld("a small call does not wait for a large one", async (world) => {
  const stall = Promise.withResolvers<void>();
  const end = new ClientEnd(world, async ({ kind, body }, stream) => {
    const call = kind === callKinds.call ? decodeCall(body) : undefined;
    if (call === undefined || call.inputBytes > 0) return;
    const { number } = call;
    const result = { number, resultBytes: 2, bytes: utf8("ok") };
    await stream.write(callKinds.result, encodeResult(result));
  });
  end.stallCalls(stall.promise, "large");
  const input = new Uint8Array(limits.callInputBytesMax);
  const large = failureOf(end.call("x", { input, timeoutMs: 1_000 }));
  assert.equal(textOf(await end.call("x")), "ok");
  stall.resolve();
  await end[Symbol.asyncDispose]();
  await large;
});

inWorld(
  "a peer that is full of calls that do not leave takes no more",
  async (world) => {
    const end = new ClientEnd(world, () => {});
    await world.pause(10);
    const stall = Promise.withResolvers<void>();
    end.stallCalls(stall.promise);
    const input = new Uint8Array(limits.wireCallInlineBytesMax);
    const most = limits.wireCallUnsentBytesMax / input.length;
    const calls = Array.from(
      { length: most + 2 },
      () => failureOf(end.call("x", { input, timeoutMs: 1_000 })),
    );
    const last = await calls.at(-1);
    assert.equal(last?.code, "PLN_SATURATED");
    assert.match(last.message, /takes less than it is sent/);
    await world.pause(2_000);
    await Promise.all(calls);
    stall.resolve();
    await end[Symbol.asyncDispose]();
  },
);

inWorld(
  "a peer that answers before it has the input holds none of it here",
  async (world) => {
    const end = new ClientEnd(world, async ({ kind, body }, stream) => {
      const call = kind === callKinds.call ? decodeCall(body) : undefined;
      if (call === undefined) return;
      const result = { number: call.number, resultBytes: 0, bytes: none };
      await stream.write(callKinds.result, encodeResult(result));
    });
    await end.call("x");
    const stall = Promise.withResolvers<void>();
    end.stallCalls(stall.promise, "large");
    const input = new Uint8Array(limits.callInputBytesMax);
    const error = await failureOf(end.call("x", { input }));
    assert.equal(error.outcome, "unreachable");
    assert.equal(
      world.log.records[0]?.fields["fault"],
      "it answers a call that it does not have yet",
    );
    assert.ok(end.streams.every(({ isDisposed }) => isDisposed));
    stall.resolve();
    await end[Symbol.asyncDispose]();
  },
);

Deno.test("ResultRoom has room for results of all peers up to its limit", () => {
  const room = new ResultRoom();
  const most = limits.wireCallBytesMax / limits.callOutputBytesMax;
  for (let count = 0; count < most; count++) {
    assert.ok(room.take(limits.callOutputBytesMax));
  }
  assert.ok(!room.take(1));
  room.give(limits.callOutputBytesMax);
  assert.ok(room.take(1));
  assert.equal(room.bytes, (most - 1) * limits.callOutputBytesMax + 1);
});

inWorld(
  "results that do not come take no more memory than there is for them",
  async (world) => {
    const end = new ClientEnd(world, async ({ kind, body }, stream) => {
      const call = kind === callKinds.call ? decodeCall(body) : undefined;
      if (call === undefined) return;
      const resultBytes = limits.callOutputBytesMax;
      const head = { number: call.number, resultBytes, bytes: none };
      await stream.write(callKinds.result, encodeResult(head));
    });
    const calls = Array.from(
      { length: 10 },
      () => failureOf(end.call("x", { timeoutMs: 1_000 })),
    );
    const errors = await Promise.all(calls);
    const most = 2 * limits.wireCallOutputBytesPerLinkMax /
      limits.callOutputBytesMax;
    const codes = errors.map(({ code }) => code);
    assert.equal(
      codes.filter((code) => code === "PLN_OUTCOME_UNKNOWN").length,
      most,
    );
    assert.equal(
      codes.filter((code) => code === "PLN_LIMIT").length,
      10 - most,
    );
    await end[Symbol.asyncDispose]();
  },
);
