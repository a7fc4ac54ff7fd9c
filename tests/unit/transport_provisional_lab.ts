// For the tests of links that are used before their peers are proven: nodes that
// know each other, and Mallory as a server whom Alice takes for known, and who
// then does what it likes instead of proving itself.

import assert from "node:assert/strict";
import { encodeCredential } from "../../src/identity/mod.ts";
import { Accept, Challenge } from "../../src/transport/handshake_messages.ts";
import { closeCodes, type Link } from "../../src/transport/mod.ts";
import type { SessionStream } from "../../src/ports/mod.ts";
import {
  type Knock,
  type Mallory,
  openMallory,
} from "./transport_attack_lab.ts";
import {
  connect,
  type Lab,
  type LabNode,
  never,
  signer,
} from "./transport_lab.ts";

/** Two nodes that were linked once, and are not now. */
export async function acquainted(
  lab: Lab,
): Promise<readonly [LabNode, LabNode]> {
  const [a, b] = [await lab.node("a"), await lab.node("b")];
  await part(lab, await connect(a, b));
  return [a, b];
}

/** Closes a link, and waits until both ends know. */
export async function part(lab: Lab, link: Link): Promise<void> {
  link.close(closeCodes.shutdown, "");
  await lab.pause(1_000);
}

/** Mallory, and Alice who has its credential already. */
export async function openScene(lab: Lab) {
  const mallory = await openMallory(lab);
  const alice = await lab.node("alice", {
    heldCredential: (peer) =>
      peer === mallory.peer ? mallory.credential : undefined,
  });
  return { alice, mallory };
}

/** What a server that was dialled saw before it has proven anything. */
export class Host {
  readonly knock: Knock;
  readonly #streams: AsyncIterator<SessionStream>;
  streamCount = 0;
  byteCount = 0;

  constructor(knock: Knock) {
    this.knock = knock;
    this.#streams = knock.session.incomingStreams()[Symbol.asyncIterator]();
  }

  /** Announces the credential that is known of Mallory. */
  static async challenge(mallory: Mallory): Promise<Host> {
    const knock = await mallory.caller();
    const { credential } = mallory;
    const body = Challenge.encode({
      ...{ versionMin: 1, versionMax: 1, nonce: new Uint8Array(32) },
      credentialHash: signer.sha256(encodeCredential(credential)),
      bootId: new Uint8Array(16),
    });
    await knock.write({ kind: Challenge.kind, body });
    return new Host(knock);
  }

  /** Accepts what it was sent, with a signature that proves nothing. */
  async pretend({ credential }: Mallory): Promise<void> {
    await this.knock.read();
    const body = Accept.encode({
      credential: encodeCredential(credential),
      heads: [],
      signature: new Uint8Array(64),
    });
    await this.knock.write({ kind: Accept.kind, body });
  }

  async stream(): Promise<SessionStream> {
    const { value } = await this.#streams.next();
    assert(value !== undefined, "a stream comes");
    return value;
  }

  /** Counts all that comes until the session ends. */
  async count(): Promise<void> {
    const reading: Promise<void>[] = [];
    while (true) {
      const { value } = await this.#streams.next();
      if (value === undefined) break;
      this.streamCount++;
      reading.push(this.#read(value));
    }
    await Promise.all(reading);
  }

  async #read({ readable }: SessionStream): Promise<void> {
    try {
      for await (const chunk of readable) this.byteCount += chunk.length;
    } catch (cause) {
      assert.equal((cause as { code?: string }).code, "PLN_UNREACHABLE");
    }
  }
}

/** Dials Mallory; the dial itself fails for the reason that is expected. */
export function dialed(
  alice: LabNode,
  mallory: Mallory,
  failure: { readonly code: string; readonly message?: RegExp },
): { readonly link: Promise<Link>; readonly failed: Promise<void> } {
  const { peer, address } = mallory;
  const dial = alice.transport.dial(peer, address, { signal: never });
  const failed = assert.rejects(dial, failure);
  return { link: alice.transport.earliest(peer, dial), failed };
}
