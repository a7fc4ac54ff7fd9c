// What must hold of a cluster at every moment, whatever happens to it: looked at
// ten times a virtual second. In come the members and the ledger of what was
// published; out comes the first thing that is wrong, once. It reads views and
// logs only, changes nothing, and draws no randomness.

import { canonicalJson, type Digest, type PeerId } from "../kernel/mod.ts";
import type { Node } from "../node/mod.ts";
import type { SimCluster } from "./cluster.ts";
import type { SimMember } from "./member.ts";
import type { SeedLedger } from "./seed_ledger.ts";
import { SimulationError } from "./world.ts";

const lookMs = 100;
/** Every so many looks places are compared, also when no view has changed. */
const looksPerPlaces = 10;

type Place = { readonly generation: number; readonly seq: number };

/** What the last look at one member has seen. */
type Seen = {
  node: Node | undefined;
  /** Of the view. */
  digest: Digest | undefined;
  places: ReadonlyMap<PeerId, Place>;
  logRecords: number;
};

/**
 * Holds for each running member: places of documents never go back; a view has
 * no entry that its owner did not publish; what was acknowledged is in its
 * owner's view; no error is logged.
 */
export class ClusterInvariants implements Disposable {
  readonly #cluster: SimCluster;
  readonly #ledger: SeedLedger;
  readonly #seen = new Map<SimMember, Seen>();
  readonly #excused = new Set<SimMember>();
  readonly #broken = Promise.withResolvers<never>();
  #timer: Disposable | undefined;
  #looks = 0;

  /** Looks from now on, until it is disposed. */
  constructor(cluster: SimCluster, ledger: SeedLedger) {
    this.#cluster = cluster;
    this.#ledger = ledger;
    // Whoever waits for it may come later.
    this.#broken.promise.catch(() => undefined);
    this.#arm();
  }

  /** Rejects with the first {SimulationError}. */
  get broken(): Promise<never> {
    return this.#broken.promise;
  }

  /** How often was looked. */
  get looks(): number {
    return this.#looks;
  }

  /** A member that has two bodies, or an old one: what it has may go back. */
  excuse(member: SimMember): Disposable {
    this.#excused.add(member);
    return {
      [Symbol.dispose]: () => {
        this.#excused.delete(member);
        this.#seen.delete(member);
      },
    };
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = this.#cluster.world.after(lookMs, () => {
      const fault = this.#look();
      if (fault === undefined) return this.#arm();
      this.#broken.reject(new SimulationError(fault));
    });
  }

  #look(): string | undefined {
    this.#looks++;
    for (const member of this.#cluster.members) {
      const fault = this.#faultOf(member);
      if (fault !== undefined) return `${member.name}: ${fault}`;
    }
    return undefined;
  }

  #faultOf(member: SimMember): string | undefined {
    const seen = this.#seenOf(member);
    const logged = this.#loggedSince(member, seen);
    if (logged !== undefined || !member.isUp) return logged;
    const { node } = member;
    if (seen.node !== node) {
      // What was not synced may be gone with the process before.
      Object.assign(seen, { node, digest: undefined, places: new Map() });
    }
    const { digest } = node.view;
    const hasChanged = digest !== seen.digest;
    seen.digest = digest;
    const isExcused = this.#excused.has(member);
    if (hasChanged || this.#looks % looksPerPlaces === 0) {
      const fault = this.#comparePlaces(node, seen);
      if (fault !== undefined && !isExcused) return fault;
    }
    // An open attempt may be acknowledged without a change since.
    const own = isExcused ? undefined : this.#ownFault(node);
    return own ?? (hasChanged ? this.#foreignFault(node) : undefined);
  }

  #seenOf(member: SimMember): Seen {
    const known = this.#seen.get(member);
    if (known !== undefined) return known;
    const seen: Seen = {
      ...{ node: undefined, digest: undefined },
      places: new Map(),
      logRecords: 0,
    };
    this.#seen.set(member, seen);
    return seen;
  }

  #loggedSince({ machine }: SimMember, seen: Seen): string | undefined {
    const { records, droppedRecords } = machine.log;
    const from = Math.max(0, seen.logRecords - droppedRecords);
    seen.logRecords = droppedRecords + records.length;
    for (const { level, event, fields } of records.slice(from)) {
      if (level !== "error") continue;
      if (this.#cluster.expectedErrors.has(event)) continue;
      return `it logged ${event}: ${canonicalJson(fields)}`;
    }
    return undefined;
  }

  #comparePlaces(node: Node, seen: Seen): string | undefined {
    const places = new Map<PeerId, Place>();
    for (const { owner, generation, seq } of node.places()) {
      places.set(owner, { generation, seq });
      const before = seen.places.get(owner);
      if (before === undefined) continue;
      const isBack = generation < before.generation ||
        generation === before.generation && seq < before.seq;
      if (!isBack) continue;
      return `the document of ${owner.slice(0, 8)} went back from ` +
        `${placeText(before)} to ${placeText({ generation, seq })}`;
    }
    seen.places = places;
    return undefined;
  }

  #ownFault(node: Node): string | undefined {
    const { peer } = node.identity;
    return this.#ledger.ownFault(peer, shownOf(node, peer));
  }

  #foreignFault(node: Node): string | undefined {
    const { view } = node;
    for (const owner of view.nodes.keys()) {
      for (const { name, spec } of view.seedsOf(owner)) {
        if (this.#ledger.wasPublished(owner, name, spec.digest)) continue;
        return `it shows seed "${name}" (${spec.digest.slice(0, 8)}), which ` +
          `${owner.slice(0, 8)} never published`;
      }
    }
    return undefined;
  }
}

function shownOf(node: Node, owner: PeerId): ReadonlyMap<string, Digest> {
  return new Map(
    node.view.seedsOf(owner).map(({ name, spec }) => [name, spec.digest]),
  );
}

function placeText({ generation, seq }: Place): string {
  return `generation ${generation}, number ${seq}`;
}
