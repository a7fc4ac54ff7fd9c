// `pln recover --accept-loss`: tells a daemon whose journal is damaged to go on
// without what cannot be read. Nothing is given up without the flag, and
// nothing is deleted from here.

import { InputError } from "../../kernel/mod.ts";
import type { Run } from "../loaders.ts";

export const run: Run<"recover"> = async (invocation, { flags }) => {
  if (!flags["accept-loss"]) {
    throw new InputError("Recovery gives up what cannot be read", {
      hint: 'Restore a backup, or run "pln recover --accept-loss"',
    });
  }
  await invocation.ask((client) => client.acceptLoss());
  await invocation.answer(
    { version: 1, accepted: true },
    'The node goes on without what was lost; see "pln status"\n',
  );
};
