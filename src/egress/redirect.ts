// What a redirect asks to be sent next (RFC 9110 section 15.4; the method rules
// are those of the Fetch standard, section 4.4, as browsers follow them). A
// request and what was answered come in; the next request or nothing goes out.
// Whether it may be sent is decided anew for each.

import { emptyBytes } from "../kernel/mod.ts";
import type { OutboundHead } from "../ports/mod.ts";
import { EgressFailure } from "./egress_error.ts";
import type { CheckedRequest } from "./request.ts";

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Whether the answer sends the request elsewhere: its body is of no use. */
export function isRedirect({ status, headers }: OutboundHead): boolean {
  return redirects.has(status) && headers["location"] !== undefined;
}

/**
 * Undefined for an answer that is no redirect.
 *
 * @throws {EgressFailure} The Location is no URL.
 */
export function redirected(
  request: CheckedRequest,
  head: OutboundHead,
): CheckedRequest | undefined {
  if (!isRedirect(head)) return undefined;
  const location = head.headers["location"] ?? "";
  const url = URL.parse(location, request.url) ?? undefined;
  if (url === undefined) {
    throw new EgressFailure(
      `${request.url.host} redirects to what is no URL`,
    );
  }
  const headers = new Map(request.headers);
  if (url.origin !== request.url.origin) {
    for (const name of secretHeaders) headers.delete(name);
  }
  const { method, body } = request;
  if (!becomesGet(method, head.status)) return { method, url, headers, body };
  for (const name of bodyHeaders) headers.delete(name);
  return { method: "GET", url, headers, body: emptyBytes };
}

/** Meant for the origin they were sent to. */
const secretHeaders = ["authorization", "cookie"];

const bodyHeaders = [
  ...["content-encoding", "content-language", "content-location"],
  ...["content-type", "content-range", "content-md5", "digest"],
];

function becomesGet(method: string, status: number): boolean {
  if (status === 303) return method !== "GET" && method !== "HEAD";
  return (status === 301 || status === 302) && method === "POST";
}
