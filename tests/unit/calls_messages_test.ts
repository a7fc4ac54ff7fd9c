// Frames of the call protocol: as tests/fixtures/wire/calls.json has them for
// ever, and what no decoder takes. Bytes of strangers come in.

import assert from "node:assert/strict";
import {
  type CallFrame,
  callKinds,
  decodeCall,
  decodeError,
  decodeNumbers,
  decodeOpen,
  decodePart,
  decodeResult,
  encodeCall,
  encodeError,
  encodeNumbers,
  encodeOpen,
  encodePart,
  encodeResult,
} from "../../src/calls/messages.ts";
import {
  type Bytes,
  concatBytes,
  type Digest,
  digestOf,
  type ErrorReport,
  limits,
  toHex,
  utf8,
} from "../../src/kernel/mod.ts";
import golden from "../fixtures/wire/calls.json" with { type: "json" };

const bytes = (length: number, from = 0): Bytes =>
  Uint8Array.from({ length }, (_, at) => (from + at) & 255);

const digest: Digest = digestOf(bytes(32, 100));

const direct: CallFrame = {
  number: 7,
  timeLeftMs: 30_000,
  inputBytes: 5,
  target: { seed: "hello", function: "gr\u00fcn" },
  digest: undefined,
  origin: {
    callId: bytes(16),
    issuedMs: 1_772_366_400_000,
    signature: bytes(64, 32),
  },
  input: utf8("input"),
};

const nested: CallFrame = {
  ...direct,
  digest,
  inputBytes: 1_000_000,
  origin: bytes(10),
  input: bytes(0),
};

const report: ErrorReport = {
  code: "PLN_SEED_TRAP",
  kind: "input",
  outcome: "error",
  message: "It trapped\nat 0x10",
  hint: "Mend it",
};

const frames: Readonly<Record<keyof typeof golden, Bytes>> = {
  openSmall: encodeOpen(3, "small"),
  openLarge: encodeOpen(3, "large"),
  callDirect: encodeCall(direct),
  callNested: encodeCall(nested),
  input: encodePart(7, bytes(3)),
  acknowledge: encodeNumbers([7, 8]),
  result: encodeResult({ number: 7, resultBytes: 10, bytes: bytes(3) }),
  error: encodeError(7, report),
  cancel: encodeNumbers([7]),
};

Deno.test("frames of calls are as they were released", () => {
  assert.deepEqual(callKinds, {
    open: 1,
    call: 2,
    input: 3,
    acknowledge: 4,
    result: 5,
    part: 6,
    error: 7,
    cancel: 8,
  });
  for (const [name, body] of Object.entries(frames)) {
    assert.equal(toHex(body), golden[name as keyof typeof golden], name);
  }
});

Deno.test("frames of calls are read as they were written", () => {
  assert.deepEqual(decodeOpen(frames.openSmall), { session: 3, lane: "small" });
  assert.deepEqual(decodeOpen(frames.openLarge), { session: 3, lane: "large" });
  assert.deepEqual(decodeCall(frames.callDirect), direct);
  assert.deepEqual(decodeCall(frames.callNested), nested);
  assert.deepEqual(decodePart(frames.input), { number: 7, bytes: bytes(3) });
  assert.deepEqual(decodeNumbers(frames.acknowledge), [7, 8]);
  const result = { number: 7, resultBytes: 10, bytes: bytes(3) };
  assert.deepEqual(decodeResult(frames.result), result);
  assert.deepEqual(decodeError(frames.error), { number: 7, report });
});

Deno.test("a frame that is a view on a larger buffer reads the same", () => {
  const padded = concatBytes(bytes(9), frames.callDirect, bytes(9));
  const view = padded.subarray(9, 9 + frames.callDirect.length);
  assert.deepEqual(decodeCall(view), direct);
});

/** The frame with some bytes in it changed. */
function changed(body: Bytes, at: number, ...values: number[]): Bytes {
  const copy = body.slice();
  copy.set(values, at);
  return copy;
}

Deno.test("R06: a call whose lengths lie is refused before allocation", () => {
  const call = frames.callDirect;
  const huge = [0xff, 0xff, 0xff, 0xff];
  const cases: Readonly<Record<string, Bytes>> = {
    "no number": changed(call, 0, 0, 0, 0, 0),
    "no time": changed(call, 4, 0, 0, 0, 0),
    "over an hour": changed(call, 4, ...huge),
    "input of 4 GiB": changed(call, 8, ...huge),
    "input of 4 MiB and 1": changed(call, 8, 0, 0x40, 0, 1),
    "less input than is there": changed(call, 8, 0, 0, 0, 4),
    "unknown flags": changed(call, 12, 4),
    "a digest that is not there": changed(call, 12, 2),
    "a chain that is not there": changed(call, 12, 1),
    "no seed": changed(call, 13, 0),
    "a seed longer than the frame": changed(call, 13, 255),
    "no function": changed(call, 14, 0, 0),
    "a function longer than the frame": changed(call, 14, 255, 255),
    "a seed in upper case": changed(call, 102, 0x48),
    "a seed that is no UTF-8": changed(call, 102, 0xff),
    "a function with a slash": changed(call, 107, 0x2f),
    "a function with a line break": changed(call, 107, 0x0a),
    "a chain over its limit": changed(frames.callNested, 16, 255, 255),
  };
  for (const [name, body] of Object.entries(cases)) {
    assert.equal(decodeCall(body), undefined, name);
  }
  const inputAt = call.length - direct.input.length;
  for (let length = 0; length < inputAt; length++) {
    assert.equal(decodeCall(call.subarray(0, length)), undefined, `${length}`);
  }
});

Deno.test("other frames of calls that are malformed are refused", () => {
  const { openSmall, result, input, acknowledge, error } = frames;
  assert.equal(decodeOpen(changed(openSmall, 4, 2)), undefined);
  assert.equal(decodeOpen(openSmall.subarray(0, 4)), undefined);
  assert.equal(decodeOpen(concatBytes(openSmall, bytes(1))), undefined);
  const over = limits.callOutputBytesMax + 1;
  const large = { number: 7, resultBytes: over, bytes: bytes(3) };
  assert.equal(decodeResult(encodeResult(large)), undefined);
  const lying = { number: 7, resultBytes: 2, bytes: bytes(3) };
  assert.equal(decodeResult(encodeResult(lying)), undefined);
  assert.equal(decodeResult(result.subarray(0, 7)), undefined);
  assert.equal(decodePart(input.subarray(0, 4)), undefined, "an empty part");
  assert.equal(decodeNumbers(acknowledge.subarray(0, 7)), undefined);
  assert.equal(decodeNumbers(bytes(0)), undefined);
  const many = new Array<number>(limits.wireCallsPerLinkMax + 1).fill(1);
  assert.equal(decodeNumbers(encodeNumbers(many)), undefined);
  assert.equal(decodeError(error.subarray(0, error.length - 1)), undefined);
  assert.equal(decodeError(concatBytes(error, bytes(1))), undefined);
});

Deno.test("an error of a newer version is an error still", () => {
  const strange = { ...report, code: "PLN_NEW_1", kind: "new", outcome: "new" };
  const read = decodeError(encodeError(1, strange as unknown as ErrorReport));
  const { code, kind, outcome } = read?.report ?? {};
  assert.deepEqual([code, kind, outcome], ["PLN_NEW_1", "peer", "error"]);
  const broken = { ...report, code: "OTHER" } as unknown as ErrorReport;
  assert.equal(decodeError(encodeError(1, broken)), undefined);
});

Deno.test("an error's texts are cut, and well formed", () => {
  const most = limits.callErrorCharactersMax;
  const message = `${"x".repeat(most - 1)}\u{1f33c}`;
  const read = decodeError(encodeError(1, { ...report, message }));
  assert.equal(read?.report.message.length, most);
  assert.ok(read.report.message.isWellFormed());
});
