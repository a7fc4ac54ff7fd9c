// What scenarios about liveness share: clusters of members, how one shows the
// other, who lost whom since a moment, and starving one of time. In: a cluster.
// Out: states and counts.

import assert from "node:assert/strict";
import type { NodeRow } from "../../src/node/mod.ts";
import {
  livenessOf,
  lostAt,
  type SimCluster,
  type SimMember,
  unequallyAlive,
} from "../../src/sim/mod.ts";
import { meshed } from "./cluster_lab.ts";

export { livenessOf as liveness, lostAt, unequallyAlive };

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
