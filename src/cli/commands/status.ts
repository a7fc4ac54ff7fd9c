// `pln status`: this node, what is wrong with it, the others, and its seeds. The daemon's
// report comes in; tables for people or the report itself as JSON go out.
// Foreign texts are printed without control characters.

import type {
  MeshStatus,
  PeerStatus,
  SeedStatus,
  StatusReport,
} from "../../control/mod.ts";
import { formatDurationMs, InputError } from "../../kernel/mod.ts";
import type { Run } from "../loaders.ts";
import { nodesText } from "../node_rows.ts";
import {
  type Column,
  digestText,
  latencyText,
  momentText,
  pairsText,
  peerText,
  printable,
  sizeText,
  tableText,
} from "../render.ts";
import { propertiesText } from "../tiers.ts";

type Look = { readonly isWide: boolean; readonly isBold: boolean };

export const run: Run<"status"> = async (invocation, { flags, args }) => {
  const [what] = args;
  if (what !== undefined && what !== "nodes" && what !== "seeds") {
    const shown = JSON.stringify(what.slice(0, 40));
    throw new InputError(`"pln status" shows nodes or seeds, not ${shown}`, {
      hint: 'Run "pln status" for all',
    });
  }
  const report = await invocation.ask((client) => client.status());
  const { seeds } = report;
  const nodes = nodesOf(report);
  const look = { isWide: flags.wide, isBold: invocation.isBold };
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
    ["state", `${state.entries} entries, ${sizeText(state.journalBytes)}`],
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

function seedsText(seeds: readonly SeedStatus[], look: Look): string {
  if (seeds.length === 0) {
    return 'No seeds yet: publish one with "pln seed ./hello.wasm"\n';
  }
  const columns: Column[] = [
    { title: "SEED" },
    { title: "STATE" },
    { title: "CALLS", align: "right" },
    { title: "ERRORS", align: "right" },
    { title: "P50", align: "right" },
    { title: "P99", align: "right" },
    { title: "SIZE", align: "right" },
    { title: "DIGEST" },
    ...look.isWide
      ? [
        { title: "RUNNING", align: "right" as const },
        { title: "TIMEOUT", align: "right" as const },
        { title: "PUBLISHED" },
        { title: "OWNER" },
      ]
      : [],
  ];
  const refusals = seeds.flatMap(({ name, reason }) =>
    reason === undefined ? [] : [`${name}: ${printable(reason)}\n`]
  );
  const rows = seeds.map((seed) => seedRow(seed, look));
  return tableText(columns, rows, look) + refusals.join("");
}

function seedRow(seed: SeedStatus, look: Look): readonly string[] {
  return [
    seed.name,
    seed.state,
    `${seed.calls}`,
    `${seed.errors}`,
    latencyText(seed.p50Ms),
    latencyText(seed.p99Ms),
    sizeText(seed.sizeBytes),
    digestText(seed.digest, look),
    ...look.isWide
      ? [
        `${seed.running}`,
        formatDurationMs(seed.timeoutMs),
        momentText(seed.publishedMs),
        seed.owner,
      ]
      : [],
  ];
}
