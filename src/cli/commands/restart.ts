// `pln restart`: stops the daemon if one runs, and starts it in the background.
// Flags of the start before are not kept: what should last belongs into
// config.yaml.

import { UnreachableError } from "../../kernel/mod.ts";
import { startInBackground } from "../background.ts";
import { makeClusterIfNone } from "../cluster.ts";
import type { Run } from "../loaders.ts";
import { readSettings, settingFlags } from "../settings.ts";
import { stopDaemon } from "../stopper.ts";

export const run: Run<"restart"> = async (invocation, { flags }) => {
  const settings = settingFlags(flags);
  // A daemon that cannot start again is not stopped.
  await readSettings(invocation, settings);
  try {
    const processId = await stopDaemon(invocation);
    await invocation.note(`Stopped process ${processId}`);
  } catch (cause) {
    if (!(cause instanceof UnreachableError)) throw cause;
    await invocation.note("No daemon ran");
  }
  await makeClusterIfNone(invocation);
  await startInBackground(invocation, settings);
};
