// Base64 with padding (RFC 4648 section 4). In go bytes, out goes text. It
// only encodes: a tail call carries its input in this form.

const ALPHABET =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PADDING: u8 = 0x3d;

/** Writes the base64 form of `bytes` at `to`, `base64Length()` bytes. */
export function encodeBase64(bytes: StaticArray<u8>, to: usize): void {
  const length = bytes.length;
  for (let at = 0; at < length; at += 3, to += 4) {
    const left = length - at;
    let bits: i32 = <i32> unchecked(bytes[at]) << 16;
    if (left > 1) bits |= <i32> unchecked(bytes[at + 1]) << 8;
    if (left > 2) bits |= unchecked(bytes[at + 2]);
    store<u8>(to, digit(bits >> 18));
    store<u8>(to + 1, digit(bits >> 12));
    store<u8>(to + 2, left > 1 ? digit(bits >> 6) : PADDING);
    store<u8>(to + 3, left > 2 ? digit(bits) : PADDING);
  }
}

/** How many bytes the base64 form of `length` bytes has. */
export function base64Length(length: i32): i32 {
  return (length + 2) / 3 * 4;
}

function digit(bits: i32): u8 {
  return <u8> ALPHABET.charCodeAt(bits & 63);
}
