// Outbound HTTP of seeds: what a seed may be granted, and the one way by which
// its requests leave the node. Nothing is open by default; addresses are checked
// after they are resolved, on every hop, and connected to as checked.

export { Egress, type EgressNeeds } from "./egress.ts";
export { EgressFailure, EgressRefusal } from "./egress_error.ts";
export type { EgressGrant } from "./grant.ts";
export { type HostPattern, parseHostPattern } from "./host_pattern.ts";
export type { TimeLimits } from "./time_limit.ts";
