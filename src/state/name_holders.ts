// Who has published something under a name, and who of them holds it. Owners
// and their names go in; out come holders in the order of DESIGN.md section 6,
// the same on every node. Whether an owner may show anything is for its asker
// to say.

import type { PeerId } from "../kernel/mod.ts";
import type { Rights } from "../identity/mod.ts";
import type { OwnerView } from "./owner_view.ts";
import type { NameSection } from "./views.ts";

const nameSections: readonly NameSection[] = ["seeds", "services", "sites"];

/** Whether names of this section have holders. */
export function isNameSection(section: string): section is NameSection {
  return nameSections.some((one) => one === section);
}

type Names = Map<string, Set<OwnerView>>;

/** Kept up with each change; holds no order. */
export class NameHolders {
  readonly #sections = new Map<NameSection, Names>();

  /** Whether `owner` has something under the name now. */
  note(
    section: NameSection,
    name: string,
    { owner, isThere }: {
      readonly owner: OwnerView;
      readonly isThere: boolean;
    },
  ): void {
    const names: Names = this.#sections.get(section) ?? new Map();
    this.#sections.set(section, names);
    const owners = names.get(name) ?? new Set();
    if (isThere) names.set(name, owners.add(owner));
    else if (owners.delete(owner) && owners.size === 0) names.delete(name);
  }

  /** In no order that means anything. */
  of(section: NameSection, name: string): Iterable<OwnerView> {
    return this.#sections.get(section)?.get(name) ?? [];
  }

  /** Names that more than one owner has. */
  *contested(section: NameSection): Generator<string> {
    for (const [name, owners] of this.#sections.get(section) ?? []) {
      if (owners.size > 1) yield name;
    }
  }
}

type Claim = {
  readonly owner: OwnerView;
  readonly sinceMs: number;
  readonly rank: number;
};

/** Who holds the name comes first. */
export function sortHolders(
  owners: readonly OwnerView[],
  bound: PeerId | undefined,
  { rights }: { readonly rights: Rights },
): readonly OwnerView[] {
  if (owners.length < 2) return owners; // most names: nothing to be asked
  return owners.map((owner): Claim => ({
    owner,
    rank: owner.owner === bound ? 0 : owner.standing?.tier === "admin" ? 1 : 2,
    sinceMs: rights.memberSinceMs(owner.owner),
  })).sort(compareClaims).map(({ owner }) => owner);
}

function compareClaims(left: Claim, right: Claim): number {
  return left.rank - right.rank || left.sinceMs - right.sinceMs ||
    (left.owner.owner < right.owner.owner ? -1 : 1);
}
