// The attack table over a simulated network, against whole transports: Alice
// and Bob are honest nodes, Mallory is an enrolled member who is not. The same
// attacks by single messages are in transport_handshake_attack_test.ts; floods
// and slowness in transport_attack_flood_test.ts.

import assert from "node:assert/strict";
import {
  anchorPem,
  encodeCredential,
  issueTlsLeaf,
} from "../../src/identity/mod.ts";
import { limits, peerDnsName } from "../../src/kernel/mod.ts";
import type {
  Endpoint,
  Network,
  Session,
  SessionStream,
  TlsIdentity,
} from "../../src/ports/mod.ts";
import { serverSignedInput } from "../../src/transport/handshake.ts";
import {
  Accept,
  Authenticate,
  Challenge,
} from "../../src/transport/handshake_messages.ts";
import { closeCodes, type Frame } from "../../src/transport/mod.ts";
import { FrameParser } from "../../src/transport/frames.ts";
import {
  assertUnharmed,
  type Mallory,
  openMallory,
} from "./transport_attack_lab.ts";
import {
  ask,
  closeAll,
  connect,
  type Lab,
  type LabNode,
  never,
  onlyLink,
  scenario,
  signer,
} from "./transport_lab.ts";

const bytesMax = limits.authFrameBytesMax;
const unproven = /^PLN_CREDENTIAL: .*has not proven/;

async function openScene(lab: Lab) {
  const alice = await lab.node("alice");
  const bob = await lab.node("bob");
  const mallory = await openMallory(lab);
  return { alice, bob, mallory };
}

/** The frame that Mallory's engine answers a challenge with. */
function answerOf(
  client: ReturnType<Mallory["client"]>,
  challenge: Frame,
): Frame {
  const { send } = client.onFrame(challenge);
  assert(send !== undefined);
  return send;
}

scenario("attack: 0 honest nodes are let in, and served", async (lab) => {
  const { alice, bob, mallory } = await openScene(lab);
  const link = await connect(alice, bob);
  assert.equal(await ask(link, "hello"), "hello");
  assert.equal(onlyLink(bob).peer, alice.peer);
  await assertUnharmed(mallory, alice, bob);
});

scenario(
  "attack: 1 Mallory relays Bob's challenge to Alice, who dialled Mallory",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    for (const isOwnHash of [false, true]) {
      const dial = alice.transport.dial(mallory.peer, mallory.address, {
        signal: never,
      });
      const refused = assert.rejects(dial, { code: "PLN_CREDENTIAL" });
      const [atAlice, atBob] = [
        await mallory.caller(),
        await mallory.knock(bob),
      ];
      const challenge = await atBob.read();
      await atAlice.write(
        isOwnHash ? asMallory(mallory, challenge) : challenge,
      );
      await atBob.write(await atAlice.read());
      const { kind, body } = await atBob.read();
      await atAlice.write({ kind, body });
      await refused;
      assert.equal(await atBob.closeCode(), closeCodes.authFailed);
      assert.equal(bob.transport.links.size, 0);
    }
    assert.equal(bob.transport.report().refusals["credential"], 2);
    await assertUnharmed(mallory, alice, bob);
  },
);

function asMallory({ credential }: Mallory, frame: Frame): Frame {
  const challenge = Challenge.decode(frame.body, { bytesMax });
  const credentialHash = signer.sha256(encodeCredential(credential));
  const body = Challenge.encode({ ...challenge, credentialHash });
  return { ...frame, body };
}

scenario(
  "attack: 2 a certificate in Bob's name that Bob did not issue",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const authority = lab.newKey();
    for (const key of [authority, mallory.key]) {
      mallory.endpoint.rotate(misissued(lab, bob.peer, key));
      const dial = alice.transport.dial(bob.peer, mallory.address, {
        signal: never,
      });
      const refused = assert.rejects(dial, {
        code: "PLN_UNREACHABLE",
        message: /certificate is refused: bad signature/,
      });
      // Whatever Mallory sends, Alice says nothing to it.
      const challenge = await (await mallory.knock(bob)).read();
      const calling = await mallory.caller();
      await Promise.allSettled([calling.write(challenge)]);
      await assert.rejects(calling.read(), { code: "PLN_UNREACHABLE" });
      await refused;
    }
    assert.equal(alice.transport.links.size, 0);
    await assertUnharmed(mallory, alice, bob);
  },
);

/** A leaf like Bob's own, but of another issuer's key. */
function misissued(
  lab: Lab,
  peer: Parameters<typeof peerDnsName>[0],
  key: Mallory["key"],
): TlsIdentity {
  const random = lab.world.random.fork("mis-issuing");
  const clock = { wallMs: () => Date.UTC(2026, 0) };
  const needs = { clock, random, signer } as Parameters<typeof issueTlsLeaf>[0];
  return issueTlsLeaf(needs, { peer, key });
}

scenario(
  "attack: 2 with the TLS layer defeated, the transcript refuses Mallory",
  async (lab) => {
    const mallory = await openMallory(lab);
    const bob = await lab.node("bob");
    // Alice's dials end at Mallory, whoever she means.
    const random = lab.world.random.fork("defeated");
    const alice = await lab.node("alice", {
      network: (host) => redirected(host, mallory, { random }),
    });
    const ofBob = await shownBy(mallory, bob);
    const attempts = [
      // Mallory puts its own credential in the place of Bob's, and signs.
      { shown: encodeCredential(mallory.credential), announced: true },
      // Mallory shows Bob's credential, and signs in his name.
      { shown: ofBob, announced: true },
      // Mallory shows another one than was announced.
      { shown: encodeCredential(mallory.credential), announced: false },
    ];
    for (const { shown, announced } of attempts) {
      const dial = alice.transport.dial(bob.peer, bob.address, {
        signal: never,
      });
      const refused = assert.rejects(dial, { code: "PLN_CREDENTIAL" });
      const atAlice = await mallory.caller();
      const credentialHash = signer.sha256(announced ? shown : ofBob);
      const challenge = Challenge.encode({
        ...{ versionMin: 1, versionMax: 1, credentialHash },
        nonce: new Uint8Array(32),
        bootId: new Uint8Array(16),
      });
      await atAlice.write({ kind: Challenge.kind, body: challenge });
      const { body } = await atAlice.read();
      const claim = Authenticate.decode(body, { bytesMax });
      const input = serverSignedInput({
        client: alice.peer,
        server: bob.peer,
        clientNonce: claim.nonce,
        serverNonce: new Uint8Array(32),
        clientCredentialHash: signer.sha256(claim.credential),
        serverCredentialHash: credentialHash,
      }, claim.signature);
      const signature = signer.sign(mallory.key, input);
      const accept = { credential: shown, heads: [], signature };
      await atAlice.write({ kind: Accept.kind, body: Accept.encode(accept) });
      await refused;
    }
    assert.equal(alice.transport.links.size, 0);
    await mallory.endpoint[Symbol.asyncDispose]();
    await closeAll(alice, bob);
  },
);

/** The credential that a node shows to members. */
async function shownBy(mallory: Mallory, node: LabNode) {
  const knock = await mallory.knock(node);
  await knock.write(answerOf(mallory.client(node.peer), await knock.read()));
  const { body } = await knock.read();
  knock.session.close(closeCodes.shutdown, "");
  return Accept.decode(body, { bytesMax }).credential;
}

/** Every dial goes to Mallory and trusts its key: what TLS is there against. */
function redirected(
  host: Network,
  mallory: Mallory,
  needs: Parameters<typeof anchorPem>[0],
): Network {
  return {
    localIps: () => host.localIps(),
    open: async (bind, options) => {
      const endpoint = await host.open(bind, options);
      const dial: Endpoint["dial"] = (to, asked) => {
        if (to.ip === "::1") return endpoint.dial(to, asked); // its self-test
        return endpoint.dial(mallory.address, {
          ...asked,
          serverName: peerDnsName(mallory.peer),
          anchorPem: anchorPem(needs, mallory.peer),
        });
      };
      return new Proxy(endpoint, {
        get: (target, name) => {
          if (name === "dial") return dial;
          const value = Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  };
}

scenario(
  "attack: 3 Alice's server signature as her authentication at Bob",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const [atAlice, atBob] = [
      await mallory.knock(alice),
      await mallory.knock(bob),
    ];
    const [ofAlice, ofBob] = [await atAlice.read(), await atBob.read()];
    const nonceOf = ({ body }: Frame) =>
      Challenge.decode(body, { bytesMax }).nonce;
    const client = mallory.client(alice.peer, { nonce: nonceOf(ofBob) });
    await atAlice.write(answerOf(client, ofAlice));
    const { body } = await atAlice.read();
    const ok = Accept.decode(body, { bytesMax });
    const honest = answerOf(mallory.client(bob.peer), ofBob);
    const own = Authenticate.decode(honest.body, { bytesMax });
    await atBob.write({
      kind: Authenticate.kind,
      body: Authenticate.encode({
        ...own,
        nonce: nonceOf(ofAlice),
        credential: ok.credential,
        signature: ok.signature,
      }),
    });
    assert.match(await atBob.refusal(), unproven);
    assert.equal(await atBob.closeCode(), closeCodes.authFailed);
    assert.equal(bob.transport.links.size, 0);
    atAlice.session.close(0, "");
    await lab.pause(1_000);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "attack: 3b Alice's own authentication, mirrored to her",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const dial = alice.transport.dial(mallory.peer, mallory.address, {
      signal: never,
    });
    const failed = assert.rejects(dial);
    const calling = await mallory.caller();
    const listening = await mallory.knock(alice);
    await calling.write(await listening.read());
    await listening.write(await calling.read());
    assert.match(await listening.refusal(), /has dialled itself/);
    calling.session.close(0, "");
    await failed;
    assert.equal(alice.transport.links.size, 0);
    await assertUnharmed(mallory, alice, bob);
  },
);

/** Hears what a node writes on the first stream of each session it dials. */
function overheard(host: Network, hear: (frame: Frame) => void): Network {
  const parser = new FrameParser({ frameBytesMax: bytesMax });
  const tap = ({ readable, writable }: SessionStream): SessionStream => {
    const copy = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        parser.push(chunk.slice());
        for (let frame = parser.next(); frame; frame = parser.next()) {
          hear(frame);
        }
        controller.enqueue(chunk);
      },
    });
    void copy.readable.pipeTo(writable).catch(() => {});
    return { readable, writable: copy.writable };
  };
  const tapped = (session: Session): Session =>
    bound(session, {
      incomingStreams: async function* () {
        for await (const stream of session.incomingStreams()) yield tap(stream);
      },
    });
  return {
    localIps: () => host.localIps(),
    open: async (bind, options) => {
      const endpoint = await host.open(bind, options);
      return bound(endpoint, {
        dial: async (to, asked) => tapped(await endpoint.dial(to, asked)),
      });
    },
  };
}

/** An object with some of its methods replaced. */
function bound<T extends object>(target: T, others: Partial<T>): T {
  return new Proxy(target, {
    get: (_, name) => {
      const value = Reflect.get(others, name) ??
        Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

scenario(
  "attack: 4 Alice's recorded authentication on another connection",
  async (lab) => {
    const heard: Frame[] = [];
    const bob = await lab.node("bob");
    const mallory = await openMallory(lab);
    const alice = await lab.node("alice", {
      network: (host) => overheard(host, (frame) => heard.push(frame)),
    });
    await connect(alice, bob);
    const recorded = heard.find(({ kind }) => kind === Authenticate.kind);
    assert(recorded !== undefined);
    const atBob = await mallory.knock(bob);
    await atBob.read();
    await atBob.write(recorded);
    assert.match(await atBob.refusal(), unproven);
    assert.equal(onlyLink(bob).peer, alice.peer);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "attack: 5 Alice's credential with Mallory's signature",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    const atBob = await mallory.knock(bob);
    const client = mallory.client(bob.peer, {
      peer: alice.peer,
      showing: lab.credential(alice.key),
    });
    await atBob.write(answerOf(client, await atBob.read()));
    assert.match(await atBob.refusal(), unproven);
    assert.equal(await atBob.closeCode(), closeCodes.authFailed);
    assert.equal(bob.transport.links.size, 0);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "attack: 7 an expired credential is refused, and told about the clock",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    bob.clock.setWallOffset(9 * 86_400_000);
    const atBob = await mallory.knock(bob);
    await atBob.write(answerOf(mallory.client(bob.peer), await atBob.read()));
    const refusal = await atBob.refusal();
    assert.match(refusal, /^PLN_CREDENTIAL: The member certificate expired/);
    assert.equal(await atBob.closeCode(), closeCodes.authFailed);
    const [last] = bob.transport.report().lastRefusals;
    assert.match(last?.error.hint ?? "", /clock says .*; if none is, renew/);
    bob.clock.setWallOffset(0);
    await assertUnharmed(mallory, alice, bob);
  },
);

scenario(
  "attack: 9 a denied member is refused before anything is served",
  async (lab) => {
    const { alice, bob, mallory } = await openScene(lab);
    bob.gatekeeper.denied.add(mallory.peer);
    const atBob = await mallory.knock(bob);
    await atBob.write(
      answerOf(mallory.client(bob.peer), await atBob.read()),
    );
    assert.match(await atBob.refusal(), /^PLN_DENIED: /);
    assert.equal(await atBob.closeCode(), closeCodes.revoked);
    await assertUnharmed(mallory, alice, bob);
  },
);
