// How nodes tell each other what they hold. This first part exchanges the
// batches of admins over links: on a new link before anything else, and at once
// when there is something new. Batches go from state to state; nothing here
// reads what they say.

export type { Outcome } from "./exchange_engine.ts";
export type { ExchangeState } from "./link_exchange.ts";
export {
  type ExchangeTransport,
  RightsExchange,
  type RightsExchangeNeeds,
} from "./rights_exchange.ts";
