// The verbs about the cluster's state, as data: a part of the table in
// verbs.ts. It says what each of them takes and how to explain it; what they do
// lies in commands/ and is never imported here.

import type { VerbSpec } from "./verb_spec.ts";

export const stateVerbs = {
  "history": {
    brief: "Show what changed in the cluster's state, and when",
    more:
      "As this node heard of it, the newest last. The log is bounded: the\n" +
      "oldest is dropped. A moment is 10m, 2d, or 2026-01-31T08:15:00.",
    example: "pln history --since 1h --owner desk",
    flags: {
      "since": {
        type: "text",
        brief: "Only what came since: so long ago, or that moment",
        value: "when",
      },
      "owner": {
        type: "text",
        brief: "Only what this node published",
        value: "peer",
        completes: "peers",
      },
      "lines": {
        type: "text",
        brief: "How many of the last batches (default 50)",
        value: "n",
        alias: "n",
      },
    },
    args: [],
  },
  "diff": {
    brief: "Compare this node's copy of the state with a peer's",
    more:
      "Exits with 0 when they are equal, with 1 when not, and with 6 when\n" +
      "the peer does not answer. Nodes that hear of each other are equal\n" +
      "again within seconds.",
    example: "pln diff desk",
    flags: {},
    args: [{
      name: "peer",
      brief: "A node's name, or the start of its id",
      completes: "peers",
    }],
  },
  "forget": {
    brief: "Drop a lost node, and all that it published, everywhere",
    more:
      "Its seeds go with it. A node that comes back publishes anew; to keep\n" +
      "it out, deny it: pln deny. Only admins forget; an admin is denied\n" +
      "first.",
    example: "pln forget old-laptop --dry-run",
    flags: {
      "dry-run": { type: "switch", brief: "Only say what would go" },
      "force": { type: "switch", brief: "Also while it is connected" },
    },
    args: [{
      name: "peer",
      brief: "A node's name, or the start of its id",
      completes: "peers",
    }],
  },
} as const satisfies Record<string, VerbSpec>;
