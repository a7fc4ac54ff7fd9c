// A call chain as bytes: deterministic CBOR with the origin's credential inside.
// Chains of this node go out; foreign bytes come in bounded, with names in
// their canonical form, and are not believed yet: see call_chain.ts.

import {
  booleanField,
  type Bytes,
  bytesField,
  type Digest,
  digestOf,
  type Field,
  fixedBytesField,
  idBytes,
  InputError,
  integerField,
  isFunctionName,
  isName,
  LimitError,
  limits,
  listField,
  message,
  optionalField,
  peerField,
  peerIdOf,
  rowField,
} from "../kernel/mod.ts";
import type { CallChain, CallTarget } from "./call_chain.ts";
import { encodeCredential, parseCredential } from "./credential.ts";

/** The target of a text `seed/function`; undefined when it is none. */
export function parseCallTarget(text: string): CallTarget | undefined {
  const [seed = "", name, ...more] = text.split("/");
  const isTarget = isName(seed) && isFunctionName(name) && more.length === 0;
  return isTarget ? { seed, function: name } : undefined;
}

/** `seed/function`: neither holds a slash. */
export function formatCallTarget(target: CallTarget): string {
  return `${target.seed}/${target.function}`;
}

const targetField: Field<CallTarget> = {
  encode: formatCallTarget,
  decode: (value) =>
    typeof value === "string" ? parseCallTarget(value) : undefined,
};

const stationField: Field<string> = {
  encode: (value) => value,
  decode: (value) =>
    typeof value === "string" && parseCallTarget(value) !== undefined
      ? value
      : undefined,
};

const digestField: Field<Digest> = {
  encode: idBytes,
  decode: (value) =>
    value instanceof Uint8Array && value.length === 32
      ? digestOf(value)
      : undefined,
};

const chainMessage = message("call chain", 1, {
  callId: fixedBytesField(16),
  credential: bytesField({ bytesMax: limits.credentialBytesMax }),
  owner: peerField,
  target: targetField,
  digest: optionalField(digestField),
  issuedMs: integerField(),
  timeLeftMs: integerField(limits.callTimeoutMsMax),
  signature: fixedBytesField(64),
  hops: listField(
    rowField({
      id: fixedBytesField(8),
      by: peerField,
      from: listField(stationField, { countMax: limits.callHopsMax }),
      isTail: booleanField,
      to: targetField,
      executor: peerField,
      signature: fixedBytesField(64),
    }),
    { countMax: limits.callChainHopsMax },
  ),
});

/**
 * The wire form.
 *
 * @throws {LimitError} It is longer than any node takes.
 */
export function encodeCallChain({ origin, hops }: CallChain): Bytes {
  const credential = encodeCredential(origin.credential);
  const { digest } = origin;
  const bytes = chainMessage.encode({ ...origin, digest, credential, hops });
  if (bytes.length <= limits.callChainBytesMax) return bytes;
  throw new LimitError(
    `A call's chain may have ${limits.callChainBytesMax} bytes, not ` +
      `${bytes.length}`,
    { hint: "Let fewer seeds ask each other across nodes" },
  );
}

/**
 * Reads the wire form.
 *
 * @throws {InputError | LimitError} Malformed; nothing is verified.
 */
export function parseCallChain(bytes: Uint8Array): CallChain {
  const bytesMax = limits.callChainBytesMax;
  const { hops, ...rest } = chainMessage.decode(bytes, { bytesMax });
  if (hops.some(({ from }) => from.length === 0)) {
    throw new InputError("A hop of a call's chain comes from no seed");
  }
  const credential = parseCredential(rest.credential);
  const peer = peerIdOf(credential.member.publicKey);
  return { origin: { ...rest, peer, credential }, hops };
}
