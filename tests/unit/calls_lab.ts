// Nodes that call each other in one simulated world: the production transport,
// call client and call server, with an executor that a test writes. And single
// ends of the protocol over streams in memory, for peers that follow no rule.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import {
  CallClient,
  type CallExecutor,
  type CallRights,
  CallServer,
  type IncomingCall,
  type RemoteCallOptions,
} from "../../src/calls/mod.ts";
import { callKinds } from "../../src/calls/messages.ts";
import type { MemberFacts } from "../../src/identity/mod.ts";
import {
  type Bytes,
  type ClusterId,
  clusterIdOf,
  DeniedError,
  type PeerId,
  peerIdOf,
  PlnError,
  UnreachableError,
  utf8,
  utf8Text,
} from "../../src/kernel/mod.ts";
import type { Random, Signer } from "../../src/ports/mod.ts";
import { openSimClock, type SimClock } from "../../src/sim/clock.ts";
import { openSimLog, type SimLog } from "../../src/sim/log.ts";
import { openWorld } from "../../src/sim/world.ts";
import {
  type Frame,
  type FrameStream,
  type Link,
  protocols,
} from "../../src/transport/mod.ts";
import {
  type Lab,
  type LabNode,
  type NodeOptions,
  signer,
} from "./transport_lab.ts";

/** Answers a call; what it throws reaches the caller. */
export type Run = (call: IncomingCall) => Promise<Bytes> | Bytes;

const turn = openTurn();

export type CallNode = LabNode & {
  readonly client: CallClient;
  readonly server: CallServer;
  readonly links: LabLinks;
};

/** Finds others by what the test connected; dials nobody. */
export class LabLinks {
  readonly #node: LabNode;
  readonly addresses = new Map<PeerId, LabNode>();

  constructor(node: LabNode) {
    this.#node = node;
  }

  linkOf(peer: PeerId): Link | undefined {
    return this.#node.transport.usable(peer);
  }

  async connect(peer: PeerId, signal: AbortSignal): Promise<Link> {
    const known = this.linkOf(peer);
    if (known !== undefined) return known;
    const to = this.addresses.get(peer);
    if (to === undefined) throw new UnreachableError("Nobody knows that node");
    const { transport } = this.#node;
    const dial = transport.dial(peer, to.address, { signal });
    return await transport.earliest(peer, dial);
  }
}

/** The rights as a test's gatekeeper has them. */
export function rightsOf(
  { gatekeeper }: Pick<LabNode, "gatekeeper">,
): CallRights {
  return {
    standing: (facts: MemberFacts) => {
      if (gatekeeper.denied.has(facts.peer)) throw new DeniedError("Denied");
      return facts;
    },
    admit: (credential) => gatekeeper.admit(credential),
    isDenied: (peer) => gatekeeper.denied.has(peer),
    clockOf: (peer) => gatekeeper.clocks.get(peer) ?? { type: "linked" },
  };
}

/** A node that runs calls with `run`. */
export async function callNode(
  lab: Lab,
  name: string,
  run: Run,
  options: NodeOptions = {},
): Promise<CallNode> {
  const key = options.key ?? lab.newKey();
  const node = await lab.node(name, { ...options, key });
  const { clock, log, peer } = node;
  const links = new LabLinks(node);
  const { cluster } = lab.root;
  const credential = lab.credential(key, options.claims);
  const random = lab.world.random.fork(`calls of ${name}`);
  const client = new CallClient({
    ...{ clock, log, random, signer, links },
    self: { peer, cluster, key, credential: () => credential },
  });
  const server = new CallServer({
    ...{ clock, log, signer },
    self: { peer, name, cluster },
    rights: rightsOf(node),
    executor: { run: async (call) => await run(call) },
  });
  node.transport.serve(protocols.call, server.serve);
  return { ...node, client, server, links };
}

/** Lets nodes find each other. */
export function introduce(...nodes: readonly CallNode[]): void {
  for (const one of nodes) {
    for (const other of nodes) {
      if (one !== other) one.links.addresses.set(other.peer, other);
    }
  }
}

/** Ends nodes; no call may be left. */
export async function closeNodes(...nodes: readonly CallNode[]): Promise<void> {
  for (const { client } of nodes) await client[Symbol.asyncDispose]();
  for (const { transport } of nodes) await transport[Symbol.asyncDispose]();
  for (const { server, name } of nodes) {
    assert.equal(server.report().underWay, 0, `${name}: calls are left`);
  }
}

/** Calls `seed/f` of a node with a text. */
export async function say(
  from: CallNode,
  to: CallNode,
  options: {
    readonly seed?: string;
    readonly input?: string;
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
  } = {},
): Promise<string> {
  const { seed = "x", input = "", ...more } = options;
  const target = { peer: to.peer, seed, function: "f" };
  return textOf(await from.client.call(target, utf8(input), more));
}

export function textOf(bytes: Uint8Array): string {
  const text = utf8Text(bytes);
  assert.ok(text !== undefined, "the answer is text");
  return text;
}

/** The error that `work` fails with. */
export async function failureOf(work: Promise<unknown>): Promise<PlnError> {
  const error = await work.then(() => undefined, (cause) => cause);
  assert.ok(error instanceof PlnError, `a PlnError, not ${error}`);
  return error;
}

/** One end of a stream in memory. */
export class MemoryStream implements FrameStream {
  #other: MemoryStream | undefined;
  readonly #frames: Frame[] = [];
  #waiting: PromiseWithResolvers<void> | undefined;
  #isOver = false;
  /** Writes wait while this is set: a peer that takes nothing. */
  stall: Promise<void> | undefined;
  isDisposed = false;

  static pair(): readonly [MemoryStream, MemoryStream] {
    const [one, other] = [new MemoryStream(), new MemoryStream()];
    one.#other = other;
    other.#other = one;
    return [one, other];
  }

  async read(): Promise<Frame | undefined> {
    while (this.#frames.length === 0) {
      if (this.isDisposed) throw new UnreachableError("The stream was dropped");
      if (this.#isOver) return undefined;
      this.#waiting = Promise.withResolvers();
      await this.#waiting.promise;
    }
    return this.#frames.shift();
  }

  async write(kind: number, body: Uint8Array): Promise<void> {
    if (this.isDisposed || this.#other?.isDisposed) {
      throw new UnreachableError("The stream was reset");
    }
    const other = this.#other;
    if (other !== undefined) other.#take({ kind, body: new Uint8Array(body) });
    await this.stall;
  }

  end(): Promise<void> {
    if (this.#other !== undefined) {
      this.#other.#isOver = true;
      this.#other.#waiting?.resolve();
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
    this.#waiting?.resolve();
    return this.end();
  }

  #take(frame: Frame): void {
    this.#frames.push(frame);
    this.#waiting?.resolve();
  }
}

/** A link that a test plays. */
export type FakeLink = Link & { readonly closes: string[] };

export function fakeLink(
  facts: MemberFacts,
  more: Partial<Link> = {},
): FakeLink {
  const link: Partial<Link> & { readonly closes: string[] } = {
    peer: facts.peer,
    facts,
    closes: [],
    close: (_code, reason) => void link.closes.push(reason),
    ...more,
  };
  return link as FakeLink;
}

const cluster: ClusterId = clusterIdOf(new Uint8Array(32));

/** A member that nobody certified. */
export function factsOf(name: string): MemberFacts {
  return {
    peer: peerIdOf(signer.sha256(utf8(name))),
    cluster,
    tier: "leaf",
    properties: new Map(),
    issuedBy: peerIdOf(new Uint8Array(32)),
    issue: 1,
    memberSinceMs: 0,
    notBeforeMs: 0,
    notAfterMs: 0,
    accessDeadlineMs: undefined,
  };
}

/** What one end of the protocol takes of a simulated world. */
export type TestWorld = {
  readonly clock: SimClock;
  readonly log: SimLog;
  readonly random: Random;
  readonly signer: Signer;
  /** Lets virtual time pass. */
  pause(delayMs: number): Promise<void>;
};

/** A test in virtual time. */
export function inWorld(
  name: string,
  run: (world: TestWorld) => Promise<void>,
): void {
  const fn = async () => {
    const world = openWorld(3, { turn });
    const pause = async (delayMs: number) => {
      const passed = Promise.withResolvers<void>();
      world.after(delayMs, passed.resolve);
      await passed.promise;
    };
    const clock = openSimClock(world);
    const log = openSimLog(world);
    const { random } = world;
    await world.complete(run({ clock, log, random, signer, pause }));
  };
  Deno.test({ name, permissions: "none", fn });
}

/** A server for peers that nobody denies. */
export function serverIn(world: TestWorld, executor: CallExecutor): CallServer {
  return new CallServer({
    ...world,
    executor,
    self: { peer: factsOf("server").peer, name: "server", cluster },
    rights: {
      standing: (facts) => facts,
      admit: () => {
        throw new DeniedError("Nobody is admitted");
      },
      isDenied: () => false,
      clockOf: () => ({ type: "linked" }),
    },
  });
}

/** A client whose peer answers as a test likes. */
export class ClientEnd implements AsyncDisposable {
  link: FakeLink;
  readonly #client: CallClient;
  readonly #newLink: () => FakeLink;
  readonly #streams: MemoryStream[] = [];
  #stall: { until: Promise<void>; lanes: "all" | "large" } | undefined;

  constructor(
    world: TestWorld,
    answers: (frame: Frame, stream: FrameStream) => Promise<void> | void,
  ) {
    const facts = factsOf("peer");
    this.#newLink = () =>
      fakeLink(facts, {
        openStream: () => {
          const [ours, theirs] = MemoryStream.pair();
          this.#streams.push(ours);
          this.#applyStall();
          void answerAll(theirs, answers);
          return Promise.resolve(ours);
        },
      });
    this.link = this.#newLink();
    const key = signer.privateKey(world.random.bytes(32));
    this.#client = new CallClient({
      ...world,
      self: {
        peer: peerIdOf(key.publicKey),
        cluster,
        key,
        credential: () => assert.fail("direct calls carry no credential"),
      },
      links: {
        linkOf: () => this.link,
        connect: () => Promise.resolve(this.link),
      },
    });
  }

  /** Streams that were opened, and which of them are gone. */
  get streams(): readonly MemoryStream[] {
    return this.#streams;
  }

  /** As after crossing dials: the old link goes on for a while. */
  replaceLink(): void {
    this.link = this.#newLink();
  }

  call(seed: string, options: RemoteCallOptions & {
    readonly input?: Bytes;
  } = {}): Promise<Bytes> {
    const { input = utf8(""), ...more } = options;
    const to = { peer: this.link.peer, seed, function: "f" };
    return this.#client.call(to, input, more);
  }

  /** The peer takes nothing before `until`. */
  stallCalls(until: Promise<void>, lanes: "all" | "large" = "all"): void {
    this.#stall = { until, lanes };
    this.#applyStall();
  }

  #applyStall(): void {
    const { until, lanes } = this.#stall ?? {};
    for (const [at, stream] of this.#streams.entries()) {
      if (lanes === "all" || at === 1) stream.stall = until;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}

/** Ends with the stream. */
async function answerAll(
  stream: MemoryStream,
  answers: (frame: Frame, stream: FrameStream) => Promise<void> | void,
): Promise<void> {
  for (
    let frame = await stream.read();
    frame !== undefined;
    frame = await stream.read()
  ) {
    if (frame.kind !== callKinds.open) await answers(frame, stream);
  }
}
