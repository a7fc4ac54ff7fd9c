// Reads a request or response body up to a limit. The declared length is
// checked before anything is read, and the actual one while it arrives, so a
// lying peer costs at most the limit.

import {
  type Bytes,
  concatBytes,
  emptyBytes,
  LimitError,
  limits,
  PlnError,
  UnreachableError,
} from "../kernel/mod.ts";

/**
 * @param options.what What the body is, for the message: "A module".
 * @throws {LimitError} More than `bytesMax` bytes.
 * @throws {UnreachableError} The sender went away before its end.
 */
export async function readBytes(
  message: Request | Response,
  options: { readonly bytesMax: number; readonly what: string },
): Promise<Bytes> {
  const { bytesMax, what } = options;
  const tooLarge = (bytes: number | string) =>
    new LimitError(`${what} may have ${bytesMax} bytes, not ${bytes}`);
  const declared = declaredLength(message.headers);
  if (declared !== undefined && declared > bytesMax) throw tooLarge(declared);
  if (!message.body) return emptyBytes;
  try {
    if (declared !== undefined) {
      // The fast way; the transport cuts a body at its declared length.
      const bytes = await message.bytes();
      if (bytes.length > bytesMax) throw tooLarge(bytes.length);
      return bytes;
    }
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of message.body) {
      length += part.length;
      if (length > bytesMax) throw tooLarge(`${length} or more`);
      parts.push(part);
    }
    return concatBytes(...parts);
  } catch (cause) {
    if (cause instanceof PlnError) throw cause;
    throw new UnreachableError(`${what} broke off before its end`, { cause });
  }
}

/**
 * Room for the bodies of all requests under way together, so that many large
 * ones at once cannot exhaust the memory.
 */
export class BodyBudget {
  #leftBytes = limits.controlBodiesBytesMax;

  /**
   * Room for one body until the result is disposed.
   *
   * @throws {LimitError} There is none now; safe to retry.
   */
  take(message: Request, options: { readonly bytesMax: number }): Disposable {
    const { bytesMax } = options;
    const longest = message.body ? bytesMax : 0;
    const declared = declaredLength(message.headers) ?? longest;
    const bytes = Math.min(declared, longest);
    if (bytes > this.#leftBytes) {
      throw new LimitError(
        `Requests under way hold ${limits.controlBodiesBytesMax} bytes already`,
        { hint: "Try again in a moment" },
      );
    }
    this.#leftBytes -= bytes;
    const room = new DisposableStack();
    room.defer(() => {
      this.#leftBytes += bytes;
    });
    return room;
  }
}

/** Undefined when the body may be longer or shorter than it says. */
function declaredLength(headers: Headers): number | undefined {
  const length = headers.get("content-length") ?? "";
  const isPlain = /^\d{1,15}$/.test(length) && !headers.has("content-encoding");
  return isPlain ? Number(length) : undefined;
}
