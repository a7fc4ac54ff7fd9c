// Which networks this machine is in, by its interfaces. Nothing comes in; out go
// its addresses, each with how many bits of it are the network's. They are read
// anew every now and then, as machines move, and never without the right to.

/** Reading them costs some 0.1 ms; a request of a seed asks each time. */
const freshMsMax = 30_000;

export class LocalNetworks {
  readonly #read: () => readonly string[];
  #networks: readonly string[] = [];
  #readAtMs = -Infinity;

  /** By the machine's interfaces unless told. */
  constructor(read: () => readonly string[] = interfaceNetworks) {
    this.#read = read;
  }

  /** None without the right to know. */
  get(): readonly string[] {
    const nowMs = performance.now();
    if (nowMs - this.#readAtMs >= freshMsMax) {
      this.#networks = this.#read();
      this.#readAtMs = nowMs;
    }
    return this.#networks;
  }
}

function interfaceNetworks(): readonly string[] {
  const right = { name: "sys", kind: "networkInterfaces" } as const;
  const { state } = Deno.permissions.querySync(right);
  if (state !== "granted") return [];
  return Deno.networkInterfaces().map(({ cidr }) => cidr);
}
