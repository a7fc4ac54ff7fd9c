// PEM framing (RFC 7468, strict form): labelled base64 blocks, one after the
// other. What comes in is foreign text of bounded size; what goes out are the
// blocks in order, or undefined. It must never show a block's content, since
// private keys pass through here.

import { type Bytes, fromBase64, toBase64 } from "../kernel/mod.ts";

export type PemBlock = { readonly label: string; readonly bytes: Bytes };

const lineCharacters = 64;
const block =
  /^-----BEGIN ([A-Z0-9 ]+)-----\n((?:[A-Za-z0-9+/=]+\n)+)-----END \1-----\n*/;

export function encodePem(label: string, bytes: Uint8Array): string {
  const text = toBase64(bytes);
  let lines = "";
  for (let start = 0; start < text.length; start += lineCharacters) {
    lines += `${text.slice(start, start + lineCharacters)}\n`;
  }
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
}

/** The blocks of `text`; undefined when it holds none or anything else. */
export function pemBlocks(text: string): readonly PemBlock[] | undefined {
  const blocks: PemBlock[] = [];
  let rest = text.replaceAll("\r\n", "\n").trim() + "\n";
  while (rest !== "") {
    const [whole, label, body] = block.exec(rest) ?? [];
    if (whole === undefined || label === undefined) return undefined;
    const bytes = fromBase64(body ?? "");
    if (bytes === undefined) return undefined;
    blocks.push({ label, bytes });
    rest = rest.slice(whole.length);
  }
  return blocks;
}
