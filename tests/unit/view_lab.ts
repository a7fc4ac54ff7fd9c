// A cluster made of owners' entries alone: credentials that verify, and what
// each owner says. In: entries by section and key, and what admins decide. Out:
// the changes that a projection takes, and views as plain data, so that two of
// them can be compared.

import {
  canonicalJson,
  type JsonValue,
  limits,
  type PeerId,
} from "../../src/kernel/mod.ts";
import { issueMember, type Rights, type Tier } from "../../src/identity/mod.ts";
import {
  certificateKeys,
  certificateValue,
  type EntryChange,
  type View,
} from "../../src/state/mod.ts";
import { Projector, type ProjectorConfig } from "../../src/state/projector.ts";
import { signer, startMs } from "./identity_world.ts";
import { type LabAdmin, type LabPeer, RightsLab } from "./rights_lab.ts";
import { LabLog } from "./state_lab.ts";

/** An owner and all that its document says, as canonical texts. */
export class LabOwner {
  readonly texts = new Map<string, string>();

  constructor(readonly peer: PeerId) {}

  /** Says it, and gives the change; without a value the entry goes. */
  say(section: string, key: string, value?: JsonValue): EntryChange {
    return this.sayText(
      section,
      key,
      value === undefined ? undefined : canonicalJson(value),
    );
  }

  /** The same with a text that may be anything. */
  sayText(section: string, key: string, text?: string): EntryChange {
    const place = `${section} ${key}`;
    const before = this.texts.get(place);
    if (text === undefined) this.texts.delete(place);
    else this.texts.set(place, text);
    return { section, key, before, after: text };
  }

  /** All that it says, as one change of each entry. */
  all(): readonly EntryChange[] {
    return [...this.texts].map(([place, after]) => {
      const [section = "", key = ""] = place.split(" ");
      return { section, key, before: undefined, after };
    });
  }
}

/** Owners of one cluster, and the admin who certified them. */
export class ViewLab {
  readonly lab: RightsLab;
  readonly admin: LabAdmin;
  readonly log = new LabLog();

  constructor(seed = "views") {
    this.lab = new RightsLab(seed);
    this.admin = this.lab.newAdmin();
  }

  /** The rights of the admin's document, and of others. */
  rights(...others: readonly LabAdmin[]): Rights {
    return this.lab.rights(this.admin, ...others);
  }

  /** A member with its credential in its document. */
  newOwner(
    tier: Exclude<Tier, "admin"> = "publisher",
    { by = this.admin, peer = this.lab.newPeer() }: {
      readonly by?: LabAdmin;
      readonly peer?: LabPeer;
    } = {},
  ): LabOwner {
    const owner = new LabOwner(peer.peer);
    const member = issueMember(this.lab.needs, {
      authority: by.ownAuthority,
      authorityKey: by.authorityKey,
      publicKey: peer.key.publicKey,
      claims: {
        type: "member",
        ...{ tier, cluster: this.lab.root.cluster, issue: 1 },
        properties: new Map([["zone", "a"]]),
        memberSinceMs: startMs,
        accessDeadlineMs: undefined,
      },
    });
    const { der } = by.ownAuthority;
    owner.say("node", certificateKeys.member, certificateValue(member.der));
    owner.say("node", certificateKeys.authority, certificateValue(der));
    return owner;
  }

  /** The document of an admin as an owner's. */
  ownerOf(admin: LabAdmin): LabOwner {
    const { owner: peer, key, ownAuthority } = admin;
    const owner = this.newOwner("publisher", {
      by: admin,
      peer: { peer, key },
    });
    const value = certificateValue(ownAuthority.der);
    owner.say("node", certificateKeys.ownAuthority, value);
    return owner;
  }

  newProjector(
    self: PeerId,
    changes: Partial<ProjectorConfig> = {},
  ): Projector {
    const { lab: { root }, log } = this;
    return new Projector({ signer, log }, { self, root, ...changes });
  }

  /** From scratch. */
  viewOf(
    self: PeerId,
    owners: readonly LabOwner[],
    { rights = this.rights() }: { readonly rights?: Rights } = {},
  ): View {
    const projector = this.newProjector(self);
    for (const owner of owners) projector.apply(owner.peer, owner.all());
    projector.setRights(rights);
    return projector.view();
  }
}

const names = ["seeds", "services", "sites"] as const;
const raw = ["services", "sites", "blobs", "claims"] as const;

/** Everything that a view says of the cluster, as data. */
export function shownView(view: View) {
  const keys = new Set(
    [...view.seeds.keys(), ...view.entries("services").map(({ key }) => key)],
  );
  return {
    nodes: [...view.nodes],
    seeds: [...view.seeds],
    seedsOf: [...view.nodes.keys()].map((peer) => view.seedsOf(peer)),
    holders: names.flatMap((section) =>
      [...keys].map((name) => view.holders(section, name))
    ),
    entries: raw.map((section) => view.entries(section)),
    ignored: view.ignored,
    digest: view.digest,
  };
}

export function seedValue(number: number): JsonValue {
  return {
    digest: number.toString(16).padStart(64, "0"),
    sizeBytes: 1,
    publishedMs: number % limits.stateIntegerMax,
  };
}
