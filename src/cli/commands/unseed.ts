// `pln unseed`: takes a seed back. Its name comes in; calls under way are
// cancelled, and new ones find nothing. The name is checked before the daemon
// is asked. It says nothing of what the daemon keeps.

import { parseName } from "../../kernel/mod.ts";
import type { Run } from "../loaders.ts";

export const run: Run<"unseed"> = async (invocation, { args }) => {
  const name = parseName(args[0] ?? "", "seed");
  await invocation.ask((client) => client.unpublishSeed(name));
  await invocation.answer({ version: 1, name }, `Took back ${name}\n`);
};
