// What fits into one record. A node's whole situation goes in; out goes as much
// of it as records of its period may be long, the busiest seeds and the nearest
// peers first. In a large cluster each node says less and more rarely, so that
// what everybody hears of all others stays bounded. No I/O.

import { encodeCbor, limits } from "../kernel/mod.ts";
import type { RecordBody, RecordRtt, SeedLoad } from "./record.ts";

/** Signature, ids, times and load, at their longest. */
const fixedBytesMax = 192;

/** The longest record of a node that speaks every `periodMs`. */
export function recordBytesAt(periodMs: number): number {
  const share = limits.recordPeriodMsMin / periodMs;
  const bytes = Math.floor(limits.recordBytesMax * share);
  return Math.min(
    limits.recordBytesMax,
    Math.max(limits.recordBytesMaxMin, bytes),
  );
}

/** Drops what does not fit; the rest is in a fixed order. */
export function fittingBody(body: RecordBody): RecordBody {
  let leftBytes = recordBytesAt(body.periodMs) - fixedBytesMax;
  const fits = (row: Parameters<typeof encodeCbor>[0]): boolean => {
    const { length } = encodeCbor(row);
    if (length > leftBytes) return false;
    leftBytes -= length;
    return true;
  };
  const nearest = body.rtts.toSorted(byDistance)
    .slice(0, limits.recordRttsMax);
  // A quarter of them is worth more than one seed more.
  const [first, others] = [nearest.slice(0, 4), nearest.slice(4)];
  const rttFits = ({ prefix, ms }: RecordRtt) => fits([prefix, ms]);
  const kept = first.filter(rttFits);
  const seeds = body.seeds.toSorted(byWork).slice(0, limits.recordSeedsMax)
    .filter(({ name, calls, saturationPermille }) =>
      fits([name, calls, saturationPermille])
    );
  const rtts = [...kept, ...others.filter(rttFits)];
  return { ...body, seeds, rtts };
}

function byDistance(one: RecordRtt, other: RecordRtt): number {
  return one.ms - other.ms || compareBytes(one.prefix, other.prefix);
}

function byWork(one: SeedLoad, other: SeedLoad): number {
  return other.saturationPermille - one.saturationPermille ||
    other.calls - one.calls || (one.name < other.name ? -1 : 1);
}

function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  return at < 0 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
}
