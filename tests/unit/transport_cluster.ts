// A cluster for tests of the transport, in any world: a root, an authority and
// the credentials it gives; a gatekeeper that a test sets; a protocol that sends
// back what it gets. In come ports, simulated or real; out come transports.

import { openSigner } from "../../src/adapters/signer.ts";
import {
  type Certificate,
  type ClusterRoot,
  type Credential,
  issueAuthority,
  issueMember,
  issueRoot,
  type MemberClaims,
  type MemberFacts,
  type OriginClock,
  verifyCredential,
  verifyRoot,
} from "../../src/identity/mod.ts";
import { DeniedError, type PeerId, peerIdOf } from "../../src/kernel/mod.ts";
import type { Clock, Ports, PrivateKey } from "../../src/ports/mod.ts";
import {
  type FrameStream,
  type Gatekeeper,
  type Link,
  openTransport,
  type PeerHello,
  type Protocol,
  type RightsHead,
  type Transport,
  type TransportConfig,
  type TransportNeeds,
} from "../../src/transport/mod.ts";

export const signer = openSigner();
export const never = new AbortController().signal;

/** A protocol of the tests: it sends back what it gets. */
export const echo: Protocol = {
  id: 200,
  name: "test-echo",
  frameBytesMax: 64 * 1024,
  streamsMax: 4,
};

/** What a test's gatekeeper says. */
export class LabGatekeeper implements Gatekeeper {
  readonly denied = new Set<PeerId>();
  /** What is known of the clocks of others; "linked" unless told. */
  readonly clocks = new Map<PeerId, OriginClock>();
  readonly settled: Link[] = [];
  known: readonly RightsHead[] = [];
  onSettle: (link: Link, signal: AbortSignal) => Promise<void> = () =>
    Promise.resolve();
  readonly #root: ClusterRoot;
  readonly #clock: Pick<Clock, "wallMs">;

  constructor(root: ClusterRoot, clock: Pick<Clock, "wallMs">) {
    this.#root = root;
    this.#clock = clock;
  }

  admit(credential: Credential): MemberFacts {
    const facts = verifyCredential({ signer }, {
      root: this.#root,
      credential,
      check: { type: "now", wallMs: this.#clock.wallMs() },
    });
    if (this.denied.has(facts.peer)) {
      throw new DeniedError(`Node ${facts.peer.slice(0, 8)} was denied`);
    }
    return facts;
  }

  heads(): readonly RightsHead[] {
    return this.known;
  }

  settle(link: Link, signal: AbortSignal): Promise<void> {
    this.settled.push(link);
    return this.onSettle(link, signal);
  }
}

/** What issuing credentials takes. */
export type ClusterNeeds = Pick<Ports, "clock" | "random">;

/** A root key, one admin's authority, and members that it certifies. */
export class LabCluster {
  readonly root: ClusterRoot;
  readonly #needs: ClusterNeeds;
  readonly #rootKey: PrivateKey;
  readonly #authorityKey: PrivateKey;
  readonly #authority: Certificate;

  constructor(needs: ClusterNeeds) {
    this.#needs = needs;
    this.#rootKey = this.newKey();
    this.#authorityKey = this.newKey();
    const issuing = { ...needs, signer };
    this.root = verifyRoot(issuing, issueRoot(issuing, this.#rootKey));
    this.#authority = issueAuthority(issuing, {
      root: this.root,
      rootKey: this.#rootKey,
      publicKey: this.#authorityKey.publicKey,
      admin: peerIdOf(this.newKey().publicKey),
    });
  }

  newKey(): PrivateKey {
    return signer.privateKey(this.#needs.random.bytes(32));
  }

  /** A member credential issued now. */
  credential(key: PrivateKey, claims: Partial<MemberClaims> = {}): Credential {
    const member = issueMember({ ...this.#needs, signer }, {
      authority: this.#authority,
      authorityKey: this.#authorityKey,
      publicKey: key.publicKey,
      claims: {
        type: "member",
        cluster: this.root.cluster,
        tier: "publisher",
        properties: new Map(),
        accessDeadlineMs: undefined,
        memberSinceMs: this.#needs.clock.wallMs(),
        issue: 1,
        ...claims,
      },
    });
    return { member, authority: this.#authority };
  }
}

/** What a test may choose of a transport. */
export type MemberOptions =
  & Partial<
    Pick<TransportConfig, "bind" | "heldCredential" | "knownIps" | "onJoin">
  >
  & {
    readonly name?: string;
    readonly key?: PrivateKey;
    readonly claims?: Partial<MemberClaims>;
    readonly hello?: () => Partial<PeerHello>;
  };

export type LabMember = {
  readonly peer: PeerId;
  readonly key: PrivateKey;
  readonly gatekeeper: LabGatekeeper;
  readonly transport: Transport;
};

/** The transport of a member; it serves the echo protocol. */
export async function openMember(
  needs: TransportNeeds,
  cluster: LabCluster,
  options: MemberOptions = {},
): Promise<LabMember> {
  const { name = "node", key = cluster.newKey(), hello } = options;
  const gatekeeper = new LabGatekeeper(cluster.root, needs.clock);
  const peer = peerIdOf(key.publicKey);
  const transport = await openTransport(needs, {
    identity: {
      peer,
      key,
      credential: cluster.credential(key, options.claims),
      root: cluster.root,
    },
    bind: options.bind ?? { ip: "127.0.0.1", port: 0 },
    gatekeeper,
    hello: () => ({
      name,
      version: "0.0.0",
      addresses: [],
      authorityKey: new Uint8Array(32),
      ...hello?.(),
    }),
    heldCredential: options.heldCredential,
    knownIps: options.knownIps,
    onJoin: options.onJoin ?? (() => Promise.resolve()),
  });
  transport.serve(echo, serveEcho);
  return { peer, key, gatekeeper, transport };
}

async function serveEcho(stream: FrameStream): Promise<void> {
  for (
    let frame = await stream.read();
    frame !== undefined;
    frame = await stream.read()
  ) {
    await stream.write(frame.kind, frame.body);
  }
  await stream.end();
}

/** One echo over a stream of its own. */
export async function ask(link: Link, text: string): Promise<string> {
  await using stream = await link.openStream(echo, never);
  await stream.write(1, new TextEncoder().encode(text));
  const frame = await stream.read();
  return new TextDecoder().decode(frame?.body);
}
