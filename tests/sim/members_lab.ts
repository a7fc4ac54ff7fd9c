// What scenarios about liveness share: clusters of members, how one shows the
// other, who lost whom since a moment, and starving one of time. In: a cluster.
// Out: states and counts.

import assert from "node:assert/strict";
import type { NodeRow } from "../../src/node/mod.ts";
import type { SimCluster, SimMember } from "../../src/sim/mod.ts";
import { logged, meshed } from "./cluster_lab.ts";

/** "n1", which founds it, and others that have joined; all are linked. */
export async function raise(
  cluster: SimCluster,
  count: number,
): Promise<readonly SimMember[]> {
  const first = await cluster.found("n1");
  const members = [first];
  for (let number = 2; number <= count; number++) {
    const tier = number === 2 ? "publisher" : "leaf";
    members.push(await cluster.admit(`n${number}`, first, { tier }));
  }
  await meshed(cluster, members);
  await allAlive(cluster, members, { withinMs: 20_000 });
  return members;
}

/** The row of the other at the first. */
export function rowOf(member: SimMember, other: SimMember): NodeRow {
  const row = member.node.members.peers()
    .find(({ peer }) => peer === other.peer);
  assert.ok(row !== undefined, `${member.name} knows ${other.name}`);
  return row;
}

/** How the other is, as the first shows it. */
export function liveness(member: SimMember, other: SimMember) {
  return rowOf(member, other).liveness?.state;
}

/** Undefined when each shows each other alive. */
export function unequallyAlive(
  members: readonly SimMember[],
): string | undefined {
  for (const member of members) {
    for (const other of members) {
      if (other === member) continue;
      const state = liveness(member, other);
      if (state === "alive") continue;
      return `at ${member.name}, ${other.name} is ${state}`;
    }
  }
  return undefined;
}

/** Waits for it. @returns How long that took. */
export async function allAlive(
  cluster: SimCluster,
  members: readonly SimMember[],
  options: { readonly withinMs: number },
): Promise<number> {
  return await cluster.until(
    "each is alive for each other",
    () => unequallyAlive(members),
    options,
  );
}

/** Ids of whom a member has lost since the world began, once for each time. */
export function lostAt(member: SimMember): readonly string[] {
  return logged(member, "member.lost")
    .map(({ fields }) => `${fields["peer"]}`);
}

/** Its program stands still; packets wait for it. */
export async function starve(
  cluster: SimCluster,
  member: SimMember,
  durationMs: number,
): Promise<void> {
  member.process.clock.freeze();
  await cluster.pause(durationMs);
  member.process.clock.thaw();
}
