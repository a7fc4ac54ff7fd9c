// An invite as its issuer signed it: the terms under which a node may join. The
// terms go in and come out of bytes that redemptions keep for ever, so every
// node judges them alike. Time, uses and revocation are the redeemer's to
// check; the token that carries an invite is in invite_token.ts.

import {
  type Bytes,
  type ClusterId,
  fixedBytesField,
  idBytes,
  InputError,
  integerField,
  LimitError,
  limits,
  message,
  optionalField,
  peerField,
  type PeerId,
} from "../kernel/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import {
  clusterField,
  hexField,
  propertiesField,
  tierField,
  timeField,
} from "./artefact_fields.ts";
import { isoTime } from "./clock_fault.ts";
import type { Properties, Tier } from "./extension.ts";
import { signedInput } from "./signed_input.ts";

/** What an invite gives, to whom, and for how long. */
export type InviteTerms = {
  /** 32 hex digits. */
  readonly id: string;
  readonly cluster: ClusterId;
  /** The admin who made it. */
  readonly issuer: PeerId;
  /** The invite's public key, 32 bytes. */
  readonly key: Bytes;
  /** "admin": enters as a publisher until the root grants it. */
  readonly tier: Tier;
  readonly properties: Properties;
  /** The only node it is for; always there for tier admin. */
  readonly subject?: PeerId | undefined;
  /** Milliseconds of access from the redemption on; absent: without end. */
  readonly accessMs?: number | undefined;
  /** Milliseconds since 1970, of the issuer's clock. */
  readonly issuedMs: number;
  /** Milliseconds since 1970, of the issuer's clock. */
  readonly expiresMs: number;
  /** Nodes that may join with it; 1 when it has a subject. */
  readonly uses: number;
  /** sha256 of the context that the token carries beside it. */
  readonly contextHash: Bytes;
};

/** What redemptions keep of an invite. */
export type SignedInvite = {
  readonly terms: InviteTerms;
  /** The terms as they were signed. */
  readonly bytes: Bytes;
  /** The issuer's identity key's, 64 bytes. */
  readonly signature: Bytes;
};

const context = "pln/invite/1";
const termsBytesMax = limits.propertyBytesMax + 1024;

const inviteTerms = message("invite", 1, {
  id: hexField(16),
  cluster: clusterField,
  issuer: peerField,
  key: fixedBytesField(32),
  tier: tierField,
  properties: propertiesField,
  subject: optionalField(peerField),
  accessMs: optionalField(integerField(limits.inviteAccessMsMax)),
  issuedMs: timeField,
  expiresMs: timeField,
  uses: integerField(limits.inviteUsesMax),
  contextHash: fixedBytesField(32),
});

/** Refuses terms that no invite may have, whoever signed them. */
function checkTerms(terms: InviteTerms): void {
  const { issuedMs, expiresMs, subject, uses } = terms;
  const refuse = (why: string, hint: string) => {
    throw new InputError(`The invite ${why}`, { hint });
  };
  if (expiresMs <= issuedMs) {
    refuse("ends before it begins", "Let it live longer");
  }
  if (expiresMs - issuedMs > limits.inviteTtlMsMax) {
    const days = limits.inviteTtlMsMax / 86_400_000;
    refuse(`lives longer than ${days} days`, `Let it live ${days}d at most`);
  }
  if (terms.accessMs === 0) refuse("gives no access", "Let access last longer");
  if (uses < 1) refuse("is for nobody", "Give it 1 use or more");
  if (subject !== undefined && uses !== 1) {
    refuse("is for one node and more uses", "Give it 1 use, or no subject");
  }
  if (terms.tier === "admin" && subject === undefined) {
    refuse("makes an admin of anybody", "Say of which node: its peer id");
  }
}

/**
 * Signs terms.
 *
 * @param options.issuer The identity key of `terms.issuer`.
 * @throws {InputError | LimitError} Terms that no invite may have.
 */
export function signInvite(
  needs: Pick<Ports, "signer">,
  terms: InviteTerms,
  { issuer }: { readonly issuer: PrivateKey },
): SignedInvite {
  const { cluster } = terms;
  if (terms.uses > limits.inviteUsesMax) {
    throw new LimitError(
      `${terms.uses} uses of an invite are more than ${limits.inviteUsesMax}`,
    );
  }
  const bytes = inviteTerms.encode({
    ...terms,
    subject: terms.subject,
    accessMs: terms.accessMs,
  });
  const input = signedInput(context, cluster, bytes);
  const signature = needs.signer.sign(issuer, input);
  return parseSignedInvite(needs, { bytes, signature, cluster });
}

/** An invite's bytes, and the cluster that they have to be for. */
export type InviteSource = {
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
  readonly cluster: ClusterId;
};

/**
 * Reads an invite and checks that its issuer signed it for `cluster`; whether
 * the issuer is an admin is for whoever knows the cluster's rights.
 *
 * @throws {InputError | LimitError} Malformed, of another cluster, not signed,
 * or with terms that no invite may have.
 */
export function parseSignedInvite(
  needs: Pick<Ports, "signer">,
  options: InviteSource,
): SignedInvite {
  const invite = readSignedInvite(options);
  if (!isInviteSigned(needs, invite)) {
    throw new InputError("The invite is not signed by its issuer");
  }
  return invite;
}

/**
 * The same without the signature: see `isInviteSigned`.
 *
 * @throws {InputError | LimitError} Malformed, of another cluster, or with
 * terms that no invite may have.
 */
export function readSignedInvite(options: InviteSource): SignedInvite {
  const bytes = new Uint8Array(options.bytes);
  const signature = new Uint8Array(options.signature);
  const terms = inviteTerms.decode(bytes, { bytesMax: termsBytesMax });
  if (terms.cluster !== options.cluster) {
    throw new InputError("The invite is of another cluster", {
      hint: 'Compare the cluster that "pln id --json" shows on both nodes',
    });
  }
  checkTerms(terms);
  return { terms, bytes, signature };
}

/** Whether its issuer signed it for the cluster that it names. */
export function isInviteSigned(
  { signer }: Pick<Ports, "signer">,
  { terms, bytes, signature }: SignedInvite,
): boolean {
  const input = signedInput(context, terms.cluster, bytes);
  return signer.verify(idBytes(terms.issuer), input, signature);
}

/**
 * Why an invite is of no use at `wallMs`, as a sentence; undefined when it is.
 *
 * @param options.redeemer Who asks: for the issuer it ends exactly on time, by
 * its own clock. All others get some minutes: with the hour that certificates
 * get, an invite of 5 minutes would live for 65.
 */
export function inviteFault(
  invite: Pick<SignedInvite, "terms">,
  wallMs: number,
  options: { readonly redeemer?: PeerId | undefined } = {},
): string | undefined {
  const { issuer, issuedMs, expiresMs } = invite.terms;
  const { inviteClockToleranceMs } = limits;
  const toleranceMs = options.redeemer === issuer ? 0 : inviteClockToleranceMs;
  if (wallMs < issuedMs - inviteClockToleranceMs) {
    return `The invite is valid only from ${isoTime(issuedMs)}; ` +
      `this clock says ${isoTime(wallMs)}`;
  }
  // Written this way, a time that is no number is refused too.
  const isAlive = wallMs < expiresMs + toleranceMs;
  if (isAlive) return undefined;
  return `The invite expired at ${isoTime(expiresMs)}; ` +
    `this clock says ${isoTime(wallMs)}`;
}
