// The members of a large cluster as documents alone: a root, one admin who has
// granted every other, and what each says of itself. In: how many. Out: keys
// and first changes. All certificates and signatures are real.

import {
  type Certificate,
  type ClusterRoot,
  issueAuthority,
  issueMember,
  issueRoot,
  verifyRoot,
} from "../../src/identity/mod.ts";
import { type PeerId, peerIdOf } from "../../src/kernel/mod.ts";
import type { Clock, PrivateKey, Random, Signer } from "../../src/ports/mod.ts";
import {
  certificateKeys,
  certificateValue,
  type Change,
  nodeRecordKey,
} from "../../src/state/mod.ts";

/** One node before it runs. */
export type ThousandMember = {
  readonly name: string;
  readonly peer: PeerId;
  readonly key: PrivateKey;
  /** Its first publish. */
  readonly changes: readonly Change[];
};

export type ThousandNeeds = {
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
};

/** The first is the admin. */
export function thousandMembers(
  needs: ThousandNeeds,
  count: number,
): {
  readonly root: ClusterRoot;
  readonly members: readonly ThousandMember[];
  /** The admin's second publish: everybody is a member. */
  readonly grants: readonly Change[];
} {
  const { clock, random, signer } = needs;
  const newKey = () => signer.privateKey(random.bytes(32));
  const rootKey = newKey();
  const root = verifyRoot(needs, issueRoot(needs, rootKey));
  const authorityKey = newKey();
  const keys = Array.from({ length: count }, newKey);
  const admin = peerIdOf(keys[0]?.publicKey ?? new Uint8Array(32));
  const authority = issueAuthority(needs, {
    ...{ root, rootKey, admin },
    publicKey: authorityKey.publicKey,
  });
  const atMs = Math.round(clock.wallMs());
  const members = keys.map((key, index) => {
    const { publicKey } = key;
    const certificate = issueMember(needs, {
      ...{ authority, authorityKey, publicKey },
      claims: {
        ...{ type: "member", tier: "publisher", cluster: root.cluster },
        properties: new Map(),
        memberSinceMs: atMs,
        accessDeadlineMs: undefined,
        issue: 1,
      },
    });
    const name = `node-${index}`;
    const own = index === 0 ? authority : undefined;
    const certificates = { member: certificate, authority, own };
    const changes = changesOf(name, atMs, { certificates });
    return { name, peer: peerIdOf(publicKey), key, changes };
  });
  const grants = members.slice(1).map(({ peer }): Change => ({
    section: "grants",
    key: peer,
    value: { number: 1, tier: "publisher", properties: {}, atMs },
  }));
  return { root, members, grants };
}

function changesOf(
  name: string,
  startedMs: number,
  { certificates: { member, authority, own } }: {
    readonly certificates: {
      readonly member: Certificate;
      readonly authority: Certificate;
      readonly own: Certificate | undefined;
    };
  },
): readonly Change[] {
  const entry = (key: string, certificate: Certificate): Change => ({
    section: "node",
    key,
    value: certificateValue(certificate.der),
  });
  const record: Change = {
    section: "node",
    key: nodeRecordKey,
    value: { name, version: "1.0.0", startedMs },
  };
  return [
    record,
    entry(certificateKeys.member, member),
    entry(certificateKeys.authority, authority),
    ...own === undefined ? [] : [entry(certificateKeys.ownAuthority, own)],
  ];
}
