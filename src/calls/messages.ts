// Frames of the call protocol (protocols.call), by DataView: there may be a
// hundred thousand a second. Numbers are big-endian. Bodies go out as new bytes;
// foreign ones come in as views on their frame, bounded and with canonical
// names, or as undefined: no peer of ours sends such.

import {
  type Bytes,
  type Digest,
  digestOf,
  type ErrorReport,
  errorReportField,
  idBytes,
  InputError,
  isFunctionName,
  isName,
  limits,
  message,
  optionalField,
  textField,
  utf8,
  utf8Text,
} from "../kernel/mod.ts";
import type { CallTarget } from "../identity/mod.ts";

/** Kinds of frames; append only. */
export const callKinds = {
  /** The first on each stream: which session it belongs to, and as what. */
  open: 1,
  call: 2,
  /** More of a call's input. */
  input: 3,
  /** Calls that may run from now on. */
  acknowledge: 4,
  result: 5,
  /** More of a call's result. */
  part: 6,
  error: 7,
  cancel: 8,
} as const;

/** The streams of a session: small calls never wait behind large ones. */
export const laneNames = ["small", "large"] as const;

/** Which stream of a session. */
export type LaneName = typeof laneNames[number];

/** session u32, lane u8. */
export function encodeOpen(session: number, lane: LaneName): Bytes {
  const body = numbered(session, 1);
  body[4] = laneNames.indexOf(lane);
  return body;
}

/** Undefined when it is malformed. */
export function decodeOpen(
  body: Bytes,
): { readonly session: number; readonly lane: LaneName } | undefined {
  const lane = laneNames[body[4] ?? laneNames.length];
  if (body.length !== 5 || lane === undefined) return undefined;
  return { session: numberOf(body), lane };
}

/** What the origin itself signed, when it is at the other end of the link. */
export type DirectPart = {
  readonly callId: Bytes;
  readonly issuedMs: number;
  readonly signature: Bytes;
};

/** A call; `input` may be its first part. */
export type CallFrame = {
  readonly number: number;
  /** 1 to `callTimeoutMsMax`. */
  readonly timeLeftMs: number;
  readonly inputBytes: number;
  readonly target: CallTarget;
  readonly digest: Digest | undefined;
  /** The signed beginning, or an encoded chain. */
  readonly origin: DirectPart | Bytes;
  readonly input: Bytes;
};

const headBytes = 16;
const directBytes = 86; // callId[16], issued u48, signature[64]
const [hasChain, hasDigest] = [1, 2];

/**
 * number u32, timeLeft u32, inputBytes u32, flags u8, seed u8, function u16;
 * then callId[16] issued u48 signature[64], or chain u16 and the chain; then
 * digest[32] if there is one, seed, function, input.
 */
export function encodeCall(call: CallFrame): Bytes {
  const { origin, digest, target, input } = call;
  const isChain = origin instanceof Uint8Array;
  const seed = utf8(target.seed);
  const name = utf8(target.function);
  const originBytes = isChain ? 2 + origin.length : directBytes;
  const digestBytes = digest === undefined ? 0 : 32;
  const namesAt = headBytes + originBytes + digestBytes;
  const inputAt = namesAt + seed.length + name.length;
  const body = numbered(call.number, inputAt + input.length - 4);
  const view = new DataView(body.buffer);
  view.setUint32(4, call.timeLeftMs);
  view.setUint32(8, call.inputBytes);
  view.setUint8(12, (isChain ? hasChain : 0) | (digest ? hasDigest : 0));
  view.setUint8(13, seed.length);
  view.setUint16(14, name.length);
  if (isChain) {
    view.setUint16(headBytes, origin.length);
    body.set(origin, headBytes + 2);
  } else {
    body.set(origin.callId, headBytes);
    view.setUint16(headBytes + 16, Math.floor(origin.issuedMs / 2 ** 32));
    view.setUint32(headBytes + 18, origin.issuedMs >>> 0);
    body.set(origin.signature, headBytes + 22);
  }
  if (digest !== undefined) body.set(idBytes(digest), namesAt - 32);
  body.set(seed, namesAt);
  body.set(name, namesAt + seed.length);
  body.set(input, inputAt);
  return body;
}

/** Undefined when it is malformed, or a length in it lies. */
export function decodeCall(body: Bytes): CallFrame | undefined {
  if (body.length < headBytes + 2) return undefined;
  const view = viewOf(body);
  const number = view.getUint32(0);
  const timeLeftMs = view.getUint32(4);
  const inputBytes = view.getUint32(8);
  const flags = view.getUint8(12);
  const isChain = (flags & hasChain) !== 0;
  const digestBytes = (flags & hasDigest) === 0 ? 0 : 32;
  const originBytes = isChain ? 2 + view.getUint16(headBytes) : directBytes;
  const namesAt = headBytes + originBytes + digestBytes;
  const functionAt = namesAt + view.getUint8(13);
  const inputAt = functionAt + view.getUint16(14);
  const isPlausible = number > 0 && flags <= (hasChain | hasDigest) &&
    timeLeftMs > 0 && timeLeftMs <= limits.callTimeoutMsMax &&
    originBytes <= 2 + limits.callChainBytesMax &&
    inputBytes <= limits.callInputBytesMax &&
    inputAt <= body.length && body.length - inputAt <= inputBytes;
  if (!isPlausible) return undefined;
  const seed = utf8Text(body.subarray(namesAt, functionAt));
  const name = utf8Text(body.subarray(functionAt, inputAt));
  if (seed === undefined || !isName(seed) || !isFunctionName(name)) {
    return undefined;
  }
  return {
    number,
    timeLeftMs,
    inputBytes,
    target: { seed, function: name },
    digest: digestBytes === 0
      ? undefined
      : digestOf(body.subarray(namesAt - 32, namesAt)),
    origin: isChain
      ? body.subarray(headBytes + 2, headBytes + originBytes)
      : directPart(view, body),
    input: body.subarray(inputAt),
  };
}

function directPart(view: DataView, body: Bytes): DirectPart {
  const at = headBytes;
  return {
    callId: body.subarray(at, at + 16),
    issuedMs: view.getUint16(at + 16) * 2 ** 32 + view.getUint32(at + 18),
    signature: body.subarray(at + 22, at + directBytes),
  };
}

/** A call's number and some bytes: of an input or of a result. */
export type PartFrame = { readonly number: number; readonly bytes: Bytes };

/** number u32, bytes. */
export function encodePart(number: number, bytes: Uint8Array): Bytes {
  const body = numbered(number, bytes.length);
  body.set(bytes, 4);
  return body;
}

/** Undefined when it is malformed; an empty part is. */
export function decodePart(body: Bytes): PartFrame | undefined {
  if (body.length < 5) return undefined;
  return { number: numberOf(body), bytes: body.subarray(4) };
}

/** `bytes` may be its first part. */
export type ResultFrame = PartFrame & { readonly resultBytes: number };

/** number u32, resultBytes u32, bytes. */
export function encodeResult(result: ResultFrame): Bytes {
  const body = numbered(result.number, 4 + result.bytes.length);
  new DataView(body.buffer).setUint32(4, result.resultBytes);
  body.set(result.bytes, 8);
  return body;
}

/** Undefined when it is malformed, too long, or its length lies. */
export function decodeResult(body: Bytes): ResultFrame | undefined {
  if (body.length < 8) return undefined;
  const resultBytes = viewOf(body).getUint32(4);
  const isPlausible = resultBytes <= limits.callOutputBytesMax &&
    body.length - 8 <= resultBytes;
  if (!isPlausible) return undefined;
  return { number: numberOf(body), resultBytes, bytes: body.subarray(8) };
}

/** One number u32 after the other; at least one. */
export function encodeNumbers(numbers: readonly number[]): Bytes {
  const body = new Uint8Array(4 * numbers.length);
  const view = new DataView(body.buffer);
  numbers.forEach((number, index) => view.setUint32(4 * index, number));
  return body;
}

/** Undefined when it is malformed, or has more numbers than calls may be. */
export function decodeNumbers(body: Bytes): readonly number[] | undefined {
  const count = body.length / 4;
  const isPlausible = Number.isInteger(count) && count > 0 &&
    count <= limits.wireCallsPerLinkMax;
  if (!isPlausible) return undefined;
  const view = viewOf(body);
  return Array.from({ length: count }, (_, at) => view.getUint32(4 * at));
}

// The report's own texts would be cut and made one line; a seed's may be longer.
const sentence = textField({ charactersMax: limits.callErrorCharactersMax });
const errorMessage = message("call error", callKinds.error, {
  report: errorReportField,
  text: sentence,
  hint: optionalField(sentence),
});
const errorBytesMax = 8 * limits.callErrorCharactersMax;

/** number u32, then the report. */
export function encodeError(number: number, report: ErrorReport): Bytes {
  const { code, kind, outcome, message, hint } = report;
  const body = errorMessage.encode({
    report: { code, kind, outcome, message: "" },
    text: cut(message),
    hint: hint === undefined ? undefined : cut(hint),
  });
  return encodePart(number, body);
}

/** Undefined when it is malformed. */
export function decodeError(
  body: Bytes,
): { readonly number: number; readonly report: ErrorReport } | undefined {
  const part = decodePart(body);
  if (part === undefined) return undefined;
  try {
    const bytesMax = errorBytesMax;
    const parts = errorMessage.decode(part.bytes, { bytesMax });
    const { report, text, hint } = parts;
    const more = hint === undefined ? {} : { hint };
    const { number } = part;
    return { number, report: { ...report, message: text, ...more } };
  } catch (cause) {
    if (cause instanceof InputError) return undefined;
    throw cause;
  }
}

function cut(text: string): string {
  const most = limits.callErrorCharactersMax;
  return text.slice(0, most).toWellFormed();
}

function numbered(number: number, moreBytes: number): Bytes {
  const body = new Uint8Array(4 + moreBytes);
  new DataView(body.buffer).setUint32(0, number);
  return body;
}

function viewOf(body: Bytes): DataView {
  return new DataView(body.buffer, body.byteOffset, body.byteLength);
}

function numberOf(body: Bytes): number {
  return viewOf(body).getUint32(0);
}
