// Every verb as data: what it takes, what it says about itself, one example.
// The application (app.ts), the help and the completion are made of this table,
// and the commands take their types from it. It loads nothing: a verb's code
// lies in commands/ and is imported when it runs.

import { memberVerbs } from "./member_verbs.ts";
import { seedVerbs } from "./seed_verbs.ts";
import { stateVerbs } from "./state_verbs.ts";
import { settingFlags } from "./setting_flags.ts";
import { simVerbs } from "./sim_verbs.ts";
import type { FlagSpec, VerbSpec } from "./verb_spec.ts";

/** Flags that every verb takes. */
export const globalFlags = {
  dir: {
    type: "text",
    brief: "The node's directory (default $PLN_DIR or ~/.pln)",
    value: "path",
  },
  json: { type: "switch", brief: "Answer, and fail, in JSON" },
} as const satisfies Record<string, FlagSpec>;

const settingKeys = [
  ...["name", "port", "public", "ips"],
  ...["http", "static-http", "log-level"],
] as const;

export const verbs = {
  "init": {
    brief: "Make a new cluster with this node as its first admin",
    more: "The root key is made here once and is never read by the daemon.",
    example: "pln init --prop zone=home",
    flags: {
      "prop": {
        type: "texts",
        brief: "A property of this node; may be repeated",
        value: "key=value",
      },
      "passphrase": {
        type: "switch",
        brief: "Ask for a passphrase that protects the root key",
      },
      "passphrase-file": {
        type: "text",
        brief: "Read that passphrase from a file",
        value: "path",
      },
    },
    args: [],
  },
  "up": {
    brief: "Start the node; make a cluster first when there is none",
    more: "Runs in the foreground: the first SIGINT drains, the second ends.",
    example: "pln up -d",
    flags: {
      "detach": {
        type: "switch",
        brief: "Run in the background; return when it is ready",
        alias: "d",
      },
      "quiet": { type: "switch", brief: "Log to pln.log only" },
      ...settingFlags,
    },
    args: [],
  },
  "down": {
    brief: "Stop the node after it drained",
    example: "pln down",
    flags: {},
    args: [],
  },
  "restart": {
    brief: "Stop the node if it runs, then start it in the background",
    example: "pln restart --log-level debug",
    flags: settingFlags,
    args: [],
  },
  "status": {
    brief: "Show this node, the others, and their seeds",
    more: "With --at: what the cluster's state said then, as this node had\n" +
      "heard it. Such as --at 10m, or --at 2026-01-31T08:15:00",
    example: "pln status nodes --wide",
    flags: {
      "at": {
        type: "text",
        brief: "As it was: so long ago, or at that moment",
        value: "when",
      },
      "wide": { type: "switch", brief: "Show whole ids and more columns" },
    },
    args: [{
      name: "what",
      brief: "Only nodes, or only seeds",
      isOptional: true,
      completes: ["nodes", "seeds"],
    }],
  },
  ...seedVerbs,
  ...memberVerbs,
  ...stateVerbs,
  "logs": {
    brief: "Show the node's log, also while it is down",
    example: "pln logs -f -n 20",
    flags: {
      "follow": { type: "switch", brief: "Go on as it grows", alias: "f" },
      "lines": {
        type: "text",
        brief: "How many of the last lines (default 100)",
        value: "n",
        alias: "n",
      },
    },
    args: [],
  },
  "id": {
    brief: "Print this node's peer id",
    example: "pln id",
    flags: {},
    args: [],
  },
  "set": {
    brief: "Set a key of config.yaml; a running node takes it over",
    more: "Ports default to 8080 for static-http and 8081 for http.",
    example: "pln set static-http 8080",
    flags: {},
    args: [
      { name: "key", brief: settingKeys.join(", "), completes: settingKeys },
      { name: "value", brief: "The new value", isOptional: true },
    ],
  },
  "unset": {
    brief: "Take a key out of config.yaml",
    example: "pln unset static-http",
    flags: {},
    args: [
      { name: "key", brief: settingKeys.join(", "), completes: settingKeys },
    ],
  },
  "config show": {
    brief: "Show the configuration",
    example: "pln config show --effective",
    flags: {
      "effective": {
        type: "switch",
        brief: "Each setting with its origin, as this shell would start it",
      },
    },
    args: [],
  },
  "recover": {
    brief: "Let a node with a damaged journal go on without what is lost",
    example: "pln recover --accept-loss",
    flags: {
      "accept-loss": {
        type: "switch",
        brief: "Yes, go on without what cannot be read",
      },
    },
    args: [],
  },
  "purge": {
    brief: "Remove the node's data; its identity and settings stay",
    more: "So do the addresses of peers, what admins have decided, and what\n" +
      "this node was in clusters that it left (old/).",
    example: "pln purge --yes",
    flags: {
      "include-keys": {
        type: "switch",
        brief: "Remove all of that too",
      },
      "yes": { type: "switch", brief: "Do not ask", alias: "y" },
    },
    args: [],
  },
  ...simVerbs,
  "version": {
    brief: "Print the version",
    example: "pln version --short",
    flags: { "short": { type: "switch", brief: "Only the number" } },
    args: [],
  },
  "completion": {
    brief: "Print a script that completes pln in your shell",
    example: "source <(pln completion bash)",
    flags: {},
    args: [{
      name: "shell",
      brief: "bash, zsh or fish",
      completes: ["bash", "zsh", "fish"],
    }],
  },
  "help": {
    brief: "Explain pln or one of its commands",
    example: "pln help seed",
    flags: {},
    args: [{
      name: "command",
      brief: "A command, such as seed",
      isOptional: true,
      completes: "verbs",
    }],
    isVariadic: true,
  },
  "__complete": {
    brief: "Propose completions of a command line",
    example: "pln __complete -- see",
    flags: {},
    args: [{ name: "word", brief: "The words typed so far", completes: [] }],
    isVariadic: true,
    isHidden: true,
  },
} as const satisfies Record<string, VerbSpec>;

export type Verb = keyof typeof verbs;

export function isVerb(name: string): name is Verb {
  return Object.hasOwn(verbs, name);
}

/** Typed without their globals; `undefined` when not given. */
export type FlagsOf<V extends Verb> = FlagValues<(typeof verbs)[V]["flags"]>;

type FlagValues<Specs> = {
  readonly [Name in keyof Specs]: Specs[Name] extends { type: "switch" }
    ? boolean
    : Specs[Name] extends { type: "texts" } ? readonly string[] | undefined
    : Specs[Name] extends { choices: readonly (infer Choice)[] }
      ? Choice | undefined
    : string | undefined;
};

/** What a command gets: its flags, and its arguments in order. */
export type Input<V extends Verb> = {
  readonly flags: FlagsOf<V>;
  readonly args: readonly string[];
};
