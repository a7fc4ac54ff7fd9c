// `pln diff <peer>`: compares this node's copies of all documents with a
// peer's. The daemon's comparison comes in; one line an owner that differs, or
// the comparison itself as JSON, goes out. Exit code 0 says equal, 1 different.

import type {
  DocumentDifference,
  DocumentPlace,
  StateDifference,
} from "../../control/mod.ts";
import type { Run } from "../loaders.ts";
import { nodeText } from "../node_rows.ts";
import { type Column, digestText, tableText } from "../render.ts";

const exitDifferent = 1;

export const run: Run<"diff"> = async (invocation, { args }) => {
  const [peer = ""] = args;
  const difference = await invocation.ask(({ state }) => state.diff(peer));
  const look = { isBold: invocation.isBold };
  await invocation.answer(difference, differenceText(difference, look));
  if (!difference.isEqual) return exitDifferent;
};

function differenceText(
  difference: StateDifference,
  look: { readonly isBold: boolean },
): string {
  const { isEqual, digest, documents, owners } = difference;
  const short = digestText(digest, { isWide: false });
  const whole = documents === 1 ? "1 document" : `${documents} documents`;
  if (isEqual) {
    return `equal to ${nodeText(difference)}: ${whole}, ${short}\n`;
  }
  const columns: Column[] = [
    { title: "OWNER" },
    { title: "HERE IS" },
    { title: "HERE" },
    { title: "THERE" },
  ];
  return tableText(columns, owners.map(ownerRow), look) +
    `different from ${nodeText(difference)}: ${owners.length} of ${whole}\n`;
}

function ownerRow(difference: DocumentDifference): readonly string[] {
  const { owner, name, state, here, there } = difference;
  return [
    nodeText({ peer: owner, name }),
    state,
    placeText(here),
    placeText(there),
  ];
}

/** "generation.batch", and what tells a forked one apart. */
function placeText(place: DocumentPlace | undefined): string {
  if (place === undefined) return "-";
  const { generation, seq, digest } = place;
  return `${generation}.${seq} ${digest.slice(0, 8)}`;
}
