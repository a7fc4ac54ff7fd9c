// Proof at start that this process checks the servers it dials. Deno adds an
// anchor to the process's trust store and has switches that turn checking off;
// with those any server would pass for any peer. In comes the own endpoint; out
// comes nothing, or an error that names the switches. No session stays.

import { anchorPem } from "../identity/mod.ts";
import {
  type ErrorCode,
  type ErrorKind,
  limits,
  peerDnsName,
  type PeerId,
  peerIdOf,
  PlnError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { Endpoint, NetworkAddress, Ports } from "../ports/mod.ts";
import { Deadline } from "./deadline.ts";
import { closeCodes, memberProtocol } from "./protocols.ts";

/** This process believes servers that it must refuse. */
export class TrustError extends PlnError {
  /** Retrying fails until the process is started otherwise. */
  readonly code: ErrorCode = "PLN_TRUST";
  /** Of how this process was started. */
  readonly kind: ErrorKind = "local";
}

/**
 * Dials the own listener with an anchor that has nothing to do with it. The
 * listener must be served meanwhile.
 *
 * @throws {TrustError} It connected.
 */
export async function testTrustStore(
  needs: Pick<Ports, "clock" | "log" | "random" | "signer">,
  endpoint: Pick<Endpoint, "dial" | "local">,
  own: PeerId,
): Promise<void> {
  const stranger = needs.signer.privateKey(needs.random.bytes(32));
  using deadline = new Deadline(needs.clock, {
    delayMs: limits.selfTestMsMax,
    signal: new AbortController().signal,
    late: () => new UnreachableError("The own listener does not answer"),
  });
  try {
    const session = await endpoint.dial(loopbackOf(endpoint.local), {
      serverName: peerDnsName(own),
      anchorPem: anchorPem(needs, peerIdOf(stranger.publicKey)),
      protocols: [memberProtocol],
      signal: deadline.signal,
    });
    session.close(closeCodes.shutdown, "self-test");
    await session[Symbol.asyncDispose]();
  } catch (cause) {
    // Silence proves nothing either way; it is said, and does not stop a node.
    if (deadline.signal.aborted) {
      needs.log.warn("transport.self_test", { cause });
    }
    return;
  }
  throw new TrustError(
    "This process believes any server: it accepted a certificate that it " +
      "must refuse",
    {
      hint: "Start it without DENO_CERT, DENO_TLS_CA_STORE and " +
        "--unsafely-ignore-certificate-errors",
    },
  );
}

function loopbackOf({ ip, port }: NetworkAddress): NetworkAddress {
  if (ip === "0.0.0.0") return { ip: "127.0.0.1", port };
  return ip === "::" ? { ip: "::1", port } : { ip, port };
}
