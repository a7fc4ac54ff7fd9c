// `pln restart`: stops the daemon if one runs, and starts it in the background.
// Flags of the start before are not kept: what should last belongs into
// config.yaml.

import { isInitialised } from "../../identity/mod.ts";
import { NotFoundError, UnreachableError } from "../../kernel/mod.ts";
import { startInBackground } from "../background.ts";
import type { Invocation } from "../invocation.ts";
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
    await refuseNone(invocation);
    await invocation.note("No daemon ran");
  }
  await startInBackground(invocation, settings);
};

/** @throws {NotFoundError} There is nothing to start. */
async function refuseNone(invocation: Invocation): Promise<void> {
  const disk = await invocation.openDisk();
  if (await isInitialised(disk)) return;
  throw new NotFoundError(`There is no node in "${disk.label}" to restart`, {
    hint: 'Check --dir; "pln up -d" makes a node and starts it',
  });
}
