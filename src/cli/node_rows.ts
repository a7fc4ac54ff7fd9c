// The nodes of a status as a table: who they are, how this node reaches them
// and since when. Rows come in as the daemon reports them; what peers say of
// themselves is printed without control characters.

import type { PeerLinkState, PeerStatus } from "../control/mod.ts";
import { formatDurationMs } from "../kernel/mod.ts";
import { livenessText, loadText, memoryText } from "./liveness_text.ts";
import {
  type Column,
  latencyText,
  peerText,
  printable,
  tableText,
} from "./render.ts";
import { propertiesText } from "./tiers.ts";

type Look = { readonly isWide: boolean; readonly isBold: boolean };

export function nodesText(nodes: readonly PeerStatus[], look: Look): string {
  const columns: Column[] = [
    { title: "NODE" },
    { title: "PEER" },
    { title: "TIER" },
    { title: "STATE" },
    { title: "LIVENESS" },
    { title: "ADDRESS" },
    { title: "RTT", align: "right" },
    { title: "SINCE", align: "right" },
    { title: "LOAD", align: "right" },
    { title: "MEMORY", align: "right" },
    ...look.isWide
      ? [{ title: "VERSION" }, { title: "PROPERTIES" }, { title: "REASON" }]
      : [],
  ];
  return tableText(columns, nodes.map((node) => nodeRow(node, look)), look);
}

/** The state as people read it. */
export function stateText(state: PeerLinkState): string {
  return state === "self" ? "this node" : state;
}

function nodeRow(node: PeerStatus, look: Look): readonly string[] {
  const { name = "-", peer, tier, state, address, rttMs, connectedMs } = node;
  const { version = "-", reason = "-", properties } = node;
  return [
    name,
    peerText(peer, look),
    tier ?? "-",
    stateText(state),
    livenessText(node),
    address ?? "-",
    latencyText(rttMs),
    connectedMs === undefined ? "-" : formatDurationMs(connectedMs),
    loadText(node),
    memoryText(node),
    ...look.isWide ? [version, propertiesText(properties) || "-", reason] : [],
  ];
}

/** The name a node goes by, and the start of its id. */
export function nodeText(
  { peer, name }: { readonly peer: string; readonly name?: string | undefined },
): string {
  const id = peer.slice(0, 12);
  return name === undefined ? id : `${printable(name)} (${id})`;
}
