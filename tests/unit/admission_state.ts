// The state of one node as admission uses it, with the real projection over
// replicas in memory: what is published reaches every node that is not cut off
// at once, and must have the shape that the real state asks for.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import type {
  AdmissionState,
  RightsChange,
} from "../../src/admission/needs.ts";
import {
  type AdminDocument,
  type Certificate,
  type ClusterRoot,
  type NodeIdentity,
  type Rights,
  rightsEntryShape,
  RightsProjector,
  type RightsSection,
  rightsSectionNames,
} from "../../src/identity/mod.ts";
import {
  canonicalJson,
  type PeerId,
  type PlnError,
  shape,
} from "../../src/kernel/mod.ts";
import type { World } from "../../src/sim/mod.ts";
import { pause } from "./admission_stream.ts";

const signer = openSigner();

type Section = ReadonlyMap<string, string>;
type Document = {
  readonly owner: PeerId;
  readonly ownAuthority: Certificate;
  readonly sections: ReadonlyMap<RightsSection, Section>;
};

function asAdminDocument(document: Document): AdminDocument {
  const { owner, ownAuthority, sections } = document;
  const entries = new Map(
    rightsSectionNames.map((section) => [
      section,
      [...sections.get(section) ?? []].map(([key, text]) => ({ key, text })),
    ]),
  );
  return {
    owner,
    ownAuthority,
    entries: (section) => entries.get(section) ?? [],
  };
}

/** The node whose state it is. */
export interface StateOwner {
  readonly identity: NodeIdentity;
  /** The states that hear what it publishes. */
  hearers(): Iterable<MemoryState>;
}

/** A node's replicas, and its own document when it is an admin. */
export class MemoryState implements AdmissionState {
  readonly #world: World;
  readonly #owner: StateOwner;
  readonly #projector: RightsProjector;
  readonly documents = new Map<PeerId, Document>();
  /** Publishing fails with it while it is set. */
  fault: PlnError | undefined;
  /** Batches that were published here. */
  readonly published: (readonly RightsChange[])[] = [];

  constructor(
    world: World,
    options: { readonly owner: StateOwner; readonly root: ClusterRoot },
  ) {
    const { owner, root } = options;
    this.#world = world;
    this.#owner = owner;
    this.#projector = new RightsProjector({ signer }, { root });
  }

  rights(): Rights {
    const documents = [...this.documents.values()].map(asAdminDocument);
    return this.#projector.project(documents);
  }

  async publish(changes: readonly RightsChange[]): Promise<void> {
    await pause(this.#world, 2);
    if (this.fault !== undefined) throw this.fault;
    const { peer, authority } = this.#owner.identity;
    const ownAuthority = authority?.certificate;
    assert.ok(ownAuthority !== undefined, "admins publish rights");
    const sections = new Map(this.documents.get(peer)?.sections ?? []);
    for (const { section, key, value } of changes) {
      const entries = new Map(sections.get(section) ?? []);
      if (value === undefined) entries.delete(key);
      else {
        const of = rightsEntryShape(section, key, { value });
        shape.parseShape(of, value, { what: `${section} ${key}` });
        entries.set(key, canonicalJson(value));
      }
      sections.set(section, entries);
    }
    this.published.push(changes);
    const document = { owner: peer, ownAuthority, sections };
    this.documents.set(peer, document);
    for (const state of this.#owner.hearers()) {
      state.documents.set(peer, document);
    }
  }
}
