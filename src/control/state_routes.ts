// The routes of the control API about the cluster's state. In come a request
// and the parts of its path, out goes what to answer, or undefined for a path
// that is none of these. What is asked for is read and checked here; whether it
// can be done is decided by the handlers.

import { InputError, limits, shape } from "../kernel/mod.ts";
import {
  forgetRequestShape,
  type StateHandlers,
  type StateHistoryQuery,
  statePaths,
} from "./state_api.ts";

/** A request that was read as far as its path. */
type StateRequest = {
  /** The parts after the noun, decoded. */
  readonly names: readonly string[];
  /** The whole body, bounded. */
  readonly readJson: (what: string) => Promise<unknown>;
};

/** Undefined: no such route. */
export async function routeState(
  handlers: StateHandlers,
  request: Request,
  { names, readJson }: StateRequest,
): Promise<object | undefined> {
  const url = new URL(request.url);
  const [, version = "", noun = ""] = url.pathname.split("/");
  switch (
    `${request.method} /${version}/${noun}${names.length > 0 ? "/" : ""}`
  ) {
    case `GET ${statePaths.history}`:
      return await handlers.history(historyQuery(url.searchParams));
    case `GET ${statePaths.past}`: {
      const atMs = integerOf(url.searchParams, "atMs");
      if (atMs !== undefined) return await handlers.past(atMs);
      throw new InputError('"atMs" says which moment');
    }
    case `POST ${statePaths.diffs}/`:
      return await handlers.diff(onlyName(names), request.signal);
    case `POST ${statePaths.forgets}/`: {
      const value = await readJson("What to forget");
      if (Array.isArray(value)) throw new InputError("That is no object");
      const wish = shape.parseShape(forgetRequestShape, value, {
        what: "What to forget",
      });
      return await handlers.forget(onlyName(names), wish);
    }
    default:
      return undefined;
  }
}

function historyQuery(parameters: URLSearchParams): StateHistoryQuery {
  const limit = integerOf(parameters, "limit");
  const max = limits.historyAnswerMax;
  if (limit !== undefined && (limit < 1 || limit > max)) {
    throw new InputError(`"limit" must be from 1 to ${max}`);
  }
  const owner = parameters.get("owner") ?? undefined;
  return { sinceMs: integerOf(parameters, "sinceMs"), owner, limit };
}

function integerOf(
  parameters: URLSearchParams,
  name: string,
): number | undefined {
  const text = parameters.get(name) ?? undefined;
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InputError(`"${name}" must be a whole number`);
}

function onlyName(names: readonly string[]): string {
  const [name, ...more] = names;
  if (name !== undefined && more.length === 0) return name;
  throw new InputError("The path names one peer");
}
