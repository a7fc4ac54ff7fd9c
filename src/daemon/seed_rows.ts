// The cluster's seeds in the shapes of the control API: this node's own with
// what it saw of them, the others' with who runs them and who holds each name.
// In comes what a node knows; nothing is decided here.

import {
  type KnownOwner,
  type SeedDetails,
  seedDetails,
  type SeedStatus,
  seedStatus,
} from "../control/mod.ts";
import { limits } from "../kernel/mod.ts";
import type { Node, SeedEntry, SeedInspection } from "../node/mod.ts";

/** Behind the name, in a seed's address. */
const ownerDigits = 8;

/** By name, of each who holds it first; the own ones are never left out. */
export function seedRows(node: Node): readonly SeedStatus[] {
  const { nodes, ownSeeds } = node.view;
  const { peer: self } = node.identity;
  const rows = new Map<string, SeedEntry>();
  const add = (entry: SeedEntry) =>
    rows.set(`${entry.name} ${entry.owner}`, entry);
  for (const entry of ownSeeds.values()) add(entry);
  for (const peer of nodes.keys()) {
    if (rows.size >= limits.statusSeedsMax) break;
    if (peer !== self) node.view.seedsOf(peer).forEach(add);
  }
  return [...rows.values()]
    .map((entry) => ({ entry, owner: ownerOf(node, entry) }))
    .sort((left, right) =>
      compareTexts(left.entry.name, right.entry.name) ||
      Number(left.owner.heldBy !== undefined) -
        Number(right.owner.heldBy !== undefined) ||
      compareTexts(left.entry.owner, right.entry.owner)
    )
    .map(({ entry, owner }) =>
      seedStatus(entry, node.seedReport(entry), owner)
    );
}

/** The answer to an inspection. */
export function seedRow(node: Node, inspection: SeedInspection): SeedDetails {
  return seedDetails(inspection, ownerOf(node, inspection.entry));
}

function ownerOf(node: Node, { name, owner }: SeedEntry): KnownOwner {
  const { nodes } = node.view;
  const holders = node.view.holders("seeds", name);
  const others = holders.filter((peer) => peer !== owner);
  const [holder] = holders;
  const isHeld = holder === undefined || holder === owner;
  return {
    isRemote: owner !== node.identity.peer,
    ownerName: nodes.get(owner)?.name,
    address: `${name}@${owner.slice(0, ownerDigits)}`,
    ...(isHeld
      ? {}
      : { heldBy: { peer: holder, name: nodes.get(holder)?.name } }),
    ...(others.length === 0 ? {} : { others }),
  };
}

function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
