// What is signed, in front of which stands what it is signed for. A context, a
// cluster and a body go in, the bytes that a key signs come out: nothing that
// was signed for one use or cluster serves another (DESIGN.md section 4). No
// context may be the start of another, which the zero byte sees to, and none
// may start as DER does: identity keys also sign TLS certificates.

import {
  type Bytes,
  type ClusterId,
  concatBytes,
  idBytes,
  utf8,
} from "../kernel/mod.ts";

/** What a signature is for; append only. */
export type SignedContext =
  | "pln/batch/1"
  | "pln/eph/1"
  | "pln/invite/1"
  | "pln/join/1"
  | "pln/call/1"
  | "pln/hop/1"
  | "pln/root/1"
  | "pln/admin/1";

/** The bytes that are signed: context, zero byte, cluster id, body. */
export function signedInput(
  context: SignedContext,
  cluster: ClusterId,
  body: Uint8Array,
): Bytes {
  return concatBytes(utf8(`${context}\0`), idBytes(cluster), body);
}
