// IP addresses as values: a literal comes in, its bytes and its one canonical
// text (RFC 5952) go out. Only plain forms are read; the octal, hexadecimal and
// short forms of IPv4 are URL's to undo before. An IPv4-mapped IPv6 address is
// the IPv4 address: systems connect to that one.

/** Equal addresses have equal texts. */
export type Address = {
  /** Without brackets. */
  readonly text: string;
  /** 4 or 16. */
  readonly bytes: readonly number[];
};

/** The address of a literal, IPv6 without brackets; undefined if it is none. */
export function parseAddress(text: string): Address | undefined {
  const four = parseFour(text);
  if (four !== undefined) return addressOf(four);
  const sixteen = parseSixteen(text);
  return sixteen === undefined ? undefined : addressOf(sixteen);
}

/** The address of 4 or 16 bytes. */
export function addressOf(bytes: readonly number[]): Address {
  if (bytes.length === 4) return { text: bytes.join("."), bytes };
  const [mapped, rest] = [bytes.slice(0, 12), bytes.slice(12)];
  const isMapped = mapped.every((byte, at) => byte === (at < 10 ? 0 : 255));
  if (isMapped) return addressOf(rest);
  return { text: sixteenText(bytes), bytes };
}

/** As a URL has it: IPv6 in brackets. */
export function hostOf({ text, bytes }: Address): string {
  return bytes.length === 4 ? text : `[${text}]`;
}

/** An address and a port, as people write them: "[fd00::7]:60611". */
export function addressText(
  { ip, port }: { readonly ip: string; readonly port: number },
): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** What counts as one machine when strangers are rationed. */
export type TrafficSource = {
  readonly name: string;
  readonly isLoopback: boolean;
};

/** One machine may use a whole /64 of IPv6 addresses (RFC 4291 section 2.5). */
export function sourceOf(ip: string): TrafficSource {
  const address = parseAddress(ip);
  if (address === undefined) return { name: ip, isLoopback: false };
  const { bytes, text } = address;
  if (bytes.length === 4) return { name: text, isLoopback: bytes[0] === 127 };
  return { name: bytes.slice(0, 8).join("."), isLoopback: text === "::1" };
}

/** Whether packets to it are for one machine; not for many, not for none. */
export function isUnicast({ bytes: [first = 0], text }: Address): boolean {
  if (text.includes(":")) return text !== "::" && first !== 0xff;
  return first > 0 && first < 224; // RFC 1122 section 3.2.1.3, RFC 5771
}

const octet = "(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])";
const fourForm = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

/** Leading zeros are refused: some readers take them for octal. */
function parseFour(text: string): readonly number[] | undefined {
  return fourForm.test(text) ? text.split(".").map(Number) : undefined;
}

/** RFC 4291 section 2.2, all three forms; no zone. */
function parseSixteen(text: string): readonly number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2 || text.length > 45) return undefined;
  const [left = "", right] = halves;
  const head = parseGroups(left, { mayEndInFour: right === undefined });
  const tail = parseGroups(right ?? "", { mayEndInFour: true });
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // "::" stands for one group of zeros at least.
  const isWhole = right === undefined ? missing === 0 : missing >= 2;
  if (!isWhole) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

function parseGroups(
  text: string,
  { mayEndInFour }: { readonly mayEndInFour: boolean },
): readonly number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [at, group] of groups.entries()) {
    const isLast = at === groups.length - 1;
    const four = isLast && mayEndInFour ? parseFour(group) : undefined;
    if (four !== undefined) {
      bytes.push(...four);
    } else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    } else {
      return undefined;
    }
  }
  return bytes;
}

function sixteenText(bytes: readonly number[]): string {
  const groups = Array.from(
    { length: 8 },
    (_, at) => ((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0),
  );
  const { start, length } = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(":");
  const head = hex.slice(0, start).join(":");
  return `${head}::${hex.slice(start + length).join(":")}`;
}

/** The first of the longest runs. */
function longestZeros(groups: readonly number[]) {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [at, group] of [...groups, 1].entries()) {
    if (group === 0) continue;
    if (at - start > best.length) best = { start, length: at - start };
    start = at + 1;
  }
  return best;
}
