// What nodes say of themselves. In comes what this node believes; out goes what
// the wire allows, in the form that every peer takes: one that finds a member
// malformed would take none. What a peer says goes in, and comes out without
// what it has not proven. It must never make a value up.

import { type Decoded, limits, nameFrom, parseAddress } from "../kernel/mod.ts";
import { isAuthorityProven } from "../identity/mod.ts";
import type { NetworkAddress, Ports } from "../ports/mod.ts";
import type { Hello } from "./control_messages.ts";
import type { PeerHello } from "./link.ts";

/** `remote` is where the receiver's packets come from. */
export function toldHello(
  hello: PeerHello,
  remote: NetworkAddress,
): Decoded<typeof Hello> {
  return {
    name: nameFrom(hello.name) ?? "unnamed",
    version: hello.version.replaceAll(/[^\x21-\x7e]/g, "").slice(0, 64) || "0",
    addresses: hello.addresses.map(plainAddress)
      .filter((address) => address !== undefined)
      .slice(0, limits.peerAddressesMax),
    authorityKey: hello.authorityKey,
    authorityProof: hello.authorityProof,
    observed: plainAddress(remote),
  };
}

/** An authority key that `by.owner` did not sign counts as unknown. */
export function heardHello(
  needs: Pick<Ports, "signer">,
  hello: PeerHello,
  by: Parameters<typeof isAuthorityProven>[2],
): PeerHello {
  const { authorityKey, authorityProof, ...rest } = hello;
  if (authorityKey === undefined || authorityProof === undefined) return rest;
  const candidate = { authorityKey, authorityProof };
  const isProven = isAuthorityProven(needs, candidate, by);
  return isProven ? { ...rest, ...candidate } : rest;
}

/** In its one spelling; undefined when it is of this link only (a zone). */
function plainAddress(
  { ip, port }: NetworkAddress,
): NetworkAddress | undefined {
  const address = parseAddress(ip);
  return address === undefined ? undefined : { ip: address.text, port };
}
