// The mesh's wire by Deno's QUIC. In come an address to bind and a TLS
// identity; out comes the endpoint. One endpoint serves a process for its life:
// a closed one keeps its port busy until the process ends, so none is ever made
// anew in a daemon.

import { InputError, parseAddress } from "../kernel/mod.ts";
import type {
  Endpoint,
  Network,
  NetworkAddress,
  TlsIdentity,
} from "../ports/mod.ts";
import { DenoEndpoint } from "./network_endpoint.ts";
import { bindFailure, isMissingAddress } from "./network_failure.ts";

type Bind = (bind: NetworkAddress) => Deno.QuicEndpoint;

/** @param options.bind Makes sockets; Deno's unless told, as tests do. */
export function openNetwork(options: { readonly bind?: Bind } = {}): Network {
  const bind = options.bind ?? bindSocket;
  return {
    open: (at, given) => openEndpoint(at, { ...given, bind }),
    localIps,
  };
}

function bindSocket({ ip, port }: NetworkAddress): Deno.QuicEndpoint {
  return new Deno.QuicEndpoint({ hostname: ip, port });
}

// Async, so that a refusal rejects.
async function openEndpoint(
  at: NetworkAddress,
  options: {
    readonly identity: TlsIdentity;
    readonly protocols: readonly string[];
    readonly bind: Bind;
  },
): Promise<Endpoint> {
  await Promise.resolve();
  if (parseAddress(at.ip) === undefined) {
    throw new InputError(`"${at.ip}" is no IP address`);
  }
  const socket = bindEither(at, options.bind);
  try {
    return new DenoEndpoint(socket, options);
  } catch (cause) {
    socket.close();
    throw new InputError("The TLS identity is no certificate with its key", {
      cause,
    });
  }
}

/** "::" where the machine has IPv6, which then takes IPv4 too. */
function bindEither(at: NetworkAddress, bind: Bind): Deno.QuicEndpoint {
  try {
    return bind(at);
  } catch (cause) {
    if (at.ip !== "::" || !isMissingAddress(cause)) {
      throw bindFailure(at, cause);
    }
  }
  const four = { ip: "0.0.0.0", port: at.port };
  try {
    return bind(four);
  } catch (cause) {
    throw bindFailure(four, cause);
  }
}

/** None without the right to know. */
function localIps(): readonly string[] {
  const right = { name: "sys", kind: "networkInterfaces" } as const;
  const { state } = Deno.permissions.querySync(right);
  if (state !== "granted") return [];
  const found = Deno.networkInterfaces()
    .map(({ address }) => parseAddress(address)?.text)
    .filter((ip) => ip !== undefined)
    // Without its zone, which no peer has, such an address leads nowhere.
    .filter((ip) => !/^fe[89ab]/.test(ip));
  const isLoopback = (ip: string) => ip === "::1" || ip.startsWith("127.");
  return [
    ...found.filter((ip) => !isLoopback(ip)),
    ...found.filter(isLoopback),
  ];
}
