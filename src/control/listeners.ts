// The daemon's HTTP listeners that settings open and close while it runs:
// metrics, and sites. A port that cannot be had becomes an alarm in the status;
// it never stops the daemon.

import { asPlnError, ClosedError, Sequence } from "../kernel/mod.ts";
import type { Log, Web, WebHandler, WebServer } from "../ports/mod.ts";
import type { Alarm } from "./api.ts";

/** `log` hears of ports that cannot be had. */
export type ListenersNeeds = { readonly log: Log; readonly web: Web };

/** A listener by its setting's key. */
export type ListenerPlan = {
  readonly ip: string;
  /** Undefined: closed. */
  readonly port: number | undefined;
  readonly handle: WebHandler;
};

/** Disposing cuts requests under way off: `drain` first. */
export class Listeners implements AsyncDisposable {
  readonly #needs: ListenersNeeds;
  readonly #servers = new Map<string, WebServer>();
  readonly #alarms = new Map<string, Alarm>();
  /** Two changes at once could open a port twice, or lose track of one. */
  readonly #changes = new Sequence();
  #isClosed = false;

  /** Opens nothing: `apply` does. */
  constructor(needs: ListenersNeeds) {
    this.#needs = needs;
  }

  /** One for each listener that is not as its plan wants it. */
  get alarms(): readonly Alarm[] {
    return [...this.#alarms.values()];
  }

  /** Ports of the open listeners, by their names. */
  get ports(): Readonly<Record<string, number>> {
    const open: Record<string, number> = {};
    for (const [name, { address }] of this.#servers) {
      if (address.type === "tcp") open[name] = address.port;
    }
    return open;
  }

  /** Whether a listener is not as its plan wants it. */
  hasFailed(name: string): boolean {
    return this.#alarms.has(name);
  }

  /**
   * Brings a listener to its plan; one that is right already stays.
   *
   * @throws {ClosedError} The daemon is closing.
   */
  apply(name: string, plan: ListenerPlan): Promise<void> {
    return this.#changes.run(() => this.#apply(name, plan));
  }

  async #apply(name: string, plan: ListenerPlan): Promise<void> {
    if (this.#isClosed) throw new ClosedError(`Cannot open ${name}: closing`);
    this.#alarms.delete(name);
    if (this.ports[name] === plan.port) return;
    const open = this.#servers.get(name);
    this.#servers.delete(name);
    await open?.[Symbol.asyncDispose]();
    const { ip, port, handle } = plan;
    if (port === undefined) return;
    try {
      const address = { type: "tcp", ip, port } as const;
      this.#servers.set(name, await this.#needs.web.serve(address, handle));
    } catch (cause) {
      this.#needs.log.error("listener.failed", { name, port, cause });
      this.#alarms.set(name, {
        message: `${name} cannot listen: ${asPlnError(cause).message}`,
        hint: `Choose another port: pln set ${name} <port>`,
      });
    }
  }

  /** Lets requests under way end. */
  async drain(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((one) => one.drain()));
  }

  /** Ends the change under way first; harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#changes.run(async () => {
      await using servers = new AsyncDisposableStack();
      for (const server of this.#servers.values()) servers.use(server);
      this.#servers.clear();
    });
  }
}
