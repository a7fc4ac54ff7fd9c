// `pln unset`: takes one key out of config.yaml, so that its default counts. A
// key that is not there is no failure: the file says what was asked. Comments
// and order of the rest stay as they are.

import { configPath, readConfigText, unsetKey } from "../../config/mod.ts";
import { utf8 } from "../../kernel/mod.ts";
import type { Run } from "../loaders.ts";
import { reloadDaemon, reloadText } from "../settings.ts";
import { knownKey } from "./set.ts";

export const run: Run<"unset"> = async (invocation, { args }) => {
  const key = knownKey(args[0] ?? "");
  const disk = await invocation.openDisk();
  const before = await readConfigText(disk);
  const after = unsetKey(before, key);
  const wasSet = after !== before;
  if (wasSet) await disk.writeAtomic(configPath, utf8(after));
  const reloaded = wasSet ? await reloadDaemon(invocation) : undefined;
  await invocation.answer(
    {
      version: 1,
      key,
      wasSet,
      ...(reloaded === undefined ? {} : { reloaded }),
    },
    (wasSet ? `${key} is unset\n` : `${key} was not set\n`) +
      reloadText(reloaded),
  );
};
