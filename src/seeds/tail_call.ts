// The tail call marker: an output that is not the answer but names who gives
// it, {"kind":"tail_call","uri":"pln://seed/...","input":"<base64>"}. Any other
// output, JSON or not, is the answer itself.

import {
  type Bytes,
  emptyBytes,
  fromBase64,
  limits,
  type Shape,
  shape as s,
  utf8Text,
} from "../kernel/mod.ts";
import { SeedError } from "../threads/mod.ts";

export type TailCall = { readonly uri: string; readonly input: Bytes };

type Marker = {
  readonly kind: "tail_call";
  readonly uri: string;
  readonly input?: string | undefined;
};

const markerShape: Shape<Marker> = s.object({
  kind: s.literal("tail_call"),
  uri: s.string(),
  input: s.optional(s.string()),
});

const [openingBrace, closingBrace] = [0x7b, 0x7d];
// Base64 takes 4 characters for 3 bytes; the rest of the marker is short.
const markerBytesMax = limits.callInputBytesMax * 4 / 3 +
  limits.uriCharactersMax + 1024;

/**
 * The tail call that `output` asks for; undefined when it is an answer.
 *
 * @throws {SeedError} "output": a marker whose input is not base64.
 */
export function tailCallOf(output: Bytes): TailCall | undefined {
  if (output[0] !== openingBrace || output.at(-1) !== closingBrace) {
    return undefined;
  }
  if (output.length > markerBytesMax) return undefined;
  const text = utf8Text(output);
  if (text === undefined || !text.includes('"tail_call"')) return undefined;
  const marker = s.checkShape(markerShape, parsed(text));
  if (!("value" in marker)) return undefined;
  const { uri, input } = marker.value;
  if (input === undefined) return { uri, input: emptyBytes };
  const bytes = fromBase64(input);
  if (bytes === undefined) {
    throw new SeedError("output", "A tail call's input is not base64");
  }
  return { uri, input: bytes };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}
