// `pln up`: runs the daemon of a directory, here or in the background. It makes
// a cluster first where there is none, and says so. The first signal drains,
// the second ends at once with 130; a second daemon is refused.

import { settingsOf } from "../../config/mod.ts";
import { exitInterrupted, exitOk } from "../failure.ts";
import { backupAdvice, makeClusterIfNone } from "../cluster.ts";
import { alreadyRuns } from "../directory.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";
import type { DaemonPortsOptions } from "../platform.ts";
import { readSettings, settingFlags } from "../settings.ts";
import type { FlagsOf } from "../verbs.ts";

export const run: Run<"up"> = async (invocation, { flags }) => {
  const running = await invocation.findDaemon();
  if (running !== undefined) throw alreadyRuns(invocation, running.node);
  const settings = settingFlags(flags);
  // A mistake in a setting shows before anything is made.
  await readSettings(invocation, settings);
  const made = await makeClusterIfNone(invocation);
  if (made !== undefined) {
    await invocation.note(
      `There was no node in ${made.directory}: made cluster ` +
        `${made.cluster.slice(0, 12)} with this node, ` +
        `${made.peer.slice(0, 12)}, as its admin.\n${backupAdvice}`,
    );
  }
  if (!flags.detach) return await runHere(invocation, flags);
  const { startInBackground } = await import("../background.ts");
  await startInBackground(invocation, settings);
};

async function runHere(
  invocation: Invocation,
  flags: FlagsOf<"up">,
): Promise<number> {
  const { platform, terminal, directory, socketPath } = invocation;
  const reload = async () =>
    settingsOf(await readSettings(invocation, settingFlags(flags)));
  const settings = await reload();
  const { runDaemon } = await import("../../daemon/mod.ts");
  const stop = new AbortController();
  const twice = Promise.withResolvers<"twice">();
  using _signals = terminal.onSignal((signal) => {
    if (stop.signal.aborted) twice.resolve("twice");
    else stop.abort(new Error(`Got ${signal}`));
  });
  const ports = await platform.openDaemonPorts({
    directory,
    logLevel: settings.logLevel,
    echo: echoOf(invocation, flags),
  });
  const daemon = async () => {
    // Released when it has ended only: a second signal waits for nothing.
    await using _ports = ports;
    await runDaemon(ports, {
      socketPath,
      processId: terminal.processId,
      settings,
      reloadSettings: reload,
    }, { onReady: () => {}, signal: stop.signal });
    return "drained";
  };
  const end = await Promise.race([daemon(), twice.promise, ports.crashed]);
  return end === "twice" ? exitInterrupted : exitOk;
}

function echoOf(
  { terminal, isJson }: Invocation,
  { quiet }: FlagsOf<"up">,
): DaemonPortsOptions["echo"] {
  if (quiet) return "none";
  return terminal.stderr.isTerminal && !isJson ? "text" : "json";
}
