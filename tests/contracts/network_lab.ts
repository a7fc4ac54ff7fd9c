// What the tests of networks share: two machines, sessions between them, and
// small conversations over streams. In come networks; out come open pairs. It
// knows nothing of how a network is made.

import assert from "node:assert/strict";
import { anchorPem, issueTlsLeaf } from "../../src/identity/tls.ts";
import {
  concatBytes,
  peerDnsName,
  type PeerId,
  peerIdOf,
} from "../../src/kernel/mod.ts";
import type {
  Clock,
  DialOptions,
  Endpoint,
  IncomingSession,
  Network,
  NetworkAddress,
  Ports,
  PrivateKey,
  Session,
  SessionStream,
} from "../../src/ports/mod.ts";

export const never = new AbortController().signal;

/** Two machines; of a real network it is one machine twice. */
export type NetworkLab = Pick<Ports, "clock" | "random" | "signer"> & {
  readonly dialler: Network;
  readonly listener: Network;
  /** Where the dialler finds the listener. */
  readonly listenerIp: string;
};

export type NetworkSubject = {
  /** Opens a lab for the time of `work`, and checks that nothing is left. */
  run(work: (lab: NetworkLab) => Promise<void>): Promise<void>;
};

export type Test = (
  name: string,
  run: (lab: NetworkLab) => Promise<void>,
) => void;

export const protocols = ["pln/1", "pln-join/1"];

/** A peer's key and how to dial it. */
export class Identity {
  readonly peer: PeerId;
  readonly key: PrivateKey;
  readonly #lab: NetworkLab;

  constructor(lab: NetworkLab) {
    this.#lab = lab;
    this.key = lab.signer.privateKey(lab.random.bytes(32));
    this.peer = peerIdOf(this.key.publicKey);
  }

  get serverName(): string {
    return peerDnsName(this.peer);
  }

  /** @param laterMs When it is issued, from now on. */
  leaf(laterMs = 0) {
    const { clock, random, signer } = this.#lab;
    const later: Clock = {
      nowMs: () => clock.nowMs(),
      wallMs: () => clock.wallMs() + laterMs,
      after: (delayMs, run) => clock.after(delayMs, run),
      sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
    };
    return issueTlsLeaf({ clock: later, random, signer }, this);
  }

  dialOptions(options: Partial<DialOptions> = {}): DialOptions {
    return {
      serverName: this.serverName,
      anchorPem: anchorPem(this.#lab, this.peer),
      protocols: ["pln/1"],
      signal: never,
      ...options,
    };
  }
}

/** An endpoint that dials and one that listens. */
export class Route implements AsyncDisposable {
  readonly lab: NetworkLab;
  readonly identity: Identity;
  readonly dialler: Endpoint;
  readonly listener: Endpoint;
  readonly incoming: AsyncIterator<IncomingSession>;

  constructor(
    lab: NetworkLab,
    options: {
      readonly identity: Identity;
      readonly dialler: Endpoint;
      readonly listener: Endpoint;
    },
  ) {
    this.lab = lab;
    this.identity = options.identity;
    this.dialler = options.dialler;
    this.listener = options.listener;
    this.incoming = this.listener.incomingSessions()[Symbol.asyncIterator]();
  }

  get address(): NetworkAddress {
    return { ip: this.lab.listenerIp, port: this.listener.local.port };
  }

  async dial(options: Partial<DialOptions> = {}): Promise<Session> {
    const all = this.identity.dialOptions(options);
    return await this.dialler.dial(this.address, all);
  }

  async knock(): Promise<IncomingSession> {
    const { value, done } = await this.incoming.next();
    assert.notEqual(done, true);
    return value;
  }

  async accept(): Promise<Session> {
    const session = (await this.knock()).accept();
    assert.ok(session);
    return session;
  }

  /** Both ends of one session, established. */
  async connect(options: Partial<DialOptions> = {}): Promise<Ends> {
    const [ours, theirs] = await Promise.all([
      this.dial(options),
      this.accept(),
    ]);
    assert.equal(await theirs.established, true);
    return { ours, theirs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([
      this.dialler[Symbol.asyncDispose](),
      this.listener[Symbol.asyncDispose](),
    ]);
  }
}

/** `ours` has dialled. */
export type Ends = { readonly ours: Session; readonly theirs: Session };

export async function openRoute(lab: NetworkLab): Promise<Route> {
  await using scope = new AsyncDisposableStack();
  const identity = new Identity(lab);
  const bind = { ip: "::", port: 0 };
  const open = async (network: Network) =>
    scope.use(
      await network.open(bind, { identity: identity.leaf(), protocols }),
    );
  const dialler = await open(lab.dialler);
  const listener = await open(lab.listener);
  scope.move();
  return new Route(lab, { identity, dialler, listener });
}

/** A stream with one reader and one writer. */
export class Talk {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(stream: SessionStream) {
    this.#reader = stream.readable.getReader();
    this.#writer = stream.writable.getWriter();
    // Who waits for them hears of the same failure by another promise.
    this.#reader.closed.catch(() => undefined);
    this.#writer.closed.catch(() => undefined);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#writer.write(bytes);
  }

  async end(): Promise<void> {
    await this.#writer.close();
  }

  async abort(): Promise<void> {
    await this.#writer.abort(new Error("given up"));
  }

  /** Undefined at the end. */
  async read(): Promise<Uint8Array | undefined> {
    return (await this.#reader.read()).value;
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }

  async readAll(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let chunk = await this.read();
    while (chunk !== undefined) {
      chunks.push(chunk);
      chunk = await this.read();
    }
    return concatBytes(...chunks);
  }

  async writeAll(bytes: Uint8Array): Promise<void> {
    const chunkBytes = 256 * 1024;
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      await this.write(bytes.subarray(at, at + chunkBytes));
    }
    await this.end();
  }

  async writeForEver(): Promise<never> {
    for (;;) await this.write(new Uint8Array(64 * 1024));
  }
}

/** Takes the peer's streams in their order. */
export class Arrivals {
  readonly #streams: AsyncIterator<SessionStream>;

  constructor(session: Session) {
    this.#streams = session.incomingStreams()[Symbol.asyncIterator]();
  }

  async next(): Promise<Talk> {
    const { value, done } = await this.#streams.next();
    assert.notEqual(done, true);
    return new Talk(value);
  }

  async isOver(): Promise<boolean> {
    return (await this.#streams.next()).done === true;
  }
}

/** One stream's two ends; the opener has said hello. */
export async function openTalk(
  opener: Session,
  arrivals: Arrivals,
): Promise<readonly [Talk, Talk]> {
  const ours = new Talk(await opener.openStream(never));
  await ours.write(Uint8Array.of(1));
  const theirs = await arrivals.next();
  assert.deepEqual(await theirs.read(), Uint8Array.of(1));
  return [ours, theirs];
}

/** Bytes whose order shows: 251 is prime. */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, index) => index % 251);
}
