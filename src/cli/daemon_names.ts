// What a running daemon knows by name, for completion. Nothing comes out when
// no daemon answers, or not soon: a shell that completes must stay quiet.
// Failures that are bugs still show.

import type { ControlClient, PeerStatus, SeedStatus } from "../control/mod.ts";
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
    return seeds.map(plainSeed);
  });
}

/** What "pln unseed" can take back. */
export async function ownSeedNames(
  invocation: Invocation,
): Promise<readonly string[]> {
  return await askSoon(invocation, async (client, signal) => {
    const { node, seeds } = await client.status(signal);
    return seeds.filter(({ owner }) => owner === node.peer)
      .map(({ name }) => name);
  });
}

/** Of the nodes that the daemon knows, its own included. */
export async function peerNames(
  invocation: Invocation,
): Promise<readonly string[]> {
  return await askSoon(invocation, async (client, signal) => {
    const { nodes } = await client.status(signal);
    return nodes.map(plainName);
  });
}

/** What "pln inspect" can show. */
export async function targetNames(
  invocation: Invocation,
): Promise<readonly string[]> {
  return await askSoon(invocation, async (client, signal) => {
    const { seeds, nodes } = await client.status(signal);
    return [...seeds.map(plainSeed), ...nodes.map(plainName)];
  });
}

/** One whose name another holds has to be meant by its owner as well. */
function plainSeed({ name, address, heldBy }: SeedStatus): string {
  return heldBy === undefined ? name : address ?? name;
}

/** Nodes name themselves; by the start of its id each can be meant. */
function plainName({ name, peer }: PeerStatus): string {
  return name !== undefined && plain.test(name) ? name : peer.slice(0, 12);
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
