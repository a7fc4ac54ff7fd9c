// `pln status`: this node, what is wrong with it, the others, and its seeds. The daemon's
// report comes in; tables for people or the report itself as JSON go out.
// Foreign texts are printed without control characters.

import type {
  MeshStatus,
  PeerStatus,
  StatusReport,
} from "../../control/mod.ts";
import { formatDurationMs, InputError } from "../../kernel/mod.ts";
import type { Run } from "../loaders.ts";
import { nodesText } from "../node_rows.ts";
import { showPast } from "../past_status.ts";
import { seedsText } from "../seed_rows.ts";
import { stateFaults, stateText } from "../state_rows.ts";
import {
  momentText,
  pairsText,
  peerText,
  printable,
  sizeText,
} from "../render.ts";
import { propertiesText } from "../tiers.ts";

type Look = { readonly isWide: boolean; readonly isBold: boolean };

export const run: Run<"status"> = async (invocation, { flags, args }) => {
  const [what] = args;
  if (what !== undefined && what !== "nodes" && what !== "seeds") {
    const shown = JSON.stringify(what.slice(0, 40));
    throw new InputError(`"pln status" shows nodes or seeds, not ${shown}`, {
      hint: what === "ago" && flags.at !== undefined
        ? `Leave it out, or quote both: --at "${flags.at} ago"`
        : 'Run "pln status" for all',
    });
  }
  const look = { isWide: flags.wide, isBold: invocation.isBold };
  if (flags.at !== undefined) {
    return await showPast(invocation, flags.at, { what, look });
  }
  const report = await invocation.status();
  const { seeds } = report;
  const nodes = nodesOf(report);
  switch (what) {
    case "nodes":
      return await invocation.answer(
        { version: 1, nodes },
        nodesText(nodes, look),
      );
    case "seeds":
      return await invocation.answer(
        { version: 1, seeds },
        seedsText(seeds, look),
      );
    case undefined:
      return await invocation.answer(
        report,
        alarmsText(report) + nodeText(report, look) + "\n" +
          (nodes.length > 1 ? `${nodesText(nodes, look)}\n` : "") +
          seedsText(seeds, look),
      );
  }
};

/** This node's row has all that its status has; daemons of 0.1 send none. */
function nodesOf({ node, nodes }: StatusReport): readonly PeerStatus[] {
  if (nodes.length === 0) return [{ ...node, state: "self" }];
  return nodes.map((row) => row.state === "self" ? { ...node, ...row } : row);
}

function alarmsText({ alarms }: StatusReport): string {
  return alarms.map(({ message, hint }) =>
    `! ${printable(message)}\n` +
    (hint === undefined ? "" : `  ${printable(hint)}\n`)
  ).join("") + (alarms.length === 0 ? "" : "\n");
}

function nodeText(report: StatusReport, look: Look): string {
  const { node, threads, listeners, state } = report;
  const properties = propertiesText(node.properties);
  const ports = Object.entries(listeners)
    .map(([name, port]) => `${name} ${port}`);
  const wide: readonly (readonly [string, string])[] = [
    ["certificate", `valid to ${momentText(node.certificateNotAfterMs)}`],
    ["state", stateText(state, look)],
    ["position", `generation ${state.generation}, batch ${state.sequence}`],
    ["threads", `${threads.running} running, ${threads.lost} lost`],
    ["mesh", meshText(report.mesh)],
  ];
  return pairsText([
    ["node", `${node.name}  ${node.tier}`],
    ["peer", peerText(node.peer, look)],
    ["cluster", peerText(node.cluster, look)],
    ...properties === "" ? [] : [["properties", properties] as const],
    ["up", `${formatDurationMs(node.upMs)}, process ${node.processId}`],
    ["memory", sizeText(node.residentBytes)],
    ["version", node.version],
    ["directory", node.directory],
    ...ports.length === 0 ? [] : [["listening", ports.join(", ")] as const],
    ...look.isWide ? wide : [],
    ...stateFaults(report),
  ]);
}

function meshText({ links, unauthenticated, refusals }: MeshStatus): string {
  const reasons = Object.entries(refusals)
    .map(([reason, count]) => `${count} ${reason}`);
  const refused = reasons.length === 0
    ? "nobody refused"
    : `refused: ${reasons.join(", ")}`;
  return `${links} ${links === 1 ? "link" : "links"}, ` +
    `${unauthenticated} not authenticated yet, ${refused}`;
}
