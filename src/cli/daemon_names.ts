// What a running daemon knows by name, for completion. Nothing comes out when
// no daemon answers, or not soon: a shell that completes must stay quiet.
// Failures that are bugs still show.

import type { ControlClient } from "../control/mod.ts";
import { PlnError, UnreachableError } from "../kernel/mod.ts";
import type { Invocation } from "./invocation.ts";

/** Somebody waits with a finger on the key. */
const answerMsMax = 1_000;

/** A shell puts it on the line as it is: it must mean nothing else there. */
const plain = /^[A-Za-z0-9_.:@+][A-Za-z0-9_.:@+-]*$/;

export async function seedNames(
  invocation: Invocation,
): Promise<readonly string[]> {
  return await askSoon(invocation, async (client, signal) => {
    const { seeds } = await client.status(signal);
    return seeds.map(({ name }) => name);
  });
}

/** The names are the module's: those that a shell would act on are left out. */
export async function functionNames(
  invocation: Invocation,
  seed: string,
): Promise<readonly string[]> {
  return await askSoon(invocation, async (client, signal) => {
    const { functions = [] } = await client.inspectSeed(seed, signal);
    return functions.filter((name) => plain.test(name));
  });
}

type Question = (
  client: ControlClient,
  signal: AbortSignal,
) => Promise<readonly string[]>;

async function askSoon(
  invocation: Invocation,
  question: Question,
): Promise<readonly string[]> {
  const clock = await invocation.platform.openClock();
  const giveUp = new AbortController();
  const late = new UnreachableError("The daemon did not answer in time");
  using _timer = clock.after(answerMsMax, () => giveUp.abort(late));
  try {
    return await invocation.ask((client) => question(client, giveUp.signal));
  } catch (cause) {
    if (cause instanceof PlnError) return [];
    throw cause;
  }
}
