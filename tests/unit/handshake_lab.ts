// What the handshake's tests stand on: members of one cluster, their engines,
// and the honest exchange between two of them. An attack changes one message or
// one party of it. Nothing here repeats a check of the code under test.

import {
  type Credential,
  encodeCredential,
  issueMember,
  type MemberFacts,
  verifyCredential,
} from "../../src/identity/mod.ts";
import { type Bytes, type PeerId, peerIdOf } from "../../src/kernel/mod.ts";
import type { PrivateKey } from "../../src/ports/mod.ts";
import type {
  HandshakeSide,
  HandshakeStep,
} from "../../src/transport/handshake.ts";
import {
  ClientHandshake,
  type ClientOptions,
} from "../../src/transport/handshake_client.ts";
import { ServerHandshake } from "../../src/transport/handshake_server.ts";
import type { Frame } from "../../src/transport/mod.ts";
import { type Mint, openMint, startMs } from "./identity_world.ts";

/** A member, and whatever an attacker makes of itself. */
export type Member = {
  readonly peer: PeerId;
  readonly key: PrivateKey;
  readonly credential: Credential;
};

/** One cluster. */
export class HandshakeLab {
  readonly mint: Mint;
  #drawn = 0;

  constructor(seed = "handshake") {
    this.mint = openMint(seed);
  }

  /** Certified now; times are of its certificates. */
  member(options: { readonly key?: PrivateKey } = {}): Member {
    const { needs, authority, authorityKey, claims } = this.mint;
    const key = options.key ??
      needs.signer.privateKey(needs.random.bytes(32));
    const { publicKey } = key;
    const parts = { authority, authorityKey, publicKey, claims };
    const member = issueMember(needs, parts);
    const credential = { member, authority };
    return { peer: peerIdOf(publicKey), key, credential };
  }

  /** What a member brings into one handshake, with changes. */
  side(member: Member, changes: Partial<HandshakeSide> = {}): HandshakeSide {
    return {
      peer: member.peer,
      key: member.key,
      credential: encodeCredential(member.credential),
      bootId: this.bytes(16),
      nonce: this.bytes(32),
      versions: { min: 1, max: 1 },
      heads: [],
      wallMs: startMs,
      admit: (credential) => this.admit(credential),
      ...changes,
    };
  }

  /** As a node without news of anybody's rights does it. */
  admit(credential: Credential, wallMs = startMs): MemberFacts {
    const { needs, root } = this.mint;
    const check = { type: "now", wallMs } as const;
    return verifyCredential(needs, { root, credential, check });
  }

  server(member: Member, changes: Partial<HandshakeSide> = {}) {
    return new ServerHandshake(this.mint.needs, this.side(member, changes));
  }

  client(
    member: Member,
    options: ClientOptions & { readonly changes?: Partial<HandshakeSide> },
  ): ClientHandshake {
    const side = this.side(member, options.changes);
    return new ClientHandshake(this.mint.needs, side, options);
  }

  /** Bytes that never come again. */
  bytes(length: number): Bytes {
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, ++this.#drawn);
    return bytes;
  }
}

/** What both ends made of an exchange. */
export type Exchange = {
  readonly client: HandshakeStep;
  readonly server: HandshakeStep;
  readonly auth?: Frame;
};

/** Carries frames between two engines as they are. */
export function exchange(
  client: ClientHandshake,
  server: ServerHandshake,
): Exchange {
  const first = client.onFrame(server.challenge());
  if (first.send === undefined) return { client: first, server: {} };
  const second = server.onFrame(first.send);
  const answer = second.send;
  return {
    client: answer === undefined ? first : client.onFrame(answer),
    server: second,
    auth: first.send,
  };
}
