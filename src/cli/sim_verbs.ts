// The verbs of the simulator, as data: a part of the table in verbs.ts. They
// need no node and no right: whole clusters run inside the one process. What
// they do lies in commands/ and is never imported here.

import type { VerbSpec } from "./verb_spec.ts";

export const simVerbs = {
  "sim list": {
    brief: "List the scenarios that clusters are tried with",
    example: "pln sim list",
    flags: {},
    args: [],
  },
  "sim run": {
    brief: "Run a cluster of this version's nodes through a scenario",
    more: "Time, disks, network and chance are simulated and come from the\n" +
      "seed: the same seed gives the same run. Each runs twice, and both have\n" +
      "to leave the same trace.",
    example: "pln sim run partition --seed 7 --nodes 8",
    flags: {
      "seed": {
        type: "text",
        brief: "Where all chance comes from (default 1)",
        value: "n",
      },
      "nodes": {
        type: "text",
        brief: "How many nodes (default: the scenario's)",
        value: "n",
      },
    },
    args: [{
      name: "scenario",
      brief: "As pln sim list shows it",
      completes: "scenarios",
    }],
  },
} as const satisfies Record<string, VerbSpec>;
