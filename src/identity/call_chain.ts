// The chain behind a call that crosses nodes (DESIGN.md section 4): the origin
// signs what it asked for, and each node that passes the call on signs one hop
// more, over the signature before it. In come signed parts of strangers, out
// goes the reason why a chain is not believed, or none. Whether its nodes are
// denied, and whether a hop was seen before, is for the caller to ask.

import {
  type Bytes,
  type ClusterId,
  concatBytes,
  type Digest,
  idBytes,
  limits,
  type PeerId,
  utf8,
} from "../kernel/mod.ts";
import type { PrivateKey, Signer } from "../ports/mod.ts";
import type { Credential } from "./credential.ts";
import { signedInput } from "./signed_input.ts";
import { clockToleranceMs } from "./clock_fault.ts";

/**
 * How far the origin's clock may be from what its record makes one expect: the
 * record travelled for some seconds, and the clock may have been set since.
 */
const toldToleranceMs = 60_000;

/** A function of a seed, by their names. */
export type CallTarget = { readonly seed: string; readonly function: string };

/** What the origin of a call asked for, in its own name. */
export type CallOrigin = {
  /** 16 random bytes: the same on every hop. */
  readonly callId: Bytes;
  readonly peer: PeerId;
  /** The origin's, of the time of the call. */
  readonly credential: Credential;
  /** Whose seed it asked for: the node that runs it. */
  readonly owner: PeerId;
  readonly target: CallTarget;
  /** The module it expects there; undefined: whatever has the name. */
  readonly digest?: Digest | undefined;
  /** By the origin's wall clock; whole milliseconds. */
  readonly issuedMs: number;
  /** How long after that anybody may act for it. */
  readonly timeLeftMs: number;
  /** 64 bytes; checked only when the call is passed on. */
  readonly signature: Bytes;
};

/** One step from a seed on one node to a seed on another. */
export type CallHop = {
  /** 8 random bytes. */
  readonly id: Bytes;
  /** The node that passes the call on, and signs that. */
  readonly by: PeerId;
  /**
   * The seeds there that wait for each other, `seed/function`, the one that
   * asks last; at least one.
   */
  readonly from: readonly string[];
  /** The one that asks does not wait: it handed the call over. */
  readonly isTail: boolean;
  readonly to: CallTarget;
  /** The only node that may run this step. */
  readonly executor: PeerId;
  readonly signature: Bytes;
};

/** Without hops the origin itself is at the other end of the link. */
export type CallChain = {
  readonly origin: CallOrigin;
  readonly hops: readonly CallHop[];
};

/** Who signs a part of a chain. */
export type ChainSigner = {
  readonly signer: Signer;
  readonly cluster: ClusterId;
  readonly key: PrivateKey;
};

/** What an origin signs: who it is follows from its key. */
export type OriginTerms = Omit<
  CallOrigin,
  "peer" | "credential" | "signature"
>;

/** The signature of an origin, the beginning of a chain. */
export function signOrigin(by: ChainSigner, terms: OriginTerms): Bytes {
  const input = signedInput("pln/call/1", by.cluster, originBody(terms));
  return by.signer.sign(by.key, input);
}

/** The chain with one hop more. */
export function signHop(
  by: ChainSigner,
  chain: CallChain,
  terms: Omit<CallHop, "signature">,
): CallChain {
  const input = hopInput(by, chain, { index: chain.hops.length, terms });
  const hop = { ...terms, signature: by.signer.sign(by.key, input) };
  return { origin: chain.origin, hops: [...chain.hops, hop] };
}

/**
 * What a node knows of the origin's clock: its wall clock of now, by the newest
 * record that the origin signed; or, of one that is linked and has not spoken
 * yet, nothing but that it is there. "unknown": neither.
 */
export type OriginClock =
  | { readonly type: "told"; readonly wallMs: number }
  | { readonly type: "linked" }
  | { readonly type: "unknown" };

/** What a node knows when a chain reaches it. */
export type ChainArrival = {
  readonly self: PeerId;
  /** At the other end of the link. */
  readonly sender: PeerId;
  readonly target: CallTarget;
  readonly wallMs: number;
  readonly originClock: OriginClock;
};

/** Whoever checks signatures. */
export type ChainVerifier = Pick<ChainSigner, "signer" | "cluster">;

/**
 * Why a chain with hops does not lead from its origin to here, now, for the
 * operator's log; undefined when it does. Nothing is believed before
 * `chainSignatureFault` has found no fault either, which costs far more.
 *
 * `issued` is judged by the origin's own clock, as its newest record tells it:
 * then clocks that are hours apart harm nobody. While a linked origin has told
 * none, as right after a start, this node's own clock must do, as far off as
 * certificates allow. Of an origin that is neither heard nor linked nobody can
 * say whether it still stands behind the call: it is refused.
 *
 * Until there are claims, a seed speaks only at the node that owns it.
 */
export function chainPathFault(
  chain: CallChain,
  arrival: ChainArrival,
): string | undefined {
  const { origin, hops } = chain;
  const last = hops.at(-1);
  if (last === undefined) return "it has no hops";
  if (hops.length > limits.callChainHopsMax) return "it has too many hops";
  if (last.by !== arrival.sender) return "another node sent it than signed it";
  if (last.executor !== arrival.self) return "it leads to another node";
  if (!isSameTarget(last.to, arrival.target)) return "it leads to another seed";
  const timeFault = issuedFault(origin, arrival);
  if (timeFault !== undefined) return timeFault;
  let holder = origin.owner;
  for (const [index, hop] of hops.entries()) {
    if (hop.by !== holder) return `hop ${index} is by a node that had no part`;
    if (hop.from.length === 0) return `hop ${index} comes from no seed`;
    holder = hop.executor;
  }
  return undefined;
}

function issuedFault(
  { issuedMs, timeLeftMs }: CallOrigin,
  { wallMs, originClock }: ChainArrival,
): string | undefined {
  if (originClock.type === "unknown") {
    return "its origin is neither connected nor heard of";
  }
  const isTold = originClock.type === "told";
  const nowMs = isTold ? originClock.wallMs : wallMs;
  const toleranceMs = isTold ? toldToleranceMs : clockToleranceMs;
  if (nowMs < issuedMs - toleranceMs) {
    return isTold
      ? "it was issued in the future of its origin"
      : "it was issued in the future: compare the clocks";
  }
  return nowMs > issuedMs + timeLeftMs + toleranceMs ? "it is over" : undefined;
}

/** Which part of a chain is not signed by whom it names. */
export function chainSignatureFault(
  by: ChainVerifier,
  chain: CallChain,
): string | undefined {
  for (const [index, hop] of chain.hops.entries()) {
    const input = hopInput(by, chain, { index, terms: hop });
    if (!by.signer.verify(idBytes(hop.by), input, hop.signature)) {
      return `the signature of hop ${index} is wrong`;
    }
  }
  return isOriginSigned(by, chain.origin)
    ? undefined
    : "the signature of its origin is wrong";
}

/** How long after now such a chain could still be believed, by either clock. */
export function chainLifeMs(
  { issuedMs, timeLeftMs }: CallOrigin,
  { wallMs, originClock }: Pick<ChainArrival, "wallMs" | "originClock">,
): number {
  const endMs = issuedMs + timeLeftMs;
  const ownMs = endMs + clockToleranceMs - wallMs;
  return originClock.type === "told"
    ? Math.max(ownMs, endMs + toldToleranceMs - originClock.wallMs)
    : ownMs;
}

/** Whether its origin asked for what it says; who passes it on asks first. */
export function isOriginSigned(
  by: ChainVerifier,
  origin: CallOrigin,
): boolean {
  const input = signedInput("pln/call/1", by.cluster, originBody(origin));
  return by.signer.verify(idBytes(origin.peer), input, origin.signature);
}

function isSameTarget(one: CallTarget, other: CallTarget): boolean {
  return one.seed === other.seed && one.function === other.function;
}

/** callId[16] owner[32] issued u48 timeLeft u32 digest u8+n seed u8+n rest. */
function originBody(terms: OriginTerms): Bytes {
  const head = new Uint8Array(58);
  head.set(terms.callId);
  head.set(idBytes(terms.owner), 16);
  const view = new DataView(head.buffer);
  view.setUint16(48, Math.floor(terms.issuedMs / 2 ** 32));
  view.setUint32(50, terms.issuedMs >>> 0);
  view.setUint32(54, terms.timeLeftMs);
  const { digest, target } = terms;
  const module = digest === undefined ? [] : idBytes(digest);
  const seed = utf8(target.seed);
  return concatBytes(
    head,
    Uint8Array.of(module.length, ...module, seed.length),
    seed,
    utf8(target.function),
  );
}

/** Every text with its length in front: none can run into the next. */
function hopInput(
  by: ChainVerifier,
  { origin, hops }: CallChain,
  { index, terms }: {
    readonly index: number;
    readonly terms: Omit<CallHop, "signature">;
  },
): Bytes {
  const before = index === 0 ? origin : hops[index - 1] ?? origin;
  const texts = [...terms.from, terms.to.seed, terms.to.function].map(utf8);
  const body = concatBytes(
    origin.callId,
    by.signer.sha256(before.signature),
    terms.id,
    idBytes(terms.by),
    idBytes(terms.executor),
    Uint8Array.of(terms.isTail ? 1 : 0, terms.from.length),
    ...texts.flatMap((text) => [
      Uint8Array.of(text.length >>> 8, text.length),
      text,
    ]),
  );
  return signedInput("pln/hop/1", by.cluster, body);
}
