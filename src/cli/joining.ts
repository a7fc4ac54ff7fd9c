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
import { configPath, readConfigText, setKey } from "../config/mod.ts";
import { utf8 } from "../kernel/mod.ts";
import { rememberPeers } from "../mesh/mod.ts";
import type { Clock, Disk, Ports, Signer } from "../ports/mod.ts";

/** What joining takes of the platform; `disk` is the directory. */
export type JoiningNeeds = Pick<
  Ports,
  "clock" | "disk" | "network" | "random" | "signer"
>;

/** What the directory is to a cluster that it joins. */
export type NewMember =
  | { readonly type: "first" }
  /** Its certificate has expired: it comes back as the same node. */
  | { readonly type: "again" }
  /** Another cluster's, which it leaves. */
  | { readonly type: "switch"; readonly membership: Membership };

/** What the directory is to the invite's cluster. */
export type JoinPlan =
  | NewMember
  /** A member with a certificate that is good: it needs addresses only. */
  | { readonly type: "member"; readonly membership: Membership };

/**
 * Reads only.
 *
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
  return { type: "member", membership };
}

/** Takes where the cluster is; its node, while it runs, would write over it. */
export async function takeAddresses(
  needs: JoiningNeeds,
  { context }: InviteToken,
): Promise<void> {
  await rememberPeers({ ...needs, log: silent }, context.bootstraps);
}

/** A name given once is the node's from now on. */
export async function keepName(
  { disk }: Pick<JoiningNeeds, "disk">,
  name: string | undefined,
): Promise<void> {
  if (name === undefined) return;
  const text = setKey(await readConfigText(disk), "name", { value: name });
  await disk.writeAtomic(configPath, utf8(text));
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The keys with which it joins; another cluster's are only read. */
export async function keysToJoinWith(
  needs: JoiningNeeds,
  token: InviteToken,
  plan: NewMember,
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
    readonly plan: NewMember;
    readonly keys: NodeKeys;
    readonly joined: Joined;
  },
): Promise<NodeIdentity> {
  const remember = () =>
    rememberCluster({ ...needs, log: silent }, token, joined);
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
