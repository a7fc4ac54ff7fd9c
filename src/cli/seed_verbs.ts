// The verbs about seeds, as data: a part of the table in verbs.ts. It says what
// each of them takes and how to explain it; what they do lies in commands/ and
// is never imported here.

import type { VerbSpec } from "./verb_spec.ts";

export const seedVerbs = {
  "seed": {
    brief: "Publish a WASM module under a name",
    more:
      "What the file is is told by its content. A name that is taken gets\n" +
      "the new version, and options that are not given take their defaults,\n" +
      "whatever the version before had. Isolation says what a call may see\n" +
      "of those before: restore and fresh nothing, fresh by a new instance\n" +
      "each time; reuse all that the seed keeps. It reaches no host that is\n" +
      "not allowed: api.example.org, or *.example.org for every name below.\n" +
      "A host without a port means ports 80 and 443. A name that another\n" +
      "node has is refused; --takeover publishes all the same, and gives an\n" +
      "admin the name. Each is still to be had: pln call <name>@<owner's id>.",
    example: "pln seed ./hello.wasm --memory 128MiB",
    flags: {
      "config": {
        type: "texts",
        brief: "A value the seed can read; may be repeated",
        value: "key=value",
      },
      "timeout": {
        type: "text",
        brief: "The longest a call may take: 1ms to 1h (default 30s)",
        value: "duration",
      },
      "cpu": {
        type: "text",
        brief: "Processor time of a call: 1ms to 1h (default 10s)",
        value: "duration",
      },
      "memory": {
        type: "text",
        brief: "Memory of an instance: 1MiB to 1GiB (default 64MiB)",
        value: "size",
      },
      "isolation": {
        type: "text",
        brief: "Of each call: restore (default), fresh or reuse",
        value: "mode",
        choices: ["restore", "fresh", "reuse"],
      },
      "allow-host": {
        type: "texts",
        brief: "A host it may send HTTP to; may be repeated",
        value: "host",
      },
      "takeover": {
        type: "switch",
        brief: "Also when another node has a seed of this name",
      },
    },
    args: [
      { name: "path", brief: 'A file, or "-" for standard input' },
      { name: "name", brief: "Default: the file's name", isOptional: true },
    ],
  },
  "inspect": {
    brief: "Show all about one seed or one node",
    more:
      "Of a seed: limits, calls, errors, memory. Of a node: its chain of\n" +
      "certificates, its properties, and who granted or denied it what.",
    example: "pln inspect hello",
    flags: {
      "node": { type: "switch", brief: "It is a node" },
      "seed": { type: "switch", brief: "It is a seed" },
    },
    args: [{
      name: "target",
      brief: "A seed's name; a node's name, or the start of its id",
      completes: "targets",
    }],
  },
  "unseed": {
    brief: "Take back a seed of this node; its calls are cancelled",
    example: "pln unseed hello",
    flags: {},
    args: [{
      name: "name",
      brief: "The seed's name",
      completes: "own seeds",
    }],
  },
  "call": {
    brief: "Call a function of a seed; its output goes to standard output",
    example: `pln call hello greet '{"name":"world"}'`,
    flags: {
      "timeout": {
        type: "text",
        brief: "Give up after this long (default: the seed's)",
        value: "duration",
      },
      "on": {
        type: "text",
        brief: "The node whose seed it is: name, or start of its id",
        value: "peer",
        completes: "peers",
      },
      "retries": {
        type: "text",
        brief: "Try again, up to 10 times, when the call did not run",
        value: "n",
      },
    },
    args: [
      {
        name: "name",
        brief: "Its name, or name@ and digits of its owner's id",
        completes: "seeds",
      },
      { name: "function", brief: "What it exports", completes: "functions" },
      {
        name: "input",
        brief: 'Default, and "-": standard input',
        isOptional: true,
      },
    ],
  },
} as const satisfies Record<string, VerbSpec>;
