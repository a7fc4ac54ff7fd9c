// Tokens that were cut, changed, put together of others or signed by nobody who
// may: each is refused, and none shows its secret.

import assert from "node:assert/strict";
import {
  type InviteContext,
  type InviteTerms,
  issueAuthority,
  issueMember,
  makeInvite,
  parseInviteToken,
  signInvite,
} from "../../src/identity/mod.ts";
import {
  encodeCbor,
  fromBase64url,
  InputError,
  limits,
  peerIdOf,
  toBase64url,
  toHex,
} from "../../src/kernel/mod.ts";
import {
  bootstraps,
  contextOf,
  invite,
  mint,
  stranger,
  tokenMembers,
  wish,
} from "./identity_invites.ts";
import { forgeAuthority, type Mint } from "./identity_world.ts";

function parse(token: string) {
  return parseInviteToken(mint.needs, token);
}

function refuses(token: string, says = /incomplete or was changed$/): void {
  assert.throws(() => parse(token), (error) => {
    assert.ok(error instanceof InputError, String(error));
    assert.match(error.message, says);
    assert.match(error.hint ?? "", /pln invite/);
    return true;
  });
}

Deno.test("parseInviteToken() refuses a token cut at any length", () => {
  const { token } = invite();
  for (let length = 0; length < token.length; length++) {
    const cut = token.slice(0, length);
    refuses(cut, length < 3 ? /no invite token$/ : undefined);
  }
});

Deno.test("parseInviteToken() refuses a token with any bit flipped", () => {
  const { token } = invite();
  const bytes = fromBase64url(token);
  assert.ok(bytes !== undefined);
  for (let index = 0; index < bytes.length; index++) {
    const flipped = bytes.slice();
    flipped[index] = (bytes[index] ?? 0) ^ (1 << (index % 8));
    refuses(toBase64url(flipped), /no invite token$|was changed$/);
  }
});

Deno.test("parseInviteToken() takes one spelling of a token only", () => {
  const { token } = invite();
  const bytes = fromBase64url(token) ?? new Uint8Array();
  const standard = bytes.toBase64();
  assert.notEqual(standard, token);
  for (const other of [`${token}=`, `${token}\n`, `${token}A`, standard]) {
    refuses(other);
  }
  refuses(` ${token}`, /no invite token$/);
  for (const other of ["", "hello", "pln-root-request:abc", "{}", "null"]) {
    refuses(other, /no invite token$/);
  }
  refuses(`${token}${"A".repeat(limits.inviteTokenCharactersMax)}`);
});

/** The members of a token, some of them from another, put together again. */
function spliced(token: string, other: string, indexes: readonly number[]) {
  const membersOf = (text: string) => tokenMembers(text);
  const [own, foreign] = [membersOf(token), membersOf(other)];
  const mixed = own.map((member, index) =>
    indexes.includes(index) ? foreign[index] : member
  );
  return toBase64url(encodeCbor(mixed as never));
}

Deno.test("parts of two good tokens make no third one", () => {
  const [one, two] = [invite(), invite({ tier: "publisher" })];
  const parts = { terms: 1, signature: 2, context: 3, secret: 4 };
  assert.equal(spliced(one.token, two.token, []), one.token);
  assert.equal(spliced(one.token, two.token, [1, 2, 3, 4]), two.token);
  const other = makeInvite(stranger.needs, {
    issuer: stranger.adminKey,
    cluster: stranger.root.cluster,
    context: contextOf(stranger),
    wish,
  });
  for (const index of Object.values(parts)) {
    // Both have the same context, so that one alone may change places.
    if (index !== parts.context) {
      refuses(spliced(one.token, two.token, [index]));
    }
    refuses(spliced(one.token, other.token, [index]));
  }
  refuses(spliced(one.token, other.token, [1, 2]));
  refuses(spliced(one.token, other.token, [1, 2, 4]));
});

/** A token of terms that somebody signed with `key`. */
function forged(
  changes: Partial<InviteTerms>,
  options: { readonly from?: Mint; readonly context?: InviteContext } = {},
): string {
  const { from = mint } = options;
  const context = options.context ?? contextOf(mint);
  const { needs, adminKey, root } = from;
  const secret = new Uint8Array(32).fill(7);
  const { token } = makeInvite(needs, {
    issuer: adminKey,
    cluster: root.cluster,
    context: contextOf(from),
    wish,
  });
  const members = [...tokenMembers(token)];
  const { terms } = parseInviteToken(needs, token).invite;
  const contextToken = tokenMembers(
    makeContext(context),
  );
  const signed = signInvite(needs, {
    ...terms,
    key: needs.signer.privateKey(secret).publicKey,
    contextHash: needs.signer.sha256(contextToken[3] as Uint8Array),
    ...changes,
  }, { issuer: adminKey });
  members[1] = signed.bytes;
  members[2] = signed.signature;
  members[3] = contextToken[3];
  members[4] = secret;
  return toBase64url(encodeCbor(members as never));
}

/** Any token that carries `context`. */
function makeContext(context: InviteContext): string {
  return toBase64url(encodeCbor([
    1,
    new Uint8Array(100),
    new Uint8Array(64),
    encodeCbor([
      context.root.der,
      encodeCbor([
        context.issuer.member.der,
        context.issuer.authority.der,
        ...(context.issuer.ownAuthority === undefined
          ? []
          : [context.issuer.ownAuthority.der]),
      ]),
      [],
    ]),
    new Uint8Array(32),
  ]));
}

Deno.test("a token is refused unless its issuer proves to be an admin", () => {
  const { issuer } = contextOf(mint);
  parse(forged({}));
  const { ownAuthority: _, ...publisher } = issuer;
  const root = mint.root.certificate;
  refuses(forged({}, { context: { root, issuer: publisher, bootstraps } }));
  refuses(forged({}, {
    context: { root, issuer: mint.credential, bootstraps },
  }));
  const foreign = forgeAuthority(mint, {}, { key: stranger.rootKey });
  refuses(forged({}, {
    context: {
      root,
      issuer: { ...issuer, authority: foreign, ownAuthority: foreign },
      bootstraps,
    },
  }));
});

Deno.test("a token that shows another admin's credential is refused", () => {
  const { root, rootKey, authority, authorityKey, needs, claims } = mint;
  const { publicKey } = stranger.adminKey;
  const ownAuthority = issueAuthority(needs, {
    root,
    rootKey,
    publicKey: stranger.authorityKey.publicKey,
    admin: peerIdOf(publicKey),
  });
  const issued = { authority, authorityKey, publicKey, claims };
  const member = issueMember(needs, issued);
  const issuer = { member, authority, ownAuthority };
  refuses(forged({}, { context: { ...contextOf(mint), issuer } }));
});

Deno.test("a token whose root is another cluster's is refused", () => {
  const context = contextOf(mint);
  const root = stranger.root.certificate;
  refuses(forged({}, { context: { ...context, root } }));
  refuses(forged({}, { from: stranger, context }));
});

Deno.test("an invite shows no secret when it is printed or refused", () => {
  const { token } = invite();
  const read = parse(token);
  const secret = tokenMembers(token)[4] as Uint8Array;
  const shown = Deno.inspect(read, { depth: 20, showHidden: true }) +
    JSON.stringify(read);
  assert.ok(!shown.includes(toHex(secret)));
  assert.ok(!shown.includes([...secret.slice(0, 6)].join(", ")));
  try {
    parse(token.slice(0, -1));
  } catch (error) {
    const text = Deno.inspect(error);
    assert.ok(!text.includes(token.slice(20, 40)));
    assert.ok(!text.includes(token.slice(-20, -1)));
  }
});
