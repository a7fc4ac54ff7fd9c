// One QUIC connection of Deno's as a Session. In comes the connection; out go
// its streams as Deno made them, which is what makes them fast: an aborted or a
// collected writer looks like a clean end to the peer. Every promise of the
// connection rejects when it is lost: none may be left uncaught, and a session
// says once, and without an exception, how it ended.

import { addressText, parseAddress, UnreachableError } from "../kernel/mod.ts";
import type {
  NetworkAddress,
  Session,
  SessionEnd,
  SessionStream,
} from "../ports/mod.ts";
import { countOpen } from "./network_counts.ts";
import { openTurn } from "./turn.ts";

const reasonCharactersMax = 256;

const turn = openTurn();

/** `isDialler` means that Deno has waited for the handshake already. */
export function openSession(
  connection: Deno.QuicConn,
  options: {
    readonly isDialler: boolean;
    /** Its endpoint, which keeps it from being collected until it has ended. */
    readonly holders: Set<DenoSession>;
  },
): DenoSession {
  return new DenoSession(connection, options);
}

/** A connection, from accept or dial to its end. */
export class DenoSession implements Session {
  readonly protocol: string;
  readonly established: Promise<boolean>;
  readonly ended: Promise<SessionEnd>;
  readonly #connection: Deno.QuicConn;
  /** What we closed it with: Deno then says 0 and nothing. */
  #ownEnd: SessionEnd | undefined;
  #hasEnded = false;

  constructor(
    connection: Deno.QuicConn,
    options: {
      readonly isDialler: boolean;
      readonly holders: Set<DenoSession>;
    },
  ) {
    this.#connection = connection;
    // The server's choice: there right after accept, whatever the types say.
    this.protocol = connection.protocol ?? "";
    const uncount = countOpen("sessions");
    options.holders.add(this);
    this.ended = this.#watchEnd(() => {
      options.holders.delete(this);
      uncount();
    });
    this.established = options.isDialler
      ? Promise.resolve(true)
      : this.#watchHandshake();
  }

  /** It follows the peer, whose address may change. */
  get remote(): NetworkAddress {
    const { hostname, port } = this.#connection.remoteAddr;
    // An IPv4 peer of a socket on "::" may show as ::ffff:1.2.3.4.
    return { ip: parseAddress(hostname)?.text ?? hostname, port };
  }

  async openStream(signal: AbortSignal): Promise<SessionStream> {
    signal.throwIfAborted();
    // Without waiting Deno throws a RangeError at the peer's limit. The peer
    // gives room in steps of an eighth of its limit, not stream by stream.
    const opening = this.#connection.createBidirectionalStream({
      waitUntilAvailable: true,
    });
    const given = Promise.withResolvers<never>();
    const abort = () => given.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([opening, given.promise]);
    } catch (cause) {
      opening.then(dropStream, ignore);
      if (signal.aborted) throw signal.reason;
      throw this.#gone(cause);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  async *incomingStreams(): AsyncGenerator<SessionStream> {
    const reader = this.#connection.incomingBidirectionalStreams.getReader();
    try {
      for (;;) {
        const next = await settled(reader.read());
        if (next === undefined || next.done || this.#hasEnded) return;
        yield next.value;
      }
    } finally {
      reader.releaseLock();
    }
  }

  async sendDatagram(bytes: Uint8Array): Promise<boolean> {
    // What fits changes while it lasts: a path of larger packets is found.
    if (bytes.length > this.#connection.maxDatagramSize) return false;
    try {
      await this.#connection.sendDatagram(bytes);
      return true;
    } catch {
      return false; // it shrank meanwhile, or the session has ended
    }
  }

  async *incomingDatagrams(): AsyncGenerator<Uint8Array> {
    while (!this.#hasEnded) {
      const datagram = await settled(this.#connection.readDatagram());
      if (datagram === undefined) return;
      yield datagram;
    }
  }

  close(code: number, reason: string): void {
    if (this.#ownEnd !== undefined || this.#hasEnded) return;
    this.#ownEnd = { type: "closed", code, reason };
    this.#connection.close({
      closeCode: code,
      reason: reason.slice(0, reasonCharactersMax),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close(0, "");
    await this.ended;
  }

  /** `closed` rejects when the connection is lost: always caught here. */
  async #watchEnd(onEnd: () => void): Promise<SessionEnd> {
    let end: SessionEnd;
    try {
      const { closeCode, reason } = await this.#connection.closed;
      end = { type: "closed", code: closeCode, reason };
    } catch (cause) {
      end = { type: "lost", cause };
    }
    this.#hasEnded = true;
    onEnd();
    return this.#ownEnd ?? end;
  }

  /**
   * `handshake` resolves also when the peer refuses our certificate, and just
   * before `closed` rejects: who looks a turn later knows (Deno 2.9.6).
   */
  async #watchHandshake(): Promise<boolean> {
    try {
      await this.#connection.handshake;
    } catch {
      return false; // the same failure ends the session, and is kept there
    }
    await turn();
    return !this.#hasEnded;
  }

  #gone(cause: unknown): UnreachableError {
    return new UnreachableError(
      `The session with ${addressText(this.remote)} has ended`,
      { cause },
    );
  }
}

/** Undefined when it failed: the session's end says why. */
async function settled<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch {
    return undefined; // `ended` carries the cause
  }
}

/** A stream that came when nobody waited any more. */
function dropStream(stream: SessionStream): void {
  stream.writable.abort().catch(ignore);
  stream.readable.cancel().catch(ignore);
}

/** Of what nobody waits for, whose session tells its own end. */
function ignore(): void {}
