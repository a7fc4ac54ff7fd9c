// Bytes that are given away. Large ones are detached from their giver at once
// and moved to a thread without a copy; small ones are copied when their batch
// leaves. Whoever gave bytes away must not look at them again.

import { assert, type Bytes } from "../kernel/mod.ts";
import { transferBytesMin } from "../threads/mod.ts";

/** `bytes` as the sole owner of their buffer, if they are many. */
export function takeOver(bytes: Bytes): Bytes {
  const { buffer, length } = bytes;
  assert(!buffer.detached, "bytes are given away once");
  // A view on a part would take the whole buffer along.
  if (length !== buffer.byteLength) return bytes.slice();
  if (length < transferBytesMin) return bytes;
  return new Uint8Array(buffer.transfer());
}
