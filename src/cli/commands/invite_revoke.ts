// `pln invite revoke <id>`: makes an invite useless, at every admin that hears
// of it. Its id, or the start of it, comes in; whom it admitted already stays a
// member.

import type { Run } from "../loaders.ts";

export const run: Run<"invite revoke"> = async (invocation, { args }) => {
  const invite = await invocation.ask(({ members }) =>
    members.revokeInvite(args[0] ?? "")
  );
  const { id, used, state } = invite;
  const shown = id.slice(0, 12);
  // One that is over already stays what it is.
  const outcome = state === "revoked"
    ? `Invite ${shown} is revoked\n`
    : `Invite ${shown} is ${state} already: nothing was changed\n`;
  const admitted = used === 0
    ? ""
    : `It admitted ${used === 1 ? "a node" : `${used} nodes`} before: ` +
      'see "pln status nodes", and "pln deny"\n';
  await invocation.answer({ version: 1, ...invite }, outcome + admitted);
};
