// Invites of the identity tests: those that the mint's admin makes, with some
// of the wish or the context changed, and their tokens taken apart.

import {
  type InviteContext,
  type InviteWish,
  makeInvite,
} from "../../src/identity/mod.ts";
import { fromBase64url, limits, peerIdOf } from "../../src/kernel/mod.ts";
import { adminCredential, type Mint, openMint } from "./identity_world.ts";

export const mint = openMint();
export const stranger = openMint("stranger");
export const admin = peerIdOf(mint.adminKey.publicKey);
export const joiner = peerIdOf(mint.memberKey.publicKey);
export const bootstraps: InviteContext["bootstraps"] = [
  { peer: admin, addresses: [{ ip: "192.0.2.1", port: 7444 }] },
  { peer: joiner, addresses: [{ ip: "2001:db8::1", port: 1 }] },
];
export const wish: InviteWish = {
  tier: "leaf",
  properties: new Map([["zone", "north"]]),
  ttlMs: limits.inviteTtlMsDefault,
  uses: 1,
};

export function contextOf(from: Mint, more: Partial<InviteContext> = {}) {
  const root = from.root.certificate;
  return { root, issuer: adminCredential(from), bootstraps, ...more };
}

export function invite(
  changes: Partial<InviteWish> = {},
  context: Partial<InviteContext> = {},
) {
  return makeInvite(mint.needs, {
    issuer: mint.adminKey,
    cluster: mint.root.cluster,
    context: contextOf(mint, context),
    wish: { ...wish, ...changes },
  });
}

/** What a token holds: version, terms, signature, context, secret. */
export function tokenMembers(token: string): readonly unknown[] {
  const bytes = fromBase64url(token) ?? new Uint8Array();
  const members: unknown[] = [bytes[1]];
  let offset = 2;
  while (offset < bytes.length) {
    const isShort = bytes[offset] === 0x58;
    const length = isShort
      ? bytes[offset + 1] ?? 0
      : ((bytes[offset + 1] ?? 0) << 8) | (bytes[offset + 2] ?? 0);
    const start = offset + (isShort ? 2 : 3);
    offset = start + length;
    members.push(bytes.slice(start, offset));
  }
  return members;
}
