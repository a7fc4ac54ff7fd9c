// Settings: what each key means, where its value comes from, and in which order
// of precedence: flags, environment, file, defaults. Texts come in, settings
// with their origin go out. It must never guess: what is malformed is refused,
// with an example of what is right.

import {
  InputError,
  isName,
  isUnicast,
  limits,
  nameFrom,
  parseAddress,
  type Shape,
  shape as s,
} from "../kernel/mod.ts";
import { type LogLevel, logLevels } from "../ports/mod.ts";

/** Where peers find a node unless told otherwise. */
export const meshPortDefault = 60_611;

/** By key, as the file holds them; "off" is no value but its absence. */
export type SettingValues = {
  readonly "name": string;
  /** UDP, of the mesh; 0: any that is free. */
  readonly "port": number;
  /** Whether the whole Internet can reach it. */
  readonly "public": boolean;
  /** Addresses to tell peers beside those it finds: "192.0.2.7,2001:db8::7". */
  readonly "ips": string;
  readonly "http": number;
  readonly "static-http": number;
  readonly "log-level": LogLevel;
};

/** As config.yaml, flags and "pln set" spell it. */
export type SettingKey = keyof SettingValues;

/** In the order in which people see them. */
export const settingKeys = [
  "name",
  "port",
  "public",
  "ips",
  "http",
  "static-http",
  "log-level",
] as const;

/** What config.yaml says; a key that it leaves out is absent. */
export type ConfigFile = Partial<SettingValues>;

/** What the daemon runs with; a port that is off is absent. */
export type Settings = {
  readonly name: string;
  /** Default 60611. */
  readonly port?: number | undefined;
  readonly isPublic?: boolean | undefined;
  /** IP literals; default none. */
  readonly ips?: readonly string[] | undefined;
  readonly http?: number | undefined;
  readonly staticHttp?: number | undefined;
  readonly logLevel: LogLevel;
};

/** The strongest first. */
export type Origin = "flag" | "environment" | "file" | "default";

/** Every key is there, whether it was set or not. */
export type EffectiveSettings = {
  readonly [Key in SettingKey]: {
    /** Undefined: off. */
    readonly value: SettingValues[Key] | undefined;
    readonly origin: Origin;
  };
};

/** `hostname` becomes the name when nothing else gives one. */
export type SettingSources = {
  /** As typed; "off" switches a port off. */
  readonly flags: Readonly<Partial<Record<SettingKey, string | undefined>>>;
  readonly environment: (name: string) => string | undefined;
  readonly file: ConfigFile;
  readonly hostname: string;
};

const portRule = "must be a port from 1 to 65535";
const meshPortRule = "must be a port from 0 to 65535, 0 being any";
const publicRule = "must be true or false";
const ipsRule =
  `must be at most ${limits.peerIpsMax} IP addresses with commas between them`;
const nameRule = "must be a name of a-z, 0-9, and . _ - between them";
const levelRule = `must be one of ${logLevels.join(", ")}`;

const port = s.pipe(
  s.number(portRule),
  s.integer(portRule),
  s.minValue(1, portRule),
  s.maxValue(65_535, portRule),
);

const meshPort = s.pipe(
  s.number(meshPortRule),
  s.integer(meshPortRule),
  s.minValue(0, meshPortRule),
  s.maxValue(65_535, meshPortRule),
);

/** What config.yaml may hold; unknown keys are found before. */
export const fileShape = s.object({
  "name": s.optional(s.pipe(s.string(nameRule), s.check(isName, nameRule))),
  "port": s.optional(meshPort),
  "public": s.optional(s.boolean(publicRule)),
  "ips": s.optional(s.pipe(s.string(ipsRule), s.check(areIps, ipsRule))),
  "http": s.optional(port),
  "static-http": s.optional(port),
  "log-level": s.optional(s.picklist(logLevels, levelRule)),
}) as Shape<ConfigFile>;

/** Exact: no other case and no underscores. */
export function isSettingKey(text: string): text is SettingKey {
  return settingKeys.some((key) => key === text);
}

/** One setting as a flag, a variable or "pln set" gives it. */
export function parseSetting<Key extends SettingKey>(
  key: Key,
  text: string,
  { label }: { readonly label: string },
): SettingValues[Key] | undefined {
  const canBeOff = key === "http" || key === "static-http";
  if (canBeOff && text === "off") return undefined;
  const value = typedValue(key, text);
  const result = s.checkShape(fileShape, { [key]: value });
  if ("value" in result) return result.value[key];
  throw new InputError(
    `${label} ${result.faults[0]?.message}, not ${
      JSON.stringify(text.slice(0, 40))
    }`,
    { hint: settingHints[key] },
  );
}

/** A value of the type that the file would hold; anything else as it is. */
function typedValue(key: SettingKey, text: string): string | number | boolean {
  switch (key) {
    case "port":
    case "http":
    case "static-http":
      return /^\d{1,6}$/.test(text) ? Number(text) : text;
    case "public":
      return text === "true" || (text === "false" ? false : text);
    case "name":
    case "ips":
    case "log-level":
      return text;
  }
}

function areIps(text: string): boolean {
  const ips = partsOf(text);
  const isUsable = (ip: string) => {
    const address = parseAddress(ip);
    return address !== undefined && isUnicast(address);
  };
  return ips.length <= limits.peerIpsMax && ips.every(isUsable);
}

/** Each in its one canonical form. */
function ipsOf(text: string): readonly string[] {
  return partsOf(text).map((ip) => parseAddress(ip)?.text ?? ip);
}

function partsOf(text: string): readonly string[] {
  return text.split(",").map((ip) => ip.trim()).filter((ip) => ip !== "");
}

const portHint = 'A port such as 8080, or "off"';
const settingHints: Readonly<Record<SettingKey, string>> = {
  "name": 'A name such as "desk-1"',
  "port": `A port such as ${meshPortDefault}, or 0 for any`,
  "public": "true when anybody on the Internet can reach it",
  "ips": "Such as 203.0.113.7,2001:db8::7",
  "http": portHint,
  "static-http": portHint,
  "log-level": "A level such as info",
};

/** The variable that stands for a key: "PLN_STATIC_HTTP". */
export function settingVariable(key: SettingKey): string {
  return `PLN_${key.toUpperCase().replaceAll("-", "_")}`;
}

/**
 * Every setting with where it comes from.
 *
 * @throws {InputError} A flag or a variable is malformed.
 */
export function effectiveSettings(sources: SettingSources): EffectiveSettings {
  const of = <Key extends SettingKey>(
    key: Key,
    ifNone?: SettingValues[Key],
  ) => {
    const flag = sources.flags[key];
    if (flag !== undefined) {
      const value = parseSetting(key, flag, { label: `--${key}` });
      return { value, origin: "flag" as const };
    }
    const label = settingVariable(key);
    const variable = sources.environment(label);
    if (variable !== undefined && variable !== "") {
      const value = parseSetting(key, variable, { label });
      return { value, origin: "environment" as const };
    }
    const value = sources.file[key];
    if (value !== undefined) return { value, origin: "file" as const };
    return { value: ifNone, origin: "default" as const };
  };
  return {
    "name": of("name", nameFrom(sources.hostname) ?? "node"),
    "port": of("port", meshPortDefault),
    "public": of("public", false),
    "ips": of("ips"),
    "http": of("http"),
    "static-http": of("static-http"),
    "log-level": of("log-level", "info"),
  };
}

/** What is left when nobody asks for origins. */
export function settingsOf(effective: EffectiveSettings): Settings {
  return {
    name: effective.name.value ?? "node",
    port: effective.port.value ?? meshPortDefault,
    isPublic: effective.public.value ?? false,
    ips: ipsOf(effective.ips.value ?? ""),
    http: effective.http.value,
    staticHttp: effective["static-http"].value,
    logLevel: effective["log-level"].value ?? "info",
  };
}
