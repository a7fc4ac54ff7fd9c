// `pln recover --accept-loss`: tells a daemon whose journal is damaged to go on
// without what cannot be read. Nothing is given up without the flag, and
// nothing is deleted from here.

import { InputError } from "../../kernel/mod.ts";
import type { Run } from "../loaders.ts";

/** The hint of the alarm that tells of lost records. */
const command = "pln recover --accept-loss";

export const run: Run<"recover"> = async (invocation, { flags }) => {
  if (!flags["accept-loss"]) {
    throw new InputError("Recovery gives up what cannot be read", {
      hint: `Restore a backup, or run "${command}"`,
    });
  }
  const { alarms } = await invocation.ask((client) => client.status());
  // Asked for in any case: a daemon of another version may word it otherwise.
  await invocation.ask((client) => client.acceptLoss());
  const accepted = alarms.some(({ hint }) => hint?.includes(command) === true);
  await invocation.answer(
    { version: 1, accepted },
    accepted
      ? 'The node goes on without what was lost; see "pln status"\n'
      : "Nothing of the node's state was lost: nothing was given up\n",
  );
};
