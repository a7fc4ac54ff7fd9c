// The redemptions of one document, found by joiner and by invite. A section goes
// in; out come redemptions that fit, as many as count; whether they are proven
// is the asker's to find out. What one document says about one joiner or one
// invite has a limit that all nodes keep alike, so that no answer gets dear.

import { limits, type PeerId } from "../kernel/mod.ts";
import { compareTexts } from "./rights_order.ts";
import type { RedemptionRight } from "./rights_redemption.ts";
import type { SectionReading } from "./rights_section.ts";
import { redemptionKeyParts } from "./rights_shapes.ts";

/** Keys of what has a name in common. */
type Keys = Map<string, string[]>;

type Index = { readonly byJoiner: Keys; readonly byInvite: Keys };

function keysUnder(keys: Keys, name: string): string[] {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const none: string[] = [];
  keys.set(name, none);
  return none;
}

/** Reads nothing before it is asked. */
export class RedemptionSection {
  readonly entries: SectionReading<RedemptionRight>;
  #made: Index | undefined;

  constructor(entries: SectionReading<RedemptionRight>) {
    this.entries = entries;
  }

  /** With which somebody joined: the first by invite, proven or not. */
  of(joiner: PeerId): readonly RedemptionRight[] {
    const keys = this.#index.byJoiner.get(joiner) ?? [];
    return this.#read(keys, limits.redemptionsPerJoinerMax);
  }

  /** Of the invites of one id: the first by joiner, proven or not. */
  withInvite(id: string): readonly RedemptionRight[] {
    const keys = this.#index.byInvite.get(id) ?? [];
    return this.#read(keys, limits.inviteUsesMax);
  }

  #read(keys: readonly string[], countMax: number): readonly RedemptionRight[] {
    return keys.toSorted(compareTexts).slice(0, countMax)
      .map((key) => this.entries.get(key))
      .filter((redemption) => redemption !== undefined);
  }

  get #index(): Index {
    this.#made ??= this.#makeIndex();
    return this.#made;
  }

  #makeIndex(): Index {
    const index: Index = { byJoiner: new Map(), byInvite: new Map() };
    for (const { key } of this.entries.source) {
      const parts = redemptionKeyParts(key);
      if (parts === undefined) continue;
      keysUnder(index.byJoiner, parts.joiner).push(key);
      keysUnder(index.byInvite, parts.invite).push(key);
    }
    return index;
  }
}
