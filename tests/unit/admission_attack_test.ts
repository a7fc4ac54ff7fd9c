// Hostile ends of an enrolment: forwarders that change or steal what passes,
// redeemers that may not redeem, proofs that were made for another nonce, and
// joiners that send anything or nothing. Nobody gets in, nothing is used up,
// and every wait ends.

import assert from "node:assert/strict";
import { joinCluster } from "../../src/admission/mod.ts";
import { Exchange, frameOf, readFrame } from "../../src/admission/exchange.ts";
import { Joiner } from "../../src/admission/joiner.ts";
import {
  credentialMessage,
  forwardedJoinMessage,
  joinMessage,
  nonceMessage,
  proofMessage,
} from "../../src/admission/messages.ts";
import {
  encodeCredential,
  type InviteToken,
  issueMember,
  type NodeKeys,
  signAuthorityKey,
} from "../../src/identity/mod.ts";
import {
  InputError,
  limits,
  peerIdOf,
  PlnError,
} from "../../src/kernel/mod.ts";
import type { Frame, FrameStream } from "../../src/transport/mod.ts";
import {
  byRoot,
  dayMs,
  failure,
  inviteOf,
  Lab,
  type LabNode,
  never,
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

/** What the owner of these keys says of its authority key. */
function candidateOf(lab: Lab, keys: NodeKeys) {
  return signAuthorityKey({ signer }, { cluster: lab.root.cluster, ...keys });
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

Deno.test("a forwarder that changes any frame gets nobody in", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(admin);
  const flip = (kind: number, at: number) => (frame: Frame): Frame => {
    if (frame.kind !== kind) return frame;
    const body = frame.body.slice();
    const index = at < 0 ? body.length + at : at;
    body[index] = (body[index] ?? 0) ^ 1;
    return { kind, body };
  };
  const places = [
    [joinMessage.kind, 10], // the joiner's id
    [joinMessage.kind, 50], // its authority key
    [joinMessage.kind, 90], // the proof of that
    [joinMessage.kind, -2], // the invite's signature
    [nonceMessage.kind, 10],
    [nonceMessage.kind, -70], // the redeemer's chain
    [proofMessage.kind, 10],
    [proofMessage.kind, -2],
    [credentialMessage.kind, -70],
  ] as const;
  await lab.run((async () => {
    for (const [kind, at] of places) {
      const token = await inviteOf(admin, { through: [member] });
      const tamper = flip(kind, at);
      member.meddle = { up: tamper, down: tamper };
      const error = await failure(join(lab, token));
      assert.notEqual(error.outcome, "unreachable", `kind ${kind} at ${at}`);
      const isLate = kind === credentialMessage.kind;
      assert.equal(uses(admin, token), isLate ? 1 : 0, `kind ${kind}`);
    }
  })());
});

Deno.test("a forwarder that redeems the invite for itself is refused", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const thief = lab.newKeys();
    // It has seen the join, and holds no more of the invite than that.
    const { bytes: terms, signature } = token.invite;
    const stream = new Exchange(admin.serve(outside), never);
    await stream.send(frameOf(joinMessage, {
      joiner: peerIdOf(thief.key.publicKey),
      ...candidateOf(lab, thief),
      name: undefined,
      invite: { terms, signature },
      credential: undefined,
    }));
    const guess = { ...token, secret: lab.newKey() };
    const nonce = await stream.receive();
    const forged = forgedProof(lab, nonce, { token: guess, keys: thief });
    await stream.send(forged);
    const error = await failure((async () => {
      readFrame(credentialMessage, await stream.receive());
    })());
    assert.match(error.message, /signatures do not hold/);
    assert.equal(uses(admin, token), 0);
    await join(lab, token);
  })());
});

/** Signed for the nonce, with whatever keys there are. */
function forgedProof(
  lab: Lab,
  nonce: Frame,
  options: { readonly token: InviteToken; readonly keys: NodeKeys },
): Frame {
  const { token, keys } = options;
  const terms = { ...token.invite.terms, key: token.secret.publicKey };
  const invite = { ...token.invite, terms };
  const joiner = joinerOf({ ...token, invite }, keys);
  return joiner.prove(nonce, { wallMs: lab.making.clock.wallMs() });
}

Deno.test("a proof for one nonce is refused for another", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const keys = lab.newKeys();
    const wallMs = lab.making.clock.wallMs();
    const joiner = joinerOf(token, keys);
    const first = new Exchange(admin.serve(outside), never);
    await first.send(joiner.join({}));
    const proof = joiner.prove(await first.receive(), { wallMs });
    const second = new Exchange(admin.serve(outside), never);
    await second.send(joiner.join({}));
    await second.receive();
    await second.send(proof);
    const error = await failure((async () => {
      readFrame(credentialMessage, await second.receive());
    })());
    assert.match(error.message, /signatures do not hold/);
    assert.equal(uses(admin, token), 0);
    await first.send(proof);
    readFrame(credentialMessage, await first.receive());
  })());
});

Deno.test("a joiner signs for nobody who is no admin of the cluster", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  const foreign = new Lab(2).admin("foreign");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const wallMs = lab.making.clock.wallMs();
    for (const redeemer of [member, foreign]) {
      const frame = frameOf(nonceMessage, {
        nonce: new Uint8Array(32),
        redeemer: encodeCredential(redeemer.identity.credential),
      });
      const joiner = joinerOf(token, lab.newKeys());
      assert.throws(
        () => joiner.prove(frame, { wallMs }),
        (error) => error instanceof PlnError && error.code === "PLN_CREDENTIAL",
      );
    }
  })());
});

Deno.test("a joiner signs for no admin whose authority has expired", async () => {
  const lab = new Lab();
  const old = lab.admin("old");
  lab.passTime(200 * dayMs);
  const fresh = lab.admin("fresh");
  lab.passTime(366 * dayMs);
  lab.recertify(old, fresh);
  await lab.run((async () => {
    const joiner = joinerOf(await inviteOf(fresh), lab.newKeys());
    const wallMs = lab.making.clock.wallMs();
    const offer = frameOf(nonceMessage, {
      nonce: new Uint8Array(32),
      redeemer: encodeCredential(old.identity.credential),
    });
    assert.throws(
      () => joiner.prove(offer, { wallMs }),
      /^CredentialError: The authority of admin \w+ has expired/,
    );
  })());
});

Deno.test("a joiner takes no certificate that is of no use by its own clock", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const wallMs = lab.making.clock.wallMs();
    const keys = lab.newKeys();
    // This admin's clock is ahead, and its own certificate good by both.
    admin.clock.wallMs = () => wallMs + 3 * dayMs;
    const ahead = { ...lab.making, clock: admin.clock };
    const { authority } = admin.identity;
    assert.ok(authority !== undefined);
    const member = issueMember(ahead, {
      authority: authority.certificate,
      authorityKey: authority.key,
      publicKey: keys.key.publicKey,
      claims: {
        type: "member",
        cluster: lab.root.cluster,
        tier: "leaf",
        properties: new Map(),
        accessDeadlineMs: undefined,
        memberSinceMs: wallMs,
        issue: 1,
      },
    });
    const joiner = joinerOf(token, keys);
    joiner.prove(
      frameOf(nonceMessage, {
        nonce: new Uint8Array(32),
        redeemer: encodeCredential(admin.identity.credential),
      }),
      { wallMs },
    );
    const credential = encodeCredential({
      member,
      authority: authority.certificate,
    });
    assert.throws(
      () =>
        joiner.accept(frameOf(credentialMessage, { credential }), { wallMs }),
      /valid only from .* by this machine's clock.*has issued it/,
    );
  })());
});

Deno.test("a joiner takes no credential of another key or another admin", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const wallMs = lab.making.clock.wallMs();
    const keys = lab.newKeys();
    const nonce = frameOf(nonceMessage, {
      nonce: new Uint8Array(32),
      redeemer: encodeCredential(admin.identity.credential),
    });
    for (const by of [admin, other]) {
      const joiner = joinerOf(token, keys);
      joiner.prove(nonce, { wallMs });
      const made = lab.member(`for ${by.peer}`, by).identity;
      const own = by === other ? made.key : keys.key;
      const late = joinerOf(token, { ...keys, key: own });
      late.prove(nonce, { wallMs });
      const credential = encodeCredential(made.credential);
      assert.throws(
        () =>
          late.accept(frameOf(credentialMessage, { credential }), { wallMs }),
        InputError,
      );
    }
  })());
});

Deno.test("an admin that was denied redeems nothing and passes joins on", async () => {
  const lab = new Lab();
  const good = lab.admin("good");
  const bad = lab.admin("bad");
  await lab.run((async () => {
    const token = await inviteOf(good, { through: [bad] });
    await byRoot(lab, good, await good.admins.deny(bad.peer));
    const alone = await failure(join(lab, token));
    assert.match(alone.message, /^No admin can be reached/);
    bad.linked.push(good);
    const fooled = lab.member("fooled", good);
    fooled.linked.push(bad, good);
    const streams = bad.streams;
    await join(lab, await inviteOf(good, { through: [fooled] }));
    assert.equal(bad.streams, streams, "nobody asks it");
    const joined = await join(lab, token);
    assert.equal(joined.redeemer, good.peer);
  })());
});

Deno.test("an admin whose authority has expired redeems nothing", async () => {
  const lab = new Lab();
  const old = lab.admin("old");
  await lab.run((async () => {
    const token = await inviteOf(old, { ttlMs: 30 * dayMs });
    old.clock.wallMs = () => lab.making.clock.wallMs() + 366 * dayMs;
    const error = await failure(join(lab, token));
    assert.match(error.message, /^No admin can be reached/);
    assert.equal(uses(old, token), 0);
  })());
});

Deno.test("a join is passed on once, and only by members", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const [first, second] = [
    lab.member("first", admin),
    lab.member("second", admin),
  ];
  second.linked.push(admin);
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const { kind, body } = joinerOf(token, lab.newKeys()).join({});
    assert.equal(kind, joinMessage.kind);
    const twice = second.serve(first);
    await twice.write(forwardedJoinMessage.kind, body);
    assert.match((await refusal(twice)).message, /it is no admin$/);
    assert.equal(admin.streams, 0);
    const fromOutside = admin.serve(outside);
    await fromOutside.write(forwardedJoinMessage.kind, body);
    assert.match((await refusal(fromOutside)).message, /Only members/);
  })());
});

Deno.test("an enroller refuses frames that are malformed, too long or of no use", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  const junk = new Uint8Array([1, 2, 3]);
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const both = frameOf(joinMessage, {
      joiner: peerIdOf(lab.newKey().publicKey),
      ...candidateOf(lab, lab.newKeys()),
      name: undefined,
      invite: {
        terms: token.invite.bytes,
        signature: token.invite.signature,
      },
      credential: encodeCredential(member.identity.credential),
    });
    const frames: readonly (readonly [Frame, RegExp])[] = [
      [{ kind: joinMessage.kind, body: junk }, /message/],
      [
        {
          kind: joinMessage.kind,
          body: new Uint8Array(limits.joinFrameBytesMax + 1),
        },
        /over its limit/,
      ],
      [{ kind: proofMessage.kind, body: junk }, /kind 3 came/],
      [both, /either an invite or an old credential/],
    ];
    for (const [frame, says] of frames) {
      const stream = admin.serve(outside);
      await stream.write(frame.kind, frame.body);
      const error = await refusal(stream);
      assert.match(error.message, says);
      await stream[Symbol.asyncDispose]();
    }
    await Promise.all(admin.serving);
    assert.equal(admin.enroller.underWay, 0);
  })());
});

Deno.test("an enroller refuses joins that no honest joiner sends", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const foreign = new Lab(2);
  const stranger = foreign.admin("stranger");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const keys = lab.newKeys();
    const key = keys.key.publicKey;
    const others = candidateOf(lab, lab.newKeys());
    const { bytes: terms, signature } = token.invite;
    const honest = {
      joiner: peerIdOf(key),
      ...candidateOf(lab, keys),
      name: undefined,
      invite: { terms, signature },
      credential: undefined,
    };
    const credential = encodeCredential(stranger.identity.credential);
    const cases = [
      [{ ...honest, authorityKey: key }, /authority key is its identity key/],
      [{ ...honest, name: "Big Box" }, /is no node name/],
      [{ ...honest, invite: undefined }, /either an invite/],
      [
        { ...honest, invite: { terms, signature: new Uint8Array(64) } },
        /not signed by its issuer/,
      ],
      [{ ...honest, invite: undefined, credential }, /of cluster/],
      [
        {
          ...honest,
          invite: undefined,
          credential: encodeCredential(admin.identity.credential),
        },
        /is another node's/,
      ],
      [{ ...honest, ...others }, /did not sign its authority key/],
      [
        { ...honest, authorityKey: others.authorityKey },
        /did not sign its authority key/,
      ],
      [
        { ...honest, ...candidateOf(foreign, keys) },
        /did not sign its authority key/,
      ],
    ] as const;
    for (const [request, says] of cases) {
      const stream = admin.serve(outside);
      const { kind, body } = frameOf(joinMessage, request);
      await stream.write(kind, body);
      assert.match((await refusal(stream)).message, says);
    }
  })());
});

Deno.test("an invite of another cluster is refused", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const foreign = new Lab(2);
  const other = foreign.admin("other");
  const token = await foreign.run(inviteOf(other));
  await lab.run((async () => {
    const join = joinerOf(token, lab.newKeys()).join({});
    const stream = admin.serve(outside);
    await stream.write(join.kind, join.body);
    assert.match((await refusal(stream)).message, /of another cluster$/);
  })());
});

Deno.test("nothing that an enroller logs or answers holds an invite's secret", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const seen: string[] = [];
  const note = (frame: Frame): Frame => {
    seen.push(frame.body.toHex());
    return frame;
  };
  admin.meddle = { up: note, down: note };
  await lab.run((async () => {
    const token = await inviteOf(admin);
    await join(lab, token);
    await failure(join(lab, token));
    const secret = token.secret.exportPkcs8().subarray(-32).toHex();
    assert.ok(seen.length > 4);
    assert.ok(seen.every((text) => !text.includes(secret)));
    assert.ok(!JSON.stringify(admin.log.records).includes(secret));
    assert.ok(
      !JSON.stringify(admin.state.published).includes(
        token.secret.exportPkcs8().subarray(-32).toBase64(),
      ),
    );
  })());
});

Deno.test("an admin that is denied between nonce and proof writes nothing", async () => {
  const lab = new Lab();
  const good = lab.admin("good");
  const bad = lab.admin("bad");
  await lab.run((async () => {
    const token = await inviteOf(good, { through: [bad] });
    const joiner = joinerOf(token, lab.newKeys());
    const wallMs = lab.making.clock.wallMs();
    const stream = new Exchange(bad.serve(outside), never);
    await stream.send(joiner.join({}));
    const proof = joiner.prove(await stream.receive(), { wallMs });
    await byRoot(lab, good, await good.admins.deny(bad.peer));
    await stream.send(proof);
    const error = await failure((async () => {
      readFrame(credentialMessage, await stream.receive());
    })());
    assert.match(error.message, /can admit nobody: it was denied$/);
    assert.equal(bad.state.published.length, 0);
  })());
});

Deno.test("an admin refuses a join for another subject, and a renewal of who was denied, before it gives a nonce", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  await lab.run((async () => {
    const subject = peerIdOf(lab.newKey().publicKey);
    const token = await inviteOf(admin, { subject });
    const join = joinerOf(token, lab.newKeys()).join({});
    const other = admin.serve(outside);
    await other.write(join.kind, join.body);
    assert.match((await refusal(other)).message, /^The invite is for node/);
    await admin.admins.deny(member.peer);
    const { identity } = member;
    const renewal = new Joiner(
      { signer },
      { type: "renewal", ...identity },
      { keys: identity },
    ).join({});
    const denied = admin.serve(member);
    await denied.write(renewal.kind, renewal.body);
    assert.match((await refusal(denied)).message, /was denied by/);
  })());
});

Deno.test("an invite of an admin whose authority has expired since is refused", async () => {
  const lab = new Lab();
  const issuer = lab.admin("issuer");
  lab.passTime(360 * dayMs);
  const redeemer = lab.admin("redeemer");
  await lab.run((async () => {
    lab.passTime(360 * dayMs);
    const token = await inviteOf(issuer, {
      ttlMs: 30 * dayMs,
      through: [redeemer],
    });
    await join(lab, await inviteOf(issuer, { through: [redeemer] }));
    lab.passTime(366 * dayMs);
    const error = await failure(join(lab, token));
    assert.match(error.message, /authority certificate expired/);
    assert.equal(uses(redeemer, token), 0);
  })());
});

Deno.test("a member takes no certificate that is no newer than its own", () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin, { issue: 5 });
  const { identity } = member;
  const joiner = new Joiner(
    { signer },
    { type: "renewal", ...identity },
    { keys: identity },
  );
  const wallMs = lab.making.clock.wallMs();
  joiner.prove(
    frameOf(nonceMessage, {
      nonce: new Uint8Array(32),
      redeemer: encodeCredential(admin.identity.credential),
    }),
    { wallMs },
  );
  const credential = encodeCredential(identity.credential);
  assert.throws(
    () => joiner.accept(frameOf(credentialMessage, { credential }), { wallMs }),
    /no newer than the old one/,
  );
});
