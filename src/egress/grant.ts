// What one seed may reach: a target (scheme, host and port of a URL) and each
// address it resolved to come in, a refusal comes out or nothing. A name never
// opens an address that is not public: that takes a grant of the address, or of
// "localhost". What cannot be read as a grant grants nothing.

import { InputError, isHostName } from "../kernel/mod.ts";
import { type Address, hostOf, parseAddress } from "../kernel/mod.ts";
import { EgressRefusal } from "./egress_error.ts";
import { type HostPattern, parseHostPattern } from "./host_pattern.ts";
import { parseNetworks, type Prefix, rangeOf } from "./ranges.ts";

/** What a seed was published with, and its name for messages. */
export type EgressGrant = {
  /** Host patterns; one that is malformed grants nothing. */
  readonly allowHosts: readonly string[];
  readonly seed: string;
};

/** Where a request goes, in the one spelling of each part. */
export type Target = {
  /** Without a final dot. */
  readonly url: URL;
  /** A name in ASCII, or an address as URLs have it. */
  readonly host: string;
  readonly port: number;
  /** Of a host that is a literal. */
  readonly address: Address | undefined;
  /** Who redirected here; undefined when the seed itself asked. */
  readonly via: string | undefined;
};

/**
 * Where a URL leads.
 *
 * @param options.from Who redirected there.
 * @throws {EgressRefusal} Not http or https, credentials, no host, or no longer
 *   https.
 */
export function targetOf(
  given: URL,
  { seed, from }: { readonly seed: string; readonly from?: Target | undefined },
): Target {
  const url = new URL(given);
  const via = from?.host;
  const refuse = (what: string, options: { reason: string; hint?: string }) =>
    new EgressRefusal(
      `${mayNot({ seed, via }, what)}: ${options.reason}`,
      { hint: options.hint },
    );
  const { protocol, username, password } = url;
  if (protocol !== "http:" && protocol !== "https:") {
    const what = `a ${protocol.slice(0, 40)} address`;
    throw refuse(what, { reason: "only http: and https: are open to seeds" });
  }
  if (protocol === "http:" && from?.url.protocol === "https:") {
    const reason = "a redirect may not leave https: for http:";
    const hint = "Let the seed ask for that address itself, if that is meant";
    throw refuse(url.host, { reason, hint });
  }
  if (username !== "" || password !== "") {
    const reason = "its URL holds a user name or a password";
    const hint = "Send them in an Authorization header";
    throw refuse(url.host, { reason, hint });
  }
  url.hash = "";
  // The root's dot: no certificate and few servers know it.
  url.hostname = url.hostname.replace(/\.$/, "");
  const address = parseAddress(url.hostname.replace(/^\[(.*)\]$/, "$1"));
  if (address !== undefined) url.hostname = hostOf(address);
  const host = url.hostname;
  if (address === undefined && !isHostName(host)) {
    throw refuse(quoted(host), { reason: "it is no host name" });
  }
  const usual = protocol === "http:" ? 80 : 443;
  const port = url.port === "" ? usual : Number(url.port);
  return { url, host, port, address, via };
}

/** The grants of one seed, read. */
export class HostGrant {
  readonly seed: string;
  readonly #patterns: readonly HostPattern[];
  readonly #networks: readonly Prefix[];

  /** `networks` are where this machine is, as "address/bits". */
  constructor(
    { seed, allowHosts }: EgressGrant,
    { networks = [] }: { readonly networks?: readonly string[] } = {},
  ) {
    this.seed = seed;
    this.#patterns = allowHosts.flatMap(patternsOf);
    this.#networks = parseNetworks(networks);
  }

  /** @throws {EgressRefusal} No pattern names this host and port. */
  checkHost(target: Target): void {
    const { host, port, address } = target;
    if (address !== undefined) this.#checkNameable(target, address);
    const named = this.#patterns.filter((one) => namesHost(one, target));
    if (named.some((one) => hasPort(one, port))) return;
    const what = named.length > 0 ? `port ${port} of ${host}` : host;
    const wanted = withPort(host, port);
    throw new EgressRefusal(
      `${mayNot({ ...target, seed: this.seed }, what)}: ${this.#granted()}`,
      { hint: seedItWith(wanted) },
    );
  }

  /** @throws {EgressRefusal} The address is not public and not granted. */
  checkAddress(target: Target, address: Address): void {
    this.#checkNameable(target, address);
    const range = rangeOf(address, this.#networks);
    if (range === undefined) return;
    const { host, port } = target;
    const isOpen = this.#patterns.some((pattern) =>
      hasPort(pattern, port) && (
        namesAddress(pattern, address) ||
        range.isLoopback && host === "localhost" && namesHost(pattern, target)
      )
    );
    if (isOpen) return;
    const wanted = withPort(hostOf(address), port);
    throw new EgressRefusal(
      this.#mayNotBecause(target, { address, label: range.label }),
      { hint: `${seedItWith(wanted)} as well, if that is meant` },
    );
  }

  /** Without a hint: there is nothing that would open it. */
  #checkNameable(target: Target, address: Address): void {
    const { label, isNameable = true } = rangeOf(address) ?? {};
    if (isNameable || label === undefined) return;
    throw new EgressRefusal(
      this.#mayNotBecause(target, { address, label }) +
        ", which no grant opens",
    );
  }

  #mayNotBecause(
    target: Target,
    { address, label }: { readonly address: Address; readonly label: string },
  ): string {
    const { host } = target;
    const where = host === hostOf(address)
      ? "it"
      : `its address ${address.text}`;
    const what = mayNot({ ...target, seed: this.seed }, host);
    return `${what}: ${where} is ${label}`;
  }

  #granted(): string {
    const texts = this.#patterns.map(({ text }) => text);
    if (texts.length === 0) return "it was granted no host";
    const rest = texts.length - grantsShown;
    const more = rest > 0 ? ` and ${rest} more` : "";
    return `it was granted ${texts.slice(0, grantsShown).join(", ")}${more}`;
  }
}

const grantsShown = 5;
const usualPorts: readonly number[] = [80, 443];

function patternsOf(text: string): readonly HostPattern[] {
  try {
    return [parseHostPattern(text)];
  } catch (cause) {
    if (cause instanceof InputError) return [];
    throw cause;
  }
}

function withPort(host: string, port: number): string {
  return usualPorts.includes(port) ? host : `${host}:${port}`;
}

function hasPort(pattern: HostPattern, port: number): boolean {
  return pattern.port === undefined
    ? usualPorts.includes(port)
    : pattern.port === port;
}

function namesHost(pattern: HostPattern, { host, address }: Target): boolean {
  if (address !== undefined) return namesAddress(pattern, address);
  const named = pattern.host;
  switch (named.type) {
    case "name":
      return host === named.name;
    case "below":
      return host.endsWith(`.${named.name}`);
    case "address":
      return false;
  }
}

function namesAddress({ host }: HostPattern, { text }: Address): boolean {
  return host.type === "address" && host.address.text === text;
}

function mayNot(
  { seed, via }: { readonly seed: string; readonly via: string | undefined },
  what: string,
): string {
  const how = via === undefined ? "reach" : `follow ${via} to`;
  return `Seed "${seed}" may not ${how} ${what}`;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

function seedItWith(host: string): string {
  return `Seed it with --allow-host ${host}`;
}
