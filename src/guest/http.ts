// Extism's http_request for a guest: reads what it asks for, waits for the
// answer, and hands it over as Extism does: the body as a block, status and
// headers by calls of their own. Whether it may ask whom is decided elsewhere,
// outside this thread; here only its form is checked.

import {
  type Bytes,
  emptyBytes,
  isHostName,
  limits,
  type Shape,
  shape as s,
  utf8,
  utf8Text,
} from "../kernel/mod.ts";
import type { HttpAsk } from "../ports/mod.ts";
import { SeedError } from "../threads/mod.ts";
import type { Guest } from "./guest.ts";

type Wish = {
  readonly url: string;
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** As some PDKs call them. */
  readonly header?: Readonly<Record<string, string>> | undefined;
};

const headersShape = s.optional(s.record(s.string(), s.string()));
const wishShape: Shape<Wish> = s.object({
  url: s.string(),
  method: s.optional(s.string()),
  headers: headersShape,
  header: headersShape,
});

/** Offset of the body; 0 when it is empty. Offsets may be anything. */
export async function fetchFor(
  guest: Guest,
  offsets: { readonly request: bigint; readonly body: bigint },
): Promise<bigint> {
  const { call, host, kernel, setup: { name, mayFetch } } = guest;
  const { fetchWishBytesMax, fetchRequestBodyBytesMax } = limits;
  if (!mayFetch) {
    throw notGranted(name, kernel.read(offsets.request, fetchWishBytesMax));
  }
  // Here, as whatever is posted costs the thread of all seeds its time.
  checkSize("request", kernel.lengthAt(offsets.request), {
    name,
    bytesMax: fetchWishBytesMax,
  });
  checkSize("body", kernel.lengthAt(offsets.body), {
    name,
    bytesMax: fetchRequestBodyBytesMax,
  });
  const ask = askOf(
    kernel.read(offsets.request),
    kernel.read(offsets.body) ?? emptyBytes,
  );
  checkSize("headers", headBytes(ask), {
    name,
    bytesMax: limits.fetchHeadBytesMax,
  });
  guest.fetched = undefined;
  const { status, headers, body } = await call.wait(
    () => host.fetch(call, ask),
  );
  guest.fetched = { status, headers };
  return kernel.store(body);
}

/** Offset of the newest answer's headers as JSON; 0 when there is none. */
export function fetchedHeaders(guest: Guest): bigint {
  const { fetched, kernel } = guest;
  if (fetched === undefined) return 0n;
  return kernel.store(utf8(JSON.stringify(fetched.headers)));
}

function askOf(request: Bytes | undefined, body: Bytes): HttpAsk {
  const wish = s.checkShape(wishShape, parsed(request));
  if (!("value" in wish)) {
    throw new SeedError(
      "egress",
      "The seed sent no valid HTTP request: " +
        'it must be JSON such as {"url": "https://example.com/"}',
      { hint: "Use the HTTP functions of an Extism PDK" },
    );
  }
  const { url, method = "GET", headers, header } = wish.value;
  return { url, method, headers: { ...header, ...headers }, body };
}

function parsed(request: Bytes | undefined): unknown {
  const text = request && utf8Text(request);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

/** What an HTTP request may weigh, for messages. */
const sizeNames = {
  request: "an HTTP request",
  body: "an HTTP body",
  headers: "HTTP headers",
} as const;

function checkSize(
  what: keyof typeof sizeNames,
  bytes: number,
  { name, bytesMax }: { readonly name: string; readonly bytesMax: number },
): void {
  if (bytes <= bytesMax) return;
  throw new SeedError(
    "egress",
    `Seed "${name}" may not send ${sizeNames[what]} of ${bytes} bytes: ` +
      `${bytesMax} are allowed`,
    {
      hint: what === "body"
        ? "Let the seed send it in parts"
        : "Let the seed send what is large as the request's body",
    },
  );
}

/** As the egress counts them: each on a line. */
function headBytes({ headers }: HttpAsk): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    bytes += name.length + value.length + 4;
  }
  return bytes;
}

/** The hint names a host only if its name is what would be granted. */
function notGranted(seed: string, request: Bytes | undefined): SeedError {
  const wish = s.checkShape(wishShape, parsed(request));
  const url = "value" in wish ? URL.parse(wish.value.url) : undefined;
  const host = url && isHostName(url.hostname) ? url.host.slice(0, 80) : "";
  const flag = `--allow-host ${host}`.trimEnd();
  return new SeedError(
    "egress",
    `Seed "${seed}" may not send HTTP requests: it was granted no host`,
    { hint: `Seed it with "${flag}"` + (host === "" ? " for that host" : "") },
  );
}
