// The stricli application, made of the table of verbs. Words come in; a verb's
// code is loaded and run with its flags and arguments. Failures, stricli's own
// among them, are handed to the caller as errors and never printed here.

import {
  buildApplication,
  buildCommand,
  buildRouteMap,
  type Command,
  type CommandContext,
  proposeCompletions,
  type RouteMap,
  run,
  text_en,
  type TypedCommandParameters,
} from "@stricli/core";
import { wholeWords } from "./bash_words.ts";
import {
  functionNames,
  ownSeedNames,
  peerNames,
  seedNames,
  targetNames,
} from "./daemon_names.ts";
import { commandHelp, overview } from "./help.ts";
import { type GlobalFlags, Invocation } from "./invocation.ts";
import { loaders } from "./loaders.ts";
import type { Platform } from "./platform.ts";
import { unknownCommand, usageError } from "./usage.ts";
import type { ArgumentSpec, FlagSpec, VerbSpec } from "./verb_spec.ts";
import { globalFlags, isVerb, type Verb, verbs } from "./verbs.ts";
import { argumentsOf, flagSpecOf } from "./words.ts";

/** How a run ended. */
export type Outcome = {
  /** What a command decided itself; undefined: by its failures. */
  readonly exitCode: number | undefined;
  /** In the order they were found; empty: it went well. */
  readonly failures: readonly unknown[];
};

type RunFlags = GlobalFlags & Readonly<Record<string, unknown>>;

interface Context extends CommandContext {
  readonly platform: Platform;
  /** Before the one to complete. */
  readonly words: readonly string[];
  exitCode?: number | undefined;
}

/** Runs one command line. Never rejects. */
export async function runApplication(
  words: readonly string[],
  platform: Platform,
): Promise<Outcome> {
  const failures: unknown[] = [];
  const context = contextOf(platform, words);
  const app = application(words, (cause) => failures.push(cause));
  await run(app, words, context);
  return { exitCode: context.exitCode, failures };
}

/** What could stand for the last of `words`. */
export async function completions(
  typed: readonly string[],
  platform: Platform,
): Promise<readonly string[]> {
  const { words, before } = wholeWords(typed);
  const choices = choicesAfterEquals(words);
  if (choices !== undefined) return choices;
  const app = application(words, () => {});
  const found = await proposeCompletions(
    app,
    words,
    contextOf(platform, words.slice(0, -1)),
  );
  return [
    ...besideDefault(words),
    ...found.map(({ completion }) =>
      completion.startsWith(before)
        ? completion.slice(before.length)
        : completion
    ),
  ];
}

/** stricli proposes for "invite" itself only: not "ls", which lies beside it. */
function besideDefault(words: readonly string[]): readonly string[] {
  const [group = "", last = "", ...more] = words;
  if (more.length > 0 || words.length < 2 || !isVerb(group)) return [];
  return nextVerbWords(["help", group])
    .filter((word) => word.startsWith(last));
}

/** For "--flag=val", whole words; undefined when it is none of that form. */
function choicesAfterEquals(
  words: readonly string[],
): readonly string[] | undefined {
  const [last = "", flag] = words.at(-1)?.match(/^(--[^=]+)=.*$/s) ?? [];
  if (flag === undefined) return undefined;
  const { choices = [] } = flagSpecOf(words, flag) ?? {};
  return choices.map((choice) => `${flag}=${choice}`)
    .filter((word) => word.startsWith(last));
}

function contextOf(
  platform: Platform,
  words: readonly string[],
): Context {
  // Help is written by commandHelp(); stricli itself has nothing to print.
  const silent = { write: () => {} };
  return { platform, words, process: { stdout: silent, stderr: silent } };
}

/** What a verb takes that is not run. */
const nothing = { flags: {}, args: [], isVariadic: false } as const;

/** No word that anybody types. */
const defaultRoute = "--";

/** Damerau-Levenshtein: two slips of the finger, no guesses. */
const scanner = {
  caseStyle: "original",
  allowArgumentEscapeSequence: true,
  distanceOptions: {
    threshold: 2,
    weights: { insertion: 1, deletion: 1, substitution: 1, transposition: 1 },
  },
} as const;

type Fail = (cause: unknown) => void;

function application(words: readonly string[], fail: Fail) {
  const failed = (cause: unknown) => {
    fail(cause);
    return "";
  };
  const usage = (cause: unknown) => failed(usageError(cause));
  return buildApplication(routes(words), {
    name: "pln",
    scanner,
    localization: {
      text: {
        ...text_en,
        noCommandRegisteredForInput: ({ input, corrections }) =>
          failed(unknownCommand(input, corrections)),
        exceptionWhileParsingArguments: usage,
        exceptionWhileLoadingCommandFunction: failed,
        exceptionWhileLoadingCommandContext: failed,
        exceptionWhileRunningCommand: failed,
        exceptionWhileRunningIntegrationFlag: ({ exception }) =>
          usage(exception),
        commandErrorResult: failed,
      },
    },
  }, {
    help: {
      flag: {
        brief: "Explain this command",
        aliases: ["h"],
        global: true,
        defaultForRouteMap: true,
        complete: true,
        async run(_app, { result }) {
          await explain(this, result.prefix.slice(1));
        },
      },
    },
    version: {
      flag: {
        brief: "Print the version",
        global: false,
        complete: true,
        async run() {
          await runVerb(this, "version", { flags: { json: false }, args: [] });
        },
      },
    },
  });
}

async function explain(
  context: CommandContext,
  path: readonly string[],
): Promise<void> {
  const { platform } = context as Context;
  const invocation = new Invocation(platform, { json: false });
  const name = path.join(" ");
  const text = isVerb(name) ? commandHelp(name) : overview(name);
  await invocation.answer({}, text);
}

/**
 * "config show" is a route within the route "config". Only what `words` may run
 * gets its flags and arguments: building those of all verbs takes 3 ms.
 */
function routes(words: readonly string[]) {
  const groups = new Map<string, Map<string, Command<Context>>>();
  const hideRoute: Record<string, boolean> = {};
  for (const [name, spec] of Object.entries<VerbSpec>(verbs)) {
    const [group = name, inner = ""] = name.split(" ");
    if (!isVerb(name)) continue;
    if (spec.isHidden === true) hideRoute[name] = true;
    const commands = groups.get(group) ?? new Map();
    const asked = words.includes(group) ? spec : { ...spec, ...nothing };
    groups.set(group, commands.set(inner, commandOf(name, asked)));
  }
  return buildRouteMap<string, Context>({
    routes: Object.fromEntries(
      [...groups].map(([name, commands]) => [name, routeOf(name, commands)]),
    ),
    docs: { brief: "A distributed WASM runtime", hideRoute },
  });
}

/** Of a command that others go beside, such as "invite", the default. */
function routeOf(
  name: string,
  commands: ReadonlyMap<string, Command<Context>>,
): Command<Context> | RouteMap<Context> {
  const plain = commands.get("");
  if (plain !== undefined && commands.size === 1) return plain;
  const entries = [...commands]
    .map(([inner, command]) => [inner || defaultRoute, command] as const);
  return buildRouteMap<string, Context>({
    routes: Object.fromEntries(entries),
    ...(plain === undefined ? {} : { defaultCommand: defaultRoute }),
    docs: { brief: name, hideRoute: { [defaultRoute]: true } },
  });
}

function commandOf(verb: Verb, spec: VerbSpec): Command<Context> {
  type Flags = Readonly<Record<string, unknown>>;
  type Parameters = TypedCommandParameters<Flags, string[], Context>;
  const specs = Object.entries<FlagSpec>({ ...spec.flags, ...globalFlags });
  const pairs = specs.flatMap(([name, flag]) =>
    flag.alias === undefined ? [] : [[flag.alias, name]]
  );
  const parameters = {
    flags: Object.fromEntries(
      specs.map(([name, flag]) => [name, flagOf(flag)]),
    ),
    aliases: Object.fromEntries(pairs),
    positional: spec.isVariadic === true && spec.args[0] !== undefined
      ? { kind: "array", parameter: argumentOf(spec.args[0]) }
      : { kind: "tuple", parameters: spec.args.map(argumentOf) },
  };
  return buildCommand<Flags, string[], Context>({
    // The table is data, so its parameters are only known at run time.
    parameters: parameters as unknown as Parameters,
    docs: { brief: spec.brief },
    func(flags, ...args) {
      const given = args.filter((one) => one !== undefined);
      return runVerb(this, verb, { flags: flags as RunFlags, args: given });
    },
  });
}

async function runVerb(
  context: CommandContext,
  verb: Verb,
  input: { readonly flags: RunFlags; readonly args: readonly string[] },
): Promise<void> {
  const own = context as Context;
  const { run } = await loaders[verb]();
  const invocation = new Invocation(own.platform, input.flags);
  own.exitCode = await run(invocation, input as never) ?? undefined;
}

function flagOf(spec: FlagSpec): object {
  const { type, brief, value, choices, completes } = spec;
  if (type === "switch") {
    return { kind: "boolean", brief, default: false, withNegated: false };
  }
  const isVariadic = type === "texts";
  const parsed = { brief, optional: true, placeholder: value ?? "value" };
  if (choices !== undefined) {
    return { ...parsed, kind: "enum", values: choices };
  }
  return {
    ...parsed,
    kind: "parsed",
    parse: String,
    ...(isVariadic ? { variadic: true } : {}),
    ...(completes === undefined ? {} : {
      proposeCompletions(this: Context) {
        return proposals(this, completes);
      },
    }),
  };
}

function argumentOf(spec: ArgumentSpec): object {
  const { completes } = spec;
  return {
    brief: spec.brief,
    placeholder: spec.name,
    parse: String,
    optional: spec.isOptional === true,
    ...(completes === undefined ? {} : {
      proposeCompletions(this: Context) {
        return proposals(this, completes);
      },
    }),
  };
}

function proposals(
  { platform, words }: Context,
  completes: NonNullable<ArgumentSpec["completes"]>,
): readonly string[] | Promise<readonly string[]> {
  const invocation = new Invocation(platform, { json: false });
  switch (completes) {
    case "verbs":
      return nextVerbWords(words);
    case "seeds":
      return seedNames(invocation);
    case "own seeds":
      return ownSeedNames(invocation);
    case "scenarios":
      return scenarioNames();
    case "peers":
      return peerNames(invocation);
    case "targets":
      return targetNames(invocation);
    case "functions":
      return functionNames(invocation, argumentsOf(words)[0] ?? "");
    default:
      return completes;
  }
}

async function scenarioNames(): Promise<readonly string[]> {
  const { clusterScenarios } = await import("../sim/mod.ts");
  return clusterScenarios.map(({ name }) => name);
}

/** What follows "help config" in the names of commands: "show". */
function nextVerbWords(line: readonly string[]): readonly string[] {
  const words = line.slice(1).filter((word) => !word.startsWith("-"));
  return Object.entries<VerbSpec>(verbs)
    .filter(([, { isHidden }]) => isHidden !== true)
    .map(([name]) => name.split(" "))
    .filter((name) => words.every((word, index) => name[index] === word))
    .flatMap((name) => name.slice(words.length, words.length + 1));
}
