// The control API between the CLI and its daemon: shapes and paths (api.ts),
// the daemon's end (server.ts) and the CLI's end (client.ts). It runs over the
// web port, so the simulator speaks it too.

export * from "./api.ts";
export * from "./client.ts";
export {
  type ListenerPlan,
  Listeners,
  type ListenersNeeds,
} from "./listeners.ts";
export * from "./member_api.ts";
export { type Ask, MemberClient, type Route } from "./member_client.ts";
export { metricsContentType, renderMetrics } from "./metrics.ts";
export { type Absence, isAbsence } from "./refusals.ts";
export * from "./seed_reports.ts";
export * from "./server.ts";
export * from "./state_api.ts";
export { StateClient } from "./state_client.ts";
