// The host functions of a guest: Extism's (configuration, variables, log) and
// Pollen's own (log, request, caller). Kernel functions are handed through as
// they are. Offsets come from the guest and may be anything; the kernel checks.

import {
  type Bytes,
  emptyBytes,
  limits,
  utf8,
  utf8TextLossy,
} from "../kernel/mod.ts";
import type { LogLevel } from "../ports/mod.ts";
import { SeedError } from "../threads/mod.ts";
import type { Guest } from "./guest.ts";
import { fetchedHeaders, fetchFor } from "./http.ts";
import type { ExtismName, UserName } from "./signatures.ts";

/** Enough for a log line of any characters. */
const textBytesMax = 4 * limits.logLineCharactersMax;

type ImportTable<Name extends string> = Readonly<
  Record<Name, WebAssembly.ImportValue>
>;

export function extismImports(guest: Guest): ImportTable<ExtismName> {
  const kernel = guest.kernel.exports as unknown as ImportTable<ExtismName>;
  const logAt = (level: LogLevel) => (offset: bigint) => {
    guest.log(level, textAt(guest, offset));
  };
  return {
    ...kernel,
    config_get: (key: bigint) => configValue(guest, key),
    var_get: (key: bigint) => variable(guest, key),
    var_set: (key: bigint, value: bigint) => setVariable(guest, { key, value }),
    http_request: (request: bigint, body: bigint) =>
      fetchFor(guest, { request, body }),
    http_status_code: () => guest.fetched?.status ?? 0,
    http_headers: () => fetchedHeaders(guest),
    log_trace: logAt("debug"),
    log_debug: logAt("debug"),
    log_info: logAt("info"),
    log_warn: logAt("warn"),
    log_error: logAt("error"),
    get_log_level: () => 0,
  };
}

const userLevels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export function userImports(guest: Guest): ImportTable<UserName> {
  return {
    pollen_log: (level: bigint, message: bigint) => {
      guest.log(userLevels[Number(level)] ?? "info", textAt(guest, message));
    },
    pollen_request: (uri: bigint, input: bigint) =>
      request(guest, { uri, input }),
    pollen_caller_info: () => guest.kernel.store(utf8(guest.call.caller)),
  };
}

/** Texts end after what any of their uses takes: blocks may be large. */
function textAt(guest: Guest, offset: bigint): string {
  const bytes = guest.kernel.read(offset, textBytesMax);
  return utf8TextLossy(bytes ?? emptyBytes);
}

function bytesAt(guest: Guest, offset: bigint): Bytes {
  return guest.kernel.read(offset) ?? emptyBytes;
}

function configValue(guest: Guest, key: bigint): bigint {
  const { config } = guest.setup;
  const name = textAt(guest, key);
  if (!Object.hasOwn(config, name)) return 0n;
  return guest.kernel.store(utf8(config[name] ?? ""));
}

function variable(guest: Guest, key: bigint): bigint {
  const value = guest.variables.get(variableNameAt(guest, key));
  return value === undefined ? 0n : guest.kernel.store(value);
}

/** Never cut: two names must not become one. */
function variableNameAt(guest: Guest, offset: bigint): string {
  if (guest.kernel.lengthAt(offset) <= textBytesMax) {
    return textAt(guest, offset);
  }
  throw new SeedError(
    "variables",
    `A variable's name may have ${textBytesMax} bytes at most`,
  );
}

/** Offset 0 removes the variable. Refused, it changes nothing. */
function setVariable(
  guest: Guest,
  offsets: { readonly key: bigint; readonly value: bigint },
): void {
  const { variables } = guest;
  const name = variableNameAt(guest, offsets.key);
  const old = variables.get(name);
  const oldBytes = old === undefined ? 0 : name.length + old.length;
  if (offsets.value === 0n) {
    if (variables.delete(name)) guest.variableBytes -= oldBytes;
    return;
  }
  const length = guest.kernel.lengthAt(offsets.value);
  const bytes = guest.variableBytes - oldBytes + name.length + length;
  const count = variables.size + (old === undefined ? 1 : 0);
  if (bytes > limits.variableBytesMax || count > limits.variablesMax) {
    throw new SeedError(
      "variables",
      `The seed's variables exceed ${limits.variableBytesMax} bytes or ` +
        `${limits.variablesMax} names`,
    );
  }
  variables.set(name, bytesAt(guest, offsets.value));
  guest.variableBytes = bytes;
}

/** MISSION.md: the offset of the output, 0 on any failure. */
async function request(
  guest: Guest,
  offsets: { readonly uri: bigint; readonly input: bigint },
): Promise<bigint> {
  const { call, host, kernel } = guest;
  const address = textAt(guest, offsets.uri);
  const length = kernel.lengthAt(offsets.input);
  if (length > limits.callInputBytesMax) {
    guest.log("warn", `A request with an input of ${length} bytes is refused`);
    return 0n;
  }
  const body = bytesAt(guest, offsets.input);
  const output = await call.wait(() => host.request(call, address, body));
  return output === undefined ? 0n : guest.kernel.storeAnswer(output);
}
