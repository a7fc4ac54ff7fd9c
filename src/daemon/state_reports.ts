// The cluster's state in the shapes of the control API, and the handlers that
// answer questions about it. In comes what a node knows, in its own terms; out
// go texts, numbers and JSON values. Nothing is decided here.

import type {
  DocumentPlace,
  PastNode,
  PastStatus,
  StateEvent,
  StateHandlers,
  StateStatus,
} from "../control/mod.ts";
import {
  isPeerId,
  type JsonValue,
  parseJson,
  type PeerId,
  toHex,
} from "../kernel/mod.ts";
import type { Node } from "../node/mod.ts";

type Documents = Node["documents"];
type PastState = Awaited<ReturnType<Documents["past"]>>;
type HistoryPage = Awaited<ReturnType<Documents["history"]>>;
type Head = Awaited<ReturnType<Documents["diff"]>>["owners"][number]["here"];

/** The handlers of the control API. */
export function stateHandlers(node: Node): StateHandlers {
  const { documents } = node;
  return {
    async history(query) {
      const { records, beginsMs, isCut } = await documents.history(query);
      const events = records.map((record) => stateEvent(node, record));
      return { version: 1, beginsMs, isCut, events };
    },
    past: async (atMs) => pastStatus(atMs, await documents.past(atMs)),
    async diff(text, signal) {
      const { peer, owners, ...rest } = await documents.diff(text, signal);
      return {
        version: 1,
        peer,
        name: node.members.nameOf(peer),
        isEqual: owners.length === 0,
        digest: node.view.digest,
        ...rest,
        owners: owners.map(({ owner, state, here, there }) => ({
          owner,
          name: nameOf(node, owner),
          state,
          here: placeOf(here),
          there: placeOf(there),
        })),
      };
    },
    async forget(text, { force = false, dryRun = false }) {
      const options = { isForced: force, isDryRun: dryRun };
      const forgotten = await documents.forget(text, options);
      return { version: 1, ...forgotten, isDryRun: dryRun };
    },
  };
}

/** For the status. */
export function stateStatus(node: Node): StateStatus {
  const { generation, seq, entries, journalBytes, ...report } = node
    .stateReport();
  return {
    ...{ generation, sequence: seq, entries, journalBytes },
    ...node.documents.report(),
    waiting: report.waiting,
    refused: report.refusedBatches,
    deferred: report.deferredBatches,
    ignored: report.ignoredOfOthers,
  };
}

/** Of the start of an id nobody knows the name. */
function nameOf(node: Node, owner: string): string | undefined {
  return isPeerId(owner) ? node.members.nameOf(owner) : undefined;
}

function placeOf(head: Head): DocumentPlace | undefined {
  if (head === undefined) return undefined;
  const { generation, seq, digest } = head;
  return { generation, seq, digest: toHex(digest) };
}

function stateEvent(
  node: Node,
  record: HistoryPage["records"][number],
): StateEvent {
  if (record.type === "gap") return record;
  const { changes, owner, ...rest } = record;
  return {
    ...rest,
    owner,
    name: node.members.nameOf(owner),
    changes: changes.map(({ section, key, before, after }) => {
      const was = valueOf(before);
      const is = valueOf(after);
      if (section !== "seeds") return { section, key, before: was, after: is };
      return {
        section,
        key,
        before: withoutConfig(was),
        after: withoutConfig(is, was),
      };
    }),
  };
}

function valueOf(text: string | undefined): JsonValue | undefined {
  return text === undefined ? undefined : parseJson(text, "A value");
}

/** Values of a seed's configuration are its own business; keys are shown. */
function withoutConfig(
  spec: JsonValue | undefined,
  before?: JsonValue | undefined,
): JsonValue | undefined {
  const config = configOf(spec);
  if (spec === undefined || config === undefined) return spec;
  const known = configOf(before);
  const shown = Object.entries(config).map(([key, value]) => {
    const isChanged = known !== undefined && known[key] !== value;
    return [key, isChanged ? "hidden, changed" : "hidden"] as const;
  });
  return { ...Object(spec), config: Object.fromEntries(shown) };
}

function configOf(
  spec: JsonValue | undefined,
): Readonly<Record<string, unknown>> | undefined {
  const config: unknown = Object(spec).config;
  return typeof config === "object" && config ? { ...config } : undefined;
}

function pastStatus(atMs: number, { view, isExact }: PastState): PastStatus {
  const { nodes, seeds, digest, rights } = view;
  const rows = [...nodes.values()].map((
    { peer, name, tier, properties, hasLeft, version },
  ): PastNode => ({
    ...{ peer, name, tier, version },
    properties: Object.fromEntries(properties),
    state: hasLeft ? "left" : "member",
  }));
  const denied = rights.denials.map(({ subject: peer }): PastNode => ({
    peer,
    properties: {},
    state: "denied",
  }));
  return {
    version: 1,
    ...{ atMs, isExact, digest },
    nodes: [...rows, ...denied],
    seeds: [...seeds.values()].map(({ name, owner, spec }) => ({
      ...{ name, owner },
      digest: spec.digest,
      sizeBytes: spec.sizeBytes,
      publishedMs: spec.publishedMs,
      others: othersOf(view.holders("seeds", name), owner),
    })),
  };
}

function othersOf(
  holders: readonly PeerId[],
  owner: PeerId,
): readonly PeerId[] {
  return holders.filter((holder) => holder !== owner);
}
