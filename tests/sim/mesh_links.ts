// A transport for meshes of many nodes: links without keys, over a network that
// delays, loses and parts. It keeps the promises of the real one that the mesh
// counts on, and forges nothing a mesh could notice: who a link leads to is
// always true. mesh_real_links_test.ts runs the real transport.

import {
  addressText,
  ClosedError,
  type PeerId,
  type ReportedError,
  UnreachableError,
} from "../../src/kernel/mod.ts";
import type { MeshTransport } from "../../src/mesh/needs.ts";
import type { NetworkAddress, Random } from "../../src/ports/mod.ts";
import type { World } from "../../src/sim/world.ts";
import type {
  Frame,
  FrameStream,
  Link,
  LinkEnd,
  PeerHello,
} from "../../src/transport/link.ts";
import type { Protocol } from "../../src/transport/protocols.ts";
import type { StreamHandler } from "../../src/transport/link.ts";

const idleMs = 10_000;

/** All wires of a world. */
export class FakeNetwork {
  readonly world: World;
  readonly random: Random;
  readonly #places = new Map<string, FakeTransport>();
  /** Whether packets pass between two nodes. */
  passes: (from: FakeTransport, to: FakeTransport) => boolean = () => true;
  /** Of 100 dials that could succeed, how many do not. */
  lossPercent: (from: FakeTransport, to: FakeTransport) => number = () => 0;
  dials = 0;

  constructor(world: World) {
    this.world = world;
    this.random = world.random.fork("network");
  }

  place(transport: FakeTransport): void {
    this.#places.set(addressText(transport.options.at), transport);
  }

  remove(transport: FakeTransport): void {
    const text = addressText(transport.options.at);
    if (this.#places.get(text) === transport) this.#places.delete(text);
  }

  at(address: NetworkAddress): FakeTransport | undefined {
    return this.#places.get(addressText(address));
  }

  delay(run: () => void): void {
    this.world.after(1 + this.random.integer(20), run);
  }

  /** Packets pass by this rule from now on; links notice when idle. */
  cut(passes: FakeNetwork["passes"]): void {
    this.passes = passes;
    this.world.after(idleMs, () => {
      for (const transport of [...this.#places.values()]) transport.notice();
    });
  }

  heal(): void {
    this.passes = () => true;
  }
}

/** What a fake node is made of. */
export type FakeTransportOptions = {
  readonly peer: PeerId;
  /** The one address at which it can be dialled. */
  readonly at: NetworkAddress;
  /** Where others see it, behind a NAT. */
  readonly seenAs?: NetworkAddress;
  readonly nowMs: () => number;
  readonly hello: () => PeerHello;
  /** Why it lets a peer not in. */
  readonly refusal?: (peer: PeerId) => ReportedError | undefined;
};

export class FakeTransport implements MeshTransport {
  readonly links = new Map<PeerId, FakeLink>();
  readonly network: FakeNetwork;
  readonly options: FakeTransportOptions;
  readonly dialled: NetworkAddress[] = [];
  readonly #linkHandlers = new Set<(link: Link) => void>();
  readonly #helloHandlers = new Set<(link: Link) => void>();
  readonly #served = new Map<number, StreamHandler>();
  isUp = true;

  constructor(network: FakeNetwork, options: FakeTransportOptions) {
    this.network = network;
    this.options = options;
    network.place(this);
  }

  get peer(): PeerId {
    return this.options.peer;
  }

  get local(): NetworkAddress {
    return { ip: "0.0.0.0", port: this.options.at.port };
  }

  onLink(handle: (link: Link) => void): Disposable {
    this.#linkHandlers.add(handle);
    return { [Symbol.dispose]: () => void this.#linkHandlers.delete(handle) };
  }

  onHello(handle: (link: Link) => void): Disposable {
    this.#helloHandlers.add(handle);
    return { [Symbol.dispose]: () => void this.#helloHandlers.delete(handle) };
  }

  serve(protocol: Protocol, handler: StreamHandler): Disposable {
    this.#served.set(protocol.id, handler);
    return { [Symbol.dispose]: () => void this.#served.delete(protocol.id) };
  }

  handlerOf(protocol: Protocol): StreamHandler | undefined {
    return this.#served.get(protocol.id);
  }

  dial(
    peer: PeerId,
    to: NetworkAddress,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Link> {
    const { network } = this;
    network.dials++;
    this.dialled.push(to);
    const { promise, resolve, reject } = Promise.withResolvers<Link>();
    signal.addEventListener("abort", () => reject(signal.reason));
    network.delay(() => {
      const other = network.at(to);
      // Silence: the dialler gives up by itself.
      if (signal.aborted || !this.isUp || other === undefined) return;
      const isOpen = network.passes(this, other) && network.passes(other, this);
      const lossPercent = network.lossPercent(this, other);
      if (!isOpen || network.random.integer(100) < lossPercent) return;
      if (other.peer !== peer) {
        reject(new UnreachableError("It is another node"));
        return;
      }
      const refusal = other.options.refusal?.(this.peer);
      if (refusal !== undefined) reject(refusal);
      else resolve(this.links.get(peer) ?? this.#join(other, to));
    });
    return promise;
  }

  sayHello(): void {
    for (const link of this.links.values()) link.other?.hear(this);
  }

  /** The process ends: told when it stops, noticed when it was killed. */
  end(how: "stopped" | "killed"): void {
    this.isUp = false;
    this.network.remove(this);
    for (const link of [...this.links.values()]) {
      const { other } = link;
      link.finish({ type: "lost", reason: "The process ended" });
      if (other === undefined) continue;
      if (how === "stopped") other.close(0, "shutdown");
      else {
        this.network.world.after(
          idleMs,
          () => other.finish({ type: "lost", reason: "It is silent" }),
        );
      }
    }
  }

  /** What idle links find out. */
  notice(): void {
    for (const link of [...this.links.values()]) {
      const there = link.other?.owner;
      if (there === undefined) continue;
      const isOpen = this.network.passes(this, there) &&
        this.network.passes(there, this);
      if (!isOpen) link.finish({ type: "lost", reason: "It is silent" });
    }
  }

  helloOf(link: FakeLink): void {
    for (const handle of this.#helloHandlers) handle(link);
  }

  add(link: FakeLink): void {
    this.links.set(link.peer, link);
    for (const handle of [...this.#linkHandlers]) handle(link);
  }

  get outside(): NetworkAddress {
    return this.options.seenAs ?? this.options.at;
  }

  #join(other: FakeTransport, to: NetworkAddress): FakeLink {
    const here = new FakeLink(this, { other, isDialer: true, remote: to });
    const remote = this.outside;
    const there = new FakeLink(other, { other: this, isDialer: false, remote });
    here.other = there;
    there.other = here;
    other.add(there);
    this.add(here);
    here.hear(other);
    there.hear(this);
    return here;
  }
}

export class FakeLink implements Link {
  readonly peer: PeerId;
  readonly credential = {} as Link["credential"];
  readonly facts: Link["facts"];
  readonly id: string;
  readonly isDialer: boolean;
  readonly remote: NetworkAddress;
  readonly version = 1;
  readonly bootId = new Uint8Array(16);
  readonly heads = [];
  readonly sinceMs: number;
  readonly rttMs = 7;
  readonly owner: FakeTransport;
  isSuspect = false;
  hello: PeerHello | undefined;
  observed: NetworkAddress | undefined;
  other: FakeLink | undefined;
  readonly #end = Promise.withResolvers<LinkEnd>();
  #isOver = false;
  #heardMs: number | undefined;

  constructor(
    owner: FakeTransport,
    about: {
      readonly other: FakeTransport;
      readonly isDialer: boolean;
      readonly remote: NetworkAddress;
    },
  ) {
    this.owner = owner;
    this.peer = about.other.peer;
    this.isDialer = about.isDialer;
    this.remote = about.remote;
    this.id = `${owner.peer}${owner.network.dials}`;
    this.sinceMs = owner.options.nowMs();
    const facts = { peer: this.peer, tier: "leaf", properties: new Map() };
    this.facts = facts as unknown as Link["facts"];
  }

  get ended(): Promise<LinkEnd> {
    return this.#end.promise;
  }

  /** Pings are always on the way, so that it is now while the peer runs. */
  get heardMs(): number | undefined {
    if (this.other?.owner.isUp && !this.isSuspect) {
      this.#heardMs = this.owner.options.nowMs();
    }
    return this.#heardMs;
  }

  /** The peer says who it is, on the way for some milliseconds. */
  hear(from: FakeTransport): void {
    const hello = from.options.hello();
    from.network.delay(() => {
      if (this.#isOver) return;
      this.hello = hello;
      this.observed = this.owner.outside;
      this.owner.helloOf(this);
    });
  }

  finish(end: LinkEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { links } = this.owner;
    if (links.get(this.peer) === this) links.delete(this.peer);
    this.#end.resolve(end);
  }

  close(code: number, reason: string): void {
    const { other } = this;
    this.finish({ type: "closed", code, reason });
    other?.finish({ type: "closed", code, reason });
  }

  ping(): Promise<number> {
    return Promise.resolve(this.rttMs);
  }

  openStream(protocol: Protocol): Promise<FrameStream> {
    const there = this.other;
    if (this.#isOver || there === undefined) {
      return Promise.reject(new UnreachableError("The link has ended"));
    }
    const up = new FakePipe(this.owner.network);
    const down = new FakePipe(this.owner.network);
    const handler = there.owner.handlerOf(protocol);
    const signal = new AbortController().signal;
    const serve = async () => {
      try {
        await handler?.(new FakeStream(up, down), { link: there, signal });
      } catch (cause) {
        // The opener went away.
        if (!(cause instanceof ClosedError)) throw cause;
      }
      down.push(undefined);
    };
    void serve();
    return Promise.resolve(new FakeStream(down, up));
  }
}

/** One direction; frames arrive in order, some milliseconds later. */
class FakePipe {
  readonly #network: FakeNetwork;
  readonly #queue: (Frame | undefined)[] = [];
  #waiting: PromiseWithResolvers<Frame | undefined> | undefined;
  isDropped = false;

  constructor(network: FakeNetwork) {
    this.#network = network;
  }

  push(frame: Frame | undefined): void {
    this.#network.world.after(5, () => {
      // What is dropped too early is lost, as on a real stream.
      if (this.isDropped && frame !== undefined) return;
      if (this.#waiting === undefined) this.#queue.push(frame);
      else this.#waiting.resolve(frame);
      this.#waiting = undefined;
    });
  }

  take(): Promise<Frame | undefined> {
    if (this.#queue.length > 0) return Promise.resolve(this.#queue.shift());
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  drop(): void {
    this.isDropped = true;
    this.#waiting?.reject(new ClosedError("The stream was dropped"));
    this.#waiting = undefined;
  }
}

class FakeStream implements FrameStream {
  readonly #from: FakePipe;
  readonly #to: FakePipe;

  constructor(from: FakePipe, to: FakePipe) {
    this.#from = from;
    this.#to = to;
  }

  read(): Promise<Frame | undefined> {
    return this.#from.take();
  }

  write(kind: number, body: Uint8Array): Promise<void> {
    this.#to.push({ kind, body: new Uint8Array(body) });
    return Promise.resolve();
  }

  end(): Promise<void> {
    this.#to.push(undefined);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#from.drop();
    this.#to.drop();
    return Promise.resolve();
  }
}
