// Calls of seeds over the mesh: `CallClient` makes them, `CallServer` takes
// those of other nodes to an executor. Both speak the call protocol of
// messages.ts over long-lived streams; neither knows what a seed is.

export {
  CallClient,
  type CallClientNeeds,
  type RemoteCallOptions,
  type RemoteTarget,
} from "./call_client.ts";
export {
  CallServer,
  type CallServerNeeds,
  type CallServerReport,
} from "./call_server.ts";
export type { CallGateNeeds } from "./call_gate.ts";
export type { CallLinks } from "./client_session.ts";
export type { CallExecutor, CallRights, IncomingCall } from "./executor.ts";
export type { CallSelf } from "./origin_signer.ts";
export type { CallVia } from "./outgoing_call.ts";
