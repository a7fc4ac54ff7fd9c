// `pln invite ls`: the invites of the cluster as this node knows them: whom
// they admit, until when, and how often they were used. Tokens are secrets that
// nobody keeps, so none is shown.

import type { InviteStatus } from "../../control/mod.ts";
import type { Run } from "../loaders.ts";
import { type Column, momentText, peerText, tableText } from "../render.ts";

const columns: readonly Column[] = [
  { title: "INVITE" },
  { title: "STATE" },
  { title: "TIER" },
  { title: "USED", align: "right" },
  { title: "EXPIRES" },
  { title: "SUBJECT" },
  { title: "BY" },
];

export const run: Run<"invite ls"> = async (invocation) => {
  const list = await invocation.ask(({ members }) => members.invites());
  const { isBold } = invocation;
  const text = list.invites.length === 0
    ? 'No invites are known here: make one with "pln invite"\n'
    : tableText(columns, list.invites.map(rowOf), { isBold });
  await invocation.answer(list, text);
};

function rowOf(invite: InviteStatus): readonly string[] {
  const { id, state, tier, used, uses, expiresMs, subject, by } = invite;
  return [
    id.slice(0, 12),
    state,
    tier,
    `${used}/${uses}`,
    momentText(expiresMs),
    subject === undefined ? "anybody" : peerText(subject, { isWide: false }),
    peerText(by, { isWide: false }),
  ];
}
