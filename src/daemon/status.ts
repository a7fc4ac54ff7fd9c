// What a daemon reports of itself: its node, its listeners and what is wrong,
// in the shapes of the control API. It reads and never changes anything, since
// a status may be asked for at any moment and delays every call under way.

import type { Alarm, Listeners, StatusReport } from "../control/mod.ts";
import type { Node } from "../node/mod.ts";
import type { Ports } from "../ports/mod.ts";
import { version } from "../version.ts";
import { peerStatus } from "./member_reports.ts";
import { seedRows } from "./seed_rows.ts";
import { stateStatus } from "./state_reports.ts";

/** Where the report's parts come from. */
export type StatusSources = {
  readonly needs: Pick<Ports, "clock" | "disk"> & { residentBytes(): number };
  readonly node: Node;
  readonly listeners: Listeners;
  readonly processId: number;
  /** Monotonic, of the daemon's start. */
  readonly startMs: number;
};

export function statusReport(sources: StatusSources): StatusReport {
  const { needs, node, listeners, processId, startMs } = sources;
  const { facts, peer, cluster } = node.identity;
  const { links, unauthenticated, refusals } = node.members.meshReport();
  const nowMs = needs.clock.nowMs();
  return {
    version: 1,
    node: {
      peer,
      name: node.name,
      cluster,
      tier: node.members.standing.tier,
      properties: Object.fromEntries(node.members.standing.properties),
      version,
      processId,
      directory: needs.disk.label,
      upMs: Math.round(nowMs - startMs),
      certificateNotAfterMs: facts.notAfterMs,
      residentBytes: needs.residentBytes(),
    },
    alarms: allAlarms(sources),
    nodes: node.members.peers().map((row) =>
      peerStatus(row, node.members.denialOf(row.peer))
    ),
    mesh: { links, unauthenticated, refusals },
    seeds: seedRows(node),
    state: stateStatus(node),
    threads: node.threadCounts,
    listeners: { mesh: node.meshAddress.port, ...listeners.ports },
  };
}

function allAlarms({ listeners, node }: StatusSources): Alarm[] {
  return [...listeners.alarms, ...node.alarms].map(({ message, hint }) =>
    hint === undefined ? { message } : { message, hint }
  );
}
