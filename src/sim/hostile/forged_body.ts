// What a liar puts into batches: entries of any section, and bodies whose
// members are of another type, missing or too many, so that no honest encoder
// would make them. In come values, out come operations and bytes. Nothing here
// signs or sends.

import {
  type Bytes,
  canonicalJson,
  type CborValue,
  encodeCbor,
  idBytes,
  type JsonValue,
} from "../../kernel/mod.ts";
import type { Batch, Operation } from "../../state/mod.ts";

/** One entry that a liar publishes. */
export function entry(
  section: string,
  key: string,
  { value }: { readonly value: JsonValue },
): Operation {
  return { section, key, text: canonicalJson(value) };
}

/** The members of a batch's body, to be encoded otherwise than is right. */
export function bodyMembers(
  batch: Batch,
): Readonly<Record<string, CborValue>> {
  return {
    owner: idBytes(batch.owner),
    generation: batch.generation,
    session: batch.session,
    seq: batch.seq,
    prev: batch.prev,
    base: batch.base,
    rev: batch.rev,
    ops: batch.operations.map(({ section, key, text }) => [
      section,
      key,
      text ?? "",
    ]),
    hlc: [batch.hlc.wallMs, batch.hlc.counter],
  };
}

/** A body with members changed, added or of another type. */
export function bentBody(
  batch: Batch,
  changes: Readonly<Record<string, CborValue>>,
): Bytes {
  return encodeCbor({ ...bodyMembers(batch), ...changes });
}
