// Byte strings and their text forms: hex, base64, base64url, base32 and UTF-8.
// Everything that comes from outside is checked; a malformed text is undefined,
// never a guess.

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});
const lossyDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A byte string whose buffer is not shared between threads. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Safe to share: there is nothing in it to change. */
export const emptyBytes: Bytes = new Uint8Array(0);

/** Lone surrogates become U+FFFD; refuse them before where that matters. */
export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** The text of `bytes`, or undefined when they are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch (cause) {
    if (cause instanceof TypeError) return undefined;
    throw cause;
  }
}

/** The text of `bytes`, with U+FFFD in place of what is not UTF-8. */
export function utf8TextLossy(bytes: Uint8Array): string {
  return lossyDecoder.decode(bytes);
}

/** A copy, also of a single part. */
export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Not constant in time: compare no secrets with it. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) {
    if (left[i] !== right[i]) return false;
  }
  return true;
}

/** Lower case, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

/** The bytes of lower-case hex, or undefined. */
export function fromHex(text: string): Bytes | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined;
  return Uint8Array.fromHex(text);
}

/** With padding; the alphabet with `+` and `/` (RFC 4648 section 4). */
export function toBase64(bytes: Uint8Array): string {
  return bytes.toBase64();
}

/** The bytes of padded or unpadded base64, or undefined. */
export function fromBase64(text: string): Bytes | undefined {
  try {
    return Uint8Array.fromBase64(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

/** Without padding; the alphabet with `-` and `_` (RFC 4648 section 5). */
export function toBase64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The bytes of canonical, unpadded base64url, or undefined. */
export function fromBase64url(text: string): Bytes | undefined {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    // Spaces, padding and spare bits are skipped above: one text for one value.
    return toBase64url(bytes) === text ? bytes : undefined;
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

const base32Alphabet = "abcdefghijklmnopqrstuvwxyz234567";

/** Lower-case base32 without padding (RFC 4648 section 6, lower case). */
export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += base32Alphabet[(buffer >>> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  if (bits > 0) text += base32Alphabet[(buffer << (5 - bits)) & 31];
  return text;
}
