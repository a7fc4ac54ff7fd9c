// The machine as a port: how busy it is and how much memory it has left. Nodes
// tell each other, so that work goes where there is room. Figures only, taken
// at the moment of the question; asking never fails and never waits.

/** How much there is to do, over the last minute. */
export type HostLoad = {
  /** 1000 for each core that was never idle; 0 where it is not known. */
  readonly permille: number;
  /** At least 1. */
  readonly cores: number;
};

/** Of the machine, not of this process; whole bytes, 0 where not known. */
export type HostMemory = {
  /** What programs could still get; at most `totalBytes`. */
  readonly freeBytes: number;
  readonly totalBytes: number;
};

/** Cheap: fit to be asked every second. */
export interface Host {
  /** Of all cores together. */
  load(): HostLoad;
  /** Of this moment. */
  memory(): HostMemory;
}
