// Connections that nobody uses at the moment. One that is kept comes in, and is
// watched until it is taken out again or closed: whatever its other end sends,
// nobody asked for, and ends it, as does its time. Neither bytes nor their
// absence may make it live longer, or let it cost anything.

import type { Duplex } from "node:stream";

export class IdleSockets {
  readonly #idleMsMax: number;
  readonly #watched = new Map<Duplex, DisposableStack>();

  constructor(idleMsMax: number) {
    this.#idleMsMax = idleMsMax;
  }

  get count(): number {
    return this.#watched.size;
  }

  keep(socket: Duplex): void {
    const scope = new DisposableStack();
    const end = () => {
      this.take(socket);
      socket.destroy();
    };
    const forget = () => this.take(socket);
    socket.on("data", end);
    scope.defer(() => socket.off("data", end));
    socket.on("close", forget);
    scope.defer(() => socket.off("close", forget));
    const timer = setTimeout(end, this.#idleMsMax);
    // An idle connection keeps no process alive.
    Deno.unrefTimer(timer);
    scope.defer(() => clearTimeout(timer));
    this.#watched.set(socket, scope);
  }

  /** It belongs to a request again, or to nobody. */
  take(socket: Duplex): void {
    this.#watched.get(socket)?.dispose();
    this.#watched.delete(socket);
  }
}
