// The enroller under load and in time: limits, rates, slow joiners, many at
// once, both sides of a partition, and a state that cannot write.

import assert from "node:assert/strict";
import { joinCluster } from "../../src/admission/mod.ts";
import { Exchange, readFrame } from "../../src/admission/exchange.ts";
import { Joiner } from "../../src/admission/joiner.ts";
import {
  credentialMessage,
  joinMessage,
  nonceMessage,
  refusalMessage,
} from "../../src/admission/messages.ts";
import type { InviteToken, NodeKeys } from "../../src/identity/mod.ts";
import {
  limits,
  peerIdOf,
  type PlnError,
  UnreachableError,
} from "../../src/kernel/mod.ts";
import type { FrameStream } from "../../src/transport/mod.ts";
import {
  failure,
  inviteOf,
  Lab,
  type LabNode,
  never,
  pause,
  signer,
} from "./admission_lab.ts";

const outside = { ip: "198.51.100.7", port: 50_000 };

function join(lab: Lab, token: InviteToken, keys: NodeKeys = lab.newKeys()) {
  return joinCluster(lab.making, token, {
    keys,
    dialer: lab.dialer(),
    signal: never,
  });
}

function uses(node: LabNode, token: InviteToken): number {
  return node.state.rights().usesOf(token.invite.terms.id);
}

function joinerOf(token: InviteToken, keys: NodeKeys): Joiner {
  return new Joiner({ signer }, { type: "invite", token }, { keys });
}

/** What a stream says when it refuses. */
async function refusal(stream: FrameStream): Promise<PlnError> {
  const exchange = new Exchange(stream, never);
  return await failure((async () => {
    readFrame(credentialMessage, await exchange.receive());
  })());
}

Deno.test("an enroller skips kinds of a newer version, but not for ever", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const joiner = joinerOf(token, lab.newKeys());
    const join = joiner.join({});
    const newer = admin.serve(outside);
    await newer.write(99, new Uint8Array([1]));
    await newer.write(join.kind, join.body);
    const answer = await new Exchange(newer, never).receive();
    assert.equal(answer.kind, nonceMessage.kind);
    const flood = admin.serve(outside);
    for (let count = 0; count <= limits.enrollUnknownFramesMax; count++) {
      await flood.write(99, new Uint8Array([1]));
    }
    assert.match((await refusal(flood)).message, /unknown kinds/);
  })());
});

Deno.test("an enroller waits for no joiner longer than its time", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const silent = admin.serve(outside);
    const halfway = admin.serve(outside);
    const join = joinerOf(token, lab.newKeys()).join({});
    await halfway.write(join.kind, join.body);
    const startMs = lab.world.nowMs;
    await Promise.all(admin.serving);
    assert.ok(lab.world.nowMs - startMs <= limits.joinMsMax);
    for (const stream of [silent, halfway]) {
      const first = await stream.read();
      const last = first?.kind === nonceMessage.kind
        ? await stream.read()
        : first;
      assert.equal(last?.kind, refusalMessage.kind);
    }
    assert.equal(admin.enroller.underWay, 0);
    assert.deepEqual(admin.logged("enroll.failed"), []);
  })());
});

Deno.test("an enroller serves no more from one address than its rate, and others go on", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const codes: string[] = [];
    for (let count = 0; count < 2 * limits.joinsPerSourceBurstMax; count++) {
      const stream = admin.serve(outside);
      await stream.write(joinMessage.kind, new Uint8Array([1]));
      codes.push((await refusal(stream)).code);
      await stream[Symbol.asyncDispose]();
    }
    const busy = codes.filter((code) => code === "PLN_LIMIT").length;
    assert.equal(codes[0], "PLN_INPUT");
    assert.ok(busy >= limits.joinsPerSourceBurstMax / 2, `${busy} were busy`);
    await join(lab, token);
  })());
});

Deno.test("an enroller takes up no more joins than its limit, whoever sends them", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const streams = Array.from(
      { length: limits.joinsUnderWayMax + 8 },
      (_, index) => admin.serve({ ip: `203.0.113.${index}`, port: 1 }),
    );
    await pause(lab.world, 5_000); // the rate alone would let more in by now
    const late = admin.serve({ ip: "203.0.113.200", port: 1 });
    const busy = streams.slice(limits.joinsUnderWayMax);
    for (const stream of [...busy, late]) {
      assert.equal((await refusal(stream)).code, "PLN_LIMIT");
    }
    assert.equal(admin.enroller.underWay, limits.joinsUnderWayMax);
    await Promise.all(admin.serving);
    assert.equal(admin.enroller.underWay, 0);
  })());
});

Deno.test("64 joins at once with one single-use invite: exactly one wins", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const results = await Promise.allSettled(
      Array.from({ length: 64 }, (_, index) =>
        joinCluster(lab.making, token, {
          keys: lab.newKeys(),
          dialer: lab.dialer(`203.0.113.${index}`),
          signal: never,
        })),
    );
    const won = results.filter(({ status }) => status === "fulfilled");
    assert.equal(won.length, 1);
    assert.equal(uses(admin, token), 1);
    const reasons = results.flatMap((result) =>
      result.status === "rejected" ? [String(result.reason)] : []
    );
    assert.ok(reasons.every((reason) => /used already/.test(reason)));
  })());
});

Deno.test("S21: 64 nodes join at once through a member with one invite", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(admin);
  await lab.run((async () => {
    const token = await inviteOf(admin, { uses: 64, through: [member] });
    const startMs = lab.world.nowMs;
    const joined = await Promise.all(
      Array.from({ length: 64 }, (_, index) =>
        joinCluster(lab.making, token, {
          keys: lab.newKeys(),
          dialer: lab.dialer(`203.0.113.${index}`),
          signal: never,
        })),
    );
    assert.equal(new Set(joined.map(({ facts }) => facts.peer)).size, 64);
    assert.equal(uses(admin, token), 64);
    assert.ok(lab.world.nowMs - startMs < 15_000);
    assert.ok(admin.logged("enroll.busy").length > 0, "some came again");
  })());
});

Deno.test("one invite redeemed on both sides of a partition admits one node in the end", async () => {
  const lab = new Lab();
  const issuer = lab.admin("issuer");
  const other = lab.admin("other");
  await lab.run((async () => {
    const token = await inviteOf(issuer, { through: [issuer] });
    const there = {
      ...token,
      context: {
        ...token.context,
        bootstraps: [{ peer: other.peer, addresses: [other.address] }],
      },
    };
    issuer.cutOff.add(other.peer);
    other.cutOff.add(issuer.peer);
    const [mine, theirs] = await Promise.all([
      join(lab, token),
      join(lab, there),
    ]);
    issuer.cutOff.clear();
    other.cutOff.clear();
    for (const node of [issuer, other]) await inviteOf(node); // says it again
    for (const node of [issuer, other]) {
      const rights = node.state.rights();
      assert.equal(rights.denialOf(mine.facts.peer), undefined);
      const denial = rights.denialOf(theirs.facts.peer);
      assert.equal(denial?.because, "void-redemption");
    }
  })());
});

Deno.test("an admin that cannot write gives no credential", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    admin.state.fault = new UnreachableError("The disk is gone");
    const error = await failure(join(lab, token));
    assert.equal(error.message, "The disk is gone");
    assert.equal(uses(admin, token), 0);
    admin.state.fault = undefined;
    await join(lab, token);
  })());
});

Deno.test("a joiner that is denied while its redemption is written gets no credential", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  const keys = lab.newKeys();
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const publish = admin.state.publish.bind(admin.state);
    admin.state.publish = async (changes) => {
      await publish(changes);
      await other.admins.deny(peerIdOf(keys.key.publicKey));
    };
    const error = await failure(join(lab, token, keys));
    assert.match(error.message, /was denied by/);
  })());
});

Deno.test("a proof that waited too long for its turn is not written", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin, { uses: 2 });
    const publish = admin.state.publish.bind(admin.state);
    admin.state.publish = async (changes) => {
      await pause(lab.world, 2 * limits.joinMsMax);
      await publish(changes);
    };
    const wallMs = lab.making.clock.wallMs();
    for (let count = 0; count < 2; count++) {
      const joiner = joinerOf(token, lab.newKeys());
      const stream = new Exchange(admin.serve(outside), never);
      await stream.send(joiner.join({}));
      await stream.send(joiner.prove(await stream.receive(), { wallMs }));
    }
    await pause(lab.world, 10 * limits.joinMsMax);
    assert.equal(uses(admin, token), 1);
  })());
});

Deno.test("an enroller serves strangers while one member fills all of its places", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  await lab.run((async () => {
    const token = await inviteOf(admin);
    for (let count = 0; count < 4 * limits.joinsUnderWayMax; count++) {
      admin.serve(member);
    }
    assert.equal(admin.enroller.underWay, limits.joinsPerMemberUnderWayMax);
    await join(lab, token);
  })());
});

Deno.test("an enroller whose disk hangs lets its joiner go in time, and takes up no more", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const hang = Promise.withResolvers<void>();
    const publish = admin.state.publish.bind(admin.state);
    admin.state.publish = async (changes) => {
      await hang.promise;
      await publish(changes);
    };
    const wallMs = lab.making.clock.wallMs();
    const joiner = joinerOf(token, lab.newKeys());
    const stream = new Exchange(admin.serve(outside), never);
    await stream.send(joiner.join({}));
    await stream.send(joiner.prove(await stream.receive(), { wallMs }));
    const startMs = lab.world.nowMs;
    await Promise.all(admin.serving);
    assert.ok(lab.world.nowMs - startMs <= limits.joinMsMax);
    assert.equal((await stream.receive()).kind, refusalMessage.kind);
    assert.equal(admin.enroller.underWay, 1, "its place is taken still");
    hang.resolve();
    await pause(lab.world, 10);
    assert.equal(admin.enroller.underWay, 0);
    assert.equal(uses(admin, token), 1);
  })());
});

Deno.test("an invite whose revocation is under way lets nobody in", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const wallMs = lab.making.clock.wallMs();
    const joiner = joinerOf(token, lab.newKeys());
    const stream = new Exchange(admin.serve(outside), never);
    await stream.send(joiner.join({}));
    const proof = joiner.prove(await stream.receive(), { wallMs });
    const publish = admin.state.publish.bind(admin.state);
    admin.state.publish = async (changes) => {
      await pause(lab.world, 50);
      await publish(changes);
    };
    const revoked = admin.admins.revokeInvite(token.invite.terms.id);
    await stream.send(proof);
    await revoked;
    const answer = await failure((async () => {
      readFrame(credentialMessage, await stream.receive());
    })());
    assert.match(answer.message, /was revoked$/);
    assert.equal(uses(admin, token), 0);
  })());
});
