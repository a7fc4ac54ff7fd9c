// `pln config show`: config.yaml as it is, or, with --effective, every setting
// and where it comes from. A file with a fault is refused with its line, and
// nothing is ever written.

import {
  type EffectiveSettings,
  parseConfig,
  readConfigText,
  settingKeys,
} from "../../config/mod.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";
import { tableText } from "../render.ts";
import { readSettings } from "../settings.ts";

export const run: Run<"config show"> = async (invocation, { flags }) => {
  if (flags.effective) {
    const settings = await readSettings(invocation, {});
    return await showEffective(invocation, settings);
  }
  const text = await readConfigText(await invocation.openDisk());
  if (text === "") {
    await invocation.note(
      'config.yaml is empty or missing; see "pln config show --effective"',
    );
  }
  await invocation.answer({ version: 1, settings: parseConfig(text) }, text);
};

async function showEffective(
  invocation: Invocation,
  settings: EffectiveSettings,
): Promise<void> {
  const rows = settingKeys.map((key) => {
    const { value, origin } = settings[key];
    const none = key === "ips" ? "none" : "off";
    return [key, `${value ?? none}`, origin];
  });
  const columns = ["KEY", "VALUE", "ORIGIN"].map((title) => ({ title }));
  await invocation.answer(
    { version: 1, settings },
    tableText(columns, rows, { isBold: invocation.isBold }),
  );
}
