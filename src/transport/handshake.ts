// What both ends of the handshake share: what an engine is given and answers,
// the transcript that both sign (DESIGN.md section 5), and how a refusal is
// worded for the one refused. Frames go in, steps come out; no clock, no
// randomness, no I/O. What is told must never be more than code, text and hint.

import {
  asPlnError,
  assert,
  type Bytes,
  concatBytes,
  type ErrorCode,
  type ErrorReport,
  idBytes,
  InputError,
  limits,
  type PeerId,
  PlnError,
  reportError,
  utf8,
} from "../kernel/mod.ts";
import {
  type Credential,
  CredentialError,
  isoTime,
  type MemberFacts,
} from "../identity/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import type { Frame, RightsHead } from "./link.ts";
import { closeCodes, controlKinds, memberProtocol } from "./protocols.ts";

/** What authenticating takes of the world. */
export type HandshakeNeeds = Pick<Ports, "signer">;

/** Lowest and highest version, both included. */
export type VersionRange = { readonly min: number; readonly max: number };

/** What this node brings into one handshake. */
export type HandshakeSide = {
  readonly peer: PeerId;
  readonly key: PrivateKey;
  /** The wire form of the node's credential. */
  readonly credential: Bytes;
  /** 16 bytes of this process. */
  readonly bootId: Bytes;
  /** 32 random bytes, for this connection alone. */
  readonly nonce: Bytes;
  readonly versions: VersionRange;
  /** Newest first, at most 64. */
  readonly heads: readonly RightsHead[];
  /** For the hint of a refusal that is about time. */
  readonly wallMs: number;
  /** @throws {CredentialError | DeniedError} As `Gatekeeper.admit`. */
  admit(credential: Credential): MemberFacts;
  /** A credential that this node has seen before, by the wire form's sha256. */
  held?(hash: Uint8Array): Credential | undefined;
};

/** Who the peer is, proven by its signature over this connection. */
export type Authenticated = {
  readonly peer: PeerId;
  readonly facts: MemberFacts;
  readonly credential: Credential;
  readonly bootId: Bytes;
  readonly version: number;
  readonly heads: readonly RightsHead[];
  /** Ids of connections that the client has given up; none from a server. */
  readonly replaces: readonly string[];
  /** Hex of the client's signature: the name of this connection. */
  readonly id: string;
};

/** Why there will be no link. */
export type Refusal = {
  readonly error: PlnError;
  /** What this node noted; the peer was told no more than that. */
  readonly report: ErrorReport;
  readonly closeCode: number;
  /** Whose credential was shown, once it was proven to be the peer's own. */
  readonly peer?: PeerId;
};

/** What to do next: send, then end or go on. */
export type HandshakeStep = {
  readonly send?: Frame;
  /**
   * Who the peer is unless it fails to prove it, so that first requests may
   * leave right behind `send`. Its heads are not known yet.
   */
  readonly provisional?: Authenticated;
  readonly done?: Authenticated;
  readonly refuse?: Refusal;
};

/** The two ends speak no common version of the protocol. */
export class UpgradeError extends PlnError {
  /** Retrying helps only after one of them was upgraded. */
  readonly code = "PLN_UPGRADE";
  /** Either end can be upgraded. */
  readonly kind = "peer";
}

/** Who signs; nothing signed as one serves as the other. */
const contexts = {
  client: utf8("pln/auth/1 client\0"),
  server: utf8("pln/auth/1 server\0"),
} as const;

/** What a connection is made of, as both ends must see it. */
export type Transcript = {
  readonly client: PeerId;
  readonly server: PeerId;
  readonly clientNonce: Uint8Array;
  readonly serverNonce: Uint8Array;
  /** sha256 of the wire forms. */
  readonly clientCredentialHash: Uint8Array;
  readonly serverCredentialHash: Uint8Array;
};

function transcriptBytes(transcript: Transcript): Bytes {
  return concatBytes(
    lengthPrefixed(utf8(memberProtocol)),
    lengthPrefixed(idBytes(transcript.client)),
    lengthPrefixed(idBytes(transcript.server)),
    transcript.clientNonce,
    transcript.serverNonce,
    transcript.clientCredentialHash,
    transcript.serverCredentialHash,
  );
}

function lengthPrefixed(bytes: Uint8Array): Bytes {
  return concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length), bytes);
}

/** What the client signs. */
export function clientSignedInput(transcript: Transcript): Bytes {
  return concatBytes(contexts.client, transcriptBytes(transcript));
}

/** What the server signs, once the client's signature has been verified. */
export function serverSignedInput(
  transcript: Transcript,
  clientSignature: Uint8Array,
): Bytes {
  const bytes = transcriptBytes(transcript);
  return concatBytes(contexts.server, bytes, clientSignature);
}

const known: ReadonlySet<number> = new Set(Object.values(controlKinds));

/** Lets a few frames pass that only a newer version knows. */
export class UnknownFrames {
  #left = limits.handshakeSkipsMax;

  /**
   * True for a frame to skip.
   *
   * @throws {InputError} There were too many.
   */
  isSkipped({ kind }: Frame): boolean {
    if (known.has(kind)) return false;
    if (this.#left-- > 0) return true;
    throw new InputError("Too many frames of unknown kinds before the proof");
  }
}

/** The error of a frame that has no place at this point. */
export function misplacedFrame({ kind }: Frame): InputError {
  return new InputError(`A frame of kind ${kind} came before the proof`);
}

/** The refusal that follows from whatever was thrown. */
export function refusalOf(
  cause: unknown,
  options: { readonly wallMs: number; readonly peer?: PeerId | undefined },
): Refusal {
  const error = withTime(asPlnError(cause), options.wallMs);
  const { peer } = options;
  return {
    error,
    report: reportError(error),
    closeCode: error.code === "PLN_DENIED"
      ? closeCodes.revoked
      : closeCodes.authFailed,
    ...(peer === undefined ? {} : { peer }),
  };
}

/** Clocks that disagree are the likeliest reason, and only one is right. */
function withTime(error: PlnError, wallMs: number): PlnError {
  if (!(error instanceof CredentialError) || error.check !== "time") {
    return error;
  }
  return new CredentialError(error.check, error.message, {
    hint:
      `The refusing node's clock says ${
        isoTime(wallMs)
      }: set whichever clock is ` +
      `wrong; if none is, renew the credential or rejoin with a new invite`,
  });
}

/** What a peer may learn; other failures are this node's own business. */
const toldCodes: ReadonlySet<ErrorCode> = new Set([
  ...["PLN_CREDENTIAL", "PLN_DENIED", "PLN_INPUT", "PLN_LIMIT"] as const,
  ...["PLN_UPGRADE", "PLN_CONFLICT"] as const,
]);

/** The part of a refusal that the refused peer is told. */
export function toldReport({ error, report }: Refusal): ErrorReport {
  if (error instanceof CredentialError && error.check === "cluster") {
    // A stranger need not learn where it has knocked.
    return { ...report, message: "The credential is of another cluster" };
  }
  if (toldCodes.has(report.code)) return report;
  return {
    code: "PLN_INTERNAL",
    kind: "peer",
    outcome: "error",
    message: "The node could not check the credential",
    hint: 'Its operator finds the reason with "pln logs"',
  };
}

/** @throws {UpgradeError} There is none. */
export function commonVersion(own: VersionRange, peer: VersionRange): number {
  const version = Math.min(own.max, peer.max);
  if (version >= Math.max(own.min, peer.min)) return version;
  throw new UpgradeError(
    `The peer speaks versions ${peer.min} to ${peer.max} of the protocol, ` +
      `this node ${own.min} to ${own.max}`,
    {
      hint: own.max < peer.min
        ? "Upgrade pln on this node"
        : "Upgrade pln on the other node",
    },
  );
}

/** A side is made by this program: what is wrong with it is a bug. */
export function checkSide(side: HandshakeSide): void {
  assert(side.nonce.length === 32, "a nonce has 32 bytes");
  assert(side.bootId.length === 16, "a boot id has 16 bytes");
  assert(side.heads.length <= limits.rightsHeadsMax, "heads are few enough");
}
