// Settings of the directory under the flags and variables of this command, and
// how a change of config.yaml reaches a running daemon. What the file says is
// checked whole before anything uses it.

import {
  type EffectiveSettings,
  effectiveSettings,
  parseConfig,
  readConfigText,
  type SettingKey,
  settingKeys,
} from "../config/mod.ts";
import type { Reloaded } from "../control/mod.ts";
import type { Invocation } from "./invocation.ts";

/** As texts, as the file and the environment have them. */
export type SettingFlags = Readonly<
  Partial<Record<SettingKey, string | undefined>>
>;

/** As they are typed: a switch is there or not. */
type TypedFlags = Readonly<
  Partial<Record<SettingKey, string | boolean | undefined>>
>;

/** The flags that are settings, among others. */
export function settingFlags(flags: TypedFlags): SettingFlags {
  return Object.fromEntries(
    settingKeys.map((key) => {
      const typed = flags[key];
      if (typed === false) return [key, undefined];
      return [key, typed === true ? "true" : typed];
    }),
  );
}

/** The words that say the same on another command line. */
export function settingWords(flags: SettingFlags): readonly string[] {
  return settingKeys.flatMap((key) => {
    const value = flags[key];
    if (value === undefined) return [];
    return key === "public" ? [`--${key}`] : [`--${key}`, value];
  });
}

/** @throws {InputError | DiskError} A setting, or its file, is unusable. */
export async function readSettings(
  invocation: Invocation,
  flags: SettingFlags,
): Promise<EffectiveSettings> {
  const text = await readConfigText(await invocation.openDisk());
  return effectiveSettings({
    flags,
    environment: (name) => invocation.variable(name),
    file: parseConfig(text),
    hostname: invocation.platform.hostname() ?? "",
  });
}

/** Tells a running daemon; undefined when none runs. */
export async function reloadDaemon(
  invocation: Invocation,
): Promise<Reloaded | undefined> {
  if (await invocation.findDaemon() === undefined) return undefined;
  return await invocation.ask((client) => client.reload());
}

/** What a change of the file did, for people. */
export function reloadText(reloaded: Reloaded | undefined): string {
  if (reloaded === undefined) return "";
  const { applied, needRestart } = reloaded;
  const now = applied.length === 0
    ? ""
    : `The running daemon took over ${applied.join(", ")}.\n`;
  const later = needRestart.length === 0
    ? ""
    : `Run "pln restart" to take over ${needRestart.join(", ")}.\n`;
  return now + later;
}
