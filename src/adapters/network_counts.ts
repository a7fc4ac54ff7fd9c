// How many endpoints, listeners, sessions and dials this process has open. Test
// sanitizers do not see a QUIC endpoint that was left open: tests ask here, and
// expect zeros when everything was disposed.

/** Of the whole process. */
export type NetworkCounts = {
  readonly endpoints: number;
  /** Rotated ones live on with their endpoint. */
  readonly listeners: number;
  readonly sessions: number;
  /** Also those whose callers have given up. */
  readonly dials: number;
};

type Countable = keyof NetworkCounts;

const counts: Record<Countable, number> = {
  endpoints: 0,
  listeners: 0,
  sessions: 0,
  dials: 0,
};

/** As of now. */
export function openNetworkCounts(): NetworkCounts {
  return { ...counts };
}

/** Counts one more, until the result is called; again it does nothing. */
export function countOpen(what: Countable): () => void {
  counts[what]++;
  let isOpen = true;
  return () => {
    if (isOpen) counts[what]--;
    isOpen = false;
  };
}
