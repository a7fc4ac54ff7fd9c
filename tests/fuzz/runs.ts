// How often a fuzz test runs: its usual number in CI, more with PLN_FUZZ_RUNS,
// as `deno task fuzz` sets it. Seeds stay fixed, so that a failure comes again.

/** @param usual Runs in CI, a few seconds' worth. */
export function fuzzRuns(usual: number): number {
  const wanted = Number(Deno.env.get("PLN_FUZZ_RUNS") ?? "0");
  return Math.max(usual, wanted);
}
