// Starting in the background as people see it: the daemon is started, and the
// answer says which process runs and where. Used by `pln up -d`, `pln restart`
// and `pln join`; the work is the starter's.

import type { StatusReport } from "../control/mod.ts";
import type { Invocation } from "./invocation.ts";
import { pairsText } from "./render.ts";
import type { SettingFlags } from "./settings.ts";
import { startDaemon } from "./starter.ts";

/** @param options.also What the command did before, for programs. */
export async function startInBackground(
  invocation: Invocation,
  flags: SettingFlags,
  { also = {} }: { readonly also?: object } = {},
): Promise<StatusReport> {
  const report = await startDaemon(invocation, flags);
  const { node } = report;
  const { processId, peer, name, directory } = node;
  const socket = invocation.socketPath;
  await invocation.answer(
    { version: 1, ...also, processId, peer, name, directory, socket },
    pairsText([
      ["node", name],
      ["peer", peer],
      ["process", `${processId}`],
      ["directory", directory],
      ["socket", socket],
    ]),
  );
  return report;
}
