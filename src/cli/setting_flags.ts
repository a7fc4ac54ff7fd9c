// The flags that are settings of the node, as data: verbs that start a daemon
// take them all. Each is a key of config.yaml too; what its value may be is said
// there.

import type { FlagSpec } from "./verb_spec.ts";

export const settingFlags = {
  "name": {
    type: "text",
    brief: "This node's name, for this run",
    value: "name",
  },
  "port": {
    type: "text",
    brief: "UDP port of the mesh; 0: any (default 60611)",
    value: "port",
  },
  "public": {
    type: "switch",
    brief: "Anybody on the Internet can reach it",
  },
  "ips": {
    type: "text",
    brief: "More addresses of this node, for its peers",
    value: "ip,ip",
  },
  "http": { type: "text", brief: "Port of metrics, or off", value: "port" },
  "static-http": {
    type: "text",
    brief: "Port of static sites, or off",
    value: "port",
  },
  "log-level": {
    type: "text",
    brief: "What the log keeps: debug, info, warn or error",
    value: "level",
    choices: ["debug", "info", "warn", "error"],
  },
} as const satisfies Record<string, FlagSpec>;
