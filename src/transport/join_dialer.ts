// Connections for joining: one stream over ALPN "pln-join/1" to a node whose
// identity key is known, from somebody who is no member (yet, or any more). The
// command line has an endpoint of its own for it; a daemon uses its transport's.
// The stream is encrypted and the server proven; the client is proven to nobody.

import { issueTlsLeaf } from "../identity/mod.ts";
import { limits, type PeerId, peerIdOf, Scope } from "../kernel/mod.ts";
import type { Endpoint, NetworkAddress, Ports, Session } from "../ports/mod.ts";
import { dialSession } from "./dial_session.ts";
import { openFrameStream } from "./frame_stream.ts";
import type { FrameStream } from "./link.ts";
import { closeCodes, joinProtocol } from "./protocols.ts";

/** What an endpoint for joining takes of the world. */
export type JoinDialerNeeds = Pick<
  Ports,
  "clock" | "network" | "random" | "signer"
>;

/** One stream to an enroller; disposing it closes the connection. */
export interface JoinConnection extends AsyncDisposable {
  /** Frames of at most `joinFrameBytesMax`. */
  readonly stream: FrameStream;
}

/** Dials enrollers from a UDP socket of its own. */
export interface JoinDialer extends AsyncDisposable {
  /**
   * Connects to a node known by its id and address.
   *
   * @throws {UnreachableError} Nobody answers, or it is another node.
   */
  dial(
    peer: PeerId,
    to: NetworkAddress,
    options: { readonly signal: AbortSignal },
  ): Promise<JoinConnection>;
}

/**
 * Opens a socket on any free port. A process opens one endpoint only: a daemon
 * dials by `Transport.dialJoin`.
 *
 * @throws {ConflictError} The system has no port left.
 */
export async function openJoinDialer(
  needs: JoinDialerNeeds,
): Promise<JoinDialer> {
  // Nobody knows this key: whoever dials this socket finds nobody.
  const key = needs.signer.privateKey(needs.random.bytes(32));
  const identity = issueTlsLeaf(needs, { peer: peerIdOf(key.publicKey), key });
  const endpoint = await needs.network.open({ ip: "::", port: 0 }, {
    identity,
    protocols: [joinProtocol],
  });
  const tasks = new Scope(() => {});
  tasks.spawn("ignore", () => ignoreAll(endpoint));
  return {
    dial: (peer, to, { signal }) =>
      dialJoin(needs, endpoint, { peer, to, signal, tasks }),
    [Symbol.asyncDispose]: async () => {
      // The tasks end with what they read from.
      await endpoint[Symbol.asyncDispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
}

async function ignoreAll(endpoint: Endpoint): Promise<void> {
  for await (const incoming of endpoint.incomingSessions()) incoming.ignore();
}

/** Whom to reach, and what ends with the endpoint. */
export type JoinTarget = {
  readonly peer: PeerId;
  readonly to: NetworkAddress;
  readonly signal: AbortSignal;
  readonly tasks: Scope;
};

/** Dials an enroller from any endpoint. @throws {UnreachableError} */
export async function dialJoin(
  needs: Pick<Ports, "random">,
  endpoint: Pick<Endpoint, "dial">,
  { tasks, ...target }: JoinTarget,
): Promise<JoinConnection> {
  const protocol = joinProtocol;
  const session = await dialSession(needs, endpoint, { ...target, protocol });
  try {
    tasks.spawn("join", () => refuseStreams(session));
    const frames = openFrameStream(await session.openStream(target.signal), {
      frameBytesMax: limits.joinFrameBytesMax,
    });
    return {
      stream: frames,
      [Symbol.asyncDispose]: async () => {
        await frames[Symbol.asyncDispose]();
        session.close(closeCodes.shutdown, "");
        await session[Symbol.asyncDispose]();
      },
    };
  } catch (cause) {
    await session[Symbol.asyncDispose]();
    throw cause;
  }
}

/** An enroller opens none; what it sent on one would only fill memory. */
async function refuseStreams(session: Session): Promise<void> {
  for await (const _stream of session.incomingStreams()) {
    session.close(closeCodes.quota, "an enroller opens no streams");
  }
}
