// Mallory, for the attacks over a simulated network: an enrolled member with an
// endpoint, sessions and messages of its own making. It speaks the handshake by
// the frame, as any side and towards anybody, and holds to none of its rules.

import assert from "node:assert/strict";
import {
  type Credential,
  encodeCredential,
  issueTlsLeaf,
  verifyCredential,
} from "../../src/identity/mod.ts";
import { limits, type PeerId, peerIdOf } from "../../src/kernel/mod.ts";
import type {
  Endpoint,
  NetworkAddress,
  PrivateKey,
  Random,
  Session,
  SessionEnd,
  TlsIdentity,
} from "../../src/ports/mod.ts";
import { openSimClock, type SimClock } from "../../src/sim/clock.ts";
import { dialSession } from "../../src/transport/dial_session.ts";
import {
  type BoundedFrameStream,
  openFrameStream,
} from "../../src/transport/frame_stream.ts";
import type { HandshakeSide } from "../../src/transport/handshake.ts";
import { ClientHandshake } from "../../src/transport/handshake_client.ts";
import { Refuse } from "../../src/transport/handshake_messages.ts";
import { type Frame, memberProtocol } from "../../src/transport/mod.ts";
import {
  ask,
  closeAll,
  connect,
  type Lab,
  type LabNode,
  never,
  signer,
} from "./transport_lab.ts";

const frameBytesMax = limits.controlFrameBytesMax;

/** One session with a victim, up to where somebody has to prove something. */
export class Knock {
  readonly session: Session;
  readonly control: BoundedFrameStream;

  constructor(session: Session, control: BoundedFrameStream) {
    this.session = session;
    this.control = control;
  }

  /** The next frame that the victim sends. */
  async read(): Promise<Frame> {
    const frame = await this.control.read();
    assert(frame !== undefined, "the victim sends a frame");
    return frame;
  }

  async write({ kind, body }: Frame): Promise<void> {
    await this.control.write(kind, body);
  }

  /** Why the victim refuses; fails when it accepts. */
  async refusal(): Promise<string> {
    const { kind, body } = await this.read();
    assert.equal(kind, Refuse.kind, "the victim refuses");
    const { report } = Refuse.decode(body, { bytesMax: frameBytesMax });
    return `${report.code}: ${report.message}`;
  }

  /** The code with which the victim closed it. */
  async closeCode(): Promise<number> {
    const end: SessionEnd = await this.session.ended;
    assert(end.type === "closed", "the victim closes the session");
    return end.code;
  }
}

/** A member who attacks. */
export class Mallory {
  readonly peer: PeerId;
  readonly credential: Credential;
  readonly address: NetworkAddress;
  readonly endpoint: Endpoint;
  readonly key: PrivateKey;
  readonly #lab: Lab;
  readonly #clock: SimClock;
  readonly #random: Random;
  readonly #callers: AsyncIterator<Session>;

  constructor(
    lab: Lab,
    key: PrivateKey,
    parts: { readonly endpoint: Endpoint; readonly clock: SimClock },
  ) {
    this.#lab = lab;
    this.key = key;
    this.peer = peerIdOf(key.publicKey);
    this.credential = lab.credential(key);
    this.endpoint = parts.endpoint;
    this.#clock = parts.clock;
    this.#random = lab.world.random.fork("mallory");
    const [ip = ""] = lab.network.ipsOf("mallory");
    this.address = { ip, port: parts.endpoint.local.port };
    this.#callers = accepted(parts.endpoint);
  }

  /** Dials a node as anybody may. */
  async session(at: LabNode): Promise<Session> {
    return await dialSession({ random: this.#random }, this.endpoint, {
      ...{ peer: at.peer, to: at.address },
      ...{ protocol: memberProtocol, signal: never },
    });
  }

  /** A session whose first frame is the node's challenge. */
  async knock(at: LabNode): Promise<Knock> {
    const session = await this.session(at);
    const streams = session.incomingStreams()[Symbol.asyncIterator]();
    const first = await streams.next();
    assert(first.done !== true);
    return new Knock(session, openFrameStream(first.value, { frameBytesMax }));
  }

  /** The next who dials Mallory; it waits for a challenge. */
  async caller(): Promise<Knock> {
    const { value: session } = await this.#callers.next();
    assert(session !== undefined);
    const stream = await session.openStream(never);
    return new Knock(session, openFrameStream(stream, { frameBytesMax }));
  }

  /** An engine that answers challenges as it is told. */
  client(
    expected: PeerId,
    changes: Partial<HandshakeSide> & { readonly showing?: Credential } = {},
  ): ClientHandshake {
    const { showing = this.credential, ...others } = changes;
    return new ClientHandshake({ signer }, {
      peer: this.peer,
      key: this.key,
      credential: encodeCredential(showing),
      bootId: this.#random.bytes(16),
      nonce: this.#random.bytes(32),
      versions: { min: 1, max: 1 },
      heads: [],
      wallMs: this.#clock.wallMs(),
      admit: (credential) =>
        verifyCredential({ signer }, {
          root: this.#lab.root,
          credential,
          check: { type: "permanent" },
        }),
      ...others,
    }, { expected });
  }
}

async function* sessionsOf(endpoint: Endpoint): AsyncGenerator<Session> {
  for await (const incoming of endpoint.incomingSessions()) {
    const session = incoming.accept();
    if (session !== undefined) yield session;
  }
}

function accepted(endpoint: Endpoint): AsyncIterator<Session> {
  return sessionsOf(endpoint)[Symbol.asyncIterator]();
}

/** Mallory's machine; the leaf is its own unless told. */
export async function openMallory(
  lab: Lab,
  identity?: TlsIdentity,
): Promise<Mallory> {
  const key = lab.newKey();
  const clock = openSimClock(lab.world, { name: "mallory" });
  const random = lab.world.random.fork("mallory's leaf");
  const own = { peer: peerIdOf(key.publicKey), key };
  const endpoint = await lab.network.host("mallory", { clock, signer }).open(
    { ip: "::", port: 0 },
    {
      identity: identity ?? issueTlsLeaf({ clock, random, signer }, own),
      protocols: [memberProtocol],
    },
  );
  return new Mallory(lab, key, { endpoint, clock });
}

/** Nobody got in, nothing is left, and honest nodes still connect. */
export async function assertUnharmed(
  mallory: Mallory,
  ...victims: readonly LabNode[]
): Promise<void> {
  for (const victim of victims) {
    const { links } = victim.transport;
    assert.equal(links.has(mallory.peer), false, `${victim.name}: no link`);
  }
  const [one, other] = victims;
  if (one !== undefined && other !== undefined) {
    assert.equal(await ask(await connect(one, other), "still"), "still");
  }
  await mallory.endpoint[Symbol.asyncDispose]();
  for (const victim of victims) {
    assert.equal(victim.transport.report().unauthenticated, 0, victim.name);
  }
  await closeAll(...victims);
}
