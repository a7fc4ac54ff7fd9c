// What the projection of rights reads of one owner's document: the sections of
// rights and the owner's own authority, kept beside the document as plain maps.
// In come the changes of the document; what comes out is an admin's
// document, or nothing while the owner shows no authority of its own. Permanent
// facts only: an authority that has expired still makes an admin's document.

import { parseJson, type PeerId, PlnError } from "../kernel/mod.ts";
import {
  type AdminDocument,
  type Certificate,
  type ClusterRoot,
  parseCertificate,
  type RightsSection,
  rightsSectionNames,
  type RightsText,
  verifyAuthority,
} from "../identity/mod.ts";
import type { Signer } from "../ports/mod.ts";
import type { EntryChange } from "./changes.ts";
import { certificateKeys, derOf } from "./node_entries.ts";

/** What it takes to believe an authority. */
export type AuthorityTrust = {
  readonly signer: Signer;
  readonly root: ClusterRoot;
};

/** Whether an operation says what an owner's own authority is. */
export function isOwnAuthority(
  { section, key }: { readonly section: string; readonly key: string },
): boolean {
  return section === "node" && key === certificateKeys.ownAuthority;
}

/** The authority that an entry shows; undefined when it proves none. */
export function readOwnAuthority(
  trust: AuthorityTrust,
  text: string,
  { owner }: { readonly owner: PeerId },
): Certificate | undefined {
  const der = derOf(parseJson(text, "A value"));
  if (der === undefined) return undefined;
  try {
    const certificate = parseCertificate(der);
    const check = { type: "permanent" } as const;
    const { root } = trust;
    const { admin } = verifyAuthority(trust, { root, certificate, check });
    return admin === owner ? certificate : undefined;
  } catch (cause) {
    if (cause instanceof PlnError) return undefined;
    throw cause;
  }
}

/** Of one owner, admin or not. */
export class AdminEntries {
  readonly #trust: AuthorityTrust;
  readonly #owner: PeerId;
  readonly #sections = new Map<RightsSection, Map<string, string>>();
  readonly #lists = new Map<RightsSection, readonly RightsText[]>();
  #ownAuthority: Certificate | undefined;

  constructor(trust: AuthorityTrust, owner: PeerId) {
    this.#trust = trust;
    this.#owner = owner;
  }

  /** Undefined while the owner shows no authority of its own. */
  get document(): AdminDocument | undefined {
    const ownAuthority = this.#ownAuthority;
    if (ownAuthority === undefined) return undefined;
    const owner = this.#owner;
    return { owner, ownAuthority, entries: (section) => this.#list(section) };
  }

  /** The canonical text; undefined when absent or deleted. */
  get(section: RightsSection, key: string): string | undefined {
    return this.#sections.get(section)?.get(key);
  }

  /** Follows the document. True when rights may differ. */
  apply(changes: readonly EntryChange[]): boolean {
    let isTouched = false;
    for (const change of changes) {
      if (this.#apply(change)) isTouched = true;
    }
    return isTouched;
  }

  #apply(change: EntryChange): boolean {
    const { section, key, after: text } = change;
    if (isOwnAuthority(change)) {
      this.#ownAuthority = text === undefined
        ? undefined
        : readOwnAuthority(this.#trust, text, { owner: this.#owner });
      return true;
    }
    const name = rightsSectionNames.find((one) => one === section);
    if (name === undefined) return false;
    this.#lists.delete(name);
    const entries = this.#sections.get(name) ?? new Map<string, string>();
    this.#sections.set(name, entries);
    if (text === undefined) entries.delete(key);
    else entries.set(key, text);
    return true;
  }

  #list(section: RightsSection): readonly RightsText[] {
    const known = this.#lists.get(section);
    if (known !== undefined) return known;
    const entries = this.#sections.get(section) ?? new Map<string, string>();
    const list = [...entries].map(([key, text]) => ({ key, text }));
    this.#lists.set(section, list);
    return list;
  }
}
