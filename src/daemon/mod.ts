// The daemon: one node in a process, with its directory's lock and the control
// API around it. Settings and ports go in; it runs until it is told to stop.
// Nothing of it is of use without a process: a simulator opens nodes.

export {
  type DaemonConfig,
  type DaemonHooks,
  type DaemonNeeds,
  runDaemon,
} from "./daemon.ts";
