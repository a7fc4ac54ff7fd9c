// The CLI's end of the control API: one method per thing a command asks.
// Failures come back as the errors the daemon reported; no daemon, or one that
// goes away, is an UnreachableError that says how to start it.

import {
  type Bytes,
  InputError,
  LimitError,
  limits,
  ReportedError,
  type Shape,
  shape,
  UnreachableError,
  utf8TextLossy,
} from "../kernel/mod.ts";
import { ConnectionLostError, type Web } from "../ports/mod.ts";
import {
  apiPaths,
  type CallOptions,
  controlHost,
  errorReportShape,
  type Reloaded,
  reloadedShape,
  type SeedDetails,
  seedDetailsShape,
  type SeedPublished,
  seedPublishedShape,
  type SeedRequest,
  type StatusReport,
  statusShape,
  versionHeader,
} from "./api.ts";
import { readBytes } from "./body.ts";
import { type Ask, MemberClient, type Route } from "./member_client.ts";
import { StateClient } from "./state_client.ts";

const anything: Shape<unknown> = shape.unknown();

type RequestParts = {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: Bytes;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Every method throws {ReportedError} when the daemon refuses, and
 * {UnreachableError} without a daemon or when it goes away; holds nothing to
 * dispose.
 */
export class ControlClient {
  readonly #web: Pick<Web, "request">;
  readonly #socketPath: string;
  #daemonVersion: string | undefined;

  /** What the CLI asks about members of the cluster. */
  readonly members: MemberClient;
  /** What the CLI asks about the cluster's state. */
  readonly state: StateClient;

  /** Connects only when something is asked. */
  constructor(web: Pick<Web, "request">, socketPath: string) {
    this.#web = web;
    this.#socketPath = socketPath;
    const ask: Ask = (route, form, parts) => this.#json(route, form, parts);
    this.members = new MemberClient(ask);
    this.state = new StateClient(ask);
  }

  /** Of the last answer; undefined before the first. */
  get daemonVersion(): string | undefined {
    return this.#daemonVersion;
  }

  /** `signal` gives up waiting; its reason is thrown. */
  status(signal?: AbortSignal): Promise<StatusReport> {
    return this.#json(["GET", apiPaths.status], statusShape, { signal });
  }

  /** Resolves when the seed is durable; replaces what had the name. */
  publishSeed(
    name: string,
    module: Bytes,
    request: SeedRequest,
  ): Promise<SeedPublished> {
    return this.#json(["PUT", apiPaths.seeds, name], seedPublishedShape, {
      query: { spec: JSON.stringify(request) },
      body: module,
    });
  }

  /** PLN_NOT_FOUND without such a seed. `signal` gives up waiting. */
  inspectSeed(name: string, signal?: AbortSignal): Promise<SeedDetails> {
    const route: Route = ["GET", apiPaths.seeds, name];
    return this.#json(route, seedDetailsShape, { signal });
  }

  /** Resolves when it is durable; PLN_NOT_FOUND without such a seed. */
  async unpublishSeed(name: string): Promise<void> {
    await this.#json(["DELETE", apiPaths.seeds, name], anything);
  }

  /**
   * Raw output of one call. `signal` gives up waiting.
   *
   * @throws {ConnectionLostError} Whether it ran is not known.
   */
  async call(
    target: { readonly seed: string; readonly function: string },
    input: Bytes,
    options: CallOptions & { readonly signal?: AbortSignal } = {},
  ): Promise<Bytes> {
    const { signal, ...query } = options;
    const { seed, function: fn } = target;
    try {
      const route: Route = ["POST", apiPaths.calls, seed, fn];
      const answer = await this.#send(route, { query, body: input, signal });
      return await this.#read(answer, signal);
    } catch (cause) {
      if (!(cause instanceof ConnectionLostError)) throw cause;
      throw new ConnectionLostError(
        "The daemon went away in the middle of the call: its outcome is " +
          "unknown",
        { cause, hint: 'Look at "pln status" before you call again' },
      );
    }
  }

  /** Reads config.yaml again; one with a fault changes nothing. */
  reload(): Promise<Reloaded> {
    return this.#json(["POST", apiPaths.reload], reloadedShape);
  }

  /** Gives lost state records up for good; harmless when none are. */
  async acceptLoss(): Promise<void> {
    await this.#json(["POST", apiPaths.recover], anything);
  }

  /** Resolves when the daemon agreed: it ends within 10 s after. */
  async shutdown(): Promise<void> {
    await this.#json(["POST", apiPaths.shutdown], anything);
  }

  async #json<T>(
    route: Route,
    form: Shape<T>,
    parts: RequestParts = {},
  ): Promise<T> {
    const answer = await this.#send(route, parts);
    const text = utf8TextLossy(await this.#read(answer, parts.signal));
    const result = shape.checkShape(form, jsonOf(text));
    if ("value" in result) return result.value;
    throw new UnreachableError("The daemon's answer makes no sense to us", {
      cause: new InputError(result.faults[0]?.message ?? "No such shape"),
      hint: 'The versions may differ; try "pln restart"',
    });
  }

  async #send(route: Route, parts: RequestParts): Promise<Response> {
    const [method, prefix, ...names] = route;
    const url = `http://127.0.0.1${prefix}` +
      names.map((name) => `/${pathPart(name)}`).join("") +
      queryText(parts.query ?? {});
    if (url.length > limits.controlRequestBytesMax) {
      throw new LimitError(
        `A request may have ${limits.controlRequestBytesMax} characters ` +
          `beside its body, not ${url.length}`,
        { hint: "Use shorter names, or less configuration" },
      );
    }
    // The address in the URL saves the web port from writing it anew.
    const request = new Request(url, {
      method,
      headers: { host: controlHost },
      ...(parts.body === undefined ? {} : { body: parts.body }),
      ...(parts.signal === undefined ? {} : { signal: parts.signal }),
    });
    const answer = await this.#web.request(
      { type: "unix", path: this.#socketPath },
      request,
    );
    this.#daemonVersion = answer.headers.get(versionHeader) ?? undefined;
    if (!answer.ok) throw await this.#failure(answer);
    return answer;
  }

  async #failure(answer: Response): Promise<Error> {
    const text = utf8TextLossy(await this.#read(answer));
    const report = shape.checkShape(errorReportShape, jsonOf(text));
    if ("value" in report) return new ReportedError(report.value);
    if (answer.status === 503) {
      return new UnreachableError("The node stopped before it answered", {
        hint: "Ask again when it is up",
      });
    }
    return new UnreachableError(
      `The daemon answered HTTP ${answer.status} without a reason`,
      { hint: 'Look at "pln logs", then try "pln restart"' },
    );
  }

  async #read(answer: Response, signal?: AbortSignal): Promise<Bytes> {
    try {
      return await readBytes(answer, {
        bytesMax: limits.controlResponseBytesMax,
        what: "The daemon's answer",
      });
    } catch (cause) {
      signal?.throwIfAborted();
      if (!(cause instanceof UnreachableError)) throw cause;
      throw new ConnectionLostError("The daemon went away while it answered", {
        cause,
        hint: 'Look at "pln logs"',
      });
    }
  }
}

/** A name as one part of a path. "." and ".." would mean another path. */
function pathPart(name: string): string {
  if (name !== "." && name !== ".." && name.isWellFormed()) {
    return encodeURIComponent(name);
  }
  throw new InputError(`${JSON.stringify(name.slice(0, 40))} is no name`, {
    hint: 'See "pln status"',
  });
}

/** Undefined when `text` is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

function queryText(query: NonNullable<RequestParts["query"]>): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
