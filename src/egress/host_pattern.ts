// What a seed may be granted: one host by its name or address, or all names
// below a name, each on the usual ports or on one. A text as typed comes in,
// the pattern with its one spelling goes out. It never widens what was typed:
// what can be read in two ways is refused.

import { InputError, isHostName, limits } from "../kernel/mod.ts";
import { type Address, hostOf, parseAddress } from "../kernel/mod.ts";
import { rangeOf } from "./ranges.ts";

/** `text` is the pattern's one spelling; parsing it gives the pattern again. */
export type HostPattern = {
  readonly text: string;
  /** Undefined stands for 80 and 443. */
  readonly port: number | undefined;
  readonly host:
    | { readonly type: "name"; readonly name: string }
    /** Every name that ends in "." and this one, but not itself. */
    | { readonly type: "below"; readonly name: string }
    | { readonly type: "address"; readonly address: Address };
};

/**
 * A host as people type it, with a port or without.
 *
 * @throws {InputError} With what is wrong, and how to write it.
 */
export function parseHostPattern(text: string): HostPattern {
  const reason = formFault(text);
  if (reason !== undefined) throw patternError(text, reason);
  const { host, port } = splitPort(text);
  const isBelow = host.startsWith("*.");
  const name = normalName(isBelow ? host.slice(2) : host);
  if (name === undefined) throw patternError(text, noHost);
  const tail = port === undefined ? "" : `:${port}`;
  const address = parseAddress(name);
  if (address === undefined) {
    const type = isBelow ? "below" : "name";
    const spelled = (isBelow ? "*." : "") + name + tail;
    return { text: spelled, port, host: { type, name } };
  }
  if (isBelow) throw patternError(text, "nothing is below an IP address");
  const spelled = hostOf(address);
  // 010.1 would be 8.0.0.1: say so rather than guess what was meant.
  if (address.bytes.length === 4 && host !== spelled) {
    const hint = `Write it as ${spelled}${tail}`;
    throw patternError(text, "it is an unusual spelling", { hint });
  }
  const range = rangeOf(address);
  if (range?.isNameable === false) {
    throw patternError(text, `it is ${range.label}`, { hint: noGrant });
  }
  return { text: spelled + tail, port, host: { type: "address", address } };
}

function patternError(
  text: string,
  reason: string,
  options: { readonly hint?: string } = {},
): InputError {
  const shown = JSON.stringify(text.slice(0, 80));
  return new InputError(`${shown} is no host to allow: ${reason}`, {
    hint: example,
    ...options,
  });
}

/** IPv6 needs its brackets only before a port. */
function splitPort(text: string): { host: string; port: number | undefined } {
  const isBare = text.split(":").length > 2 && !text.includes("[");
  const whole = /^(\[[^\]]*\]|[^:[\]]*)$/;
  if (isBare || whole.test(text)) return { host: text, port: undefined };
  const [, host = "", digits = ""] =
    /^(\[[^\]]*\]|[^:[\]]+):(.*)$/.exec(text) ?? [];
  if (host === "") throw patternError(text, noHost);
  const port = /^[1-9][0-9]{0,4}$/.test(digits) ? Number(digits) : 0;
  if (port >= 1 && port <= 65_535) return { host, port };
  throw patternError(text, "its port is not one from 1 to 65535");
}

const noGrant = "Leave it out: no grant opens this address";
const noHost = "it is no host name and no IP address";
const example = 'Such as api.example.org, "*.example.org", ' +
  "api.example.org:8443 or 10.0.0.7";

function formFault(text: string): string | undefined {
  if (text === "") return "it is empty";
  if (text.length > limits.hostPatternCharactersMax) return "it is too long";
  if (/\s/.test(text)) return "it holds a space";
  if (/\p{C}/u.test(text)) return "it holds an invisible character";
  if (text.includes("://")) return "it has a scheme";
  if (text.includes("@")) return "it has credentials";
  if (/[/\\?#]/.test(text)) return "it has a path";
  if (text.includes("%")) return 'it holds "%"';
  if (text === "*") return "it stands for every host";
  if (text.replace(/^\*\./, "").includes("*")) {
    return '"*" may only stand alone before the first dot';
  }
  return /\.(?::[0-9]*)?$/.test(text) ? "it ends with a dot" : undefined;
}

/** As URLs spell it (IDNA in ASCII), IPv6 without brackets. */
function normalName(host: string): string | undefined {
  const isBare = host.includes(":") && !host.startsWith("[");
  const url = URL.parse(`http://${isBare ? `[${host}]` : host}/`);
  const name = url?.hostname ?? "";
  if (name.startsWith("[")) return name.slice(1, -1);
  const isKnown = isHostName(name) || parseAddress(name) !== undefined;
  return isKnown ? name : undefined;
}
