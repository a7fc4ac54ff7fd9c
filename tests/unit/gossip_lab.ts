// Nodes with real state and a real exchange, over links in memory: frames take
// virtual time, a stream holds so much and then its writer waits, links break
// when they are told. In: a world. Out: nodes to connect. No transport, no TLS:
// who is at the other end is simply said.

import {
  type Bytes,
  InputError,
  type PeerId,
  PlnError,
  UnreachableError,
} from "../../src/kernel/mod.ts";
import {
  Gossip,
  type GossipNeeds,
  type GossipTransport,
} from "../../src/gossip/mod.ts";
import type { OwnerState } from "../../src/state/mod.ts";
import type {
  Frame,
  FrameStream,
  Link,
  LinkEnd,
  Protocol,
  RightsHead,
  StreamHandler,
} from "../../src/transport/mod.ts";
import { openSimClock } from "../../src/sim/mod.ts";
import type { World } from "../../src/sim/mod.ts";
import { signer } from "./identity_world.ts";
import type { StateNode } from "./replicas_lab.ts";
import { LabLog } from "./state_lab.ts";

const bufferBytesMax = 64 * 1024;
const frameHeadBytes = 5;

/** One direction of a stream. */
class Pipe {
  readonly #world: World;
  readonly #latencyMs: () => number;
  readonly #frames: Frame[] = [];
  #bytes = 0;
  #dueMs = 0;
  #isEnded = false;
  #changed = Promise.withResolvers<void>();

  constructor(world: World, latencyMs: () => number) {
    this.#world = world;
    this.#latencyMs = latencyMs;
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async write(frame: Frame): Promise<void> {
    while (!this.#isEnded && this.#bytes > bufferBytesMax) {
      await this.#changed.promise;
    }
    if (this.#isEnded) throw new UnreachableError("The stream was reset");
    this.#bytes += frameHeadBytes + frame.body.length;
    const { nowMs } = this.#world;
    this.#dueMs = Math.max(this.#dueMs, nowMs + this.#latencyMs());
    this.#world.after(this.#dueMs - nowMs, () => {
      this.#frames.push(frame);
      this.#change();
    });
  }

  async read(): Promise<Frame> {
    for (;;) {
      if (this.#isEnded) throw new UnreachableError("The stream was reset");
      const frame = this.#frames.shift();
      if (frame !== undefined) {
        this.#bytes -= frameHeadBytes + frame.body.length;
        this.#change();
        return frame;
      }
      await this.#changed.promise;
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#change();
  }
}

export class LabStream implements FrameStream {
  constructor(
    readonly incoming: Pipe,
    readonly outgoing: Pipe,
    readonly onSent: (kind: number, byteCount: number) => void,
  ) {}

  read(): Promise<Frame> {
    return this.incoming.read();
  }

  write(kind: number, body: Uint8Array): Promise<void> {
    this.onSent(kind, frameHeadBytes + body.length);
    return this.outgoing.write({ kind, body: new Uint8Array(body) });
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.incoming.end();
    this.outgoing.end();
    return Promise.resolve();
  }
}

/** What a link does not need here is not there. */
type UsedLink = Pick<
  Link,
  | "peer"
  | "id"
  | "heads"
  | "ended"
  | "isDialer"
  | "openStream"
  | "close"
>;

class LabLink implements UsedLink {
  readonly streams = new Set<LabStream>();
  readonly #end = Promise.withResolvers<LinkEnd>();
  far: LabLink | undefined;
  closedWith: number | undefined;

  constructor(
    readonly world: World,
    readonly owner: LabTransport,
    readonly peer: PeerId,
    readonly id: string,
    readonly heads: readonly RightsHead[],
    readonly latencyMs: () => number,
    readonly isDialer: boolean,
  ) {}

  get ended(): Promise<LinkEnd> {
    return this.#end.promise;
  }

  openStream(protocol: Protocol): Promise<FrameStream> {
    const { far } = this;
    if (far === undefined || this.closedWith !== undefined) {
      return Promise.reject(new UnreachableError("The link has ended"));
    }
    const there = new Pipe(this.world, this.latencyMs);
    const back = new Pipe(this.world, this.latencyMs);
    const counted = (owner: LabTransport) => (kind: number, count: number) =>
      void owner.sent.set(kind, count + (owner.sent.get(kind) ?? 0));
    const near = new LabStream(back, there, counted(this.owner));
    const served = new LabStream(there, back, counted(far.owner));
    this.streams.add(near);
    far.streams.add(served);
    this.world.after(this.latencyMs(), () => {
      void far.owner.handle(protocol, served, { link: far });
    });
    return Promise.resolve(near);
  }

  close(code: number, reason: string): void {
    for (const end of [this, this.far]) {
      if (end === undefined || end.closedWith !== undefined) continue;
      end.closedWith = code;
      for (const stream of end.streams) void stream[Symbol.asyncDispose]();
      end.#end.resolve({ type: "closed", code, reason });
    }
  }
}

/** Hands links and streams to whoever registered for them. */
export class LabTransport implements GossipTransport {
  readonly faults: string[] = [];
  /** Bytes that its links' streams sent, with heads of frames, by kind. */
  readonly sent = new Map<number, number>();
  readonly #handlers = new Map<number, StreamHandler>();
  readonly #listeners = new Set<(link: Link) => void>();

  get bytes(): number {
    return this.sent.values().reduce((sum, count) => sum + count, 0);
  }

  serve(protocol: Protocol, handler: StreamHandler): Disposable {
    this.#handlers.set(protocol.id, handler);
    return {
      [Symbol.dispose]: () => void this.#handlers.delete(protocol.id),
    };
  }

  onLink(handle: (link: Link) => void): Disposable {
    this.#listeners.add(handle);
    return { [Symbol.dispose]: () => void this.#listeners.delete(handle) };
  }

  tell(link: LabLink): void {
    for (const handle of this.#listeners) handle(link as unknown as Link);
  }

  async handle(
    protocol: Protocol,
    stream: LabStream,
    { link }: { readonly link: LabLink },
  ): Promise<void> {
    const signal = new AbortController().signal;
    const context = { link: link as unknown as Link, signal };
    try {
      await this.#handlers.get(protocol.id)?.(stream, context);
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      if (cause instanceof InputError) this.faults.push(cause.message);
    } finally {
      await stream[Symbol.asyncDispose]();
    }
  }
}

/** A node that has nothing but gossip, and something for it to tell of. */
export class GossipNode implements AsyncDisposable {
  readonly log = new LabLog();
  readonly transport = new LabTransport();
  readonly gossip: Gossip;
  /** Of its own clock. */
  readonly nowMs: () => number;

  constructor(
    readonly world: World,
    readonly peer: PeerId,
    { state, records }: Pick<GossipNeeds, "state" | "records">,
  ) {
    const clock = openSimClock(world, { name: peer });
    this.nowMs = () => clock.nowMs();
    const random = world.random.fork(`gossip ${peer}`);
    const { log } = this;
    const needs = { clock, log, random, signer, state, records };
    this.gossip = new Gossip(needs, { self: peer });
    this.gossip.attach(this.transport);
  }

  get rightsHeads(): readonly RightsHead[] {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gossip[Symbol.asyncDispose]();
  }
}

/** One with a real state, as it is told of in a handshake. */
export class ExchangeNode extends GossipNode {
  constructor(
    world: World,
    readonly machine: StateNode,
    readonly state: OwnerState,
  ) {
    super(world, machine.peer, { state });
  }

  override get rightsHeads(): readonly RightsHead[] {
    return this.state.heads().map(({ admin, generation, rev }) => ({
      ...{ admin, generation, rev },
    }));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.state[Symbol.asyncDispose]();
  }
}

/** A member that is not asked about anything: give it `state` by hand. */
export type Connected = {
  readonly near: Link;
  readonly far: Link;
  cut(): void;
  /** The code it was closed with, seen from `near`. */
  closedWith(): number | undefined;
};

let links = 0;

/** One end of a link: a node, or somebody who only has a transport. */
export type LinkSide = {
  readonly peer: PeerId;
  readonly transport: LabTransport;
  readonly rightsHeads: readonly RightsHead[];
};

export function connect(
  world: World,
  near: LinkSide,
  options: { readonly far: LinkSide; readonly latencyMs?: () => number },
): Connected {
  const { far, latencyMs = () => 5 } = options;
  const id = `link ${links++}`;
  const ends = [
    new LabLink(
      world,
      ...[near.transport, far.peer, id, far.rightsHeads, latencyMs] as const,
      true,
    ),
    new LabLink(
      world,
      ...[far.transport, near.peer, id, near.rightsHeads, latencyMs] as const,
      false,
    ),
  ] as const;
  [ends[0].far, ends[1].far] = [ends[1], ends[0]];
  near.transport.tell(ends[0]);
  far.transport.tell(ends[1]);
  return {
    near: ends[0] as unknown as Link,
    far: ends[1] as unknown as Link,
    cut: () => ends[0].close(0, "cut"),
    closedWith: () => ends[0].closedWith,
  };
}

/** Frames of bytes, for peers that speak by hand. */
export function frame(kind: number, body: Bytes = new Uint8Array()): Frame {
  return { kind, body };
}
