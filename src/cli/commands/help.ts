// `pln help [command]`: the same text as `pln command --help`. Words come in,
// help goes to standard output; an unknown command is a usage error. It loads
// no command and asks no daemon.

import { InputError } from "../../kernel/mod.ts";
import { commandHelp, isGroup, overview } from "../help.ts";
import type { Run } from "../loaders.ts";
import { isVerb } from "../verbs.ts";

export const run: Run<"help"> = async (invocation, { args }) => {
  const name = args.join(" ");
  if (name === "" || !isVerb(name) && isGroup(name)) {
    return await invocation.answer({ help: overview(name) }, overview(name));
  }
  if (!isVerb(name)) {
    const shown = JSON.stringify(name.slice(0, 40));
    throw new InputError(`There is no command ${shown}`, {
      hint: '"pln help" lists the commands',
    });
  }
  const text = commandHelp(name);
  await invocation.answer({ help: text }, text);
};
