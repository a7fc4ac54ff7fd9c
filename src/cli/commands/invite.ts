// `pln invite`: a token with which a node can join. It alone goes to standard
// output, so that it can be piped; what it admits, and what to type there, goes
// to standard error. The token is a secret and is never kept.

import {
  formatDurationMs,
  InputError,
  isPeerId,
  limits,
} from "../../kernel/mod.ts";
import type { InviteMade, InviteRequest } from "../../control/mod.ts";
import type { Run } from "../loaders.ts";
import { parseCount, parseLifeMs } from "../numbers.ts";
import { momentText, peerText } from "../render.ts";
import { accessMsOf, propertiesOf, tierOf, tierText } from "../tiers.ts";
import type { Input } from "../verbs.ts";

export const run: Run<"invite"> = async (invocation, input) => {
  const request = requestOf(input);
  const made = await invocation.ask(({ members }) => members.invite(request));
  await invocation.note(adviceText(made, request));
  await invocation.answer({ version: 1, ...made }, `${made.token}\n`);
};

function requestOf({ flags, args }: Input<"invite">): InviteRequest {
  const tier = tierOf(flags) ?? "leaf";
  const subject = subjectOf(args[0]);
  if (tier === "admin" && subject === undefined) {
    throw new InputError("An invite for an admin names the node it is for", {
      hint: 'Run "pln id" there, then "pln invite <id> --admin" here',
    });
  }
  const { ttl, uses } = flags;
  return {
    tier,
    subject,
    properties: propertiesOf(flags.prop),
    accessMs: accessMsOf(flags["expire-after"]),
    ttlMs: ttl === undefined
      ? undefined
      : parseLifeMs(ttl, "--ttl", { maxMs: limits.inviteTtlMsMax }),
    uses: uses === undefined
      ? undefined
      : parseCount(uses, "--uses", { min: 1, max: limits.inviteUsesMax }),
  };
}

function subjectOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const id = text.trim().toLowerCase();
  if (isPeerId(id)) return id;
  throw new InputError(
    `${JSON.stringify(text.slice(0, 40))} is no whole peer id`,
    { hint: 'A subject has 64 hex digits: run "pln id" on that node' },
  );
}

function adviceText(made: InviteMade, { accessMs }: InviteRequest): string {
  const { subject, uses, tier, expiresMs } = made;
  const id = subject === undefined ? "" : peerText(subject, { isWide: false });
  const who = id !== ""
    ? `node ${id}`
    : (uses === 1 ? "one node" : `${uses} nodes`);
  const access = accessMs === undefined
    ? ""
    : ` for ${formatDurationMs(accessMs)}`;
  // The root makes admins, of those who have joined.
  const rights = tierText(tier === "admin" ? "publisher" : tier);
  const later = tier === "admin"
    ? `After that, here: pln grant ${id} --admin\n`
    : "";
  return `Admits ${who} as ${rights}${access}, until ` +
    `${momentText(expiresMs)}. Whoever has this line can use it.\n` +
    `${later}There: pln join <token>, or "pln join -" and paste it`;
}
