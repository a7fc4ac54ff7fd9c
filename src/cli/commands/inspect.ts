// `pln inspect <target>`: all that a node knows of one thing that a name means: a
// seed, or a node. The daemon's details come in; lines for people or the details
// themselves as JSON go out. A name that means both is refused.

import {
  AmbiguousError,
  InputError,
  isName,
  NotFoundError,
  type PlnError,
  ReportedError,
} from "../../kernel/mod.ts";
import type { PeerDetails, SeedDetails } from "../../control/mod.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";
import { nodeDetailsText } from "../node_details.ts";
import { isOwnedSeed } from "../seed_address.ts";
import { seedText } from "../seed_details.ts";
import type { FlagsOf } from "../verbs.ts";

/** What was found, or why not. */
type Found<T> = { readonly details: T } | { readonly missing: ReportedError };

export const run: Run<"inspect"> = async (invocation, { flags, args }) => {
  const target = parseTarget(args[0] ?? "", flags);
  const seed = flags.node
    ? undefined
    : await find(() => findSeed(invocation, target));
  const node = flags.seed || isOwnedSeed(target)
    ? undefined
    : await find(() => findNode(invocation, target));
  if (seed && "details" in seed && node && "details" in node) {
    throw new AmbiguousError(
      `${JSON.stringify(target)} is a seed and a node`,
      { hint: "Add --seed or --node" },
    );
  }
  if (seed && "details" in seed) {
    return await invocation.answer(seed.details, seedText(seed.details));
  }
  if (node && "details" in node) {
    return await invocation.answer(node.details, nodeDetailsText(node.details));
  }
  throw noneOf(target, [seed?.missing, node?.missing]);
};

/** Nodes go by names of the same form; ids are hex. */
function parseTarget(target: string, flags: FlagsOf<"inspect">): string {
  if (flags.node && flags.seed) {
    throw new InputError("--node and --seed exclude each other", {
      hint: "Give one of them",
    });
  }
  const isNamed = isName(target) || isOwnedSeed(target);
  if (isNamed || /^[0-9a-f]{4,64}$/i.test(target)) return target;
  throw new InputError(
    `${JSON.stringify(target.slice(0, 40))} is no name of a seed or a node`,
    { hint: 'See "pln status"' },
  );
}

function findSeed(
  invocation: Invocation,
  target: string,
): Promise<SeedDetails> {
  return invocation.ask((client) => client.inspectSeed(target));
}

function findNode(
  invocation: Invocation,
  target: string,
): Promise<PeerDetails> {
  return invocation.ask(({ members }) => members.inspect(target));
}

async function find<T>(ask: () => Promise<T>): Promise<Found<T>> {
  try {
    return { details: await ask() };
  } catch (cause) {
    const isMissing = cause instanceof ReportedError &&
      cause.outcome === "not-found";
    if (isMissing) return { missing: cause };
    throw cause;
  }
}

/** The daemon's own words where only one kind was asked for. */
function noneOf(
  target: string,
  missing: readonly (ReportedError | undefined)[],
): PlnError {
  const [first, ...more] = missing.filter((one) => one !== undefined);
  if (first !== undefined && more.length === 0) return first;
  const guesses = [first, ...more].map((one) => one?.hint);
  return new NotFoundError(
    `There is no seed and no node ${JSON.stringify(target.slice(0, 80))}`,
    {
      hint: guesses.find((hint) => hint?.startsWith("Did you mean ")) ??
        'See "pln status"',
    },
  );
}
