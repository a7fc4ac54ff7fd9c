// How a node is, as people read it: whether it is alive and for how long, how
// busy it is and what memory it has left. The daemon's figures come in; a
// figure that nobody told is a dash.

import type { PeerStatus } from "../control/mod.ts";
import { formatDurationMs } from "../kernel/mod.ts";
import { sizeText } from "./render.ts";

/** "alive 2h 3m". */
export function livenessText({ liveness, livenessMs }: PeerStatus): string {
  if (liveness === undefined) return "-";
  if (livenessMs === undefined) return liveness;
  return `${liveness} ${formatDurationMs(livenessMs)}`;
}

/** "13 %" of all its cores. */
export function loadText({ load }: PeerStatus): string {
  if (load === undefined) return "-";
  const percent = Math.round(load.permille / (10 * Math.max(1, load.cores)));
  return `${percent} %`;
}

/** "1.9 GiB free". */
export function memoryText({ load }: PeerStatus): string {
  if (load === undefined || load.totalBytes === 0) return "-";
  return `${sizeText(load.freeBytes)} free`;
}

/** Both in one, with what they are of; undefined: nobody told. */
export function wholeLoadText(node: PeerStatus): string | undefined {
  const { load } = node;
  if (load === undefined) return undefined;
  const { cores, totalBytes, callsUnderWay } = load;
  const memory = totalBytes === 0
    ? ""
    : `, ${memoryText(node)} of ${sizeText(totalBytes)}`;
  const calls = callsUnderWay === 1 ? "1 call" : `${callsUnderWay} calls`;
  return `${loadText(node)} of ${cores} ${cores === 1 ? "core" : "cores"}` +
    `${memory}, ${calls} under way`;
}

/** "alive for 2h 3m, heard 1s ago"; undefined: nobody looks. */
export function wholeLivenessText(node: PeerStatus): string | undefined {
  const { liveness, livenessMs, silentMs } = node;
  if (liveness === undefined) return undefined;
  const since = livenessMs === undefined
    ? ""
    : ` for ${formatDurationMs(livenessMs)}`;
  const heard = silentMs === undefined
    ? "not heard of since this node started"
    : `heard ${formatDurationMs(silentMs)} ago`;
  return `${liveness}${since}, ${heard}`;
}
