// What Pollen's own functions answer on both hosts of the oracle.

import { type Bytes, utf8 } from "../../src/kernel/mod.ts";

export const callerText = '{"peerKey":"abcd","attributes":{"role":"test"}}';

/** A request echoes its address and its input; undefined: it failed. */
export function answerOf(uri: string, input: Bytes): Bytes | undefined {
  if (uri.endsWith("/nobody/f")) return undefined;
  if (uri.endsWith("/empty/f")) return new Uint8Array(0);
  return Uint8Array.from([...utf8(`${uri} `), ...input]);
}
