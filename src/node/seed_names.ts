// Names of seeds in the cluster: whose seed a call means, and whether this node
// may publish under a name that others have. The view comes in, with who is
// alive; owners, refusals and the entries of a takeover go out. Who holds a name
// is decided by the view alone.

import {
  ConflictError,
  nodeLabel,
  NotFoundError,
  type PeerId,
} from "../kernel/mod.ts";
import { nameKey } from "../identity/mod.ts";
import type { Change, OwnerState, SeedEntry, View } from "../state/mod.ts";

/** Where one seed is, and what it is called there. */
export type SeedPlace = { readonly owner: PeerId; readonly name: string };

/** Another node that holds a name. */
export type NameHolder = {
  readonly peer: PeerId;
  /** As it calls itself. */
  readonly name: string | undefined;
};

export type SeedNamesNeeds = {
  readonly state: Pick<OwnerState, "view">;
  readonly self: PeerId;
  /** Whether a node was heard of lately. */
  readonly isLive: (peer: PeerId) => boolean;
};

/** As many digits of an owner's id as are put behind a name. */
const ownerDigits = 8;

/** Holds nothing but what it is given. */
export class SeedNames {
  readonly #needs: SeedNamesNeeds;

  constructor(needs: SeedNamesNeeds) {
    this.#needs = needs;
  }

  /**
   * The seed that `text` means: "name" or "name@" and digits of its owner's id.
   *
   * @throws {NotFoundError | AmbiguousError} As `View.seed`.
   */
  find(text: string): SeedEntry {
    const { ownSeeds } = this.#view;
    try {
      return this.#view.seed(text);
    } catch (cause) {
      // One that no other node sees: this node was denied, or is a leaf now.
      const own = ownSeeds.get(text);
      if (own === undefined || !(cause instanceof NotFoundError)) throw cause;
      return own;
    }
  }

  /** Another node that holds the name; undefined: this one, or nobody. */
  holderOf(name: string): NameHolder | undefined {
    const { self } = this.#needs;
    const [peer] = this.#view.holders("seeds", name);
    if (peer === undefined || peer === self) return undefined;
    return { peer, name: this.#view.nodes.get(peer)?.name };
  }

  /**
   * Refuses a name that somebody else has who is alive.
   *
   * @throws {ConflictError} Unless this node has it too, or takes it over.
   */
  checkFree(
    name: string,
    { isTakeover }: { readonly isTakeover: boolean },
  ): void {
    const { ownSeeds } = this.#view;
    if (isTakeover || ownSeeds.has(name)) return;
    const owner = this.#others(name).find((peer) => this.#isHere(peer));
    if (owner === undefined) return;
    const label = nodeLabel(owner, this.#view.nodes.get(owner)?.name);
    const address = `${name}@${owner.slice(0, ownerDigits)}`;
    throw new ConflictError(`${label} has a seed "${name}" already`, {
      hint: `Choose another name, or take this one over: --takeover. ` +
        `"pln call ${address}" calls theirs`,
    });
  }

  /** What an admin publishes with a seed so that the name is its own. */
  takeover(name: string, atMs: number): readonly Change[] {
    const { self } = this.#needs;
    const { rights } = this.#view;
    const isAdmin = rights.admins.some(({ peer, isDenied, isDemoted }) =>
      peer === self && !isDenied && !isDemoted
    );
    const isBound = rights.bindingOf("seeds", name) === self;
    if (!isAdmin || isBound || this.#others(name).length === 0) return [];
    const key = nameKey("seeds", name);
    const number = rights.nextNumber("names", key);
    return [{ section: "names", key, value: { number, owner: self, atMs } }];
  }

  /** Why this node has no own seed of a name to be taken back. */
  notOwn(name: string): NotFoundError | undefined {
    const [owner] = this.#others(name);
    if (owner === undefined) return undefined;
    const label = nodeLabel(owner, this.#view.nodes.get(owner)?.name);
    return new NotFoundError(
      `${label} has the seed "${name}", this node has none of that name`,
      { hint: "Only its owner can take it back: run it there" },
    );
  }

  #others(name: string): readonly PeerId[] {
    const { self } = this.#needs;
    return this.#view.holders("seeds", name).filter((peer) => peer !== self);
  }

  #isHere(peer: PeerId): boolean {
    return this.#view.nodes.get(peer)?.hasLeft !== true &&
      this.#needs.isLive(peer);
  }

  get #view(): View {
    return this.#needs.state.view();
  }
}
