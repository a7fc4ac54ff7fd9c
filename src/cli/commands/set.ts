// `pln set`: one key of config.yaml, comments and order kept. The whole file is
// checked before and after; a running daemon is told and says what it took
// over.

import {
  configPath,
  isSettingKey,
  parseSetting,
  readConfigText,
  setKey,
  type SettingKey,
  settingKeys,
} from "../../config/mod.ts";
import { InputError, utf8 } from "../../kernel/mod.ts";
import type { Run } from "../loaders.ts";
import { reloadDaemon, reloadText } from "../settings.ts";

/** What `pln set <key>` without a value means. */
const defaults: Readonly<Partial<Record<SettingKey, string>>> = {
  "http": "8081",
  "static-http": "8080",
};

export const run: Run<"set"> = async (invocation, { args }) => {
  const key = knownKey(args[0] ?? "");
  const text = args[1] ?? defaults[key];
  if (text === undefined) {
    throw new InputError(`"${key}" needs a value`, {
      hint: `Run "pln set ${key} <value>"`,
    });
  }
  const value = parseSetting(key, text, { label: key });
  if (value === undefined) {
    throw new InputError(`"${key}" cannot be set to off`, {
      hint: `Run "pln unset ${key}"`,
    });
  }
  const disk = await invocation.openDisk();
  const after = setKey(await readConfigText(disk), key, { value });
  await disk.writeAtomic(configPath, utf8(after));
  const reloaded = await reloadDaemon(invocation);
  await invocation.answer(
    { version: 1, key, value, ...(reloaded === undefined ? {} : { reloaded }) },
    `${key}: ${value}\n${reloadText(reloaded)}`,
  );
};

/** @throws {InputError} With the keys there are. */
export function knownKey(text: string): SettingKey {
  if (isSettingKey(text)) return text;
  throw new InputError(`There is no key ${JSON.stringify(text.slice(0, 40))}`, {
    hint: `The keys are ${settingKeys.join(", ")}`,
  });
}
