// One HTTP request of a seed, checked before anything else looks at it. What
// the guest wrote comes in; a request that can be sent as it is goes out, or a
// refusal. No header here can end the header, name another host or another
// length, or change what the connection is used for (RFC 9112 section 11.2).

import { type Bytes, limits } from "../kernel/mod.ts";
import type { HttpAsk } from "../ports/mod.ts";
import { EgressRefusal } from "./egress_error.ts";

export type CheckedRequest = {
  readonly method: string;
  readonly url: URL;
  /** By lower-case name, each once. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Bytes;
};

/** @throws {EgressRefusal} With what is wrong with it. */
export function checkRequest(ask: HttpAsk, seed: string): CheckedRequest {
  const fault = (what: string, hint?: string) =>
    new EgressRefusal(`Seed "${seed}" may not send ${what}`, { hint });
  if (ask.url.length > limits.fetchUrlCharactersMax) {
    throw fault(`a URL of over ${limits.fetchUrlCharactersMax} characters`);
  }
  const url = URL.parse(ask.url) ?? undefined;
  if (url === undefined) {
    throw fault(
      `a request to ${quoted(ask.url)}: it is no URL`,
      "Write it in full, such as https://api.example.org/v1",
    );
  }
  if (ask.body.length > limits.fetchRequestBodyBytesMax) {
    throw fault(`a body of over ${limits.fetchRequestBodyBytesMax} bytes`);
  }
  // Before anything reads them: a guest may have written megabytes.
  if (headBytes(Object.entries(ask.headers)) > limits.fetchHeadBytesMax) {
    throw fault(`headers of over ${limits.fetchHeadBytesMax} bytes`);
  }
  const method = methodOf(ask.method);
  if (method === undefined) throw fault(`the method ${quoted(ask.method)}`);
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(ask.headers)) {
    const reason = headerFault(name, { value, url });
    if (reason !== undefined) {
      throw fault(`the header ${quoted(name)}: ${reason}`);
    }
    const key = name.toLowerCase();
    if (ownHeaders.has(key)) continue;
    const before = headers.get(key);
    const text = trimmed(value);
    headers.set(key, before === undefined ? text : `${before}, ${text}`);
  }
  for (const [name, value] of usualHeaders) {
    if (!headers.has(name)) headers.set(name, value);
  }
  if (headBytes(headers) > limits.fetchHeadBytesMax) {
    throw fault(`headers of over ${limits.fetchHeadBytesMax} bytes`);
  }
  return { method, url, headers, body: ask.body };
}

const usualHeaders: readonly (readonly [string, string])[] = [
  ["accept", "*/*"],
  // A body is handed on as it comes: what is packed, the guest must unpack.
  ["accept-encoding", "identity"],
  ["user-agent", "pollen"],
];

/** Ours to write; what libraries put there is left out. */
const ownHeaders: ReadonlySet<string> = new Set([
  ...["host", "content-length", "connection", "keep-alive"],
]);

/** What these ask for is not offered: leaving them out would mislead. */
const refusedHeaders: ReadonlySet<string> = new Set([
  ...["expect", "te", "trailer", "transfer-encoding", "upgrade"],
  ...["http2-settings"],
]);

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/; // RFC 9110 section 5.6.2
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/; // RFC 9110 section 5.5
const methodCharactersMax = 32;

const usualMethods: ReadonlySet<string> = new Set([
  ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
]);
/** A tunnel, and an echo of headers: neither is for seeds. */
const refusedMethods: ReadonlySet<string> = new Set([
  ...["CONNECT", "TRACE", "TRACK"],
]);

/** Methods are case-sensitive; "get" is meant to be GET all the same. */
function methodOf(text: string): string | undefined {
  if (text.length > methodCharactersMax || !token.test(text)) return undefined;
  const upper = text.toUpperCase();
  if (refusedMethods.has(upper)) return undefined;
  return usualMethods.has(upper) ? upper : text;
}

function headerFault(
  name: string,
  { value, url }: { readonly value: string; readonly url: URL },
): string | undefined {
  if (!token.test(name)) return "its name is malformed";
  if (!fieldValue.test(value)) {
    return "its value holds a character that no header may";
  }
  const key = name.toLowerCase();
  if (key === "host" && value.trim().toLowerCase() !== url.host) {
    return "the URL says which host is asked";
  }
  return refusedHeaders.has(key) || key.startsWith("proxy-")
    ? "seeds do not manage connections"
    : undefined;
}

/** Of Latin-1 texts, each on a line. */
function headBytes(
  headers: Iterable<readonly [name: string, value: string]>,
): number {
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + value.length + 4;
  return bytes;
}

/** Without blanks at its ends; a pattern would try each blank within, twice. */
function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value[start])) start++;
  while (start < end && isBlank(value[end - 1])) end--;
  return value.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
