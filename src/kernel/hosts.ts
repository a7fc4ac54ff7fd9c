// Hosts that a seed may reach, in the one spelling in which they are stored:
// the rule for writers and readers. A pattern is a host as URL.hostname has it,
// or "*." and a name, which stands for all names below it; a port may follow.
// Nothing is resolved, matched or spelled anew here.

import { limits } from "./limits.ts";

const label = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
/** A host whose last label is a number is an address to a URL. */
const number = "(?:[0-9]+|0x[0-9a-f]*)$";
const names = new RegExp(
  String.raw`^(?:${label}\.)*(?!${number})${label}$`,
);
const nameCharactersMax = 253; // RFC 1035 section 2.3.4, without its ends
const address = /^(?:[0-9]+(?:\.[0-9]+){3}|\[[0-9a-f:]+\])$/;
const portForm = /:([1-9][0-9]{0,4})$/;
const portMax = 65_535;

/** Whether DNS could know it: in ASCII, lower case, without a final dot. */
export function isHostName(text: string): boolean {
  return text.length <= nameCharactersMax && names.test(text);
}

/**
 * Whether `text` names hosts: "api.example.org", "*.example.org:8443",
 * "10.0.0.7" or "[::1]"; lower case, without scheme, path or final dot.
 */
export function isHostPattern(text: string): boolean {
  if (text.length > limits.hostPatternCharactersMax) return false;
  const port = Number(portForm.exec(text)?.[1] ?? 0);
  const host = text.replace(portForm, "");
  if (port > portMax) return false;
  if (isHostName(host.replace(/^\*\./, ""))) return true;
  return address.test(host) && URL.parse(`http://${host}`)?.hostname === host;
}
