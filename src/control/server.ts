// The daemon's end of the control API: routes requests to handlers, checks who
// asks and how much they send, and turns every failure into an error report.
// It must never buffer more than the limit of the route allows.

import {
  asPlnError,
  type Bytes,
  DeniedError,
  InputError,
  LimitError,
  limits,
  NotFoundError,
  parseJson,
  reportError,
  shape,
  utf8TextLossy,
} from "../kernel/mod.ts";
import type { Log } from "../ports/mod.ts";
import {
  apiPaths,
  type CallOptions,
  controlHost,
  httpStatusOf,
  type Reloaded,
  type SeedDetails,
  type SeedPublished,
  type SeedRequest,
  seedRequestShape,
  type StatusReport,
  versionHeader,
} from "./api.ts";
import { BodyBudget, readBytes } from "./body.ts";
import { CallPlaces } from "./call_places.ts";
import type { MemberHandlers } from "./member_api.ts";
import { routeMembers } from "./member_routes.ts";
import type { StateHandlers } from "./state_api.ts";
import { routeState } from "./state_routes.ts";
import { type Absence, AbsentError, StoppedError } from "./refusals.ts";

/** What the API needs from the daemon; each may throw PlnErrors. */
export interface ControlHandlers {
  /** Sent with every answer, refusals included. */
  readonly version: string;
  /** Named while the daemon stops. */
  readonly processId: number;
  /** What it does about members of the cluster. */
  readonly members: MemberHandlers;
  /** What it answers about the cluster's state. */
  readonly state: StateHandlers;
  /** Synchronous: it delays every call under way. */
  status(): StatusReport;
  /** Resolves when the seed is durable. @throws {SeedError} Unfit to run. */
  publishSeed(
    name: string,
    module: Bytes,
    request: SeedRequest,
  ): Promise<SeedPublished>;
  /** May load the module. @throws {NotFoundError} No such seed. */
  inspectSeed(name: string): Promise<SeedDetails>;
  /** Resolves when it is durable. @throws {NotFoundError} No such seed. */
  unpublishSeed(name: string): Promise<void>;
  /** Raw output. Defaults for what `options` leaves out are its own. */
  call(target: CallTarget, input: Bytes, options: CallRun): Promise<Bytes>;
  /** All or nothing. @throws {InputError} Naming the line of config.yaml. */
  reload(): Promise<Reloaded>;
  /** Harmless when nothing was lost. @throws {DiskError} Safe to retry. */
  acceptLoss(): Promise<void>;
  /** Starts a shutdown; the daemon ends after the response has left. */
  shutdown(): void;
}

/** As the client spelled them; neither is checked yet. */
export type CallTarget = { readonly seed: string; readonly function: string };
/** `signal` aborts when the client goes away. */
export type CallRun = CallOptions & { readonly signal: AbortSignal };

/** `log` gets bugs only: refusals go to the client. */
export type ControlServerNeeds = {
  readonly log: Log;
  readonly handlers: ControlHandlers;
};

/** Serves one request of the control API; never rejects. */
export class ControlServer {
  readonly #log: Log;
  readonly #handlers: ControlHandlers;
  readonly #bodies = new BodyBudget();
  readonly #places = new CallPlaces();
  /** How to end each call under way. */
  readonly #calls = new Set<(cause: StoppedError) => void>();
  readonly #idle = Promise.withResolvers<void>();
  #isDraining = false;
  #underWay = 0;

  /** Listens nowhere: a server of the web port calls `handle`. */
  constructor(needs: ControlServerNeeds) {
    this.#log = needs.log;
    this.#handlers = needs.handlers;
  }

  /** Every failure becomes a status and an error report. */
  async handle(request: Request): Promise<Response> {
    if (this.#isDraining) {
      return refuseWhile("stopping", this.#handlers);
    }
    this.#underWay++;
    try {
      refuseBrowsers(request);
      if (this.#underWay > limits.controlRequestsMax) {
        throw new LimitError(
          `More than ${limits.controlRequestsMax} requests at once`,
          { hint: "Try again in a moment" },
        );
      }
      return this.#answer(await this.#route(request));
    } catch (cause) {
      return this.#refuse(request, cause);
    } finally {
      this.#underWay--;
      if (this.#isDraining && this.#underWay === 0) this.#idle.resolve();
    }
  }

  /**
   * Refuses what comes from now on, and says why; resolves when all that was
   * under way has its answer.
   */
  drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#underWay === 0) this.#idle.resolve();
    return this.#idle.promise;
  }

  /** Answers the calls under way now: the node stops. */
  endCalls(): void {
    for (const end of [...this.#calls]) end(new StoppedError());
  }

  #answer(result: Bytes | object): Response {
    const headers = { [versionHeader]: this.#handlers.version };
    return result instanceof Uint8Array
      ? new Response(result, { headers })
      : Response.json(result, { headers });
  }

  #refuse(request: Request, cause: unknown): Response {
    const error = asPlnError(cause);
    if (error.code === "PLN_INTERNAL") {
      this.#log.error("control.bug", { url: request.url, cause });
    }
    return Response.json(reportError(error), {
      status: httpStatusOf(error.outcome),
      headers: { [versionHeader]: this.#handlers.version },
    });
  }

  async #route(request: Request): Promise<Bytes | object> {
    const url = new URL(request.url);
    const [path, ...rest] = splitPath(url.pathname);
    // Without a name and with one are different routes.
    const slash = rest.length > 0 ? "/" : "";
    switch (`${request.method} ${path}${slash}`) {
      case `GET ${apiPaths.status}`:
        return this.#handlers.status();
      case `GET ${apiPaths.seeds}/`:
        return await this.#handlers.inspectSeed(onlyPart(rest));
      case `PUT ${apiPaths.seeds}/`:
        return await this.#publish(request, url, { name: onlyPart(rest) });
      case `DELETE ${apiPaths.seeds}/`:
        await this.#handlers.unpublishSeed(onlyPart(rest));
        return {};
      case `POST ${apiPaths.calls}/`:
        return await this.#call(request, url, rest);
      case `POST ${apiPaths.reload}`:
        return await this.#handlers.reload();
      case `POST ${apiPaths.recover}`:
        await this.#handlers.acceptLoss();
        return {};
      case `POST ${apiPaths.shutdown}`:
        this.#handlers.shutdown();
        return {};
      default:
        return await this.#routeOthers(request, url, rest);
    }
  }

  async #routeOthers(
    request: Request,
    url: URL,
    names: readonly string[],
  ): Promise<object> {
    const { members, state } = this.#handlers;
    const read = {
      names,
      readJson: (what: string) => this.#readJson(request, what),
    };
    const answer = await routeMembers(members, request, read) ??
      await routeState(state, request, read);
    if (answer !== undefined) return answer;
    throw new NotFoundError(
      `The daemon has no ${request.method} ${url.pathname.slice(0, 80)}`,
      { hint: 'The versions of "pln" and its daemon may differ' },
    );
  }

  async #readJson(request: Request, what: string): Promise<unknown> {
    const bytesMax = limits.controlRequestBytesMax;
    using _room = this.#bodies.take(request, { bytesMax });
    const bytes = await readBytes(request, { bytesMax, what });
    return parseJson(utf8TextLossy(bytes), what);
  }

  async #publish(
    request: Request,
    url: URL,
    { name }: { readonly name: string },
  ): Promise<SeedPublished> {
    const spec = shape.parseShape(
      seedRequestShape,
      parseJson(
        url.searchParams.get("spec") ?? '{"config":{}}',
        "The seed's spec",
      ),
      { what: "The seed's spec" },
    );
    const bytesMax = limits.moduleBytesMax;
    using _room = this.#bodies.take(request, { bytesMax });
    const module = await readBytes(request, { bytesMax, what: "A module" });
    return await this.#handlers.publishSeed(name, module, spec);
  }

  async #call(
    request: Request,
    url: URL,
    parts: readonly string[],
  ): Promise<Bytes> {
    const [seed, fn, ...more] = parts;
    if (seed === undefined || fn === undefined || more.length > 0) {
      throw new InputError("A call names a seed and a function");
    }
    using _place = this.#places.take(seed);
    const bytesMax = limits.callInputBytesMax;
    using _room = this.#bodies.take(request, { bytesMax });
    const what = "The input of a call";
    const input = await readBytes(request, { bytesMax, what });
    const target = { seed, function: fn };
    return await this.#untilStopped(this.#handlers.call(target, input, {
      timeoutMs: integerOf(url, "timeoutMs"),
      on: url.searchParams.get("on") ?? undefined,
      signal: request.signal,
    }));
  }

  /** Nobody waits for a call that was ended: how it goes on is no matter. */
  async #untilStopped(call: Promise<Bytes>): Promise<Bytes> {
    const { promise, resolve, reject } = Promise.withResolvers<Bytes>();
    this.#calls.add(reject);
    void call.then(resolve, reject);
    try {
      return await promise;
    } finally {
      this.#calls.delete(reject);
    }
  }
}

/** Answers any request of a daemon that does not serve now. */
export function refuseWhile(
  absence: Absence,
  daemon: Pick<ControlHandlers, "processId" | "version">,
): Response {
  const error = new AbsentError(absence, daemon.processId);
  return Response.json(reportError(error), {
    status: httpStatusOf(error.outcome),
    headers: { [versionHeader]: daemon.version },
  });
}

/** A page in a browser must not reach the daemon (SCENARIOS.md R22). */
function refuseBrowsers(request: Request): void {
  const { headers } = request;
  const host = headers.get("host") ?? controlHost;
  if (
    headers.has("origin") || headers.has("sec-fetch-site") ||
    host !== controlHost
  ) {
    throw new DeniedError("The control API does not answer browsers");
  }
}

/** "/v1/calls/a/b" as ["/v1/calls", "a", "b"], parts decoded. */
function splitPath(pathname: string): string[] {
  const [, version = "", noun = "", ...parts] = pathname.split("/");
  try {
    return [`/${version}/${noun}`, ...parts.map(decodeURIComponent)];
  } catch (cause) {
    throw new InputError("The path is not URL-encoded", { cause });
  }
}

function onlyPart(parts: readonly string[]): string {
  const [part, ...more] = parts;
  if (part === undefined || more.length > 0) {
    throw new InputError("The path names one seed");
  }
  return part;
}

function integerOf(url: URL, name: string): number | undefined {
  const text = url.searchParams.get(name) ?? undefined;
  if (text === undefined) return undefined;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new InputError(`"${name}" must be a whole number`);
}
