// Randomness as a port: cryptographic in production, forked from one seed
// number in the simulator. A fork is independent of its parent and of other
// forks, so that one part drawing more does not change what another draws.

/** Fit for secrets in production; repeatable in the simulator. */
export interface Random {
  /** `length` random bytes, 0 to 65536. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** An integer from 0 to `below` - 1; `below` from 1 to 2^32. */
  integer(below: number): number;
  /** Names may repeat: each fork draws numbers of its own. */
  fork(name: string): Random;
}
