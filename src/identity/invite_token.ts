// The token that joins a node: one line of text with an invite, its context and
// the invite's private key. Terms go in, a token comes out; a token goes in and
// comes out read, every permanent check made. The key exists in the token only,
// so that neither a forwarder nor the redeemer can join in another's place: it
// must never be kept, sent, logged or shown in an error.

import {
  type Bytes,
  bytesField,
  type ClusterId,
  equalBytes,
  fixedBytesField,
  fromBase64url,
  InputError,
  integerField,
  LimitError,
  limits,
  message,
  peerIdOf,
  PlnError,
  toBase64url,
  toHex,
} from "../kernel/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import {
  type InviteTerms,
  parseSignedInvite,
  type SignedInvite,
  signInvite,
} from "./invite.ts";
import {
  encodeInviteContext,
  type InviteContext,
  parseInviteContext,
} from "./invite_context.ts";
import type { IssueNeeds } from "./issue.ts";
import { type ClusterRoot, verifyCredential, verifyRoot } from "./verify.ts";

/** What the issuer chooses of an invite's terms. */
export type InviteWish =
  & Pick<
    InviteTerms,
    "tier" | "properties" | "subject" | "accessMs" | "uses"
  >
  & { /** Milliseconds. */ readonly ttlMs: number };

/** A token as its holder reads it. */
export type InviteToken = {
  readonly invite: SignedInvite;
  readonly context: InviteContext;
  readonly root: ClusterRoot;
  /** The invite's private key: signs joins and nothing else. */
  readonly secret: PrivateKey;
};

const formatVersion = 1;
/** How the CBOR of every token starts: an array of 5, then its version. */
const firstCharacters = toBase64url(Uint8Array.of(0x85, formatVersion, 0x59))
  .slice(0, 3);

const inviteToken = message("invite-token", 1, {
  version: integerField(),
  terms: bytesField({ bytesMax: limits.inviteTokenCharactersMax }),
  signature: fixedBytesField(64),
  context: bytesField({ bytesMax: limits.inviteTokenCharactersMax }),
  secret: fixedBytesField(32),
});

/**
 * Makes an invite. Whoever holds the token can join: never log or keep it.
 *
 * @param options.issuer The admin's own identity key.
 * @param options.context Its credential and root, and where joiners find it.
 * @throws {InputError} Terms that no invite may have.
 * @throws {LimitError} The token would be longer than a token may be.
 */
export function makeInvite(
  needs: IssueNeeds,
  options: {
    readonly issuer: PrivateKey;
    readonly cluster: ClusterId;
    readonly context: InviteContext;
    readonly wish: InviteWish;
  },
): { readonly token: string; readonly invite: SignedInvite } {
  const { issuer, cluster, wish } = options;
  const { random, signer } = needs;
  const context = encodeInviteContext(options.context);
  const secret = random.bytes(32);
  const issuedMs = needs.clock.wallMs();
  const invite = signInvite(needs, {
    id: toHex(random.bytes(16)),
    cluster,
    issuer: peerIdOf(issuer.publicKey),
    key: signer.privateKey(secret).publicKey,
    tier: wish.tier,
    properties: wish.properties,
    subject: wish.subject,
    accessMs: wish.accessMs,
    issuedMs,
    expiresMs: issuedMs + wish.ttlMs,
    uses: wish.uses,
    contextHash: signer.sha256(context),
  }, { issuer });
  const { bytes: terms, signature } = invite;
  const members = { version: formatVersion, terms, signature, context, secret };
  checkToken(needs, members); // what is given away reads back
  const token = toBase64url(inviteToken.encode(members));
  if (token.length > limits.inviteTokenCharactersMax) {
    throw new LimitError(
      `The invite takes ${token.length} characters, more than ` +
        `${limits.inviteTokenCharactersMax}`,
      { hint: "Give fewer or shorter properties" },
    );
  }
  return { token, invite };
}

/**
 * Reads a token and makes all checks that do not depend on time.
 *
 * @throws {InputError} No token, damaged, or not from an admin of the cluster
 * that it names.
 */
export function parseInviteToken(
  needs: Pick<Ports, "signer">,
  text: string,
): InviteToken {
  if (!text.startsWith(firstCharacters)) {
    throw new InputError("This is no invite token", {
      hint: 'An admin makes one with "pln invite"',
    });
  }
  try {
    return checkToken(needs, decodeToken(text));
  } catch (cause) {
    if (!(cause instanceof PlnError)) throw cause;
    throw new InputError("The invite token is incomplete or was changed", {
      cause,
      hint: 'Copy all of it once more, or ask for a new one: "pln invite"',
    });
  }
}

type Members = ReturnType<typeof inviteToken.decode>;

function decodeToken(text: string): Members {
  const bytesMax = limits.inviteTokenCharactersMax;
  if (text.length > bytesMax) throw new InputError("The token is too long");
  const bytes: Bytes | undefined = fromBase64url(text);
  if (bytes === undefined) throw new InputError("The token is not base64url");
  return inviteToken.decode(bytes, { bytesMax });
}

function checkToken(
  needs: Pick<Ports, "signer">,
  members: Members,
): InviteToken {
  const { signer } = needs;
  const context = parseInviteContext(members.context);
  const root = verifyRoot(needs, context.root);
  const { cluster } = root;
  const { terms: bytes, signature } = members;
  const invite = parseSignedInvite(needs, { bytes, signature, cluster });
  const { terms } = invite;
  if (!equalBytes(terms.contextHash, signer.sha256(members.context))) {
    throw new InputError("The token's context is not the invite's");
  }
  const check = { type: "permanent" } as const;
  const credential = context.issuer;
  const { peer, tier } = verifyCredential(needs, { root, credential, check });
  if (peer !== terms.issuer || tier !== "admin") {
    throw new InputError("The invite's issuer does not prove to be an admin");
  }
  const secret = signer.privateKey(members.secret);
  if (!equalBytes(secret.publicKey, terms.key)) {
    throw new InputError("The token's key is not the invite's");
  }
  return { invite, context, root, secret };
}
