// All about one node as lines for people: how it is reached, its chain of
// certificates with their ends, its properties, and who decided what about it.
// The daemon's details come in; foreign texts are printed without control
// characters.

import type {
  CertificateStatus,
  DecisionStatus,
  PeerDetails,
} from "../control/mod.ts";
import { formatDurationMs } from "../kernel/mod.ts";
import { wholeLivenessText, wholeLoadText } from "./liveness_text.ts";
import { stateText } from "./node_rows.ts";
import { latencyText, momentText, pairsText, peerText } from "./render.ts";
import { propertiesText } from "./tiers.ts";

type Line = readonly [name: string, value: string];

export function nodeDetailsText(details: PeerDetails): string {
  return pairsText([
    ...identityLines(details),
    ...linkLines(details),
    ...chainLines(details),
    ...details.decisions.map(decisionLine),
  ]);
}

function identityLines(details: PeerDetails): readonly Line[] {
  const { node, isAdminPending, source, accessDeadlineMs } = details;
  const from = source === undefined ? "" : `, by ${source}`;
  const pending = isAdminPending
    ? "; the root has to make it an admin: pln grant --admin"
    : "";
  return [
    ["node", node.name ?? "unknown"],
    ["peer", node.peer],
    ["tier", `${node.tier ?? "unknown"}${from}${pending}`],
    ["properties", propertiesText(node.properties) || "none"],
    ...moment("member since", details.memberSinceMs),
    ...moment("access ends", accessDeadlineMs),
  ];
}

function linkLines(
  { node, addresses, observed, decisions }: PeerDetails,
): readonly Line[] {
  const { state, reason, connectedMs, rttMs, version, address } = node;
  const since = connectedMs === undefined
    ? ""
    : ` for ${formatDurationMs(connectedMs)}`;
  // Who denied it follows, with the time.
  const isTold = decisions.some(({ verdict }) => verdict === "deny");
  const why = reason === undefined || isTold ? "" : `: ${reason}`;
  return [
    ["state", `${stateText(state)}${since}${why}`],
    ...text("liveness", wholeLivenessText(node)),
    ...text("load", wholeLoadText(node)),
    ["address", address ?? "unknown"],
    ...rttMs === undefined ? [] : [["round trip", latencyText(rttMs)] as const],
    ["addresses", addresses.join(", ") || "none"],
    ...text("sees us at", observed),
    ...text("version", version),
  ];
}

function chainLines({ chain }: PeerDetails): readonly Line[] {
  if (chain.length > 0) return chain.map(certificateLine);
  return [["certificates", "none were seen here"]];
}

function certificateLine(certificate: CertificateStatus): Line {
  const { role, issuer, notAfterMs, notBeforeMs } = certificate;
  const by = role === "root" ? "itself" : short(issuer);
  return [
    role.replace("-", " "),
    `${momentText(notBeforeMs)} to ${momentText(notAfterMs)}, by ${by}`,
  ];
}

/** The ids in it as short as people see them elsewhere. */
function short(subject: string): string {
  return subject.replaceAll(
    /[0-9a-f]{64}/g,
    (id) => peerText(id, { isWide: false }),
  );
}

const verbs = {
  grant: "granted",
  deny: "denied",
  allow: "allowed",
  join: "joined",
} as const;

function decisionLine(decision: DecisionStatus): Line {
  const { verdict, by, atMs, tier, reason } = decision;
  const who = by === "root" ? "the root" : peerText(by, { isWide: false });
  const what = tier === undefined ? "" : `, as ${tier}`;
  const why = reason === undefined ? "" : `: ${reason}`;
  return [verbs[verdict], `${momentText(atMs)} by ${who}${what}${why}`];
}

function moment(name: string, timeMs: number | undefined): readonly Line[] {
  return timeMs === undefined ? [] : [[name, momentText(timeMs)]];
}

function text(name: string, value: string | undefined): readonly Line[] {
  return value === undefined ? [] : [[name, value]];
}
