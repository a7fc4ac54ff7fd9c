// A DNS server for tests, on loopback: names with their addresses come in, or
// silence; out go answers to A and AAAA questions (RFC 1035 section 4) and the
// questions it was asked. What it does not know does not exist.

export type NameRecords =
  | { readonly a?: string; readonly aaaa?: string }
  | "silent";

const typeA = 1;
const typeAaaa = 28;
const noSuchName = 3;

export class NameServer implements AsyncDisposable {
  /** Name and type of each, in order. */
  readonly questions: string[] = [];
  readonly #records = new Map<string, NameRecords>();
  readonly #socket: Deno.DatagramConn;
  readonly #ended: Promise<void>;
  /** Resolves with the first question. */
  readonly asked = Promise.withResolvers<void>();

  constructor(records: Readonly<Record<string, NameRecords>>) {
    for (const [name, one] of Object.entries(records)) this.set(name, one);
    this.#socket = Deno.listenDatagram({
      transport: "udp",
      hostname: "127.0.0.1",
      port: 0,
    });
    this.#ended = this.#serve();
  }

  get address(): { readonly ipAddr: string; readonly port: number } {
    const { hostname, port } = this.#socket.addr as Deno.NetAddr;
    return { ipAddr: hostname, port };
  }

  /** From the next question on. */
  set(name: string, records: NameRecords): void {
    this.#records.set(name, records);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#ended;
  }

  async #serve(): Promise<void> {
    for await (const [question, from] of this.#socket) {
      const answer = this.#answer(question);
      if (answer !== undefined) await this.#socket.send(answer, from);
    }
  }

  #answer(message: Uint8Array): Uint8Array | undefined {
    const { name, type, end } = parseQuestion(message);
    this.questions.push(`${name} ${type}`);
    this.asked.resolve();
    const records = this.#records.get(name);
    if (records === "silent") return undefined;
    const literal = type === typeA
      ? records?.a
      : type === typeAaaa
      ? records?.aaaa
      : undefined;
    const data = literal === undefined ? [] : literalBytes(literal);
    const code = records === undefined ? noSuchName : 0;
    const answers = data.length === 0 ? 0 : 1;
    return Uint8Array.from([
      ...message.subarray(0, 2),
      ...[0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0],
      ...message.subarray(12, end),
      ...(answers === 0
        ? []
        : [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 9, 0, data.length, ...data]),
    ]);
  }
}

function parseQuestion(message: Uint8Array) {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    const label = message.subarray(at + 1, at + 1 + length);
    labels.push(new TextDecoder().decode(label));
    at += 1 + length;
  }
  return { name: labels.join("."), type: message[at + 2] ?? 0, end: at + 5 };
}

/** Of IPv4, and of IPv6 with one "::". */
function literalBytes(literal: string): number[] {
  if (!literal.includes(":")) return literal.split(".").map(Number);
  const [head = [], tail = []] = literal.split("::").map((half) =>
    half.split(":").filter((group) => group !== "").flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 255];
    })
  );
  const zeros = new Array<number>(16 - head.length - tail.length).fill(0);
  return [...head, ...zeros, ...tail];
}
