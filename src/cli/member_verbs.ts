// The verbs about the cluster's members, as data: a part of the table in
// verbs.ts. It says what each of them takes and how to explain it; what they do
// lies in commands/ and is never imported here.

import { settingFlags } from "./setting_flags.ts";
import type { ArgumentSpec, FlagSpec, VerbSpec } from "./verb_spec.ts";

const peer = {
  name: "peer",
  brief: "A node's name, or the start of its id",
  completes: "peers",
} as const satisfies ArgumentSpec;

const prop = {
  type: "texts",
  brief: "A property; may be repeated",
  value: "key=value",
} as const satisfies FlagSpec;

const expireAfter = {
  type: "text",
  brief: "Access ends this long after: 90m, 30d",
  value: "duration",
} as const satisfies FlagSpec;

/** How the root key is found when a decision needs it. */
const rootKeyFlags = {
  "root-key": {
    type: "text",
    brief: "The root key (default: keys/root.pem of --dir)",
    value: "path",
  },
  "passphrase-file": {
    type: "text",
    brief: "Read the root key's passphrase from a file",
    value: "path",
  },
} as const satisfies Record<string, FlagSpec>;

const requestFlag = {
  type: "switch",
  brief: "Only print what the root key's holder has to sign",
} as const satisfies FlagSpec;

export const memberVerbs = {
  "invite": {
    brief: "Make a token with which a node can join",
    more: "The token goes to standard output, so that it can be piped:\n" +
      "pln invite | ssh host pln join -\n" +
      "Whoever has it can join until it expires or is used up. An invite\n" +
      "for an admin names its subject, which shows its id by: pln id",
    example: "pln invite --publisher --prop zone=home",
    flags: {
      "ttl": {
        type: "text",
        brief: "How long it can be used (default 5m)",
        value: "duration",
      },
      "publisher": { type: "switch", brief: "Admits one who may publish" },
      "admin": {
        type: "switch",
        brief: "Admits one whom the root then makes an admin",
      },
      "prop": prop,
      "expire-after": expireAfter,
      "uses": {
        type: "text",
        brief: "How many nodes may join with it (default 1)",
        value: "n",
      },
    },
    args: [{
      name: "subject",
      brief: "The only node that may use it: its whole id",
      isOptional: true,
      completes: [],
    }],
  },
  "invite ls": {
    brief: "List the invites of the cluster",
    example: "pln invite ls",
    flags: {},
    args: [],
  },
  "invite revoke": {
    brief: "Make an invite useless",
    example: "pln invite revoke 3f9a",
    flags: {},
    args: [{ name: "id", brief: "Of the invite, or its start", completes: [] }],
  },
  "join": {
    brief: "Join the cluster of an invite, and start the node",
    more:
      "A node of another cluster is asked about first; what it was there is\n" +
      "kept below old/. Others may see a token that is an argument: give it\n" +
      "by standard input on a machine that is not yours alone. A member of\n" +
      "that cluster takes the invite's addresses, and leaves it unused.",
    example: "pln join - <token.txt",
    flags: {
      "no-up": { type: "switch", brief: "Do not start the node" },
      "yes": {
        type: "switch",
        brief: "Leave another cluster without asking",
        alias: "y",
      },
      ...settingFlags,
      "name": {
        type: "text",
        brief: "This node's name, kept in config.yaml",
        value: "name",
      },
    },
    args: [{
      name: "token",
      brief: 'What "pln invite" printed, or "-": standard input',
      completes: [],
    }],
  },
  "grant": {
    brief: "Change what a member may do",
    more:
      "What is not named stays; an empty value removes a property. Only the\n" +
      "root key makes an admin, or changes one: where it is not here, the\n" +
      'command prints a request for "pln root sign", and exits with 4.',
    example: "pln grant desk --publisher --prop zone=home",
    flags: {
      "leaf": { type: "switch", brief: "May call and read" },
      "publisher": { type: "switch", brief: "May publish too" },
      "admin": { type: "switch", brief: "May admit others too" },
      "prop": prop,
      "expire-after": expireAfter,
      "no-expire": { type: "switch", brief: "Access does not end by itself" },
      "request": requestFlag,
      ...rootKeyFlags,
    },
    args: [peer],
  },
  "deny": {
    brief: "End a node's membership, everywhere that hears of it",
    more:
      "Its sessions end within a second. Denying an admin takes the root\n" +
      "key (see pln help grant), and says what becomes of the members that\n" +
      "it let in.",
    example: 'pln deny old-laptop --reason "stolen"',
    flags: {
      "reason": {
        type: "text",
        brief: "For the others to read",
        value: "text",
      },
      "keep": { type: "switch", brief: "Whom this admin let in may stay" },
      "cascade": { type: "switch", brief: "Whom it let in must go too" },
      "drop-denies": { type: "switch", brief: "Whom it denied may come back" },
      "request": requestFlag,
      ...rootKeyFlags,
    },
    args: [peer],
  },
  "allow": {
    brief: "Take a denial back",
    more: "What the root key has denied, it has to allow: see pln help grant.",
    example: "pln allow old-laptop",
    flags: { "request": requestFlag, ...rootKeyFlags },
    args: [peer],
  },
  "props": {
    brief: "Show or change a node's properties",
    example: "pln props desk zone=home gpu=",
    more: "An empty value removes the property. Those of an admin are the\n" +
      "root's to give: pln grant.",
    flags: {},
    args: [{
      name: "peer",
      brief: "A node (default: this one); pairs key=value follow",
      isOptional: true,
      completes: "peers",
    }],
    isVariadic: true,
  },
  "leave": {
    brief: "Leave the cluster for good",
    more:
      "What this node was is kept below old/. Its seeds run nowhere then, and\n" +
      "are listed until an admin drops them: pln forget.",
    example: "pln leave --yes",
    flags: { "yes": { type: "switch", brief: "Do not ask", alias: "y" } },
    args: [],
  },
  "ping": {
    brief: "Measure round trips to a node",
    example: "pln ping desk",
    flags: {
      "count": {
        type: "text",
        brief: "How many (default 4)",
        value: "n",
        alias: "c",
      },
    },
    args: [peer],
  },
  "root sign": {
    brief: "Sign a request with the cluster's root key; needs no network",
    more:
      "It shows what will be signed. What it prints goes back to an admin,\n" +
      "for pln root apply. Key and certificate are keys/root.pem and\n" +
      "certs/root.pem of --dir, unless they are named.",
    example: "pln root sign request.txt --dir /media/key",
    flags: {
      ...rootKeyFlags,
      "root-certificate": {
        type: "text",
        brief: "Its certificate: certs/root.pem of any node",
        value: "path",
      },
      "yes": { type: "switch", brief: "Do not ask", alias: "y" },
    },
    args: [{
      name: "request",
      brief: 'The line, a file with it, or "-": standard input',
    }],
  },
  "root apply": {
    brief: "Hand the cluster what the root key signed",
    example: "pln root apply statement.txt",
    flags: {},
    args: [{
      name: "statement",
      brief: 'The line, a file with it, or "-": standard input',
    }],
  },
} as const satisfies Record<string, VerbSpec>;
