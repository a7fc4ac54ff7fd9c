// Whoever wants to hear of links. In come handlers and news, out go calls, in
// the order in which handlers were added. What one of them throws is a bug of
// its own: it is logged, and neither the link nor the other handlers suffer.

import type { Log } from "../ports/mod.ts";
import type { Link } from "./link.ts";

type Handler = (link: Link) => void;

/** Handlers of one kind of news. */
export class LinkListeners {
  readonly #log: Log;
  readonly #what: string;
  readonly #handlers = new Set<Handler>();

  constructor(log: Log, what: string) {
    this.#log = log;
    this.#what = what;
  }

  /** Until the result is disposed; the same handler may be added twice. */
  add(handle: Handler): Disposable {
    const handler: Handler = (link) => handle(link);
    this.#handlers.add(handler);
    return { [Symbol.dispose]: () => void this.#handlers.delete(handler) };
  }

  /** Calls all that are there now. */
  tell(link: Link): void {
    for (const handle of [...this.#handlers]) {
      try {
        handle(link);
      } catch (cause) {
        this.#log.error("transport.bug", { task: this.#what, cause });
      }
    }
  }
}
