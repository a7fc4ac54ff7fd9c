// What a join means for a directory that may be a node already: its first
// cluster, the same one once more, or another one. The plan comes first and is
// asked about; nothing is changed on the disk before the cluster has said yes,
// so that a join that fails costs nothing. The caller holds the directory.

import { type Joined, rememberCluster } from "../admission/mod.ts";
import {
  type InviteToken,
  isInitialised,
  type Membership,
  newNodeKeys,
  type NodeIdentity,
  type NodeKeys,
  openIdentity,
  prepareNodeKeys,
  readMembership,
  replaceCredential,
  setMembershipAside,
  writeMembership,
} from "../identity/mod.ts";
import { ConflictError } from "../kernel/mod.ts";
import type { Clock, Disk, Ports, Signer } from "../ports/mod.ts";

/** What joining takes of the platform; `disk` is the directory. */
export type JoiningNeeds = Pick<
  Ports,
  "clock" | "disk" | "network" | "random" | "signer"
>;

/** What the directory is to the invite's cluster. */
export type JoinPlan =
  | { readonly type: "first" }
  /** Its certificate has expired: it comes back as the same node. */
  | { readonly type: "again" }
  /** Another cluster's, which it leaves. */
  | { readonly type: "switch"; readonly membership: Membership };

/**
 * Reads only.
 *
 * @throws {ConflictError} It is a member of that cluster, and can be started.
 * @throws {CorruptError} Its certificates are damaged.
 */
export async function planJoin(
  needs: {
    readonly clock: Clock;
    readonly disk: Disk;
    readonly signer: Signer;
  },
  token: InviteToken,
): Promise<JoinPlan> {
  if (!await isInitialised(needs.disk)) return { type: "first" };
  const membership = await readMembership(needs);
  const { cluster, facts } = membership;
  if (cluster !== token.root.cluster) return { type: "switch", membership };
  if (needs.clock.wallMs() >= facts.notAfterMs) return { type: "again" };
  throw new ConflictError("This node is a member of that cluster already", {
    hint: 'Start it with "pln up -d"; its certificate renews by itself',
  });
}

/** The keys with which it joins; another cluster's are only read. */
export async function keysToJoinWith(
  needs: JoiningNeeds,
  token: InviteToken,
  plan: JoinPlan,
): Promise<NodeKeys> {
  switch (plan.type) {
    case "first":
      return await prepareNodeKeys(needs);
    case "again":
      return await heldKeys(needs);
    case "switch": {
      // An invite may name the id that "pln id" shows now.
      const { peer } = plan.membership;
      const isNamed = token.invite.terms.subject === peer;
      return isNamed ? await heldKeys(needs) : newNodeKeys(needs);
    }
  }
}

async function heldKeys(needs: JoiningNeeds): Promise<NodeKeys> {
  const { key, authorityKey } = await openIdentity(needs);
  return { key, authorityKey };
}

/** Makes the directory what it has become; the credential comes last. */
export async function keepMembership(
  needs: JoiningNeeds,
  token: InviteToken,
  { plan, keys, joined }: {
    readonly plan: JoinPlan;
    readonly keys: NodeKeys;
    readonly joined: Joined;
  },
): Promise<NodeIdentity> {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const remember = () => rememberCluster({ ...needs, log }, token, joined);
  if (plan.type === "again") {
    const identity = await openIdentity(needs);
    await remember();
    return await replaceCredential(needs, identity, joined.credential);
  }
  if (plan.type === "switch") {
    await setMembershipAside(needs.disk, plan.membership.cluster);
  }
  await remember();
  return await writeMembership(needs, { ...joined, ...keys });
}
