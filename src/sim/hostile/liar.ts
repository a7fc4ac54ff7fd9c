// A member with a true credential whose program says what it likes: it holds
// real links and speaks the protocol of state by hand. In come batches to forge
// and frames to send; nothing comes out but what honest nodes make of it. Its
// signatures are its own and real: it can forge nobody else's.

import {
  type Bytes,
  concatBytes,
  type PeerId,
  UnreachableError,
} from "../../kernel/mod.ts";
import { encodePlaces, kinds, prefixOf } from "../../gossip/mod.ts";
import {
  type NodeIdentity,
  openIdentity,
  signedInput,
  verifyCredential,
} from "../../identity/mod.ts";
import {
  type Batch,
  certificateKeys,
  certificateValue,
  encodeBatch,
  type Operation,
} from "../../state/mod.ts";
import {
  type Frame,
  type FrameStream,
  type Link,
  openTransport,
  protocols,
  type Transport,
} from "../../transport/mod.ts";
import type { SimMember } from "../member.ts";
import type { SimProcess } from "../node.ts";
import { SimulationError } from "../world.ts";

/** What may differ from an honest base of the liar's document. */
export type Forgery = Partial<Batch>;

/** How a forged batch is signed; honestly unless told. */
export type Signing = {
  /** Signed by this key instead of the liar's. */
  readonly context?: "pln/batch/1" | "pln/eph/1";
  readonly cluster?: NodeIdentity["cluster"];
  /** Instead of a signature. */
  readonly signature?: Bytes;
};

/** After all that its honest runs have written. */
const generation = 50;
const portNumber = 60_611;
const never = new AbortController().signal;

/** One member that lies. */
export class Liar {
  /** Its own. */
  readonly peer: PeerId;
  /** A true one. */
  readonly identity: NodeIdentity;
  readonly #process: SimProcess;
  readonly #transport: Transport;
  readonly #streams = new Map<Link, FrameStream>();

  private constructor(
    process: SimProcess,
    identity: NodeIdentity,
    options: { readonly transport: Transport },
  ) {
    this.peer = identity.peer;
    this.identity = identity;
    this.#process = process;
    this.#transport = options.transport;
  }

  /** Takes the place of a member that has been stopped. */
  static async open(member: SimMember): Promise<Liar> {
    const process = member.machine.spawn();
    const { ports } = process;
    const identity = await openIdentity(ports);
    const { root } = identity;
    const check = { type: "permanent" } as const;
    const transport = await openTransport(ports, {
      identity,
      bind: { ip: "::", port: portNumber },
      gatekeeper: {
        admit: (credential) =>
          verifyCredential(ports, { root, credential, check }),
        heads: () => [],
        settle: () => Promise.resolve(),
      },
      hello: () => ({ name: member.name, version: "9.9.9", addresses: [] }),
      onJoin: () => Promise.resolve(),
    });
    transport.serve(protocols.state, async (stream, { signal }) => {
      const drop = () => void stream[Symbol.asyncDispose]();
      signal.addEventListener("abort", drop, { once: true });
      while (!signal.aborted) {
        // Whatever it hears, it makes nothing of it.
        const frame = await stream.read().catch(() => undefined);
        if (frame === undefined) return;
      }
    });
    return new Liar(process, identity, { transport });
  }

  /** Dials each of them. */
  async meet(...members: readonly SimMember[]): Promise<void> {
    for (const member of members) {
      const [ip = ""] = member.process.network.localIps();
      const { port } = member.node.meshAddress;
      await this.#transport.dial(member.peer, { ip, port }, { signal: never });
    }
  }

  /** Undefined when that member has closed it. */
  linkTo(member: SimMember): Link | undefined {
    return this.#transport.links.get(member.peer);
  }

  /** Sends frames to a member, on one stream of state while that lasts. */
  async say(member: SimMember, ...frames: readonly Frame[]): Promise<void> {
    try {
      await this.#write(member, frames);
    } catch (cause) {
      if (!(cause instanceof UnreachableError)) throw cause;
      await this.fallSilent(member); // it ended that stream: on a new one
      await this.#write(member, frames);
    }
  }

  async #write(member: SimMember, frames: readonly Frame[]): Promise<void> {
    const link = this.linkTo(member);
    if (link === undefined) throw new UnreachableError("Nobody listens");
    const stream = this.#streams.get(link) ??
      await link.openStream(protocols.state, never);
    this.#streams.set(link, stream);
    for (const { kind, body } of frames) await stream.write(kind, body);
  }

  /** Says the same to several. */
  async tell(
    members: readonly SimMember[],
    ...batches: readonly Bytes[]
  ): Promise<void> {
    for (const member of members) {
      await this.say(
        member,
        ...batches.map((body) => ({ kind: kinds.batch, body })),
      );
    }
  }

  /** The signed batches that a member has of an owner. */
  async copyOf(member: SimMember, owner: PeerId): Promise<readonly Bytes[]> {
    const link = this.linkTo(member);
    if (link === undefined) throw new SimulationError("The liar has no link");
    await using stream = await link.openStream(protocols.state, never);
    const item = { prefix: prefixOf(owner), generation: 0, seq: 0 };
    await stream.write(kinds.want, encodePlaces([item]));
    const copies: Bytes[] = [];
    while (true) {
      const frame = await stream.read();
      if (frame === undefined || frame.kind === kinds.wanted) return copies;
      if (frame.kind === kinds.batch) copies.push(frame.body.slice());
    }
  }

  /** Gives up the stream to a member: the next words come on another. */
  async fallSilent(member: SimMember): Promise<void> {
    const link = this.linkTo(member);
    if (link === undefined) return;
    await this.#streams.get(link)?.[Symbol.asyncDispose]();
    this.#streams.delete(link);
  }

  /** The entries of its credential, as every base carries them. */
  credential(): readonly Operation[] {
    const { member, authority } = this.identity.credential;
    return [
      ["authority", authority] as const,
      ["member", member] as const,
    ].flatMap(([key, certificate]) =>
      certificate === undefined ? [] : [{
        section: "node",
        key: certificateKeys[key],
        text: JSON.stringify(certificateValue(certificate.der)),
      }]
    );
  }

  /** A base of its document that says `more` beside its credential. */
  base(more: readonly Operation[], forgery: Forgery = {}): Batch {
    const operations = [...this.credential(), ...more]
      .sort((left, right) => placeText(left) < placeText(right) ? -1 : 1);
    return {
      owner: this.peer,
      generation,
      session: this.#process.ports.random.bytes(16),
      seq: 1,
      prev: new Uint8Array(32),
      base: true,
      rev: 0,
      operations,
      hlc: { wallMs: 1, counter: 0 },
      ...forgery,
    };
  }

  /** The batch after another one. */
  next(
    last: Batch,
    operations: readonly Operation[],
    forgery: Forgery = {},
  ): Batch {
    return {
      ...last,
      seq: last.seq + 1,
      prev: this.#process.ports.signer.sha256(encodeBatch(last)),
      base: false,
      operations,
      ...forgery,
    };
  }

  /** Signs what an encoder made of a batch, true or not. */
  signed(batch: Batch, signing: Signing = {}): Bytes {
    return this.signedBody(encodeBatch(batch), signing);
  }

  /** Signs any bytes as the body of a batch. */
  signedBody(body: Bytes, signing: Signing = {}): Bytes {
    const { context = "pln/batch/1", cluster = this.identity.cluster } =
      signing;
    const signature = signing.signature ??
      this.#process.ports.signer.sign(
        this.identity.key,
        signedInput(context, cluster, body),
      );
    return concatBytes(signature, body);
  }

  /** Its program ends. */
  async end(): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
    this.#process.end();
  }
}

function placeText({ section, key }: Operation): string {
  return `${section} ${key}`;
}
