// `pln ping <peer>`: round trips to a node, measured by the daemon on the link
// that everything else uses; it dials when there is none. A line for each, then
// what they say together. No answer at all is exit code 6.

import { ReportedError, utf8 } from "../../kernel/mod.ts";
import type { PingResult } from "../../control/mod.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";
import { nodeText } from "../node_rows.ts";
import { parseCount } from "../numbers.ts";
import { latencyText, printable } from "../render.ts";

const countDefault = 4;
const countMax = 10_000;
const pauseMs = 250;

export const run: Run<"ping"> = async (invocation, { flags, args }) => {
  const [peer = ""] = args;
  const { count: typed } = flags;
  const count = typed === undefined
    ? countDefault
    : parseCount(typed, "--count", { min: 1, max: countMax });
  const clock = await invocation.platform.openClock();
  const { signal } = new AbortController();
  // When already the first one fails there is nothing to measure.
  const first = await invocation.ask(({ members }) => members.ping(peer));
  await tell(invocation, pingText(first));
  const answers = [first];
  for (let sent = 1; sent < count; sent++) {
    await clock.sleep(pauseMs, signal);
    const answer = await pingAgain(invocation, first);
    if (answer !== undefined) answers.push(answer);
  }
  const lost = count - answers.length;
  const rttMs = answers.map((answer) => answer.rttMs);
  const { name, address } = first;
  await invocation.answer(
    { version: 1, peer: first.peer, name, address, rttMs, lost },
    summaryText(rttMs, { lost }),
  );
};

/** By its id, as another node could take the name. Undefined: no answer. */
async function pingAgain(
  invocation: Invocation,
  { peer }: PingResult,
): Promise<PingResult | undefined> {
  try {
    const answer = await invocation.ask(({ members }) => members.ping(peer));
    await tell(invocation, pingText(answer));
    return answer;
  } catch (cause) {
    const isSilence = cause instanceof ReportedError &&
      cause.code === "PLN_UNREACHABLE";
    if (!isSilence) throw cause;
    await tell(invocation, `no answer: ${printable(cause.message)}`);
    return undefined;
  }
}

function pingText(answer: PingResult): string {
  const { address, rttMs } = answer;
  return `${nodeText(answer)} at ${address}: ${latencyText(rttMs)}`;
}

/** As it happens; programs read the whole at the end. */
async function tell(invocation: Invocation, line: string): Promise<void> {
  if (!invocation.isJson) await invocation.write(utf8(`${line}\n`));
}

function summaryText(
  rttMs: readonly number[],
  { lost }: { readonly lost: number },
): string {
  const averageMs = rttMs.reduce((sum, one) => sum + one, 0) / rttMs.length;
  const { length } = rttMs;
  const trips = length === 1 ? "1 round trip" : `${length} round trips`;
  return `${trips}: ${latencyText(Math.min(...rttMs))} at least, ` +
    `${latencyText(averageMs)} on average, ` +
    `${latencyText(Math.max(...rttMs))} at most` +
    `${lost === 0 ? "" : `; ${lost} without an answer`}\n`;
}
