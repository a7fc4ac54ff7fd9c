// The cluster's state in a status: how much of it this node has, and what is
// wrong with it. The daemon's counts come in; pairs of a word and a sentence go
// out, none where all is well.

import type { StateStatus, StatusReport } from "../control/mod.ts";
import { nodeText } from "./node_rows.ts";
import { digestText, sizeText } from "./render.ts";

type Line = readonly [name: string, value: string];
type Look = { readonly isWide: boolean };

/** The own document, and all that are here. */
export function stateText(state: StateStatus, look: Look): string {
  const { entries, journalBytes, documents, digest } = state;
  const all = documents === undefined ? "" : `; ${documents} documents`;
  const sum = digest === undefined ? "" : `, ${digestText(digest, look)}`;
  return `${entries} entries, ${sizeText(journalBytes)}${all}${sum}`;
}

/** Nothing where nothing is wrong. */
export function stateFaults(
  { state, nodes }: Pick<StatusReport, "state" | "nodes">,
): readonly Line[] {
  const { forks = [], unfilled = 0, waiting = 0 } = state;
  const names = new Map(nodes.map(({ peer, name }) => [peer, name]));
  const forked = forks.map((peer): Line => [
    "forked",
    `${nodeText({ peer, name: names.get(peer) })} published in two ways at ` +
    "once: what it said last is void until it starts anew",
  ]);
  return [
    ...forked,
    ...lineOf("missing", {
      count: unfilled,
      what: "that no peer brings",
    }),
    ...lineOf("waiting", {
      count: waiting,
      what: "of owners whom no admin has named yet",
    }),
    ...counts(state),
  ];
}

function counts(state: StateStatus): readonly Line[] {
  const { refused = 0, deferred = 0, ignored = 0 } = state;
  const batches = refused + deferred === 0 ? [] : [
    [
      "batches",
      `${refused} refused, ${deferred} put off as they came too fast`,
    ] as const,
  ];
  const entries = ignored === 0
    ? []
    : [["ignored", `${ignored} entries of others that do not count`] as const];
  return [...batches, ...entries];
}

function lineOf(
  name: string,
  { count, what }: { readonly count: number; readonly what: string },
): readonly Line[] {
  if (count === 0) return [];
  const documents = count === 1 ? "1 document" : `${count} documents`;
  return [[name, `${documents} ${what}`]];
}
