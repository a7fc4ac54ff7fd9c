// The CLI's questions about the cluster's state: its history, its past, how a
// peer's copy differs, and forgetting an owner. One method per thing a command
// asks; each asks the daemon once and returns what it answered, in shape.

import { utf8 } from "../kernel/mod.ts";
import type { Ask, Route } from "./member_client.ts";
import {
  type ForgetRequest,
  type Forgotten,
  forgottenShape,
  type PastStatus,
  pastStatusShape,
  type StateDifference,
  stateDifferenceShape,
  type StateHistory,
  type StateHistoryQuery,
  stateHistoryShape,
  statePaths,
} from "./state_api.ts";

/** Every method throws as those of the control client do. */
export class StateClient {
  readonly #ask: Ask;

  /** For the control client. */
  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** The newest last; PLN_NOT_FOUND when `owner` names nobody. */
  history(query: StateHistoryQuery): Promise<StateHistory> {
    return this.#ask(["GET", statePaths.history], stateHistoryShape, { query });
  }

  /** PLN_NOT_FOUND when the log does not reach that far back. */
  past(atMs: number): Promise<PastStatus> {
    const query = { atMs };
    return this.#ask(["GET", statePaths.past], pastStatusShape, { query });
  }

  /** `signal` gives up waiting. */
  diff(peer: string, signal?: AbortSignal): Promise<StateDifference> {
    const route: Route = ["POST", statePaths.diffs, peer];
    return this.#ask(route, stateDifferenceShape, { signal });
  }

  /** Done when it is durable. */
  forget(peer: string, request: ForgetRequest): Promise<Forgotten> {
    const route: Route = ["POST", statePaths.forgets, peer];
    const body = utf8(JSON.stringify(request));
    return this.#ask(route, forgottenShape, { body });
  }
}
