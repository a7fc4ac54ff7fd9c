// The version of this program, compiled in so that it can be printed without
// reading a file. A test holds it equal to deno.json's. It must stay free of
// imports: `pln version` answers in 40 ms.

/** Semantic version 2.0.0, without a leading "v". */
export const version = "0.1.0";

/**
 * Milliseconds since 1970: no machine that runs this version has an earlier
 * clock, unless its clock is wrong. A floor, not the second of the build.
 */
export const buildTimeMs = 1_767_225_600_000; // 2026-01-01
