// What the projection of rights reads of one owner's document: the sections of
// rights and the owner's own authority, kept beside the document as plain maps;
// with them what the owner says of itself, for people.
// In come the batches that the document replays; what comes out is an admin's
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
import type { Batch } from "./batches.ts";
import {
  certificateKeys,
  derOf,
  type NodeRecord,
  nodeRecordKey,
} from "./node_entries.ts";
import { type Operation, readNodeRecord } from "./schema.ts";

/** What it takes to believe an authority. */
export type AuthorityTrust = {
  readonly signer: Signer;
  readonly root: ClusterRoot;
};

/** Whether an operation says what an owner's own authority is. */
export function isOwnAuthority(operation: Omit<Operation, "text">): boolean {
  return operation.section === "node" &&
    operation.key === certificateKeys.ownAuthority;
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

function recordOf(text: string): NodeRecord | undefined {
  const reading = readNodeRecord(parseJson(text, "A value"));
  return "value" in reading ? reading.value : undefined;
}

/** Of one owner, admin or not. */
export class AdminEntries {
  readonly #trust: AuthorityTrust;
  readonly #owner: PeerId;
  readonly #sections = new Map<RightsSection, Map<string, string>>();
  readonly #lists = new Map<RightsSection, readonly RightsText[]>();
  #ownAuthority: Certificate | undefined;
  #record: NodeRecord | undefined;

  constructor(trust: AuthorityTrust, owner: PeerId) {
    this.#trust = trust;
    this.#owner = owner;
    this.#clear();
  }

  /** Undefined while the owner shows no authority of its own. */
  get document(): AdminDocument | undefined {
    const ownAuthority = this.#ownAuthority;
    if (ownAuthority === undefined) return undefined;
    const owner = this.#owner;
    return { owner, ownAuthority, entries: (section) => this.#list(section) };
  }

  /** Undefined while the owner says nothing of itself that fits. */
  get record(): NodeRecord | undefined {
    return this.#record;
  }

  /** The canonical text; undefined when absent or deleted. */
  get(section: RightsSection, key: string): string | undefined {
    return this.#sections.get(section)?.get(key);
  }

  /** Replays a batch as the document does. True when rights may differ. */
  apply(batch: Pick<Batch, "base" | "operations">): boolean {
    if (batch.base) this.#clear();
    let isTouched = batch.base;
    for (const operation of batch.operations) {
      if (this.#apply(operation)) isTouched = true;
    }
    return isTouched;
  }

  #apply(operation: Operation): boolean {
    const { section, key, text } = operation;
    if (isOwnAuthority(operation)) {
      this.#ownAuthority = text === undefined
        ? undefined
        : readOwnAuthority(this.#trust, text, { owner: this.#owner });
      return true;
    }
    if (section === "node" && key === nodeRecordKey) {
      this.#record = text === undefined ? undefined : recordOf(text);
      return false;
    }
    const name = rightsSectionNames.find((one) => one === section);
    if (name === undefined) return false;
    this.#lists.delete(name);
    if (text === undefined) this.#sections.get(name)?.delete(key);
    else this.#sections.get(name)?.set(key, text);
    return true;
  }

  #clear(): void {
    this.#ownAuthority = undefined;
    this.#record = undefined;
    this.#lists.clear();
    for (const name of rightsSectionNames) {
      this.#sections.set(name, new Map());
    }
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
