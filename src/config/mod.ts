// Configuration: config.yaml of the directory (file.ts), the environment and
// flags, in one order of precedence (settings.ts). Texts come in, settings with
// their origin go out; nothing is ever guessed.

export {
  configPath,
  configText,
  parseConfig,
  readConfigText,
  setKey,
  unsetKey,
} from "./file.ts";
export {
  type ConfigFile,
  type EffectiveSettings,
  effectiveSettings,
  isSettingKey,
  meshPortDefault,
  type Origin,
  parseSetting,
  type SettingKey,
  settingKeys,
  type Settings,
  settingsOf,
  type SettingSources,
  type SettingValues,
  settingVariable,
} from "./settings.ts";
