// Attacks by too much, too early, too slow and malformed, over a simulated
// network against whole transports: nothing is served before the proof, every
// stranger is gone in bounded time, and honest nodes connect all the while.

import assert from "node:assert/strict";
import {
  type CborValue,
  concatBytes,
  decodeCbor,
  encodeCbor,
  limits,
} from "../../src/kernel/mod.ts";
import { Authenticate } from "../../src/transport/handshake_messages.ts";
import { closeCodes, type Frame } from "../../src/transport/mod.ts";
import {
  assertUnharmed,
  type Knock,
  type Mallory,
  openMallory,
} from "./transport_attack_lab.ts";
import {
  ask,
  connect,
  echo,
  type Lab,
  type LabNode,
  never,
  onlyLink,
  pour,
  scenario,
} from "./transport_lab.ts";
import { encodeFrame } from "./encoded_frame.ts";

const bytesMax = limits.authFrameBytesMax;
const hello = concatBytes(
  Uint8Array.of(echo.id),
  encodeFrame(1, new TextEncoder().encode("hello")),
);

async function openScene(lab: Lab) {
  const alice = await lab.node("alice");
  const bob = await lab.node("bob");
  const mallory = await openMallory(lab);
  return { alice, bob, mallory };
}

/** Mallory's honest answer to a challenge. */
async function answer(
  mallory: Mallory,
  bob: LabNode,
  knock: Knock,
): Promise<Frame> {
  const { send } = mallory.client(bob.peer).onFrame(await knock.read());
  assert(send !== undefined);
  return send;
}

/** Everything that comes back on a stream of Mallory's until it ends. */
async function received(knock: Knock, bytes: Uint8Array): Promise<number> {
  const { readable, writable } = await knock.session.openStream(never);
  const writer = writable.getWriter();
  await writer.write(bytes);
  let count = 0;
  try {
    for await (const chunk of readable) count += chunk.length;
  } catch {
    writer.releaseLock(); // the session has ended
  }
  return count;
}

scenario(
  "attack: 6 a stream before the proof is not served, and its owner goes in 5 s",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const startMs = lab.world.nowMs;
    const knock = await mallory.knock(bob);
    assert.equal(await received(knock, hello), 0);
    assert.equal(await knock.closeCode(), closeCodes.authTimeout);
    const tookMs = lab.world.nowMs - startMs;
    assert(tookMs >= limits.authMsMax && tookMs < limits.authMsMax + 100);
    assert.equal(bob.transport.report().refusals["timeout"], 1);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "attack: 6 a stream before the proof is served after it, from its first byte",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const knock = await mallory.knock(bob);
    const echoed = received(knock, hello);
    await lab.pause(100);
    await knock.write(await answer(mallory, bob, knock));
    await lab.pause(1_000);
    assert.equal(onlyLink(bob).peer, mallory.peer);
    knock.session.close(closeCodes.shutdown, "");
    await lab.pause(1_000);
    assert.equal(await echoed, hello.length - 1);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "attack: 6 the proof on another stream than the challenge's is none",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const knock = await mallory.knock(bob);
    const { kind, body } = await answer(mallory, bob, knock);
    assert.equal(await received(knock, encodeFrame(kind, body)), 0);
    assert.equal(await knock.closeCode(), closeCodes.authTimeout);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "attack: 6 the fifth stream before the proof ends the session",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const startMs = lab.world.nowMs;
    const knock = await mallory.knock(bob);
    for (let i = 0; i <= limits.unauthenticatedStreamsMax; i++) {
      await pour(knock.session, Uint8Array.of(echo.id));
    }
    assert.equal(await knock.closeCode(), closeCodes.quota);
    assert(lab.world.nowMs - startMs < 1_000);
    assert.equal(bob.transport.report().refusals["flood"], 1);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "attack: 6 more than 64 KiB on streams before the proof ends the session",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const knock = await mallory.knock(bob);
    const half = new Uint8Array(limits.unauthenticatedBytesMax / 2);
    await pour(knock.session, half);
    await pour(knock.session, half);
    await lab.pause(1_000);
    assert.equal(bob.transport.report().unauthenticated, 1, "not yet");
    await pour(knock.session, Uint8Array.of(1));
    assert.equal(await knock.closeCode(), closeCodes.quota);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "R06: attack: 8 a frame of 1 GiB, and one just over the limit, are refused unread",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const over = encodeFrame(
      Authenticate.kind,
      new Uint8Array(limits.authFrameBytesMax + 1),
    );
    for (const bytes of [Uint8Array.of(0x40, 0, 0, 0), over.subarray(0, 4)]) {
      const startMs = lab.world.nowMs;
      const session = await rawControl(mallory, bob);
      await session.write(bytes);
      assert.equal(await session.closeCode(), closeCodes.authFailed);
      assert(lab.world.nowMs - startMs < 1_000);
    }
    const [last] = bob.transport.report().lastRefusals;
    assert.match(last?.error.message ?? "", /over the limit of 16384/);
    await assertUnharmed(mallory, alice, bob);
  },
);

/** The challenge's stream, on which Mallory writes bytes, not frames. */
async function rawControl(mallory: Mallory, bob: LabNode) {
  const session = await mallory.session(bob);
  const streams = session.incomingStreams()[Symbol.asyncIterator]();
  const first = await streams.next();
  assert(first.done !== true);
  const writer = first.value.writable.getWriter();
  return {
    write: (bytes: Uint8Array) => writer.write(bytes),
    end: () => writer.close(),
    closeCode: async () => {
      const end = await session.ended;
      assert(end.type === "closed");
      return end.code;
    },
  };
}

scenario(
  "attack: 8 frames of unknown kinds are skipped, but not for ever",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const unknown = { kind: 77, body: new Uint8Array(9) };
    const patient = await mallory.knock(bob);
    for (let i = 0; i < limits.handshakeSkipsMax; i++) {
      await patient.write(unknown);
    }
    await patient.write(await answer(mallory, bob, patient));
    await lab.pause(1_000);
    assert.equal(onlyLink(bob).peer, mallory.peer);
    patient.session.close(closeCodes.shutdown, "");
    await lab.pause(1_000);
    const endless = await mallory.knock(bob);
    for (let i = 0; i <= limits.handshakeSkipsMax; i++) {
      await endless.write(unknown);
    }
    await endless.read();
    assert.match(await endless.refusal(), /unknown kinds/);
    assert.equal(await endless.closeCode(), closeCodes.authFailed);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "attack: 8 a truncated proof, wherever it ends, is no proof",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const whole = encodeFrame(
      Authenticate.kind,
      (await answer(mallory, bob, await mallory.knock(bob))).body,
    );
    for (const length of [0, 1, 4, 5, 6, whole.length - 1]) {
      const startMs = lab.world.nowMs;
      const session = await rawControl(mallory, bob);
      if (length > 0) await session.write(whole.subarray(0, length));
      await session.end();
      await session.closeCode();
      assert(lab.world.nowMs - startMs < 1_000, `${length} bytes`);
    }
    await lab.pause(10_000);
    await assertUnharmed(mallory, alice, bob);
  },
);

/** The proof with one member of its row replaced. */
function withMember(frame: Frame, at: number, value: CborValue): Frame {
  const row = decodeCbor(frame.body, { bytesMax });
  assert(Array.isArray(row));
  const changed = row.map((member, index) => index === at ? value : member);
  return { ...frame, body: encodeCbor(changed) };
}

scenario(
  "attack: 8 a version of 2^53, 65 heads, 5 replaced links: all are refused",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const head = [new Uint8Array(32), 1, 1];
    const values: readonly (readonly [number, CborValue])[] = [
      [0, 2n ** 53n],
      [4, new Array(limits.replacesMax + 1).fill(new Uint8Array(64))],
      [5, new Array(limits.rightsHeadsMax + 1).fill(head)],
    ];
    for (const [at, value] of values) {
      const knock = await mallory.knock(bob);
      const honest = await answer(mallory, bob, knock);
      await knock.write(withMember(honest, at, value));
      assert.match(await knock.refusal(), /^PLN_INPUT: .* has an unusable/);
      assert.equal(await knock.closeCode(), closeCodes.authFailed);
    }
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "attack: 8 a proof that comes byte by byte is too late after 5 s",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const startMs = lab.world.nowMs;
    const session = await rawControl(mallory, bob);
    const proof = encodeFrame(Authenticate.kind, new Uint8Array(1_000));
    let isClosed = false;
    const closed = session.closeCode().then((code) => {
      isClosed = true;
      return code;
    });
    for (let at = 0; !isClosed && at < proof.length; at++) {
      await Promise.allSettled([session.write(proof.subarray(at, at + 1))]);
      await lab.pause(100);
    }
    assert.equal(await closed, closeCodes.authTimeout);
    assert(lab.world.nowMs - startMs < limits.authMsMax + 500);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "S43: attack: half-open handshakes do not keep honest nodes out",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const knocks: Knock[] = [];
    for (let i = 0; i < 10; i++) knocks.push(await mallory.knock(bob));
    const codes = Promise.all(knocks.map((knock) => knock.closeCode()));
    await lab.pause(100);
    // One address has four places; the newest ones are still there.
    const { unauthenticated } = bob.transport.report();
    assert.equal(unauthenticated, limits.unauthenticatedSessionsPerIpMax);
    assert.equal(await ask(await connect(alice, bob), "hello"), "hello");
    const { quota, authTimeout } = closeCodes;
    assert.deepEqual(await codes, [
      ...new Array<number>(6).fill(quota),
      ...new Array<number>(4).fill(authTimeout),
    ]);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "attack: a server that never challenges, or never answers, is given up",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const dial = () =>
      alice.transport.dial(mallory.peer, mallory.address, { signal: never });
    const startMs = lab.world.nowMs;
    const silent = assert.rejects(dial(), { code: "PLN_UNREACHABLE" });
    await mallory.caller();
    await silent;
    const mute = assert.rejects(dial(), { code: "PLN_UNREACHABLE" });
    const caller = await mallory.caller();
    await caller.write(await (await mallory.knock(bob)).read());
    await caller.read();
    await mute;
    assert(lab.world.nowMs - startMs < 3 * limits.authMsMax);
    await lab.pause(10_000);
    await assertUnharmed(mallory, alice, bob);
  },
);
