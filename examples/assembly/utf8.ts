// Tells whether bytes are UTF-8 text. In go bytes from a caller, out goes yes
// or no. It must refuse what RFC 3629 refuses: overlong forms, surrogates,
// code points above U+10FFFF, and sequences that are cut off.

/** Whether the bytes are well-formed UTF-8. */
export function isUtf8(bytes: StaticArray<u8>): bool {
  const length = bytes.length;
  let at = 0;
  while (at < length) {
    const lead = unchecked(bytes[at++]);
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;
    const more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (at + more > length) return false;
    // RFC 3629 section 4: only the second byte has special bounds.
    const low: u8 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const high: u8 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    const second = unchecked(bytes[at]);
    if (second < low || second > high) return false;
    for (let i = 1; i < more; i++) {
      if ((unchecked(bytes[at + i]) & 0xc0) != 0x80) return false;
    }
    at += more;
  }
  return true;
}
