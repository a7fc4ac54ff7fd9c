// The members of the cluster in the shapes of the control API, and the handlers
// that answer questions about them. In comes what a node knows, in its own
// terms; out go texts and numbers. Nothing is decided here.

import type {
  CertificateStatus,
  Decision as DecisionAnswer,
  DecisionStatus,
  MemberHandlers,
  PeerDetails,
  PeerStatus,
} from "../control/mod.ts";
import { addressText, parsePeerId, peerIdOf } from "../kernel/mod.ts";
import type {
  Certificate,
  Decision,
  Denial,
  Node,
  NodeInspection,
  NodeRow,
} from "../node/mod.ts";

/** One row of the status. @param denial Of that node. */
export function peerStatus(
  row: NodeRow,
  denial: Denial | undefined,
): PeerStatus {
  const { peer, name, tier, state, address, rttMs, connectedMs } = row;
  return {
    peer,
    name,
    tier,
    properties: Object.fromEntries(row.properties),
    state,
    address: address && addressText(address),
    rttMs: rttMs && Math.round(rttMs * 1_000) / 1_000,
    connectedMs: connectedMs && Math.round(connectedMs),
    version: row.version,
    reason: denial === undefined ? row.lastError?.message : denialText(denial),
    ...denial === undefined ? livenessStatus(row) : {},
  };
}

function livenessStatus({ liveness, load }: NodeRow): Partial<PeerStatus> {
  return {
    liveness: liveness?.state,
    livenessMs: liveness && Math.round(liveness.forMs),
    silentMs: liveness?.silentMs && Math.round(liveness.silentMs),
    load,
  };
}

function denialText({ by, reason, because }: Denial): string {
  if (because === "void-redemption") {
    return "its invite was used up, or of an admin who is denied";
  }
  const who = by === "root" ? "the root" : by.slice(0, 12);
  return `by ${who}${reason === undefined ? "" : `: ${reason}`}`;
}

/** The handlers of the control API. */
export function memberHandlers(
  node: Node,
  options: { readonly onLeft: () => void },
): MemberHandlers {
  const { members } = node;
  const answer = (decision: Decision) => decisionAnswer(node, decision);
  return {
    inspectPeer: (peer) => peerDetails(members.inspect(peer)),
    async ping(peer, signal) {
      const { address, ...result } = await members.ping(peer, signal);
      return { ...result, address: addressText(address) };
    },
    invite({ subject, properties, ...request }) {
      return members.invite({
        ...request,
        ...(subject === undefined ? {} : { subject: parsePeerId(subject) }),
        properties: new Map(Object.entries(properties ?? {})),
      });
    },
    invites: () => members.invites(),
    revokeInvite: (id) => members.revokeInvite(id),
    grant: async (peer, { properties, ...change }) =>
      answer(
        await members.grant(peer, {
          ...change,
          ...(properties && {
            properties: new Map(Object.entries(properties)),
          }),
        }),
      ),
    deny: async (peer, request) => answer(await members.deny(peer, request)),
    allow: async (peer) => answer(await members.allow(peer)),
    applyStatement: async (text) => answer(await members.applyStatement(text)),
    async leave() {
      await members.leave();
      options.onLeft();
    },
  };
}

function decisionAnswer(node: Node, decision: Decision): DecisionAnswer {
  if (decision.type === "needs-root") return decision;
  const { properties, ...rest } = decision;
  return {
    ...rest,
    name: node.members.nameOf(decision.peer),
    ...(properties && { properties: Object.fromEntries(properties) }),
  };
}

function peerDetails(inspection: NodeInspection): PeerDetails {
  const { row, facts, standing, isAdminPending } = inspection;
  const tier = standing?.tier ?? row.tier;
  const properties = standing?.properties ?? row.properties;
  return {
    version: 1,
    type: "node",
    node: peerStatus({ ...row, tier, properties }, inspection.denial),
    addresses: row.addresses.map(addressText),
    chain: chainOf(inspection),
    issue: facts?.issue,
    memberSinceMs: facts?.memberSinceMs,
    accessDeadlineMs: (standing ?? inspection.grant ?? facts)?.accessDeadlineMs,
    source: standing?.source,
    isAdminPending,
    decisions: decisionsOf(inspection),
    observed: row.observed && addressText(row.observed),
  };
}

function chainOf(
  { credential, root }: NodeInspection,
): readonly CertificateStatus[] {
  if (credential === undefined) return [];
  const { member, authority, ownAuthority } = credential;
  const issuer = authorityText(authority);
  const rootText = `root of cluster ${root.cluster}`;
  const chain = [
    status("member", member, {
      subject: peerIdOf(member.publicKey),
      issuer,
    }),
    status("authority", authority, { subject: issuer, issuer: rootText }),
  ];
  if (ownAuthority !== undefined) {
    const subject = authorityText(ownAuthority);
    chain.push(
      status("own-authority", ownAuthority, { subject, issuer: rootText }),
    );
  }
  const self = { subject: rootText, issuer: rootText };
  return [...chain, status("root", root.certificate, self)];
}

function authorityText({ claims }: Certificate): string {
  const admin = claims?.type === "authority" ? claims.admin : "nobody";
  return `authority of ${admin}`;
}

function status(
  role: CertificateStatus["role"],
  { serial, notBeforeMs, notAfterMs }: Certificate,
  names: Pick<CertificateStatus, "subject" | "issuer">,
): CertificateStatus {
  return { role, ...names, serial, notBeforeMs, notAfterMs };
}

function decisionsOf(
  { grant, denial, redemptions }: NodeInspection,
): readonly DecisionStatus[] {
  const joins = redemptions.map(({ redeemer, atMs, invite, state }) => ({
    verdict: "join" as const,
    by: redeemer,
    atMs,
    number: 0,
    tier: grant?.redemption === invite ? grant.tier : undefined,
    reason: state === "void" ? "its invite was used up" : undefined,
  }));
  const grants = grant === undefined || grant.redemption !== undefined ? [] : [{
    verdict: "grant" as const,
    by: grant.by,
    atMs: grant.atMs,
    number: grant.number,
    tier: grant.tier,
  }];
  const isDenied = denial?.because === "denied";
  const denials = !isDenied ? [] : [{
    verdict: "deny" as const,
    by: denial.by,
    atMs: denial.atMs,
    number: denial.number,
    reason: denial.reason,
  }];
  return [...joins, ...grants, ...denials]
    .sort((left, right) => left.atMs - right.atMs);
}
